//! What can be known about a machine.

use std::collections::BTreeSet;

use anklume_layout::cmdline;

/// `vendor_id` of AMD's CPUs.
pub const AMD: &str = "AuthenticAMD";
/// `vendor_id` of Intel's CPUs.
pub const INTEL: &str = "GenuineIntel";

/// Numbers of model-specific registers, which are also their offsets in `/dev/cpu/0/msr` (msr(4)).
pub mod msr {
    /// `SYSCFG`. Bit 23 (MemEncryptionModEn): the firmware allows SME and SEV. AMD64 Architecture
    /// Programmer's Manual volume 2, section 7.10.1.
    pub const SYSCFG: u32 = 0xC001_0010;
    /// `SEV_STATUS`. Bits 0 to 2: this is an SEV, SEV-ES, SEV-SNP guest. Section 15.34.10 there.
    pub const SEV_STATUS: u32 = 0xC001_0131;
    /// `IA32_TME_ACTIVATE`. Bit 0: locked; 1: enabled; 31: bypassed. Intel 336907, section 4.2.
    pub const TME_ACTIVATE: u32 = 0x982;
}

/// What could be read on a machine. `None` is what could not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// `vendor_id` of `/proc/cpuinfo`.
    pub vendor: Option<String>,
    /// `flags` of `/proc/cpuinfo`.
    pub flags: Option<BTreeSet<String>>,
    /// What the CPU says of itself.
    pub cpuid: Option<Cpuid>,
    /// Model-specific registers of the first CPU.
    pub msrs: Msrs,
    /// `tsme_status` of AMD's security processor (Linux 5.19, driver `ccp`).
    pub tsme_status: Option<bool>,
    /// Messages of the kernel.
    pub kernel_log: Option<KernelLog>,
    /// The kernel command line.
    pub command_line: Option<String>,
}

/// Registers that CPUID answers with; zero where the CPU does not have the leaf.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cpuid {
    /// Leaf 1, ECX. Bit 31: a hypervisor is present.
    pub leaf_1_ecx: u32,
    /// Leaf 7, subleaf 0, ECX. Bit 13: TME.
    pub leaf_7_ecx: u32,
    /// Leaf 0x8000001F, EAX. Bit 0: SME.
    pub leaf_8000001f_eax: u32,
}

/// Model-specific registers, by their names in [`msr`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Msrs {
    /// [`msr::SYSCFG`].
    pub syscfg: Option<u64>,
    /// [`msr::SEV_STATUS`].
    pub sev_status: Option<u64>,
    /// [`msr::TME_ACTIVATE`].
    pub tme_activate: Option<u64>,
}

/// Messages of the kernel itself, without those that programs wrote into its log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KernelLog {
    /// Messages, oldest first, without level and time.
    pub lines: Vec<String>,
    /// Whether none is missing since the start of the kernel.
    pub is_complete: bool,
}

impl Facts {
    /// Whether this is a virtual machine; `None` if nobody says so and nobody denies it.
    pub(crate) fn is_virtual(&self) -> Option<bool> {
        match self.cpuid {
            Some(cpuid) if cpuid.leaf_1_ecx & (1 << 31) != 0 => Some(true),
            _ if self.flag("hypervisor") == Some(true) => Some(true),
            Some(_) => Some(false),
            None => None,
        }
    }

    /// Whether `/proc/cpuinfo` has `flag`.
    pub(crate) fn flag(&self, flag: &str) -> Option<bool> {
        Some(self.flags.as_ref()?.contains(flag))
    }

    /// Whether the kernel took `flag` off its list. `clearcpuid=` takes flags off, too, and says
    /// nothing about what the CPU does.
    pub(crate) fn lacks_flag(&self, flag: &str) -> bool {
        let by_hand = |line: &String| cmdline::value(line, "clearcpuid").is_some();
        self.flag(flag) == Some(false) && !self.command_line.as_ref().is_none_or(by_hand)
    }

    /// Whether `mem_encrypt=on` is on the command line.
    pub(crate) fn asks_for_sme(&self) -> Option<bool> {
        self.command_line.as_deref().map(cmdline::encrypts_ram)
    }
}
