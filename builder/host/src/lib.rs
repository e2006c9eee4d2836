//! Effects: processes, files, block devices, mounts, kernel modules.
//!
//! The only crate that starts a process or opens a device. What it finds it hands on as data; what
//! it does it is told as data.

pub mod blkpg;
pub mod bulk;
pub mod clock;
pub mod console;
pub mod direct;
pub mod disk;
pub mod dm;
pub mod file;
pub mod interrupt;
pub mod kmodule;
pub mod lock;
pub mod loopdev;
pub mod mount;
pub mod names;
pub mod priority;
pub mod process;
pub mod ramcrypt;
pub mod reboot;
pub mod sysfs;
pub mod user;
pub mod watch;
pub mod workfolder;
