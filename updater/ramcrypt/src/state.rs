//! What there is to say.

use serde::{Deserialize, Serialize};

/// Whether RAM is encrypted, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum RamEncryption {
    /// The CPU cannot encrypt RAM.
    Unsupported,
    /// The CPU can, and nothing is encrypted.
    Off {
        /// What could encrypt it.
        technology: Technology,
        /// Why it does not.
        reason: OffReason,
    },
    /// AMD Secure Memory Encryption: the kernel encrypts the pages that it uses.
    Sme,
    /// AMD Transparent SME: the firmware encrypts all of RAM.
    Tsme,
    /// Intel Total Memory Encryption: the firmware encrypts all of RAM.
    Tme {
        /// What has no key of its own goes past the encryption: nearly everything.
        bypassed: bool,
    },
    /// A virtual machine whose RAM AMD SEV encrypts.
    SevGuest {
        /// What of it is protected.
        level: SevLevel,
    },
    /// A virtual machine whose RAM Intel TDX encrypts.
    TdxGuest,
    /// It cannot be told.
    Unknown {
        /// What is missing.
        reason: UnknownReason,
    },
}

/// What a CPU could encrypt RAM with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Technology {
    /// AMD SME; TSME is off, too.
    Sme,
    /// Intel TME.
    Tme,
}

/// Why RAM is not encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OffReason {
    /// The firmware did not enable it.
    NotEnabledByFirmware,
    /// The firmware enabled it; `mem_encrypt=on` is not on the kernel command line.
    NotRequested,
    /// The firmware enabled it and `mem_encrypt=on` is on the command line; the kernel did not use
    /// it.
    NotUsedByKernel,
    /// Firmware or kernel: which of them cannot be told.
    FirmwareOrKernel,
}

/// How much of a guest SEV protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SevLevel {
    /// RAM is encrypted.
    Sev,
    /// So are the registers while the guest does not run (Encrypted State).
    SevEs,
    /// And the host cannot replace pages (Secure Nested Paging).
    SevSnp,
}

/// What is missing for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownReason {
    /// The maker of the CPU: unreadable, or neither AMD nor Intel.
    Vendor,
    /// What the CPU supports.
    Cpuid,
    /// A virtual machine sees what its host shows, not what the host does.
    VirtualMachine,
    /// Whether the kernel uses SME.
    Sme,
    /// Whether the firmware uses TSME; SME is not in use.
    Tsme,
    /// Whether the firmware enabled TME.
    Tme,
    /// Whether TME is bypassed; the firmware enabled it.
    TmeBypass,
}
