//! Looking at the disks of this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anklume_host::process::Cmd;
use anklume_inventory::{BootSignals, Drive, Inventory, Probe, Raw, ReportedMedium};
use anklume_layout::report::{self, BootReport};
use thiserror::Error;

use crate::firmware;

/// What is asked of lsblk.
const COLUMNS: &str = "NAME,KNAME,TYPE,SIZE,MODEL,SERIAL,WWN,TRAN,SUBSYSTEMS,VENDOR,REV,ROTA,RM,RO,LOG-SEC,\
    PHY-SEC,DISC-GRAN,DISC-MAX,ZONED,PKNAME,PTTYPE,PTUUID,FSTYPE,FSVER,LABEL,UUID,PARTTYPE,PARTLABEL,\
    PARTUUID,MOUNTPOINTS";
/// What older versions of it do not have.
const NEWER_COLUMNS: &str = ",PARTN,DISK-SEQ";
/// Where udev puts links to disks.
const LINKS: [&str; 2] = ["by-id", "by-path"];

/// Why the disks cannot be looked at.
#[derive(Debug, Error)]
pub enum CollectError {
    /// What lsblk prints makes no sense.
    #[error("lsblk: {0}")]
    Lsblk(#[from] anklume_inventory::Error),
}

/// Looks at every disk. Needs root to see what is on them; without, their content is unknown.
///
/// # Errors
/// [`CollectError`]; a tool other than lsblk that fails leaves a gap.
pub fn collect() -> Result<Inventory, CollectError> {
    // What udev knows may be of a moment ago.
    let _ = output("udevadm", &["settle", "--timeout=30"]);
    let mut raw = Raw { memory: memory(), boot: boot_signals(), lsblk: lsblk(), ..Raw::default() };
    let first = raw.inventory()?;
    for disk in first.disks.iter().filter(|disk| disk.size > 0) {
        raw.drives.insert(disk.name.clone(), drive(&disk.name));
        raw.probes.insert(disk.name.clone(), probe(&disk.name));
        for partition in &disk.content.partitions {
            raw.probes.insert(partition.name.clone(), probe(&partition.name));
        }
    }
    // Asking zpool would load the module.
    if Path::new("/sys/module/zfs").exists() {
        raw.zpools = output("zpool", &["list", "-H", "-o", "guid"]);
    }
    raw.zfs = output("modinfo", &["-F", "version", "zfs"]);
    Ok(raw.inventory()?)
}

fn lsblk() -> Vec<u8> {
    let ask = |columns: &str| output("lsblk", &["-J", "-b", "-o", columns]);
    let newer = ask(&format!("{COLUMNS}{NEWER_COLUMNS}"));
    if newer.is_empty() { ask(COLUMNS) } else { newer }
}

fn drive(name: &str) -> Drive {
    let sequence = fs::read_to_string(format!("/sys/block/{name}/diskseq"));
    Drive {
        smartctl: output("smartctl", &["-aj", &format!("/dev/{name}")]),
        diskseq: sequence.ok().and_then(|text| text.trim().parse().ok()),
        links: links(Path::new("/dev/disk"), name),
    }
}

fn probe(name: &str) -> Probe {
    let node = format!("/dev/{name}");
    let blkid = output("blkid", &["-p", "-o", "export", &node]);
    let wipefs = output("wipefs", &["-J", &node]);
    let is_zfs = String::from_utf8_lossy(&wipefs).contains("zfs_member");
    let zdb = if is_zfs { output("zdb", &["-l", &node]) } else { Vec::new() };
    Probe { blkid, wipefs, zdb }
}

/// What a program prints, whatever its exit code; nothing if it is not there.
fn output(program: &str, arguments: &[&str]) -> Vec<u8> {
    let every: Vec<i32> = (0..=255).collect();
    let command = Cmd::new(program).args(arguments).accept(&every);
    command.output().map(|output| output.stdout).unwrap_or_default()
}

/// The links below `folder` that lead to the node `name`.
fn links(folder: &Path, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for kind in LINKS {
        let Ok(entries) = fs::read_dir(folder.join(kind)) else { continue };
        for entry in entries.flatten() {
            let leads = fs::read_link(entry.path()).ok();
            if leads.is_some_and(|to| to.file_name().is_some_and(|last| last == name)) {
                found.push(format!("{kind}/{}", entry.file_name().to_string_lossy()));
            }
        }
    }
    found
}

/// RAM in bytes, as the kernel counts it.
fn memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default().saturating_mul(1024)
}

fn boot_signals() -> BootSignals {
    let report = fs::read_to_string(report::PATH).ok();
    let report = report.and_then(|text| serde_json::from_str::<BootReport>(&text).ok());
    let medium = report.map(|report| report.medium);
    let variables = Path::new("/sys/firmware/efi/efivars");
    BootSignals {
        // The initramfs finds the OS by its root hash, and tells the partition.
        root_hash_partitions: medium.iter().filter_map(|m| m.partition_guid.clone()).collect(),
        reported: medium.map(|medium| ReportedMedium {
            diskseq: None,
            serial: medium.serial,
            table_guid: medium.disk_guid,
            disk: medium.disk,
        }),
        loader_partition: firmware::loader_partition(variables),
        firmware_partition: firmware::boot_partition(variables),
        backing: backing(Path::new("/")),
    }
}

/// The disks below what is mounted at `path`; none where that lies in RAM.
fn backing(path: &Path) -> Vec<String> {
    let Ok(metadata) = fs::metadata(path) else { return Vec::new() };
    let (major, minor) =
        (nix::sys::stat::major(metadata.dev()), nix::sys::stat::minor(metadata.dev()));
    let device = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}"));
    let mut disks = BTreeSet::new();
    let mut seen = BTreeMap::new();
    let mut left: Vec<_> = device.into_iter().collect();
    while let Some(device) = left.pop() {
        if seen.insert(device.clone(), ()).is_some() {
            continue;
        }
        let slaves = fs::read_dir(device.join("slaves")).into_iter().flatten().flatten();
        let slaves: Vec<_> =
            slaves.filter_map(|slave| fs::canonicalize(slave.path()).ok()).collect();
        if device.join("partition").exists() {
            left.extend(device.parent().map(Path::to_owned));
        } else if slaves.is_empty() {
            disks.extend(device.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
        left.extend(slaves);
    }
    disks.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_those_that_lead_to_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("by-id")).unwrap();
        for (name, to) in
            [("ata-x", "../../sda"), ("ata-x-part1", "../../sda1"), ("ata-y", "../../sdb")]
        {
            symlink(to, folder.path().join("by-id").join(name)).unwrap();
        }
        assert_eq!(links(folder.path(), "sda"), ["by-id/ata-x"]);
        assert!(links(folder.path(), "sdc").is_empty());
    }

    #[test]
    fn this_machine_has_memory_and_disks_that_can_be_looked_at() {
        let inventory = collect().unwrap();
        assert!(inventory.memory > 1 << 20);
        let text = inventory.to_json();
        assert_eq!(Inventory::parse(text.as_bytes()).unwrap(), inventory);
    }
}
