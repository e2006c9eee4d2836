//! Releases: what a repository of updates holds, and which release a machine takes.
//!
//! A repository is a folder of plain files ([`names`]): signed metadata, and of each release the image,
//! its [`Release`] and its chunk list. What decides whether a release is looked at stands in the signed
//! list of files already ([`Custom`]), so that a machine with a hundred releases before it fetches the
//! description of one.
//!
//! 1. [`choose`] takes the newest release of the signed list that nothing forbids.
//! 2. [`check`] decides, with the description of that release, whether it fits this machine.
//! 3. [`changes`] says what it brings.
//!
//! Everything here is a pure decision: bytes, time, randomness and what is known of the machine are
//! arguments ([`Machine`]). [`Settings`] are what a person may decide beforehand.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod changes;
mod check;
mod choose;
mod custom;
mod error;
mod machine;
pub mod names;
mod refusal;
mod release;
mod rollout;
mod settings;
mod text;
mod window;

pub use changes::changes;
pub use check::check;
pub use choose::{Choice, Chosen, Offer, Passed, Reason, choose, is_older, offers};
pub use custom::{Custom, CustomError};
pub use error::ReleaseError;
pub use machine::{Machine, Power, SlotSizes, Wanted};
pub use refusal::{Note, Refusal};
pub use release::{
    Extent, File, MAX_CHUNK_LIST_BYTES, MAX_RELEASE_BYTES, Package, RELEASE_VERSION, Release, Salt,
};
pub use rollout::{MAX_ROLLOUT_HOURS, Rollout};
pub use settings::{MAX_SETTINGS_BYTES, Rate, Settings, SettingsError};
pub use window::{Day, LocalTime, Window, WindowError};

/// What this version of the updater understands. A release that needs a newer one says so; it is
/// raised when a release can no longer be installed by an older updater.
pub const UPDATER_PROTOCOL: u32 = 1;

/// Version of what the OS keeps on the persistent partition. It is raised when an older OS could not
/// use what a newer one has left there.
pub const STATE_SCHEMA: u32 = 1;
