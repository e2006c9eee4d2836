//! What a machine keeps between boots: its identity and its settings, on the persistent partition.
//!
//! The OS is read-only and `/etc` is forgotten at the end, but for the paths of [`ENTRIES`]. At the
//! start the initramfs copies them from the persistent partition into `/etc` ([`restore`]); when one
//! changes, a unit copies it back ([`save`]).
//!
//! # Why copies and not bind mounts or links
//! Tools replace their file: `hostnamectl`, `localectl`, `timedatectl` and NetworkManager write a new
//! one and rename it over the old. Renaming fails on a bind mount, and replaces a link by a file that is
//! forgotten. And an OS in RAM lets go of its medium: what is copied is still there when the stick is
//! not. The price is that a change lasts once the unit has run, a moment after the tool returns.
//!
//! # Layout of the partition, version 1
//!
//! | path | content |
//! |---|---|
//! | `VERSION` | `anklume-persist 1` and a newline |
//! | `system/PATH` | each file, link or folder of [`ENTRIES`] at its path in the OS |
//! | `damaged/SECONDS-NAME` | what was not what it should be, set aside at that time since 1970 |
//! | `history/` | boots (`anklume-history`) |
//! | `update/` | what is known of updates (`anklume-update`) |
//!
//! A later version may add paths; what an OS does not know it leaves alone.
//!
//! # What is believed
//! Nobody signs this partition. So only the listed paths are taken, each only with its form, owner and
//! mode: a name, a number, a key, a list of settings, no program, no link to anywhere.

/// In the running OS: the paths that were restored or saved on this boot, one a line.
pub const KNOWN: &str = "/run/anklume/kept";

mod entry;
mod form;
mod restore;
mod save;
mod tree;

pub use entry::{ENTRIES, Entry, FileKind, Kind};
pub use form::Check;
pub use restore::{Restored, has_machine_id, make, restore};
pub use save::{Saved, save};
pub use tree::{Error, LAYOUT_VERSION, Tree};
