//! Every rule, with the facts that fire it and those that must not.

use anklume_ramcrypt::{
    AMD, Cpuid, Facts, INTEL, KernelLog, Msrs, OffReason, RamEncryption, SevLevel, Technology,
    UnknownReason, decide,
};

const HYPERVISOR: u32 = 1 << 31;
const TME: u32 = 1 << 13;
const SME: u32 = 1;
const FIRMWARE_SME: u64 = 1 << 23;
const SME_LINE: &str = "Memory Encryption Features active: AMD SME";

/// An AMD machine of which everything can be read: SME allowed by the firmware and not used.
fn amd() -> Facts {
    Facts {
        vendor: Some(AMD.to_owned()),
        flags: flags(&["lm"]),
        cpuid: Some(Cpuid { leaf_8000001f_eax: SME | 0b10, ..Cpuid::default() }),
        msrs: Msrs { syscfg: Some(FIRMWARE_SME), sev_status: Some(0), tme_activate: None },
        tsme_status: Some(false),
        kernel_log: log(true, &["Linux version 6.12"]),
        command_line: Some("quiet".to_owned()),
    }
}

/// An Intel machine of which everything can be read: TME enabled and not bypassed.
fn intel() -> Facts {
    Facts {
        vendor: Some(INTEL.to_owned()),
        flags: flags(&["tme"]),
        cpuid: Some(Cpuid { leaf_7_ecx: TME, ..Cpuid::default() }),
        msrs: Msrs { tme_activate: Some(0b11), ..Msrs::default() },
        tsme_status: None,
        kernel_log: log(true, &["x86/tme: enabled by BIOS"]),
        command_line: Some("quiet".to_owned()),
    }
}

fn flags(flags: &[&str]) -> Option<std::collections::BTreeSet<String>> {
    Some(flags.iter().map(|flag| (*flag).to_owned()).collect())
}

fn log(is_complete: bool, lines: &[&str]) -> Option<KernelLog> {
    Some(KernelLog { lines: lines.iter().map(|line| (*line).to_owned()).collect(), is_complete })
}

fn line(line: &str) -> Option<String> {
    Some(line.to_owned())
}

fn sme_off(reason: OffReason) -> RamEncryption {
    RamEncryption::Off { technology: Technology::Sme, reason }
}

fn unknown(reason: UnknownReason) -> RamEncryption {
    RamEncryption::Unknown { reason }
}

fn sev(level: SevLevel) -> RamEncryption {
    RamEncryption::SevGuest { level }
}

const TME_OFF: RamEncryption =
    RamEncryption::Off { technology: Technology::Tme, reason: OffReason::NotEnabledByFirmware };

type Change = (&'static str, &'static dyn Fn(&mut Facts), RamEncryption);

type Boxed = (Box<dyn Fn(&mut Facts)>, RamEncryption);

fn check(start: &dyn Fn() -> Facts, changes: &[Change]) {
    for (what, change, expected) in changes {
        let mut facts = start();
        change(&mut facts);
        assert_eq!(decide(&facts), *expected, "{what}: {facts:?}");
    }
}

#[test]
fn sme_is_active_by_the_kernels_word_only() {
    check(
        &amd,
        &[
            ("said", &|f| f.kernel_log = log(true, &["x", SME_LINE]), RamEncryption::Sme),
            (
                "said by a log with a gap",
                &|f| f.kernel_log = log(false, &[SME_LINE]),
                RamEncryption::Sme,
            ),
            (
                "said by an older kernel",
                &|f| f.kernel_log = log(true, &["AMD Memory Encryption Features active: SME"]),
                RamEncryption::Sme,
            ),
            (
                "a program's words are no kernel's",
                &|f| f.kernel_log = log(true, &["x Memory Encryption Features active: AMD SME"]),
                // Nor do they deny; the missing flag does.
                sme_off(OffReason::NotRequested),
            ),
            (
                "flag and permission are capability",
                &|f| {
                    f.flags = flags(&["sme"]);
                    f.kernel_log = None;
                },
                unknown(UnknownReason::Sme),
            ),
            (
                "so is the command line",
                &|f| {
                    f.flags = flags(&["sme"]);
                    f.kernel_log = None;
                    f.command_line = line("mem_encrypt=on");
                },
                unknown(UnknownReason::Sme),
            ),
        ],
    );
}

#[test]
fn sme_is_off_for_a_reason() {
    check(
        &amd,
        &[
            ("plain", &|_| (), sme_off(OffReason::NotRequested)),
            (
                "switched off behind",
                &|f| f.command_line = line("mem_encrypt=on mem_encrypt=off"),
                sme_off(OffReason::NotRequested),
            ),
            (
                "asked for",
                &|f| f.command_line = line("quiet mem_encrypt=on"),
                sme_off(OffReason::NotUsedByKernel),
            ),
            (
                "the flag, but bit 23 clear",
                &|f| {
                    f.flags = flags(&["sme"]);
                    f.msrs.syscfg = Some(!FIRMWARE_SME);
                    f.kernel_log = None;
                },
                sme_off(OffReason::NotEnabledByFirmware),
            ),
            ("no register", &|f| f.msrs.syscfg = None, sme_off(OffReason::FirmwareOrKernel)),
            ("no command line", &|f| f.command_line = None, sme_off(OffReason::FirmwareOrKernel)),
            (
                "the flag of an older kernel, and its whole log",
                &|f| f.flags = flags(&["sme"]),
                sme_off(OffReason::NotRequested),
            ),
            ("the missing flag", &|f| f.kernel_log = None, sme_off(OffReason::NotRequested)),
        ],
    );
}

#[test]
fn what_cannot_be_read_of_amd_is_unknown() {
    check(
        &amd,
        &[
            (
                "a log with a gap denies nothing",
                &|f| {
                    f.flags = None;
                    f.kernel_log = log(false, &[]);
                },
                unknown(UnknownReason::Sme),
            ),
            (
                "nor does a line in other words",
                &|f| {
                    f.flags = None;
                    f.kernel_log = log(true, &["AMD Secure Memory Encryption (SME) active"]);
                },
                unknown(UnknownReason::Sme),
            ),
            (
                "nor a torn one",
                &|f| {
                    f.flags = None;
                    f.kernel_log = log(true, &["Memory Encryption Features active: ", "AMD SME"]);
                },
                unknown(UnknownReason::Sme),
            ),
            (
                "a flag that was taken off by hand",
                &|f| {
                    f.kernel_log = None;
                    f.command_line = line("clearcpuid=sme");
                },
                unknown(UnknownReason::Sme),
            ),
            (
                "a flag that may have been",
                &|f| {
                    f.kernel_log = None;
                    f.command_line = None;
                },
                unknown(UnknownReason::Sme),
            ),
            ("no tsme_status", &|f| f.tsme_status = None, unknown(UnknownReason::Tsme)),
            ("no CPUID", &|f| f.cpuid = None, unknown(UnknownReason::Cpuid)),
            ("no vendor", &|f| f.vendor = None, unknown(UnknownReason::Vendor)),
            ("another one", &|f| f.vendor = line("CentaurHauls"), unknown(UnknownReason::Vendor)),
            ("nothing", &|f| *f = Facts::default(), unknown(UnknownReason::Vendor)),
        ],
    );
}

#[test]
fn tsme_is_the_firmwares_word() {
    check(
        &amd,
        &[
            ("said", &|f| f.tsme_status = Some(true), RamEncryption::Tsme),
            (
                "with the flag of SME",
                &|f| {
                    f.tsme_status = Some(true);
                    f.flags = flags(&["sme"]);
                },
                RamEncryption::Tsme,
            ),
            (
                "of a CPU that hides its leaves",
                &|f| {
                    f.tsme_status = Some(true);
                    f.cpuid = Some(Cpuid::default());
                },
                RamEncryption::Tsme,
            ),
            (
                "a CPU without SME",
                &|f| f.cpuid = Some(Cpuid::default()),
                RamEncryption::Unsupported,
            ),
            (
                "a CPU with SEV alone",
                &|f| f.cpuid = Some(Cpuid { leaf_8000001f_eax: 0b10, ..Cpuid::default() }),
                RamEncryption::Unsupported,
            ),
        ],
    );
}

#[test]
fn tme_is_locked_enabled_and_not_bypassed() {
    let on = RamEncryption::Tme { bypassed: false };
    check(
        &intel,
        &[
            ("plain", &|_| (), on),
            ("keys", &|f| f.msrs.tme_activate = Some(0b11 | 6 << 32), on),
            (
                "bypassed",
                &|f| f.msrs.tme_activate = Some(0b11 | 1 << 31),
                RamEncryption::Tme { bypassed: true },
            ),
            ("not locked", &|f| f.msrs.tme_activate = Some(0b10), TME_OFF),
            ("not enabled", &|f| f.msrs.tme_activate = Some(0b01), TME_OFF),
            ("bypassed and not enabled", &|f| f.msrs.tme_activate = Some(1 << 31), TME_OFF),
            ("bypass unread", &|f| f.msrs = Msrs::default(), unknown(UnknownReason::TmeBypass)),
            (
                "denied by the kernel",
                &|f| {
                    f.msrs = Msrs::default();
                    f.kernel_log = log(false, &["x86/tme: not enabled by BIOS"]);
                },
                TME_OFF,
            ),
            (
                "denied by the missing flag",
                &|f| {
                    f.msrs = Msrs::default();
                    f.kernel_log = None;
                    f.flags = flags(&["lm"]);
                },
                TME_OFF,
            ),
            (
                "the flag is capability",
                &|f| {
                    f.msrs = Msrs::default();
                    f.kernel_log = None;
                },
                unknown(UnknownReason::Tme),
            ),
            ("no leaf", &|f| f.cpuid = Some(Cpuid::default()), RamEncryption::Unsupported),
            ("no CPUID", &|f| f.cpuid = None, unknown(UnknownReason::Cpuid)),
        ],
    );
}

#[test]
fn guests_are_encrypted_by_their_kernels_word_or_their_cpus() {
    let said = |names: &'static str| {
        move |f: &mut Facts| {
            f.cpuid = Some(Cpuid { leaf_1_ecx: HYPERVISOR, ..Cpuid::default() });
            f.kernel_log = log(false, &[&format!("Memory Encryption Features active: {names}")]);
        }
    };
    let status = |status: u64| move |f: &mut Facts| f.msrs.sev_status = Some(status);
    let cases: [Boxed; 9] = [
        (Box::new(said("AMD SEV")), sev(SevLevel::Sev)),
        (Box::new(said("AMD SEV SEV-ES")), sev(SevLevel::SevEs)),
        (Box::new(said("AMD SEV SEV-ES SEV-SNP")), sev(SevLevel::SevSnp)),
        (Box::new(said("Intel TDX")), RamEncryption::TdxGuest),
        (Box::new(status(0b001)), sev(SevLevel::Sev)),
        (Box::new(status(0b011)), sev(SevLevel::SevEs)),
        (Box::new(status(0b111)), sev(SevLevel::SevSnp)),
        (Box::new(|f| f.flags = flags(&["tdx_guest"])), RamEncryption::TdxGuest),
        // Without the first bit the others mean nothing.
        (Box::new(status(0b110)), sme_off(OffReason::NotRequested)),
    ];
    for (change, expected) in cases {
        let mut facts = amd();
        change(&mut facts);
        assert_eq!(decide(&facts), expected, "{facts:?}");
    }
    // Another maker's register of this number would be another register.
    let mut other = intel();
    other.msrs.sev_status = Some(1);
    assert_eq!(decide(&other), RamEncryption::Tme { bypassed: false });
}

#[test]
fn a_virtual_machine_does_not_speak_for_its_host() {
    let here = unknown(UnknownReason::VirtualMachine);
    let virtual_leaf =
        |eax, ecx| Some(Cpuid { leaf_1_ecx: HYPERVISOR, leaf_7_ecx: ecx, leaf_8000001f_eax: eax });
    for start in [&amd as &dyn Fn() -> Facts, &intel] {
        for (eax, ecx) in [(0, 0), (SME, TME)] {
            let mut facts = start();
            facts.cpuid = virtual_leaf(eax, ecx);
            assert_eq!(decide(&facts), here, "{facts:?}");
            facts.tsme_status = Some(true);
            facts.kernel_log = log(true, &[SME_LINE]);
            assert_eq!(decide(&facts), here, "{facts:?}");
        }
        let mut facts = start();
        facts.flags = flags(&["hypervisor", "sme", "tme"]);
        assert_eq!(decide(&facts), here, "{facts:?}");
        facts.cpuid = None;
        assert_eq!(decide(&facts), here, "{facts:?}");
    }
}
