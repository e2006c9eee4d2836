//! From facts to a statement.
//!
//! What says that something is active comes first, then what says that nothing can be, and a no
//! only where every technology of the CPU denies.

use crate::log::Active;
use crate::{AMD, Facts, INTEL, OffReason, RamEncryption, SevLevel, Technology, UnknownReason};

/// `SYSCFG`: the firmware allows SME; not that it is in use.
const SYSCFG_MEM_ENCRYPT: u64 = 1 << 23;
/// `SEV_STATUS`.
const SEV_ENABLED: u64 = 1;
const SEV_ES_ENABLED: u64 = 1 << 1;
const SEV_SNP_ENABLED: u64 = 1 << 2;
/// `IA32_TME_ACTIVATE`.
const TME_LOCKED_AND_ENABLED: u64 = 0b11;
const TME_BYPASS: u64 = 1 << 31;
/// CPUID leaf 0x8000001F, EAX.
const CPUID_SME: u32 = 1;
/// CPUID leaf 7, subleaf 0, ECX.
const CPUID_TME: u32 = 1 << 13;

/// Whether RAM is encrypted on the machine of these facts.
#[must_use]
pub fn decide(facts: &Facts) -> RamEncryption {
    if let Some(guest) = guest(facts) {
        return guest;
    }
    if facts.is_virtual() == Some(true) {
        return unknown(UnknownReason::VirtualMachine);
    }
    // The two exclude each other: each is asked for, whatever the other one says.
    if facts.tsme_status == Some(true) {
        return RamEncryption::Tsme;
    }
    if active(facts) == Some(Active::Sme) {
        return RamEncryption::Sme;
    }
    match facts.vendor.as_deref() {
        Some(AMD) => amd(facts),
        Some(INTEL) => intel(facts),
        _ => unknown(UnknownReason::Vendor),
    }
}

fn unknown(reason: UnknownReason) -> RamEncryption {
    RamEncryption::Unknown { reason }
}

fn active(facts: &Facts) -> Option<Active> {
    facts.kernel_log.as_ref()?.active()
}

/// A virtual machine whose RAM is encrypted, by the word of its kernel or its CPU.
fn guest(facts: &Facts) -> Option<RamEncryption> {
    match active(facts) {
        Some(Active::Sev(level)) => return Some(RamEncryption::SevGuest { level }),
        Some(Active::Tdx) => return Some(RamEncryption::TdxGuest),
        Some(Active::Sme) | None => {}
    }
    // No CPU has this flag: the kernel sets it once it knows that it is a TDX guest.
    if facts.flag("tdx_guest") == Some(true) {
        return Some(RamEncryption::TdxGuest);
    }
    let status = facts.msrs.sev_status.filter(|_| facts.vendor.as_deref() == Some(AMD))?;
    let has = |bit| status & bit != 0;
    let level = match (has(SEV_SNP_ENABLED), has(SEV_ES_ENABLED)) {
        (true, _) => SevLevel::SevSnp,
        (false, true) => SevLevel::SevEs,
        (false, false) => SevLevel::Sev,
    };
    has(SEV_ENABLED).then_some(RamEncryption::SevGuest { level })
}

/// An AMD CPU where nothing says that encryption is active.
fn amd(facts: &Facts) -> RamEncryption {
    let Some(cpuid) = facts.cpuid else { return unknown(UnknownReason::Cpuid) };
    if cpuid.leaf_8000001f_eax & CPUID_SME == 0 {
        return RamEncryption::Unsupported;
    }
    match (sme_off(facts), facts.tsme_status) {
        (None, _) => unknown(UnknownReason::Sme),
        (Some(_), None) => unknown(UnknownReason::Tsme),
        (Some(reason), Some(_)) => RamEncryption::Off { technology: Technology::Sme, reason },
    }
}

/// Why SME is not in use; `None` if it may be.
fn sme_off(facts: &Facts) -> Option<OffReason> {
    let allowed = facts.msrs.syscfg.map(|syscfg| syscfg & SYSCFG_MEM_ENCRYPT != 0);
    if allowed == Some(false) {
        return Some(OffReason::NotEnabledByFirmware);
    }
    // Newer kernels take the flag `sme` off unless they use SME, older ones unless the firmware allows
    // it: only its absence tells.
    let denied = facts.kernel_log.as_ref().is_some_and(|log| log.denies());
    if !denied && !facts.lacks_flag("sme") {
        return None;
    }
    Some(match (allowed, facts.asks_for_sme()) {
        (Some(true), Some(false)) => OffReason::NotRequested,
        (Some(true), Some(true)) => OffReason::NotUsedByKernel,
        _ => OffReason::FirmwareOrKernel,
    })
}

fn intel(facts: &Facts) -> RamEncryption {
    let Some(cpuid) = facts.cpuid else { return unknown(UnknownReason::Cpuid) };
    if cpuid.leaf_7_ecx & CPUID_TME == 0 {
        return RamEncryption::Unsupported;
    }
    let off =
        RamEncryption::Off { technology: Technology::Tme, reason: OffReason::NotEnabledByFirmware };
    if let Some(activate) = facts.msrs.tme_activate {
        return match activate & TME_LOCKED_AND_ENABLED == TME_LOCKED_AND_ENABLED {
            true => RamEncryption::Tme { bypassed: activate & TME_BYPASS != 0 },
            false => off,
        };
    }
    match facts.kernel_log.as_ref().and_then(|log| log.tme()) {
        Some(true) => unknown(UnknownReason::TmeBypass),
        Some(false) => off,
        // The kernel takes the flag off when the firmware did not enable TME.
        None if facts.lacks_flag("tme") => off,
        None => unknown(UnknownReason::Tme),
    }
}
