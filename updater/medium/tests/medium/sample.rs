//! A small medium, assembled from the format crates as the builder does it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use anklume_fat::{FileSpec, Label};
use anklume_gpt::Guid;
use anklume_layout::disk::{DiskPlan, Extent};
use anklume_layout::{ESP_BYTES, Role, SECTOR_BYTES, files};
use anklume_medium::{LastFailure, Medium};
use anklume_slots::Record;
use tempfile::TempDir;

const MIB: u64 = 1 << 20;

/// An image file.
pub(crate) struct Sample {
    pub(crate) dir: TempDir,
    pub(crate) path: PathBuf,
    pub(crate) plan: DiskPlan,
}

impl Sample {
    /// A medium whose ESP is as the builder makes it, without a slot's content.
    pub(crate) fn new() -> Self {
        Self::with_esp(&esp_files())
    }

    /// A medium with these files on the ESP.
    pub(crate) fn with_esp(files: &[(&str, Vec<u8>)]) -> Self {
        let sample = Self::empty();
        sample.fat(Role::Esp, files);
        sample
    }

    /// A medium with nothing but a partition table.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk");
        let mut offset = MIB;
        let extents = Role::ALL.map(|role| {
            let bytes = if role == Role::Esp { ESP_BYTES } else { 8 * MIB };
            let extent = Extent { role, offset, bytes };
            offset += bytes;
            extent
        });
        let plan = DiskPlan { extents: extents.into(), total_bytes: offset + MIB };
        let guid =
            |role: Option<Role>| Guid::from_hash([role.map_or(9, |role| role.number() as u8); 16]);
        let table = plan.table(guid).encode().unwrap();
        let file = File::create(&path).unwrap();
        file.set_len(plan.total_bytes).unwrap();
        let sample = Self { dir, path, plan };
        for piece in
            [table.primary_header, table.primary_entries, table.backup_entries, table.backup_header]
        {
            sample.put(piece.offset, &piece.bytes);
        }
        sample
    }

    /// The partition with `role`.
    pub(crate) fn extent(&self, role: Role) -> Extent {
        self.plan.extent(role).unwrap()
    }

    /// Writes a file system into a partition. Returns where the files begin on the disk.
    pub(crate) fn fat(&self, role: Role, files: &[(&str, Vec<u8>)]) -> Vec<u64> {
        let place = self.extent(role);
        let params = anklume_fat::Params {
            total_bytes: place.bytes,
            label: Label::new("SAMPLE").unwrap(),
            serial: 0x1234_abcd,
            hidden_sectors: (place.offset / SECTOR_BYTES) as u32,
            timestamp: 1_700_000_000,
            align_bytes: 2048,
        };
        let spec = |(path, content): &(&str, Vec<u8>)| FileSpec {
            path: (*path).to_owned(),
            size: content.len() as u64,
        };
        let specs: Vec<FileSpec> = files.iter().map(spec).collect();
        let layout = anklume_fat::plan(&params, &specs).unwrap();
        for (offset, bytes) in &layout.metadata {
            self.put(place.offset + offset, bytes);
        }
        let mut starts = Vec::new();
        for ((_, content), placed) in files.iter().zip(&layout.files) {
            starts.push(place.offset + placed.offset);
            self.put(place.offset + placed.offset, content);
        }
        starts
    }

    pub(crate) fn put(&self, offset: u64, bytes: &[u8]) {
        let file = File::options().write(true).open(&self.path).unwrap();
        file.write_all_at(bytes, offset).unwrap();
    }

    /// The whole image.
    pub(crate) fn whole(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    pub(crate) fn medium(&self) -> Medium {
        Medium::at(&self.path).unwrap()
    }

    /// Where the 8.3 name `name`, as directories hold it, stands on the ESP.
    pub(crate) fn directory_entry(&self, name: &[u8; 11]) -> u64 {
        let esp = self.extent(Role::Esp);
        let whole = self.whole();
        let (start, end) = (esp.offset as usize, (esp.offset + esp.bytes) as usize);
        let at = whole[start..end].windows(11).position(|bytes| bytes == name).unwrap();
        esp.offset + at as u64
    }
}

/// The files of the ESP, as the builder makes them.
pub(crate) fn esp_files() -> Vec<(&'static str, Vec<u8>)> {
    let [first, second] = files::BOOT_RECORDS;
    let record = Record::new().encode().unwrap();
    vec![
        (files::EFI_LOADER, vec![0x4d; 50_000]),
        (first, record.clone()),
        (second, record),
        (files::LAST_FAILURE, LastFailure::none()),
    ]
}
