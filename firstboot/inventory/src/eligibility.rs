//! Whether a disk may be taken.

use crate::text::harmless;
use crate::twins::twins;
use crate::{Content, Disk, Holder, Inventory, Refusal, boot_medium, management};

/// The least size of a disk that is taken, in bytes: a pool with an OS's images and a few containers.
pub const MINIMUM_BYTES: u64 = 8 << 30;

/// Whether a disk may be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may. What is on it would be lost.
    Eligible,
    /// It may not, for each of these reasons; there is at least one.
    Refused(Vec<Refusal>),
}

impl Verdict {
    /// Whether it may be taken.
    #[must_use]
    pub const fn is_eligible(&self) -> bool {
        matches!(self, Self::Eligible)
    }
}

/// Whether `disk` of `inventory` may be taken, with every reason against it. What is no disk is not also
/// too small.
#[must_use]
pub fn judge(inventory: &Inventory, disk: &Disk) -> Verdict {
    let mut refusals: Vec<Refusal> = boot(inventory, disk).into_iter().collect();
    let kind = kind(disk);
    let is_disk = kind.is_none();
    refusals.extend(kind);
    refusals.extend(use_of(inventory, disk));
    if is_disk {
        refusals.extend(medium(disk));
        refusals.extend(identity(inventory, disk));
    }
    if refusals.is_empty() { Verdict::Eligible } else { Verdict::Refused(refusals) }
}

/// The OS was started from it, or may have been.
fn boot(inventory: &Inventory, disk: &Disk) -> Option<Refusal> {
    let boot = boot_medium(inventory);
    let signals = boot.names(&disk.name)?.to_vec();
    Some(match boot {
        crate::BootMedium::Disputed(disks) => {
            let others = disks.into_iter().map(|named| named.disk);
            let others = others.filter(|name| *name != disk.name).collect();
            Refusal::BootDisputed { signals, others }
        }
        _ => Refusal::BootMedium(signals),
    })
}

/// It is no disk. A name that is not known may be a device that is made of others, or lies on a network.
fn kind(disk: &Disk) -> Option<Refusal> {
    const DISKS: [&str; 6] = ["sd", "hd", "vd", "xvd", "nvme", "mmcblk"];
    let numbered = |prefix: &str| {
        let number = disk.name.strip_prefix(prefix);
        number.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    };
    let kind = disk.kind.as_deref();
    if kind == Some("rom") || numbered("sr") {
        Some(Refusal::Optical)
    } else if numbered("fd") {
        Some(Refusal::Floppy)
    } else if kind == Some("loop") || numbered("loop") {
        Some(Refusal::File)
    } else if numbered("zram") || numbered("ram") {
        Some(Refusal::Memory)
    } else if is_hardware_partition(&disk.name) {
        Some(Refusal::EmmcArea)
    } else if let Some(kind) = kind {
        Some(Refusal::NoDisk(kind.to_owned()))
    } else if DISKS.iter().any(|prefix| disk.name.starts_with(prefix)) {
        None
    } else {
        Some(Refusal::NoDisk(disk.name.clone()))
    }
}

/// Whether it is a part of an eMMC chip that is set apart in hardware: `mmcblk0boot0`, `mmcblk0rpmb`.
fn is_hardware_partition(name: &str) -> bool {
    let behind = name.strip_prefix("mmcblk").unwrap_or_default();
    let behind = behind.trim_start_matches(|character: char| character.is_ascii_digit());
    ["boot", "rpmb", "gp"].iter().any(|area| behind.starts_with(area))
}

/// Something uses it.
fn use_of(inventory: &Inventory, disk: &Disk) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let mounts: Vec<String> =
        disk.contents().flat_map(|content| content.mounts.iter().cloned()).collect();
    let holders: Vec<Holder> =
        disk.contents().flat_map(|content| content.holders.iter().cloned()).collect();
    if mounts.is_empty() {
        refusals.extend(disk.contents().find_map(|content| mounted_elsewhere(inventory, content)));
    } else {
        refusals.push(Refusal::Mounted(mounts));
    }
    refusals.extend(held(holders));
    let pools = disk.contents().flat_map(|content| &content.signatures).filter(|signature| {
        let imported = |guid: &String| inventory.imported_pools.contains(guid);
        signature.kind == "zfs_member" && signature.uuid.as_ref().is_some_and(imported)
    });
    for pool in pools {
        let refusal = Refusal::ImportedPool(harmless(pool.label.as_deref().unwrap_or("?")));
        if !refusals.contains(&refusal) {
            refusals.push(refusal);
        }
    }
    refusals
}

/// Something lies on it.
fn held(holders: Vec<Holder>) -> Option<Refusal> {
    let path = holders.iter().find(|holder| holder.kind.as_deref() == Some("mpath"));
    if let Some(path) = path {
        return Some(Refusal::MultipathPath(path.clone()));
    }
    (!holders.is_empty()).then_some(Refusal::Held(holders))
}

/// A BTRFS file system on several disks is mounted by one of them; the others look unused.
fn mounted_elsewhere(inventory: &Inventory, content: &Content) -> Option<Refusal> {
    let uuids = |content: &Content| -> Vec<String> {
        let btrfs = content.signatures.iter().filter(|signature| signature.kind == "btrfs");
        btrfs.filter_map(|signature| signature.uuid.clone()).collect()
    };
    let own = uuids(content);
    let shares = |other: &&Content| uuids(other).iter().any(|uuid| own.contains(uuid));
    let mounted = inventory
        .disks
        .iter()
        .flat_map(Disk::contents)
        .filter(|other| !other.mounts.is_empty())
        .find(shares)?;
    Some(Refusal::PartOfMounted(mounted.mounts.clone()))
}

/// Nothing can be kept on it.
fn medium(disk: &Disk) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if disk.read_only {
        refusals.push(Refusal::ReadOnly);
    }
    if disk.size == 0 {
        refusals.push(Refusal::NoMedium);
    } else if disk.size < MINIMUM_BYTES {
        refusals.push(Refusal::TooSmall { found: disk.size, minimum: MINIMUM_BYTES });
    }
    if disk.zoned {
        refusals.push(Refusal::Zoned);
    }
    refusals.extend(management::controller(disk).map(Refusal::Lent));
    refusals
}

/// It cannot be told from another disk.
fn identity(inventory: &Inventory, disk: &Disk) -> Option<Refusal> {
    let others = twins(inventory, disk);
    (!others.is_empty()).then_some(Refusal::Ambiguous(others))
}
