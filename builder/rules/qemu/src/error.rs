//! Why a request is no machine.

use thiserror::Error;

/// A value that QEMU or the emulated device cannot take: the family "unsupported".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// The machine has no memory.
    #[error("machine memory is {found} bytes, expected at least {expected}")]
    Memory {
        /// Least number of bytes.
        expected: u64,
        /// Bytes asked for.
        found: u64,
    },
    /// The machine has no processor.
    #[error("machine has 0 processors, expected at least 1")]
    Cpus,
    /// The device cuts serial numbers off after so many bytes, and a test would look for the rest.
    #[error(
        "serial number {serial:?} of data disk {disk} has {found} bytes, expected at most {expected}"
    )]
    Serial {
        /// Index of the disk in the request, from 0.
        disk: usize,
        /// The serial number.
        serial: String,
        /// Most bytes that the device keeps.
        expected: usize,
        /// Bytes it has.
        found: usize,
    },
    /// QEMU's SD card has no write-protect switch.
    #[error("medium is a write-protected sd card, expected one that can be written")]
    WriteProtectedCard,
    /// A string of SMBIOS structures ends at its first NUL, and an empty one ends the structure
    /// (DMTF DSP0134 3.7, section 6.1.3).
    #[error("smbios oem string {index} is empty or holds a nul byte")]
    OemString {
        /// Index of the string in the request, from 0.
        index: usize,
    },
}
