//! For people: one line, and what can be done.

use std::fmt;

use crate::{OffReason, RamEncryption, SevLevel, Technology, UnknownReason};

const FIRMWARE_SME: &str = "TSME in the firmware's setup encrypts RAM without the kernel's help, \
                            where the board offers it";
const BUILD_SME: &str = "TSME in the firmware's setup is the better way where the board offers it; \
                         an image built with --ram-encryption uses SME, and NVIDIA's drivers fail \
                         with it";
const FIRMWARE_TME: &str = "the firmware's setup may offer it as Total Memory Encryption (TME)";
const BYPASS_TME: &str = "the firmware's setup decides about the bypass of Total Memory Encryption";
const AS_ROOT: &str = "root can read more: the kernel's log, and with the module msr the CPU's \
                       registers";

impl RamEncryption {
    /// Whether RAM is known to be encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        matches!(
            self,
            Self::Sme
                | Self::Tsme
                | Self::Tme { bypassed: false }
                | Self::SevGuest { .. }
                | Self::TdxGuest
        )
    }

    /// What can be done about it, if anything: for the `hint:` line of a program.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        use UnknownReason::{Sme, Tme, TmeBypass, Tsme};
        match self {
            Self::Off { technology: Technology::Tme, .. } => Some(FIRMWARE_TME),
            Self::Off { reason: OffReason::NotRequested, .. } => Some(BUILD_SME),
            Self::Off { .. } | Self::Unknown { reason: Tsme } => Some(FIRMWARE_SME),
            Self::Tme { bypassed: true } => Some(BYPASS_TME),
            Self::Unknown { reason: Sme | Tme | TmeBypass } => Some(AS_ROOT),
            Self::Unsupported
            | Self::Sme
            | Self::Tsme
            | Self::Tme { bypassed: false }
            | Self::SevGuest { .. }
            | Self::TdxGuest
            | Self::Unknown { .. } => None,
        }
    }
}

impl fmt::Display for RamEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported => f.write_str("unsupported by this CPU"),
            Self::Off { technology, reason } => write!(f, "off: {technology} {reason}"),
            Self::Sme => f.write_str("on: AMD SME, by the kernel"),
            Self::Tsme => f.write_str("on: AMD TSME, by the firmware"),
            Self::Tme { bypassed: false } => f.write_str("on: Intel TME, by the firmware"),
            Self::Tme { bypassed: true } => f.write_str(
                "bypassed: Intel TME is enabled, and RAM without a key of its own is \
                             not encrypted",
            ),
            Self::SevGuest { level } => write!(f, "on: guest of AMD {level}"),
            Self::TdxGuest => f.write_str("on: guest of Intel TDX"),
            Self::Unknown { reason } => write!(f, "unknown: {reason}"),
        }
    }
}

impl fmt::Display for Technology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sme => "AMD SME",
            Self::Tme => "Intel TME",
        })
    }
}

impl fmt::Display for OffReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotEnabledByFirmware => "is not enabled by the firmware",
            Self::NotRequested => {
                "is enabled by the firmware, and the kernel command line has no mem_encrypt=on"
            }
            Self::NotUsedByKernel => {
                "is enabled by the firmware, and the kernel does not use it despite mem_encrypt=on"
            }
            Self::FirmwareOrKernel => "is not in use",
        })
    }
}

impl fmt::Display for SevLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sev => "SEV",
            Self::SevEs => "SEV-ES",
            Self::SevSnp => "SEV-SNP",
        })
    }
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vendor => "the CPU is not known to be AMD's or Intel's",
            Self::Cpuid => "what the CPU supports cannot be read",
            Self::VirtualMachine => {
                "this is a virtual machine, and what its host does cannot be seen"
            }
            Self::Sme => "whether the kernel uses AMD SME cannot be read",
            Self::Tsme => "AMD SME is not in use, and the firmware does not say whether TSME is",
            Self::Tme => "whether the firmware enabled Intel TME cannot be read",
            Self::TmeBypass => {
                "the firmware enabled Intel TME; whether it is bypassed cannot be read"
            }
        })
    }
}
