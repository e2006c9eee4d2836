//! From the outputs of the machine's tools to an inventory.

use std::collections::BTreeMap;

use crate::json::clean;
use crate::probe::{self, Pool};
use crate::{BootSignals, Content, Error, Inventory, Partition, Signature, VERSION, lsblk, smart};

/// What the tools of a machine printed, as it was. An empty output stands for a tool that is not there or
/// that failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Raw {
    /// RAM of the machine, in bytes.
    pub memory: u64,
    /// What tells which disk the OS was started from.
    pub boot: BootSignals,
    /// `lsblk -J -b -o` with at least the columns NAME, KNAME, TYPE, SIZE, MODEL, SERIAL, WWN, TRAN,
    /// SUBSYSTEMS, VENDOR, ROTA, RM, RO, LOG-SEC, PHY-SEC, DISC-MAX, ZONED, PTTYPE, PTUUID, FSTYPE, FSVER,
    /// LABEL, UUID, PARTTYPE, PARTLABEL, PARTUUID, MOUNTPOINTS; PARTN and DISK-SEQ where it has them.
    pub lsblk: Vec<u8>,
    /// `zpool list -H -o guid`: the imported pools.
    pub zpools: Vec<u8>,
    /// `modinfo -F version zfs`: the ZFS that the OS has.
    pub zfs: Vec<u8>,
    /// What was found on each disk and partition, by kernel name.
    pub probes: BTreeMap<String, Probe>,
    /// What is known of each disk beside `lsblk`, by kernel name.
    pub drives: BTreeMap<String, Drive>,
}

/// What low-level probes printed of a disk or a partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Probe {
    /// `blkid -p -o export /dev/NAME`.
    pub blkid: Vec<u8>,
    /// `wipefs -J /dev/NAME`, which finds what an ambivalent device hides from `blkid`.
    pub wipefs: Vec<u8>,
    /// `zdb -l /dev/NAME`, for a member of a ZFS pool.
    pub zdb: Vec<u8>,
}

/// What is known of a disk beside `lsblk`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drive {
    /// `smartctl -aj /dev/NAME`.
    pub smartctl: Vec<u8>,
    /// `/sys/block/NAME/diskseq`.
    pub diskseq: Option<u64>,
    /// Links in `/dev/disk/by-id` and `by-path` that lead to the disk: `by-id/ata-…`.
    pub links: Vec<String>,
}

impl Raw {
    /// The inventory. Which devices a probe makes sense for is told by the inventory of `lsblk` alone: its
    /// disks with a size, and their partitions.
    ///
    /// # Errors
    /// If the output of `lsblk` is too large, not JSON, or has no list of devices. The other outputs may be
    /// anything: a device whose probes cannot be read has [`Content::unread`].
    pub fn inventory(&self) -> Result<Inventory, Error> {
        let mut disks = lsblk::disks(&self.lsblk)?;
        for disk in &mut disks {
            if let Some(drive) = self.drives.get(&disk.name) {
                disk.health = smart::health(&drive.smartctl);
                disk.diskseq = drive.diskseq.or(disk.diskseq);
                disk.links = drive.links.iter().filter_map(|link| clean(link)).collect();
                disk.links.sort();
            }
            if let Some(probe) = self.probes.get(&disk.name) {
                probed(&mut disk.content, probe);
            }
            for partition in &mut disk.content.partitions {
                if let Some(probe) = self.probes.get(&partition.name) {
                    probed_partition(partition, probe);
                }
            }
        }
        let zpools = String::from_utf8_lossy(&self.zpools);
        let imported_pools = zpools.split_whitespace().map(str::to_owned).collect();
        let (memory, boot) = (self.memory, self.boot.clone());
        let zfs = clean(String::from_utf8_lossy(&self.zfs).trim());
        Ok(Inventory { version: VERSION, memory, boot, imported_pools, zfs, disks })
    }
}

fn probed_partition(partition: &mut Partition, probe: &Probe) {
    let blkid = probe::blkid(&probe.blkid);
    if partition.number == 0 {
        partition.number = blkid.number.unwrap_or_default();
    }
    fill(&mut partition.kind, blkid.kind);
    fill(&mut partition.label, blkid.label);
    fill(&mut partition.guid, blkid.guid);
    probed(&mut partition.content, probe);
    // A partition with a table of its own is possible, but `blkid` tells the one that it stands in.
    partition.content.table = None;
    partition.content.table_guid = None;
}

fn fill(known: &mut Option<String>, told: Option<String>) {
    if known.is_none() {
        *known = told;
    }
}

/// Replaces what udev remembers of a device by what the probes found on it.
fn probed(content: &mut Content, probe: &Probe) {
    let blkid = probe::blkid(&probe.blkid);
    let mut remembered = std::mem::take(&mut content.signatures);
    match probe::wipefs(&probe.wipefs) {
        Ok(found) => {
            content.signatures = found.signatures;
            fill(&mut content.table, found.table);
        }
        Err(_) if !blkid.signatures.is_empty() => content.signatures.clone_from(&blkid.signatures),
        Err(_) => {
            content.unread = blkid.table.is_none();
            content.signatures.append(&mut remembered);
        }
    }
    for signature in &mut content.signatures {
        let same = |one: &&Signature| one.kind == signature.kind;
        for known in blkid.signatures.iter().filter(same).chain(remembered.iter().filter(same)) {
            // Of two file systems of one kind, the wrong one's details would be no help.
            let other =
                |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
            if !other(&signature.uuid, &known.uuid) {
                fill(&mut signature.version, known.version.clone());
                fill(&mut signature.label, known.label.clone());
                fill(&mut signature.uuid, known.uuid.clone());
            }
        }
    }
    fill(&mut content.table, blkid.table);
    fill(&mut content.table_guid, blkid.table_guid);
    for pool in probe::zdb(&probe.zdb) {
        add_pool(content, pool);
    }
}

/// Tells the ZFS signature of the same pool what its label says, or adds one.
fn add_pool(content: &mut Content, pool: Pool) {
    const KIND: &str = "zfs_member";
    let mut members = content.signatures.iter_mut().filter(|one| one.kind == KIND);
    let fits = |member: &&mut Signature| member.uuid.is_none() || member.uuid == pool.guid;
    let found = match members.find(fits) {
        Some(found) => found,
        None => {
            content.signatures.push(Signature { kind: KIND.to_owned(), ..Signature::default() });
            let Some(added) = content.signatures.last_mut() else { return };
            added
        }
    };
    fill(&mut found.label, pool.name);
    fill(&mut found.uuid, pool.guid);
    found.host = pool.host;
    found.hostid = pool.hostid;
    found.exported = pool.exported;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(blkid: &str, wipefs: &str, zdb: &str) -> Probe {
        Probe { blkid: blkid.into(), wipefs: wipefs.into(), zdb: zdb.into() }
    }

    fn content(lsblk: &str, probe: Probe) -> Content {
        let lsblk = format!(r#"{{"blockdevices": [{{"kname": "sda", "type": "disk", {lsblk}}}]}}"#);
        let probes = BTreeMap::from([("sda".to_owned(), probe)]);
        let raw = Raw { lsblk: lsblk.into(), probes, ..Raw::default() };
        raw.inventory().unwrap().disks.remove(0).content
    }

    fn kinds(content: &Content) -> Vec<&str> {
        content.signatures.iter().map(|one| one.kind.as_str()).collect()
    }

    const STALE: &str = r#""fstype": "ext4", "uuid": "old""#;

    #[test]
    fn a_probe_is_believed_before_what_udev_remembers() {
        let empty = content(STALE, probe("", r#"{"signatures": []}"#, ""));
        assert!(kinds(&empty).is_empty() && !empty.unread);
        let luks = r#"{"signatures": [{"type": "crypto_LUKS", "uuid": "new", "label": null}]}"#;
        let found = content(STALE, probe("TYPE=crypto_LUKS\nVERSION=2\nUUID=new\n", luks, ""));
        assert_eq!(kinds(&found), ["crypto_LUKS"]);
        assert_eq!(found.signatures[0].version.as_deref(), Some("2"));
    }

    #[test]
    fn a_failed_probe_is_not_an_empty_disk() {
        let failed = content(STALE, probe("", "", ""));
        assert!(failed.unread);
        assert_eq!(kinds(&failed), ["ext4"]);
        let half = content(STALE, probe("TYPE=xfs\n", "wipefs: error", ""));
        assert!(!half.unread);
        assert_eq!(kinds(&half), ["xfs"]);
    }

    #[test]
    fn details_of_another_file_system_of_that_kind_are_not_mixed_in() {
        let two = r#"{"signatures": [{"type": "ext4", "uuid": "new", "label": null}]}"#;
        let found =
            content(r#""fstype": "ext4", "uuid": "old", "label": "then""#, probe("", two, ""));
        assert_eq!(found.signatures[0].label, None);
    }

    #[test]
    fn a_pool_that_only_its_label_knows_is_added() {
        let zdb = "LABEL 0\n    name: 'tank'\n    pool_guid: 42\n    hostname: 'hostA'\n";
        let zfs = r#"{"signatures": [{"type": "zfs_member", "uuid": "42", "label": "tank"}]}"#;
        let other = zfs.replace("42", "43");
        for (wipefs, members) in [(zfs, 1), (r#"{"signatures": []}"#, 1), (other.as_str(), 2)] {
            let found = content(r#""fstype": null"#, probe("", wipefs, zdb));
            assert_eq!(found.signatures.len(), members);
            let last = found.signatures.last().unwrap();
            assert_eq!(last.uuid.as_deref(), Some("42"));
            assert_eq!(last.host.as_deref(), Some("hostA"));
        }
    }
}
