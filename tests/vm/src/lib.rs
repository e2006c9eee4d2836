//! Boots real images in QEMU and asserts on what the guest reports.
//!
//! A test makes a [`Workdir`], describes a machine with an [`anklume_qemu::Request`], starts it as
//! a [`Machine`], and waits for what must appear on the serial console: silence is a failure, and
//! so is an end of QEMU that nobody asked for. Images are never written; guests write into qcow2
//! overlays.
//!
//! | environment variable | meaning |
//! |---|---|
//! | `ANKLUME_TEST_IMAGE` | the test image as ISO ([`image`]) |
//! | `ANKLUME_TEST_RAW` | the test image as raw A/B disk |
//! | `ANKLUME_TEST_NEXT` | the test image with a later version number |
//! | `ANKLUME_TEST_BROKEN` | the test image with a version number later still, and health checks that fail |
//! | `ANKLUME_TEST_KEYS` | the keys that test images trust ([`update`]) |
//! | `ANKLUME_PRODUCT_IMAGE` | the product as ISO |
//! | `ANKLUME_BUILD` | the program `anklume-build` |
//! | `ANKLUME_TOOL_TREE` | folder of the builder's tool tree, with the GRUB of the images ([`grub`]) |
//! | `ANKLUME_VM_TIMEOUT_FACTOR` | multiplies every deadline; for slow machines ([`deadline`]) |
//!
//! Machines use software emulation. No more run at a time, also across test programs, than there are
//! processors for.
#![forbid(unsafe_code)]

pub mod compare;
mod console;
pub mod cuts;
pub mod deadline;
mod error;
pub mod grown;
pub mod grub;
pub mod image;
mod lock;
mod machine;
pub mod probe;
mod process;
pub mod pulled;
mod qmp;
mod report;
pub mod rollback;
pub mod setup;
pub mod sound;
pub mod stick;
pub mod tool;
pub mod update;
mod workdir;
pub mod worn;

pub use console::plain_text;
pub use error::Failure;
pub use machine::Machine;
pub use qmp::{Event, Qmp};
pub use report::{GuestReport, MARK, find_report};
pub use workdir::{FirmwareKind, Workdir};
