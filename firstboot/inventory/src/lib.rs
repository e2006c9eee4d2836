//! The disks of a machine, what is on them, and which may be taken.
//!
//! Pure: an [`Inventory`] comes from the outputs of the machine's tools ([`Raw::inventory`]), or from a file
//! that was saved on one ([`Inventory::parse`]). From it, without another look at the machine:
//! - [`boot_medium`]: which disk the OS was started from, by five signs that need not agree;
//! - [`judge`]: whether a disk may be taken, and if not, every reason; [`warnings`]: what to know before;
//! - [`Disk::words`], [`Disk::health_words`], [`Disk::content_words`]: a disk for people;
//! - [`Identity`]: what tells a disk from all others, and [`confirmation`]: what a person types for it.
//!
//! Labels, models and serial numbers come from strangers' disks. They are kept as they are, and made harmless
//! ([`harmless`]) wherever they become words.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod boot;
mod content;
mod eligibility;
mod error;
mod identity;
mod json;
mod lsblk;
mod management;
mod model;
mod probe;
mod raw;
mod refusal;
mod saved;
mod size;
mod smart;
mod text;
mod twins;
mod warning;
mod words;

pub use boot::{BootMedium, Named, Signal, boot_medium, signals};
pub use eligibility::{MINIMUM_BYTES, Verdict, judge};
pub use error::Error;
pub use identity::{Difference, Identity, When, confirmation, confirms};
pub use model::{
    BootSignals, Bus, Content, Disk, Health, Holder, Inventory, Partition, ReportedMedium,
    Signature, VERSION,
};
pub use probe::{Pool as ZfsLabel, zdb as zfs_labels};
pub use raw::{Drive, Probe, Raw};
pub use refusal::Refusal;
pub use size::{SizeError, parse_size};
pub use text::harmless;
pub use warning::{Warning, warnings};
