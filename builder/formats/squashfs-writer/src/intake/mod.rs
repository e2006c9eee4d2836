//! What happens to entries when they come: everything that decides about the layout, but for what
//! depends on compressed lengths ([`crate::output`]).

mod content;
mod tails;
mod tree;
mod writer;

pub(crate) use content::is_zero;
pub use writer::Writer;
