//! What the first boot from a writable medium does to its disk.
//!
//! A flashed ISO holds partitions 1 to 4 and its backup table at the end of the *image*. The first
//! boot makes the full layout of it: [`plan`] looks at the disk and decides, [`execute`] carries
//! the plan out. Both are pure; the disk is an argument.
//!
//! # What changes
//! ```text
//! before: table | bios | esp | boot-a | os-a | backup table | (nothing of value)
//! after:  table | bios | esp | (hole) | os-a ............... | boot-a | boot-b | os-b | persist | backup table
//! ```
//! Bios and ESP stay. OS A keeps its first sector and grows to the size of a slot; it is in use, so
//! it cannot move. What lies before it cannot grow, so boot A moves behind it: its bytes are
//! copied. The old place stays as it is, in no partition: the ISO 9660 view of the disk still names
//! these sectors, and the boot loader finds its files there when it cannot read the table. A raw
//! image holds all seven partitions; they stay where they are.
//!
//! # When it is done
//! Every GUID of an image is derived from its content: version 8. Every GUID of a disk whose first
//! boot is finished is random: version 4. **As long as the GUID of the disk is of version 8, nothing
//! outside the partitions 1 to 4 is of value**, and the first boot starts again from the beginning;
//! whoever keeps something in slot B or the persistent partition has to look first. Writing the
//! primary table is the commit: from then on nothing here writes but to mend the table.
//!
//! # Order of writes, and why
//! 1. Behind the end of the image: the copy of boot A, zeros over the first and last MiB of each new
//!    partition (a file system or RAID of the disk's former life must not be recognised), the
//!    content of the persistent partition. Then the protective MBR and the backup table at the end
//!    of the disk. None of this touches a byte of the image but the size in the MBR, which no reader
//!    needs and whose sector keeps all its other bytes. The order within this step is free, because
//!    nobody reads any of it while the old primary table is valid.
//! 2. Flush. What was written is read back and compared: a stick that claims to be larger than it is
//!    is found here, while the disk is still what it was.
//! 3. The primary table. The power may fail within it: firmware then takes the backup at the end of
//!    the disk, which is whole; a boot loader that does not look at checksums finds each partition at
//!    its old or its new place, and in both is what it needs.
//! 4. Flush, and the same comparison.
//!
//! Each of the two flushes is needed, and tests fail without it. If the primary table is the damaged
//! one and the disk was read through its backup (a raw image on a disk of its own size), writing
//! the primary is the commit as well, and the backup follows after a flush of its own.
//!
//! A backup table in the last sector can be of the disk's former life: flashing an image does not
//! reach it. It is believed only if the protective MBR covers the whole disk, which the MBR of a
//! smaller image does not, and which step 2 has made durable before the primary table is touched.
//!
//! # What cannot be helped here
//! The Linux kernel looks for the backup table only with `gpt` on its command line. Without it a
//! disk whose power failed in step 3 shows no partitions. [`hidden`] names them, for whoever takes the
//! OS from one of them; where that was not done, [`plan`] gives a [`Decision::Repair`] whose
//! [`Plan::kernel`] adds them.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod decide;
mod error;
mod execute;
mod kernel;
mod look;
mod plan;
mod refusal;
mod target;
mod verify;

pub use decide::{Decision, Facts, hidden, plan};
pub use error::Error;
pub use execute::execute;
pub use kernel::{KernelChange, KernelPartition};
pub use plan::{Plan, Step};
pub use refusal::Refusal;
