//! QEMU command lines for images: firmware, medium, data disks, console.
//!
//! A [`Request`] says what machine is wanted; [`arguments`] turns it into the arguments of
//! `qemu-system-x86_64` and touches nothing: no file is looked at, no process started. Options are
//! those of the QEMU manual, "Invocation", since version 7.2.
//!
//! Not supported: architectures other than x86-64, Secure Boot with system management mode (pass
//! the options in [`Request::extra`]), TPM devices.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod arguments;
mod error;
mod firmware;
mod option;
mod request;
mod version;

pub use arguments::{MEDIUM_DEVICE, MEDIUM_DRIVE, PROGRAM, arguments, sd_card_bytes};
pub use error::Error;
pub use firmware::{FirmwareFiles, UEFI_FIRMWARE, discover_uefi};
pub use request::{
    Accelerator, Attach, DataDisk, DiskFormat, Display, Firmware, Forward, Medium, Network,
    Request, Serial, Socket, Writes,
};
pub use version::tcg_cpus;
