//! What lies where in an image, as far as it can be read: names for bytes that differ.

use anklume_compare::Area;
use anklume_layout::{Role, SECTOR_BYTES, SYSTEM_AREA_BYTES, Slot};

use crate::image::read::disk::{Disk, Place, name};
use crate::image::read::folder::Folder;
use crate::image::read::grub;
use crate::image::read::iso::{self, Iso};
use crate::image::read::os::Os;
use crate::image::read::slot::SlotParts;
use crate::image::source::Bytes;

/// How the names of areas in the root file system begin.
pub(super) const OS: &str = "squashfs";
/// The most areas, of which an image has about forty: a hostile one may name a million files.
const AREAS_MAX: usize = 1000;
/// Bytes of the boot code in the first sector (UEFI 2.10 section 5.2.1).
const BOOT_CODE_BYTES: u64 = 440;
/// Sectors of a GPT's header and its 128 entries (UEFI 2.10 section 5.3).
const TABLE_SECTORS: u64 = 33;

/// The areas of `image`, those that lie in others after these. What cannot be read is left out: its
/// bytes belong to what is around it.
pub(in super::super) fn areas(image: &Bytes<'_>) -> Vec<Area> {
    let mut areas = Areas(Vec::new());
    if let Ok(disk) = Disk::open(image) {
        areas.records(&disk);
        for role in Role::ALL {
            areas.partition(&disk, role);
        }
        areas.iso(&disk);
    }
    areas.0
}

struct Areas(Vec<Area>);

impl Areas {
    fn add(&mut self, name: impl Into<String>, offset: u64, bytes: u64) {
        self.push(Area { name: name.into(), offset, bytes, padding: false });
    }

    fn padding(&mut self, name: impl Into<String>, offset: u64, bytes: u64) {
        self.push(Area { name: name.into(), offset, bytes, padding: true });
    }

    fn push(&mut self, area: Area) {
        if self.0.len() < AREAS_MAX {
            self.0.push(area);
        }
    }

    /// MBR and both partition tables.
    fn records(&mut self, disk: &Disk<'_>) {
        let table_bytes = TABLE_SECTORS.saturating_mul(SECTOR_BYTES);
        self.add("mbr: boot code", 0, BOOT_CODE_BYTES);
        let records = SECTOR_BYTES.saturating_sub(BOOT_CODE_BYTES);
        self.add("mbr: partition records", BOOT_CODE_BYTES, records);
        self.add("partition table", SECTOR_BYTES, table_bytes);
        let end = disk.table().disk_sectors.saturating_mul(SECTOR_BYTES);
        let backup = end.saturating_sub(table_bytes);
        self.add("backup partition table", backup, table_bytes);
        let first = SECTOR_BYTES.saturating_add(table_bytes);
        let gap = SYSTEM_AREA_BYTES.saturating_sub(first);
        self.padding("between partition table and iso 9660 volume", first, gap);
    }

    fn partition(&mut self, disk: &Disk<'_>, role: Role) {
        let Some(place) = disk.place(role) else { return };
        match role {
            Role::BiosBoot => self.core_image(disk, place),
            Role::Esp => self.esp(disk, place),
            Role::Boot(slot) => self.boot(disk, slot, place),
            Role::Os(slot) => self.os(disk, slot, place),
            Role::Persist => self.add(name(role), place.offset, place.bytes),
        }
    }

    fn core_image(&mut self, disk: &Disk<'_>, place: Place) {
        let object = name(Role::BiosBoot);
        self.padding(format!("{object}: behind GRUB's core image"), place.offset, place.bytes);
        let sector = disk.image.read_vec(place.offset, SECTOR_BYTES, SECTOR_BYTES);
        let core = sector.map_or(place.bytes, |sector| grub::core_bytes(&sector));
        self.add(format!("{object}: GRUB's core image"), place.offset, core.min(place.bytes));
    }

    fn esp(&mut self, disk: &Disk<'_>, place: Place) {
        self.add(name(Role::Esp), place.offset, place.bytes);
        let Ok(Some(part)) = disk.part(Role::Esp) else { return };
        if let Ok(folder) = Folder::open(name(Role::Esp), place.offset, &part) {
            self.folder(&folder, place);
        }
    }

    fn boot(&mut self, disk: &Disk<'_>, slot: Slot, place: Place) {
        self.add(name(Role::Boot(slot)), place.offset, place.bytes);
        let Ok(Some(parts)) = SlotParts::open(disk, slot) else { return };
        if let Ok(folder) = parts.folder() {
            self.folder(&folder, place);
        }
    }

    /// Files, directories and what is left of a FAT file system.
    fn folder(&mut self, folder: &Folder<'_>, place: Place) {
        let mut contents = Vec::new();
        for entry in &folder.entries {
            for extent in folder.system.extents(entry).unwrap_or_default() {
                let offset = place.offset.saturating_add(extent.offset);
                contents.push((folder.file_name(&entry.path), offset, extent.length));
            }
        }
        let end = place.offset.saturating_add(place.bytes);
        let data = contents.iter().map(|(_, offset, _)| *offset).min().unwrap_or(end);
        let object = &folder.object;
        let structures = data.saturating_sub(place.offset);
        self.add(format!("{object}: FAT and root directory"), place.offset, structures);
        self.padding(format!("{object}: free space"), data, end.saturating_sub(data));
        for (name, offset, bytes) in contents {
            self.add(name, offset, bytes);
        }
    }

    /// The squashfs by its tables, the hash tree and what is behind them.
    fn os(&mut self, disk: &Disk<'_>, slot: Slot, place: Place) {
        let object = name(Role::Os(slot));
        let Ok(Some(parts)) = SlotParts::open(disk, slot) else { return };
        let Ok(os) = Os::read(&object, place.offset, &parts.os) else {
            return self.add(object, place.offset, place.bytes);
        };
        self.padding(format!("{object}: behind the hash tree"), place.offset, place.bytes);
        self.padding(format!("{object}: behind the squashfs"), place.offset, os.data_bytes);
        let at = |offset: u64| place.offset.saturating_add(offset);
        let hash_bytes = os.hash_bytes().unwrap_or_default();
        self.add(format!("{object}: hash tree"), at(os.data_bytes), hash_bytes);
        let tables = &os.squashfs.tables;
        let starts = [
            ("superblock", 0),
            ("content of files", u64::try_from(anklume_squashfs::SUPERBLOCK_BYTES).unwrap_or(0)),
            ("inodes", tables.inode),
            ("directories and fragments", tables.directory),
            ("indexes, owners and extended attributes", tables.fragment.unwrap_or(tables.id)),
        ];
        let ends = starts.iter().skip(1).map(|(_, start)| *start);
        let ends = ends.chain([os.squashfs.bytes_used]);
        for ((part, start), end) in starts.iter().zip(ends) {
            let name = format!("{OS} of slot {slot}: {part}");
            self.add(name, at(*start), end.saturating_sub(*start));
        }
    }

    /// The ISO 9660 volume in front of the partitions, and its own files.
    fn iso(&mut self, disk: &Disk<'_>) {
        let at = anklume_iso9660::AREA_OFFSET;
        let first = disk.place(Role::BiosBoot).map_or(at, |place| place.offset);
        self.add("iso 9660 volume", at, first.saturating_sub(at));
        let Ok(volume) = Iso::open(disk.image) else { return };
        let own = |offset: u64, bytes: u64| disk.holder(offset, bytes).is_none();
        for node in volume.files() {
            let (offset, bytes) = (node.extent.offset_bytes, node.extent.size);
            if own(offset, bytes) {
                self.add(iso::name(node), offset, bytes);
            }
        }
    }
}
