//! What `lsblk` prints.
//!
//! `lsblk -J -b -o NAME,KNAME,TYPE,SIZE,MODEL,…` of util-linux 2.38 to 2.41. Partitions, and whatever lies
//! on a disk or a partition, are its `children`; an array is a child of each of its members. The columns
//! about contents come from udev's memory, which is not always that of the disk: they count only where
//! no probe says anything.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::json::{flag, list, number, parse, text};
use crate::{Bus, Content, Disk, Error, Health, Holder, Partition, Signature};

const OBJECT: &str = "output of lsblk";

/// Bytes of a logical sector where nothing is said.
const SECTOR: u32 = 512;

/// The disks of `bytes`, in the order of their kernel names.
pub(crate) fn disks(bytes: &[u8]) -> Result<Vec<Disk>, Error> {
    let value = parse(OBJECT, bytes)?;
    let mut seen = BTreeSet::new();
    let mut disks: Vec<Disk> = list(OBJECT, &value, "blockdevices")?
        .iter()
        .filter_map(disk)
        .filter(|disk| seen.insert(disk.name.clone()))
        .collect();
    disks.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(disks)
}

/// The kernel's name of a device.
fn name(device: &Value) -> Option<String> {
    text(device.get("kname")).or_else(|| text(device.get("name")))
}

fn children(device: &Value) -> &[Value] {
    device.get("children").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn is_partition(device: &Value) -> bool {
    device.get("type").and_then(Value::as_str) == Some("part")
}

fn disk(device: &Value) -> Option<Disk> {
    let name = name(device)?;
    let kind = text(device.get("type")).filter(|kind| kind != "disk");
    let logical_sector = sector(device, "log-sec").unwrap_or(SECTOR);
    let mut content = content(device, |child| !is_partition(child));
    content.partitions = children(device)
        .iter()
        .filter(|child| is_partition(child))
        .filter_map(|child| partition(child, &name))
        .collect();
    content.partitions.sort_by_key(|partition| partition.number);
    Some(Disk {
        diskseq: number(device.get("disk-seq")),
        links: Vec::new(),
        size: number(device.get("size")).unwrap_or_default(),
        logical_sector,
        physical_sector: sector(device, "phy-sec").unwrap_or(logical_sector),
        vendor: text(device.get("vendor")),
        model: text(device.get("model")),
        serial: text(device.get("serial")),
        wwn: text(device.get("wwn")),
        bus: bus(device, &name),
        rotational: flag(device.get("rota")),
        removable: flag(device.get("rm")),
        read_only: flag(device.get("ro")),
        zoned: text(device.get("zoned")).as_deref() == Some("host-managed"),
        discard: number(device.get("disc-max")).is_some_and(|bytes| bytes > 0),
        health: Health::default(),
        content,
        kind,
        name,
    })
}

fn sector(device: &Value, key: &str) -> Option<u32> {
    number(device.get(key)).and_then(|bytes| u32::try_from(bytes).ok()).filter(|bytes| *bytes > 0)
}

/// The bus, by the transport that the drive tells, else by the drivers between it and the processor, else
/// by its name.
fn bus(device: &Value, name: &str) -> Bus {
    let transport = match text(device.get("tran")).as_deref() {
        Some("usb") => Some(Bus::Usb),
        Some("sata" | "ata") => Some(Bus::Ata),
        Some("sas" | "fc" | "fcoe" | "iscsi" | "spi" | "srp") => Some(Bus::Scsi),
        Some("nvme") => Some(Bus::Nvme),
        Some("mmc") => Some(Bus::Mmc),
        Some("virtio") => Some(Bus::Virtio),
        _ => None,
    };
    let subsystems = text(device.get("subsystems")).unwrap_or_default();
    let has = |subsystem: &str| subsystems.split(':').any(|part| part == subsystem);
    let by_name = |prefix: &str| name.starts_with(prefix);
    transport.unwrap_or(if has("usb") {
        Bus::Usb
    } else if has("nvme") || by_name("nvme") {
        Bus::Nvme
    } else if has("mmc") || by_name("mmcblk") {
        Bus::Mmc
    } else if has("virtio") || has("xen") || has("vmbus") || by_name("vd") || by_name("xvd") {
        Bus::Virtio
    } else if has("scsi") {
        Bus::Scsi
    } else {
        Bus::Other
    })
}

fn partition(device: &Value, disk: &str) -> Option<Partition> {
    let name = name(device)?;
    let number = number(device.get("partn"))
        .and_then(|number| u32::try_from(number).ok())
        .or_else(|| number_in(&name, disk))
        .unwrap_or_default();
    Some(Partition {
        number,
        size: crate::json::number(device.get("size")).unwrap_or_default(),
        kind: lower(device.get("parttype")),
        label: text(device.get("partlabel")),
        guid: lower(device.get("partuuid")),
        content: content(device, |_| true),
        name,
    })
}

/// The number of the partition `name`, as `p3` in `nvme0n1p3`: before 2.39, `lsblk` does not tell it.
fn number_in(name: &str, disk: &str) -> Option<u32> {
    let rest = name.strip_prefix(disk)?;
    rest.strip_prefix('p').unwrap_or(rest).parse().ok()
}

fn lower(value: Option<&Value>) -> Option<String> {
    text(value).map(|text| text.to_ascii_lowercase())
}

/// What is on `device`, without partitions; children that `holds` lie on it.
fn content(device: &Value, holds: impl Fn(&Value) -> bool) -> Content {
    let signature = text(device.get("fstype")).map(|kind| Signature {
        kind,
        version: text(device.get("fsver")),
        label: text(device.get("label")),
        uuid: text(device.get("uuid")),
        ..Signature::default()
    });
    // A partition has the columns of the table that it stands in.
    let table = if is_partition(device) { None } else { text(device.get("pttype")) };
    let table_guid = table.as_ref().and_then(|_| lower(device.get("ptuuid")));
    let mut content = Content {
        signatures: signature.into_iter().collect(),
        table,
        table_guid,
        mounts: mounts(device),
        ..Content::default()
    };
    let mut seen = BTreeSet::new();
    for child in children(device).iter().filter(|child| holds(child)) {
        stack(child, &mut content, &mut seen);
    }
    content
}

/// Adds `device`, and whatever lies on it, to what lies on `content`.
fn stack(device: &Value, content: &mut Content, seen: &mut BTreeSet<String>) {
    let Some(kernel_name) = name(device) else { return };
    if seen.insert(kernel_name.clone()) {
        let label = text(device.get("name")).filter(|label| *label != kernel_name);
        content.mounts.extend(mounts(device));
        content.holders.push(Holder { name: kernel_name, label, kind: text(device.get("type")) });
    }
    for child in children(device) {
        stack(child, content, seen);
    }
}

fn mounts(device: &Value) -> Vec<String> {
    let several = device.get("mountpoints").and_then(Value::as_array).map(Vec::as_slice);
    let one = device.get("mountpoint");
    several.unwrap_or_default().iter().chain(one).filter_map(|mount| text(Some(mount))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn only(device: Value) -> Disk {
        let all = json!({ "blockdevices": [device] }).to_string();
        disks(all.as_bytes()).unwrap().remove(0)
    }

    #[test]
    fn the_bus_is_found_with_and_without_udev() {
        for (name, transport, subsystems, bus) in [
            ("sda", json!("usb"), "block:scsi:usb:pci", Bus::Usb),
            ("sda", json!(null), "block:scsi:usb:pci", Bus::Usb),
            ("sda", json!("sata"), "block:scsi:pci", Bus::Ata),
            ("sda", json!(null), "block:scsi:pci", Bus::Scsi),
            ("sda", json!(null), "block:scsi:virtio:pci", Bus::Virtio),
            ("vda", json!(null), "block:virtio:pci", Bus::Virtio),
            ("nvme0n1", json!(null), "", Bus::Nvme),
            ("mmcblk0", json!("mmc"), "block:mmc:mmc_host:pci", Bus::Mmc),
            ("fd0", json!(null), "block:platform", Bus::Other),
        ] {
            let device = json!({"kname": name, "tran": transport, "subsystems": subsystems});
            assert_eq!(only(device).bus, bus, "{name} {subsystems}");
        }
    }

    #[test]
    fn a_partition_has_a_number_even_where_none_is_told() {
        for (disk, name, number) in
            [("sda", "sda12", 12), ("nvme0n1", "nvme0n1p3", 3), ("sda", "other", 0)]
        {
            let part = json!({"kname": name, "type": "part"});
            let device = json!({"kname": disk, "type": "disk", "children": [part]});
            assert_eq!(only(device).content.partitions[0].number, number, "{name}");
        }
    }

    #[test]
    fn what_lies_on_a_partition_counts_for_it_at_any_depth() {
        let volume =
            json!({"name": "vg-root", "kname": "dm-1", "type": "lvm", "mountpoints": ["/"]});
        let crypt =
            json!({"name": "c", "kname": "dm-0", "type": "crypt", "children": [volume, volume]});
        let part = json!({"kname": "sda1", "type": "part", "children": [crypt]});
        let disk = only(json!({"kname": "sda", "type": "disk", "children": [part]}));
        let content = &disk.content.partitions[0].content;
        let names: Vec<_> = content.holders.iter().map(|holder| holder.name.as_str()).collect();
        assert_eq!(names, ["dm-0", "dm-1"]);
        assert_eq!(content.holders[1].label.as_deref(), Some("vg-root"));
        assert_eq!(content.mounts, ["/"]);
        assert!(disk.content.holders.is_empty() && disk.content.mounts.is_empty());
    }

    #[test]
    fn another_shape_is_an_error_and_a_strange_device_is_none() {
        let shape = |bytes: &str| matches!(disks(bytes.as_bytes()), Err(Error::Shape { .. }));
        assert!(shape("{}") && shape("[]") && shape(r#"{"blockdevices": 3}"#));
        let all = r#"{"blockdevices": [null, 3, {}, {"kname": "sda"}, {"kname": "sda"}]}"#;
        let disks = disks(all.as_bytes()).unwrap();
        assert_eq!(disks.len(), 1);
        assert_eq!((disks[0].size, disks[0].logical_sector), (0, 512));
    }
}
