//! Gathering what is in an image.

use anklume_bytes::ReadAt;
use anklume_gpt::{Partition, mbr};
use anklume_layout::{Role, SECTOR_BYTES, Slot};

use super::facts::{
    ElToritoFacts, Facts, FileFacts, FirmwareFacts, FolderFacts, IsoFacts, IsoFileFacts, MbrFacts,
    PartitionFacts, SectionFacts, SlotFacts, SquashfsFacts, TableFacts, VerityFacts,
};
use super::fault::{self, Fault};
use super::read::content::System;
use super::read::disk::{Disk, Place, name, type_name};
use super::read::folder::Folder;
use super::read::grub;
use super::read::iso::{Iso, platform};
use super::read::os::{Os, hex, uuid};
use super::read::slot::{Persist, SlotParts, manifest};
use super::read::uki::Uki;
use super::source::Bytes;

/// Whether the files of the OS are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// All structures but those inside the squashfs.
    Structures,
    /// The squashfs, too: its tables are decompressed.
    Files,
}

/// What is in `image`. What cannot be read is left out and named in [`Facts::faults`].
///
/// Never panics, and what it allocates is bounded, whatever the bytes are.
pub fn inspect(image: &Bytes<'_>, depth: Depth) -> Facts {
    let mut gatherer = Gatherer { facts: Facts::default(), depth };
    gatherer.facts.bytes = image.size();
    match Disk::open(image) {
        Ok(disk) => gatherer.disk(&disk),
        Err(fault) => gatherer.facts.faults.push(fault),
    }
    gatherer.facts
}

struct Gatherer {
    facts: Facts,
    depth: Depth,
}

impl Gatherer {
    fn take<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.facts.faults.push(fault)).ok()
    }

    fn disk(&mut self, disk: &Disk<'_>) {
        let table = disk.table();
        self.facts.table = Some(TableFacts {
            disk_guid: table.disk_guid.to_string(),
            copies_equal: disk.found.copies_equal && disk.found.backup.is_ok(),
            partitions: table.partitions.iter().map(partition).collect(),
        });
        self.firmware(disk);
        self.esp(disk);
        for slot in [Slot::A, Slot::B] {
            if let Some(Some(parts)) = self.take(SlotParts::open(disk, slot)) {
                let facts = self.slot(&parts);
                self.facts.slots.push(facts);
            }
        }
        if let Some(Some(part)) = self.take(disk.part(Role::Persist)) {
            let base = disk.place(Role::Persist).map_or(0, |place| place.offset);
            let found = Persist::read(&part);
            let found = found.map_err(|error| fault::read(&name(Role::Persist), base, &error));
            self.facts.persist = self.take(found).map(|persist| match persist {
                Persist::Empty => "empty",
                Persist::Ext4 => "ext4",
                Persist::Other => "unknown",
            });
        }
    }

    fn firmware(&mut self, disk: &Disk<'_>) {
        let record = self.take(mbr::read(disk.image).map_err(|error| fault::gpt(&error)));
        let core = self.take(disk.part(Role::BiosBoot)).flatten();
        let core = core.and_then(|part| part.read_vec(0, SECTOR_BYTES, SECTOR_BYTES).ok());
        let mbr = record.map(|record| MbrFacts {
            protective: record.is_protective(),
            dummy_active: record.has_dummy_active,
            boot_code: record.boot_code.iter().any(|byte| *byte != 0),
            core_sector: grub::core_sector(&record.boot_code),
            core_bytes: core.map(|sector| grub::core_bytes(&sector)),
        });
        let iso = self.take(Iso::open(disk.image));
        let catalog = iso.as_ref().and_then(|iso| iso.catalog.as_ref());
        let entries = catalog.map(|catalog| catalog.entries.as_slice()).unwrap_or_default();
        let entries = entries.iter().map(|entry| ElToritoFacts {
            platform: platform(entry.platform),
            bootable: entry.bootable,
            offset: entry.offset_bytes,
            bytes: entry.size(),
            partition: disk.holder(entry.offset_bytes, entry.size()),
        });
        self.facts.firmware = FirmwareFacts { mbr, el_torito: entries.collect() };
        self.facts.iso = iso.map(|iso| iso_facts(disk, &iso));
    }

    fn esp(&mut self, disk: &Disk<'_>) {
        let part = self.take(disk.part(Role::Esp)).flatten();
        let (Some(part), Some(place)) = (part, disk.place(Role::Esp)) else { return };
        let folder = Folder::open(name(Role::Esp), place.offset, &part);
        self.facts.esp = self.take(folder).map(|folder| folder_facts(&folder));
    }

    fn slot(&mut self, parts: &SlotParts<'_>) -> SlotFacts {
        let mut facts = SlotFacts {
            slot: parts.slot,
            empty: parts.is_empty,
            boot: None,
            manifest: None,
            uki: Vec::new(),
            squashfs: None,
            verity: None,
            content: None,
            space: None,
        };
        if parts.is_empty {
            return facts;
        }
        if let Some(folder) = self.take(parts.folder()) {
            facts.boot = Some(folder_facts(&folder));
            facts.manifest = self.take(manifest(&folder)).map(|(manifest, _)| manifest);
            let uki = self.take(Uki::open(&folder));
            facts.uki = uki.map(|uki| sections(&uki)).unwrap_or_default();
        }
        self.os(parts, &mut facts);
        facts
    }

    fn os(&mut self, parts: &SlotParts<'_>, facts: &mut SlotFacts) {
        let object = parts.os_name();
        let Some(os) = self.take(Os::read(&object, parts.os_base, &parts.os)) else { return };
        let superblock = &os.squashfs;
        facts.squashfs = Some(SquashfsFacts {
            compression: superblock.compression.to_string(),
            block_bytes: superblock.block_bytes,
            inodes: superblock.inodes,
            made: superblock.mkfs_time,
            bytes: superblock.bytes_used,
        });
        let hash_bytes = os.hash_bytes().unwrap_or_default();
        if self.depth == Depth::Files {
            let system = System::open(&object, parts.os_base, &parts.os, superblock);
            if let Some(system) = self.take(system) {
                self.files(&system, facts);
            }
        }
        facts.verity = self.take(os.verity).map(|verity| VerityFacts {
            offset: parts.os_base.saturating_add(os.data_bytes),
            uuid: uuid(verity.uuid),
            salt: hex(&verity.salt),
            data_bytes: os.data_bytes,
            hash_bytes,
        });
    }
}

impl Gatherer {
    /// The files of the OS, and what they take.
    fn files(&mut self, system: &System<'_>, facts: &mut SlotFacts) {
        facts.content = self.take(system.survey());
        let content = facts.content.as_ref();
        let packages = content.and_then(|content| content.packages.as_deref()).unwrap_or_default();
        facts.space = self.take(system.space(packages));
    }
}

fn partition(partition: &Partition) -> PartitionFacts {
    let place = Place::of(partition);
    PartitionFacts {
        number: partition.number,
        label: partition.name.clone(),
        type_name: type_name(partition.type_guid).to_owned(),
        type_guid: partition.type_guid.to_string(),
        guid: partition.unique_guid.to_string(),
        offset: place.offset,
        bytes: place.bytes,
        attributes: format!("{:#018x}", partition.attributes),
    }
}

fn iso_facts(disk: &Disk<'_>, iso: &Iso<'_>) -> IsoFacts {
    let files = iso.files().map(|node| IsoFileFacts {
        path: node.path.clone(),
        offset: node.extent.offset_bytes,
        bytes: node.extent.size,
        partition: disk.holder(node.extent.offset_bytes, node.extent.size),
    });
    IsoFacts {
        volume_id: iso.volume.volume_id().to_owned(),
        publisher: iso.volume.publisher().to_owned(),
        bytes: iso.volume.size(),
        files: files.collect(),
    }
}

fn folder_facts(folder: &Folder<'_>) -> FolderFacts {
    let serial = |serial: u32| format!("{:04X}-{:04X}", serial >> 16, serial & 0xffff);
    FolderFacts {
        file_system: folder.system.fat_type().to_string(),
        label: folder.system.label().map(str::to_owned),
        serial: folder.system.serial().map(serial),
        cluster_bytes: folder.system.cluster_bytes(),
        files: folder
            .files()
            .map(|entry| FileFacts { path: entry.path.clone(), bytes: entry.size })
            .collect(),
    }
}

fn sections(uki: &Uki<'_>) -> Vec<SectionFacts> {
    let facts = |(profile, section): (usize, &anklume_uki::Section)| SectionFacts {
        name: Uki::section_name(section),
        profile,
        offset: uki.offset(section),
        bytes: section.data_bytes(),
    };
    uki.numbered().map(facts).collect()
}
