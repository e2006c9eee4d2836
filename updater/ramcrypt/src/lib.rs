//! Whether RAM is encrypted, decided from what CPU, firmware and kernel say.
//!
//! [`Facts`] are what somebody read on a machine, each of them optional; [`decide`] makes a
//! [`RamEncryption`] of them, which serialises under stable names and has one line for people and a
//! [`hint`](RamEncryption::hint). That a CPU can encrypt is never taken for that it does, and what
//! could not be read is never taken for a no: both end in [`RamEncryption::Unknown`].
//!
//! Sources: AMD64 Architecture Programmer's Manual volume 2, section 7.10 (SME, TSME) and 15.34
//! (SEV); Intel Architecture Memory Encryption Technologies, document 336907, section 4 (TME);
//! Linux, `Documentation/arch/x86/amd-memory-encryption.rst` and
//! `Documentation/ABI/testing/sysfs-driver-ccp`.
//!
//! Not supported: CPUs of other makers than AMD and Intel, and what the host of a virtual machine
//! does.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod decide;
mod facts;
mod log;
mod state;
mod text;

pub use decide::decide;
pub use facts::{AMD, Cpuid, Facts, INTEL, KernelLog, Msrs, msr};
pub use state::{OffReason, RamEncryption, SevLevel, Technology, UnknownReason};
