//! The boot medium: the disk that holds the slots.
//!
//! The initramfs and the running OS look at it through [`Medium`]: where its partitions are, the boot
//! record, why the last boot failed, what each slot holds. Nothing is mounted: the ESP and the
//! slots' boot partitions are read as FAT file systems.
//!
//! # What is written
//!
//! The boot record ([`Medium::update`]) and the last failure ([`Medium::write_last_failure`]), each
//! in place, in the sectors of a file that exists: no table, no directory, no other byte changes.
//! A file that is not as the builder made it, of another size or in several pieces, is an error; one of
//! the two copies of the boot record may be so. [`Medium::make_files`] makes such files anew.
//!
//! # Two programs at a time
//!
//! Who writes holds a lock. For a disk it is [`LOCK`], not the disk's node: udev locks that one for
//! as long as it looks at the disk or one of its partitions, which may take minutes, and puts off
//! what it has to do while somebody else does. A plain file that stands for a disk is locked itself.
//!
//! # Disks
//!
//! Images have logical blocks of 512 bytes. On disks with other ones, such as optical discs, the
//! kernel shows no slots, and [`Error::BlockBytes`] says so.
#![forbid(unsafe_code)]

mod disk;
mod error;
mod esp;
mod failure;
mod record;
mod restore;
mod slot;

pub use disk::{LOCK, Medium, PartitionPlace};
pub use error::{Error, UpdateError, WriteFault};
pub use failure::{BadText, LastFailure};
pub use record::Updated;
pub use slot::SlotContent;
