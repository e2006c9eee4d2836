//! Differences for people.

mod change;
mod difference;
mod list;
mod rebuild;

pub use difference::difference_text;
pub use list::Detail;
pub use rebuild::rebuild_text;
