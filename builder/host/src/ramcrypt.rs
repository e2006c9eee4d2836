//! What this machine says about the encryption of its RAM.
//!
//! Reads files and asks the CPU; starts nothing, loads nothing, changes nothing. What cannot be read
//! is left out of the facts, and what it means that it is missing is not decided here.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use anklume_ramcrypt::{AMD, Cpuid, Facts, INTEL, KernelLog, Msrs, msr};
use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::sysfs::{list, text};

/// Room for one record of the kernel's log: `PRINTK_MESSAGE_MAX` is 2048 bytes, each of which may be
/// written as `\x` and two digits.
const RECORD_BYTES: usize = 16 << 10;
/// The most that is read of the kernel's log.
const MAX_LOG_BYTES: usize = 64 << 20;

/// What the running machine says.
#[must_use]
pub fn facts() -> Facts {
    facts_at(Path::new("/"), cpuid())
}

/// What `/proc`, `/sys` and `/dev` below `root` say of a machine whose CPU says `cpuid`.
#[must_use]
pub fn facts_at(root: &Path, cpuid: Option<Cpuid>) -> Facts {
    let cpus = text(&root.join("proc/cpuinfo")).unwrap_or_default();
    let vendor = cpu_line(&cpus, "vendor_id").map(str::to_owned);
    let words = |line: &str| line.split_ascii_whitespace().map(str::to_owned).collect();
    Facts {
        flags: cpu_line(&cpus, "flags").map(words),
        cpuid,
        msrs: msrs(root, vendor.as_deref()),
        tsme_status: tsme_status(&root.join("sys/bus/pci/devices")),
        kernel_log: kernel_log(&root.join("dev/kmsg")),
        // An empty command line is one, too.
        command_line: fs::read_to_string(root.join("proc/cmdline")).ok(),
        vendor,
    }
}

/// What a line of `/proc/cpuinfo` says of the first CPU.
fn cpu_line<'a>(cpus: &'a str, key: &str) -> Option<&'a str> {
    let values = cpus.lines().filter_map(|line| line.split_once(':'));
    values.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim()).next()
}

/// The registers that a CPU of this maker may have. Without the module `msr` or `CAP_SYS_RAWIO` there
/// is nothing to read, and the CPU refuses registers that it lacks.
fn msrs(root: &Path, vendor: Option<&str>) -> Msrs {
    let Ok(device) = File::open(root.join("dev/cpu/0/msr")) else { return Msrs::default() };
    let read = |register: u32| {
        let mut bytes = [0; 8];
        device.read_exact_at(&mut bytes, u64::from(register)).ok()?;
        Some(u64::from_le_bytes(bytes))
    };
    match vendor {
        Some(AMD) => Msrs {
            syscfg: read(msr::SYSCFG),
            sev_status: read(msr::SEV_STATUS),
            tme_activate: None,
        },
        Some(INTEL) => Msrs { tme_activate: read(msr::TME_ACTIVATE), ..Msrs::default() },
        _ => Msrs::default(),
    }
}

/// What AMD's security processor says of TSME, if the machine has one that does.
fn tsme_status(devices: &Path) -> Option<bool> {
    let names: BTreeSet<String> = list(devices).unwrap_or_default();
    let status = |name: &String| match text(&devices.join(name).join("tsme_status"))?.as_str() {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    };
    // Each answers for the whole machine; one that says yes is believed.
    names.iter().filter_map(status).max()
}

/// Reads the kernel's log to its end without waiting for more (Linux,
/// `Documentation/ABI/testing/dev-kmsg`).
fn kernel_log(path: &Path) -> Option<KernelLog> {
    let nonblock = OFlag::O_NONBLOCK.bits();
    let mut device = OpenOptions::new().read(true).custom_flags(nonblock).open(path).ok()?;
    let (mut all, mut is_whole) = (Vec::new(), true);
    let mut record = vec![0; RECORD_BYTES];
    loop {
        match device.read(&mut record) {
            Ok(0) => break,
            Ok(length) => all.extend(record.iter().take(length)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // Records were overwritten while they were read; the next one is given next time.
            Err(error) if error.raw_os_error() == Some(Errno::EPIPE as i32) => is_whole = false,
            Err(_) => return None,
        }
        if all.len() > MAX_LOG_BYTES {
            is_whole = false;
            break;
        }
    }
    let log = parse_log(&String::from_utf8_lossy(&all));
    Some(KernelLog { is_complete: log.is_complete && is_whole, ..log })
}

/// Records are `level,sequence,time,flags;message`, and lines that begin with a space say more about
/// the one before: no number is in front of them. The first record of all has the sequence number 0. A level holds the facility in
/// the bits above the third; the kernel's own is 0, which no program can write.
fn parse_log(records: &str) -> KernelLog {
    let mut log = KernelLog::default();
    for (index, line) in records.lines().enumerate() {
        let Some((prefix, message)) = line.split_once(';') else { continue };
        let mut numbers = prefix.split(',').map(|number| number.parse::<u64>().ok());
        let (level, sequence) = (numbers.next().flatten(), numbers.next().flatten());
        if index == 0 {
            log.is_complete = sequence == Some(0);
        }
        if level.is_some_and(|level| level >> 3 == 0) {
            log.lines.push(message.to_owned());
        }
    }
    log
}

/// What this CPU says of itself.
#[cfg(target_arch = "x86_64")]
#[must_use]
pub fn cpuid() -> Option<Cpuid> {
    let basic = leaf(0).eax;
    let extended = leaf(0x8000_0000).eax;
    let within = |number: u32, last: u32| match number <= last {
        true => leaf(number),
        false => Leaf::default(),
    };
    Some(Cpuid {
        leaf_1_ecx: within(1, basic).ecx,
        leaf_7_ecx: within(7, basic).ecx,
        leaf_8000001f_eax: within(0x8000_001F, extended).eax,
    })
}

/// What this CPU says of itself: nothing in these terms.
#[cfg(not(target_arch = "x86_64"))]
#[must_use]
pub fn cpuid() -> Option<Cpuid> {
    None
}

/// Two of the registers that CPUID answers with.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, Default)]
struct Leaf {
    eax: u32,
    ecx: u32,
}

/// Subleaf 0 of a leaf.
#[cfg(target_arch = "x86_64")]
// Older compilers that build this crate have the function as an unsafe one.
#[allow(unsafe_code, unused_unsafe)]
fn leaf(number: u32) -> Leaf {
    // SAFETY: every x86-64 CPU has CPUID, and it changes nothing but the registers it answers in.
    let answer = unsafe { core::arch::x86_64::__cpuid_count(number, 0) };
    Leaf { eax: answer.eax, ecx: answer.ecx }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anklume_ramcrypt::{OffReason, RamEncryption, SevLevel, Technology, decide};
    use tempfile::TempDir;

    const SME: Cpuid = Cpuid { leaf_1_ecx: 0, leaf_7_ecx: 0, leaf_8000001f_eax: 1 };
    const TME: Cpuid = Cpuid { leaf_1_ecx: 0, leaf_7_ecx: 1 << 13, leaf_8000001f_eax: 0 };
    const AMD_CPU: &str = "processor\t: 0\nvendor_id\t: AuthenticAMD\nvmflags\t: sme x\n\
                           flags\t\t: lm sme\n\nprocessor\t: 1\nvendor_id\t: Other\nflags\t\t: x\n";
    const SAYS_SME: &str = "6,0,0,-;Linux version 6.12\n6,1,9,-;Memory Encryption Features active: \
                            AMD SME\n SUBSYSTEM=pci\n";

    fn machine(files: &[(&str, &str)], registers: &[(u32, u64)]) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        for (name, content) in files {
            fs::write(path(name), content).unwrap();
        }
        if !registers.is_empty() {
            let device = File::create(path("dev/cpu/0/msr")).unwrap();
            for (register, value) in registers {
                device.write_all_at(&value.to_le_bytes(), u64::from(*register)).unwrap();
            }
        }
        dir
    }

    #[test]
    fn a_machine_without_anything_to_read_gives_no_facts() {
        let dir = machine(&[], &[]);
        assert_eq!(facts_at(dir.path(), None), Facts::default());
    }

    #[test]
    fn everything_of_an_amd_machine_is_found() {
        let dir = machine(
            &[
                ("proc/cpuinfo", AMD_CPU),
                ("proc/cmdline", "quiet mem_encrypt=on\n"),
                ("sys/bus/pci/devices/0000:00:01.0/vendor", "0x1022\n"),
                ("sys/bus/pci/devices/0000:03:00.5/tsme_status", "0\n"),
                ("dev/kmsg", SAYS_SME),
            ],
            &[(msr::SYSCFG, 1 << 23), (msr::SEV_STATUS, 0)],
        );
        let facts = facts_at(dir.path(), Some(SME));
        assert_eq!(facts.vendor.as_deref(), Some(AMD));
        assert_eq!(facts.flags, Some(["lm", "sme"].map(str::to_owned).into()));
        assert_eq!((facts.cpuid, facts.tsme_status), (Some(SME), Some(false)));
        assert_eq!((facts.msrs.syscfg, facts.msrs.sev_status), (Some(1 << 23), Some(0)));
        assert_eq!(facts.msrs.tme_activate, None);
        assert_eq!(facts.command_line.as_deref(), Some("quiet mem_encrypt=on\n"));
        let log = facts.kernel_log.clone().unwrap();
        assert!(log.is_complete);
        assert_eq!(log.lines, ["Linux version 6.12", "Memory Encryption Features active: AMD SME"]);
        assert_eq!(decide(&facts), RamEncryption::Sme);
    }

    #[test]
    fn registers_are_those_of_the_maker() {
        let registers = [(msr::SEV_STATUS, 7), (msr::TME_ACTIVATE, 0x8000_0003)];
        let intel = AMD_CPU.replace(AMD, INTEL);
        let dir = machine(&[("proc/cpuinfo", &intel)], &registers);
        let facts = facts_at(dir.path(), Some(TME));
        assert_eq!((facts.msrs.sev_status, facts.msrs.syscfg), (None, None));
        assert_eq!(decide(&facts), RamEncryption::Tme { bypassed: true });
        let dir = machine(&[("proc/cpuinfo", AMD_CPU)], &registers);
        let facts = facts_at(dir.path(), Some(SME));
        assert_eq!(decide(&facts), RamEncryption::SevGuest { level: SevLevel::SevSnp });
        let dir = machine(&[("proc/cpuinfo", &AMD_CPU.replace(AMD, "CentaurHauls"))], &registers);
        assert_eq!(facts_at(dir.path(), Some(SME)).msrs, Msrs::default());
        // The file ends in front of the register, as a CPU refuses one that it lacks.
        let dir = machine(&[("proc/cpuinfo", AMD_CPU)], &[(msr::TME_ACTIVATE, 3)]);
        assert_eq!(facts_at(dir.path(), Some(SME)).msrs, Msrs::default());
    }

    #[test]
    fn one_security_processor_that_says_yes_is_enough() {
        let at = |name: &str| format!("devices/{name}/tsme_status");
        for (first, second, expected) in [
            ("0\n", "1\n", Some(true)),
            ("1\n", "0\n", Some(true)),
            ("0\n", "2\n", Some(false)),
            ("", "x", None),
        ] {
            let dir = machine(&[(&at("0"), first), (&at("1"), second)], &[]);
            assert_eq!(tsme_status(&dir.path().join("devices")), expected);
        }
    }

    #[test]
    fn a_program_cannot_speak_for_the_kernel() {
        let forged = SAYS_SME.replace("6,1,9", "14,1,9");
        let files = |log| [("proc/cpuinfo", AMD_CPU), ("proc/cmdline", "\n"), ("dev/kmsg", log)];
        let with_status = |log| {
            let status = ("sys/bus/pci/devices/0/tsme_status", "0\n");
            files(log).into_iter().chain([status]).collect::<Vec<_>>()
        };
        let dir = machine(&with_status(&forged), &[]);
        let reason = OffReason::FirmwareOrKernel;
        assert_eq!(
            decide(&facts_at(dir.path(), Some(SME))),
            RamEncryption::Off { technology: Technology::Sme, reason }
        );
    }

    #[test]
    fn a_log_is_complete_from_the_first_record_on() {
        for (records, complete) in [
            ("6,0,0,-;a\n", true),
            ("6,0,0,-,caller=T0;a;b\n6,9,1,-;c\n", true),
            ("6,1,0,-;a\n", false),
            ("30,0,0,-;a program's\n", true),
            ("x\n6,0,0,-;a\n", false),
            ("", false),
        ] {
            assert_eq!(parse_log(records).is_complete, complete, "{records}");
        }
        assert_eq!(parse_log("6,0,0,-,caller=T0;a;b\n").lines, ["a;b"]);
        assert_eq!(parse_log("6,0,0,-;a\n 6,0;KEY=b\n").lines, ["a"]);
        assert!(parse_log("x,0,0,-;a\n;b\n,,;c\n").lines.is_empty());
    }

    #[test]
    fn this_machine_can_be_asked() {
        let facts = facts();
        assert!(facts.cpuid.is_some() || cfg!(not(target_arch = "x86_64")));
        println!("{facts:?}: {}", decide(&facts));
    }
}
