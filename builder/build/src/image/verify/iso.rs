//! The ISO 9660 view: its files are sectors that partitions hold.

use anklume_bytes::ReadAt;
use anklume_iso9660::{Names, Node};
use anklume_layout::{Role, SECTOR_BYTES, files};

use super::Verifier;
use crate::image::fault::{self, Fault};
use crate::image::read::disk::Disk;
use crate::image::read::folder::Folder;
use crate::image::read::iso::{self, Iso, PLATFORM_BIOS, PLATFORM_UEFI};

/// Files that the tree should have, and what it should say.
#[derive(Debug, Default)]
pub(super) struct Expected {
    files: Vec<File>,
    /// Numbers of the partitions whose files could not be found out.
    unknown: Vec<u32>,
    /// Command line of the OS.
    pub(super) command_line: Option<String>,
}

#[derive(Debug)]
struct File {
    path: String,
    /// Byte of the image.
    offset: u64,
    bytes: u64,
}

impl Expected {
    /// What a partition holds could not be found out, which was reported: nothing more is said
    /// about its files.
    pub(super) fn give_up(&mut self, role: Role) {
        self.unknown.push(role.number());
    }

    /// A file that lies in one place.
    pub(super) fn add_file(&mut self, path: String, offset: u64, bytes: u64) {
        self.files.push(File { path, offset, bytes });
    }

    /// The files of a FAT file system, under the paths that `name` gives. A file in several pieces
    /// cannot be in the tree.
    pub(super) fn add(
        &mut self,
        folder: &Folder<'_>,
        name: impl Fn(&str) -> String,
    ) -> Result<(), Fault> {
        self.add_some(folder, |path| Some(name(path)))
    }

    /// As [`Expected::add`], of the files that have a name.
    pub(super) fn add_some(
        &mut self,
        folder: &Folder<'_>,
        name: impl Fn(&str) -> Option<String>,
    ) -> Result<(), Fault> {
        for entry in folder.files() {
            let Some(name) = name(&entry.path) else { continue };
            let content = folder.content(entry)?;
            let offset = folder.offset(&content);
            if !content.is_contiguous() {
                let object = folder.file_name(&entry.path);
                return Err(Fault::new(object, offset, "a file in one place", "several pieces"));
            }
            self.add_file(name, offset, content.size());
        }
        Ok(())
    }

    fn find(&self, path: &str) -> Option<&File> {
        // By the best names, which keep capitals and small letters: GRUB tells them apart.
        self.files.iter().find(|file| file.path == path)
    }
}

impl Verifier<'_, '_> {
    pub(super) fn iso(&mut self, disk: &Disk<'_>, expected: &Expected) {
        let problems = anklume_iso9660::check(disk.image).map_err(|error| fault::iso(&error));
        let Some(problems) = self.checks.take(problems) else { return };
        let told = |problem| Fault::told("iso 9660 volume", anklume_iso9660::AREA_OFFSET, problem);
        let text = "iso 9660: descriptors, path tables, directories, boot info table";
        self.checks.all(text, problems.into_iter().map(told).collect());
        let Some(volume) = self.checks.take(Iso::open(disk.image)) else { return };
        self.catalog(disk, &volume);
        self.names(&volume);
        if disk.is_grown() {
            return self.checks.ok("iso 9660: as it was flashed; files of the slots have moved");
        }
        let bytes = disk.table().disk_sectors.saturating_mul(SECTOR_BYTES);
        let at = anklume_iso9660::AREA_OFFSET;
        let (text, object) =
            ("iso 9660: the volume is as long as the image", "iso 9660 volume size");
        self.checks.same(text, object, at, (bytes, volume.volume.size()));
        self.files(disk, &volume, expected);
    }

    /// El Torito: one entry for BIOS, in front of the partitions, and one for UEFI, the ESP.
    fn catalog(&mut self, disk: &Disk<'_>, volume: &Iso<'_>) {
        let Some(catalog) = &volume.catalog else {
            let at = anklume_iso9660::AREA_OFFSET;
            return self.checks.bad(Fault::new("el torito", at, "a boot catalog", "none"));
        };
        let at = catalog.offset_bytes;
        let (Some(esp), Some(first)) = (disk.place(Role::Esp), disk.place(Role::BiosBoot)) else {
            return;
        };
        let sound = |platform: u8, number: usize| {
            let entry = catalog.entries.get(number);
            entry.filter(|e| e.platform == platform && e.bootable && e.media == 0)
        };
        let bios = sound(PLATFORM_BIOS, 0).is_some_and(|entry| {
            entry.size() > 0 && entry.offset_bytes.saturating_add(entry.size()) <= first.offset
        });
        let uefi = sound(PLATFORM_UEFI, 1)
            .is_some_and(|entry| entry.offset_bytes == esp.offset && entry.size() == esp.bytes);
        let mut faults = Vec::new();
        for (fits, number, expected) in [
            (bios, 0, format!("a BIOS image in front of byte {}", first.offset)),
            (uefi, 1, format!("the ESP for UEFI, {} bytes at byte {}", esp.bytes, esp.offset)),
        ] {
            if !fits {
                let found = catalog.entries.get(number).map(|entry| format!("{entry:?}"));
                let object = format!("el torito entry {number}");
                faults.push(Fault::new(object, at, expected, found.unwrap_or("none".to_owned())));
            }
        }
        let count = catalog.entries.len();
        if count > 2 {
            faults.push(Fault::new("el torito", at, "two entries", count));
        }
        self.checks.all("el torito: catalog, BIOS image, UEFI entry is the ESP", faults);
    }

    /// The kinds of names: each leads to the same files.
    fn names(&mut self, volume: &Iso<'_>) {
        let at = anklume_iso9660::AREA_OFFSET;
        let mut best: Vec<_> = volume.files().map(|node| node.extent).collect();
        best.sort_unstable();
        let mut faults = Vec::new();
        for names in [Names::Plain, Names::RockRidge, Names::Joliet] {
            if !volume.volume.has(names) {
                faults.push(Fault::new("iso 9660 volume", at, format!("{names:?} names"), "none"));
                continue;
            }
            let nodes = volume.volume.list_as(names).map_err(|error| fault::iso(&error));
            let Some(nodes) = self.checks.take(nodes) else { continue };
            let files = nodes.iter().filter(|node| !node.directory);
            let mut extents: Vec<_> = files.map(|node| node.extent).collect();
            extents.sort_unstable();
            if extents != best {
                let object = format!("iso 9660 volume: {names:?} names");
                let expected = "the same files as under the other names";
                faults.push(Fault::new(object, at, expected, "others"));
            }
        }
        self.checks.all("iso 9660: plain, Rock Ridge and Joliet names agree", faults);
    }

    fn files(&mut self, disk: &Disk<'_>, volume: &Iso<'_>, expected: &Expected) {
        let mut faults: Vec<Fault> = Vec::new();
        for node in volume.files() {
            let fault = match is_config(node) {
                true => self.config_fault(disk, volume, node, expected),
                false => alias_fault(disk, node, expected),
            };
            faults.extend(fault);
        }
        let configs = [files::LOOPBACK_CONFIG, files::TREE_CONFIG];
        let wanted = expected.files.iter().map(|file| file.path.as_str()).chain(configs);
        for path in wanted {
            if !volume.files().any(|node| node.path == path) {
                let at = anklume_iso9660::AREA_OFFSET;
                faults.push(Fault::new("iso 9660 volume", at, format!("a file {path}"), "none"));
            }
        }
        let text =
            format!("iso 9660: {} files, the sectors of the partitions", volume.files().count());
        if expected.unknown.is_empty() || !faults.is_empty() {
            self.checks.all(text, faults);
        }
    }

    /// What is wrong with a boot configuration for other loaders, which lies in the volume itself.
    fn config_fault(
        &mut self,
        disk: &Disk<'_>,
        volume: &Iso<'_>,
        node: &Node,
        expected: &Expected,
    ) -> Option<Fault> {
        let at = node.extent.offset_bytes;
        let first = disk.place(Role::BiosBoot).map_or(0, |place| place.offset);
        if at.saturating_add(node.extent.size) > first {
            let expected = format!("a place in front of byte {first}");
            return Some(Fault::new(iso::name(node), at, expected, "another place"));
        }
        let text = self.checks.take(volume.text(node))?;
        let line = expected.command_line.as_deref()?;
        (!text.contains(line)).then(|| {
            Fault::new(iso::name(node), at, "the command line of the manifest", "another one")
        })
    }
}

fn is_config(node: &Node) -> bool {
    let configs = [files::LOOPBACK_CONFIG, files::TREE_CONFIG];
    configs.iter().any(|path| node.path == *path)
}

/// What is wrong with a file that should be one of a partition.
fn alias_fault(disk: &Disk<'_>, node: &Node, expected: &Expected) -> Option<Fault> {
    let (offset, bytes) = (node.extent.offset_bytes, node.extent.size);
    let holder = disk.holder(offset, bytes);
    if holder.is_some_and(|number| expected.unknown.contains(&number)) {
        return None;
    }
    let place = holder.map_or("no partition".to_owned(), |number| format!("partition {number}"));
    let found = format!("{bytes} bytes in {place}");
    match expected.find(&node.path) {
        None => Some(Fault::new(iso::name(node), offset, "a file of a partition", found)),
        Some(file) if (file.offset, file.bytes) != (offset, bytes) => {
            let expected = format!("{} bytes at byte {}", file.bytes, file.offset);
            Some(Fault::new(iso::name(node), offset, expected, found))
        }
        Some(_) => None,
    }
}
