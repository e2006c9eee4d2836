//! The image file: partitions, boot records, and the ISO 9660 view of the same sectors.

use anklume_bytes::ReadAt;
use anklume_gpt::{Guid, mbr};
use anklume_iso9660::{EfiImage, Entry, FileSpec, Params};
use anklume_layout::disk::{DiskPlan, Extent};
use anklume_layout::{
    ESP_BYTES, Role, SECTOR_BYTES, SYSTEM_AREA_BYTES, Slot, files, grub, grub_bytes,
};
use sha2::{Digest, Sha256};

use super::loader::Loader;
use super::slot::{FatImage, FatPlace, SlotFiles, Source, Writes, esp};
use crate::failure::{Context, Failure};

/// Volume identifier: at most 11 characters and upper-case, so that a copy to FAT can keep it.
const VOLUME_ID: &str = "ANKLUME";
/// Ventoy looks for this text in the volume descriptor and then leaves the initramfs alone.
const VENTOY_MARK: &str = "VENTOY COMPATIBLE";

/// Identifiers that follow from what an image holds: the same image has the same ones, another
/// version others.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    seed: [u8; 32],
}

impl Identity {
    /// Derived from name, version and time stamp.
    pub(super) fn new(name: &str, version: &str, epoch: u64) -> Self {
        let seed = Sha256::digest(format!("anklume image\0{name}\0{version}\0{epoch}"));
        Self { seed: seed.into() }
    }

    fn digest(&self, purpose: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(purpose);
        hash.finalize().into()
    }

    fn sixteen(&self, purpose: &str) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.digest(purpose)[..16]);
        bytes
    }

    pub(super) fn guid(&self, role: Option<Role>) -> Guid {
        Guid::from_hash(self.sixteen(&format!("guid {}", role.map_or("disk", Role::label))))
    }

    /// UUID of the hash tree's superblock.
    pub(super) fn verity_uuid(&self) -> [u8; 16] {
        Guid::from_hash(self.sixteen("verity uuid")).text_bytes()
    }

    /// Salt of the hash tree.
    pub(super) fn verity_salt(&self) -> Vec<u8> {
        self.digest("verity salt").to_vec()
    }

    fn fat_serial(&self, role: Role) -> u32 {
        let [a, b, c, d, ..] = self.sixteen(&format!("fat {}", role.label()));
        u32::from_be_bytes([a, b, c, d])
    }
}

/// Everything but the OS partition's content.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) disk: &'a DiskPlan,
    pub(super) identity: &'a Identity,
    pub(super) loader: &'a Loader,
    pub(super) slot: &'a SlotFiles,
    pub(super) title: &'a str,
    pub(super) command_line: &'a str,
    pub(super) epoch: u64,
    /// Squashfs and hash tree, in bytes.
    pub(super) os_bytes: u64,
}

impl Frame<'_> {
    /// What has to be written, with the boot records last.
    pub(super) fn writes(&self) -> Result<Writes, Failure> {
        let boot_place = self.extent(Role::Boot(Slot::A))?;
        let boot = self.slot.lay_out(&self.fat_place(boot_place, "ANKLUME-A"))?;
        let esp_place = self.extent(Role::Esp)?;
        let loader = self.loader.efi.clone();
        let esp = esp(&self.fat_place(esp_place, "ANKLUME-ESP"), loader)?;
        let mut writes = shifted(&boot, boot_place.offset);
        writes.extend(shifted(&esp, esp_place.offset));
        let bios = self.extent(Role::BiosBoot)?;
        let core_lba = bios.offset / SECTOR_BYTES;
        let core = grub_bytes::core_image(&self.loader.bios_core, core_lba, bios.bytes)
            .context("GRUB for BIOS")?;
        writes.push((bios.offset, Source::Bytes(core)));
        writes.push(self.iso_area(&boot, boot_place, &esp, esp_place)?);
        writes.extend(self.boot_records(core_lba)?);
        Ok(writes)
    }

    fn extent(&self, role: Role) -> Result<Extent, Failure> {
        let missing = || Failure::failed(format!("the plan has no partition {}", role.label()));
        self.disk.extent(role).ok_or_else(missing)
    }

    fn fat_place<'l>(&self, place: Extent, label: &'l str) -> FatPlace<'l> {
        FatPlace {
            label,
            serial: self.identity.fat_serial(place.role),
            offset: place.offset,
            bytes: place.bytes,
            epoch: self.epoch,
        }
    }

    /// The ISO 9660 volume: its files are the sectors that the partitions hold.
    fn iso_area(
        &self,
        boot: &FatImage,
        boot_place: Extent,
        esp: &FatImage,
        esp_place: Extent,
    ) -> Result<(u64, Source), Failure> {
        let alias =
            |path: String, offset_bytes, size| Entry::Alias(FileSpec { path, offset_bytes, size });
        let folder = files::ISO_FOLDER;
        let os = self.extent(Role::Os(Slot::A))?;
        let mut entries =
            vec![alias(format!("{folder}/{}", files::OS_IMAGE), os.offset, self.os_bytes)];
        for file in &boot.files {
            let path = format!("{folder}/{}", file.path);
            entries.push(alias(path, boot_place.offset + file.offset, file.size));
        }
        // The boot record is no part of the volume: it changes with every boot.
        for file in esp.files.iter().filter(|file| file.path == files::EFI_LOADER) {
            entries.push(alias(file.path.clone(), esp_place.offset + file.offset, file.size));
        }
        for (path, config) in [
            (files::LOOPBACK_CONFIG, grub::loopback_config(self.title, self.command_line)),
            (files::TREE_CONFIG, grub::tree_config(self.title, self.command_line)),
        ] {
            entries.push(Entry::Inline { path: path.to_owned(), content: config.into_bytes() });
        }
        let efi_image = EfiImage {
            offset_bytes: esp_place.offset,
            sectors_512: u16::try_from(ESP_BYTES / SECTOR_BYTES).context("the ESP's size")?,
        };
        let params = Params {
            volume_id: VOLUME_ID.to_owned(),
            system_id: String::new(),
            publisher: "ANKLUME".to_owned(),
            preparer: "ANKLUME-BUILD".to_owned(),
            application: VENTOY_MARK.to_owned(),
            timestamp: self.epoch,
            volume_bytes: self.disk.total_bytes,
            limit_bytes: SYSTEM_AREA_BYTES,
            bios_core: Some(self.loader.cd_core.clone()),
            efi_image: Some(efi_image),
        };
        let area = anklume_iso9660::plan(&params, &entries).context("the ISO 9660 volume")?;
        Ok((area.offset_bytes, Source::Bytes(area.bytes)))
    }

    fn boot_records(&self, core_lba: u64) -> Result<Writes, Failure> {
        let table = self.disk.table(|role| self.identity.guid(role));
        let encoded = table.encode().context("the partition table")?;
        let code =
            grub_bytes::boot_code(&self.loader.boot_img, core_lba).context("GRUB for BIOS")?;
        let record = mbr::encode(&code, table.disk_sectors, true).context("the boot record")?;
        let pieces = [
            encoded.backup_entries,
            encoded.backup_header,
            encoded.primary_entries,
            encoded.primary_header,
        ];
        let mut writes: Writes =
            pieces.into_iter().map(|piece| (piece.offset, Source::Bytes(piece.bytes))).collect();
        writes.push((0, Source::Bytes(record.to_vec())));
        Ok(writes)
    }
}

fn shifted(image: &FatImage, by: u64) -> Writes {
    image.writes.iter().map(|(offset, source)| (by + offset, source.clone())).collect()
}

/// Checks that no two writes touch the same byte and none leaves the file: a mistake in a layout
/// must not become a damaged image.
pub(super) fn check_disjoint(writes: &Writes, total_bytes: u64) -> Result<(), Failure> {
    let mut ranges: Vec<(u64, u64)> = writes
        .iter()
        .filter(|(_, source)| source.bytes() > 0)
        .map(|(offset, source)| (*offset, offset.saturating_add(source.bytes())))
        .collect();
    ranges.sort_unstable();
    let overlap = ranges.windows(2).find(|pair| pair[0].1 > pair[1].0);
    if let Some(pair) = overlap {
        return Err(Failure::failed(format!(
            "two parts of the image overlap: bytes {}..{} and {}..{}",
            pair[0].0, pair[0].1, pair[1].0, pair[1].1
        )));
    }
    match ranges.last() {
        Some((_, end)) if *end > total_bytes => Err(Failure::failed(format!(
            "a part of the image ends at byte {end}, behind its end at byte {total_bytes}"
        ))),
        _ => Ok(()),
    }
}

/// Reads a range of a source to write it elsewhere, in pieces of at most a MiB.
pub(super) fn copy(
    source: &dyn ReadAt,
    target: &dyn Fn(u64, &[u8]) -> std::io::Result<()>,
    at: u64,
) -> Result<(), Failure> {
    let mut done = 0;
    let mut buffer = vec![0; 1 << 20];
    while done < source.size() {
        let part = (source.size() - done).min(1 << 20);
        let part = usize::try_from(part).unwrap_or(buffer.len());
        let piece = &mut buffer[..part];
        source.read_at(done, piece).context("reading a part of the image")?;
        target(at + done, piece).context("writing the image")?;
        done += u64::try_from(part).unwrap_or(u64::MAX);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_writes_are_found() {
        let bytes = |n: usize| Source::Bytes(vec![0; n]);
        assert!(check_disjoint(&vec![(0, bytes(4)), (4, bytes(4))], 8).is_ok());
        assert!(check_disjoint(&vec![(4, bytes(4)), (0, bytes(5))], 8).is_err());
        assert!(check_disjoint(&vec![(4, bytes(5))], 8).is_err());
        assert!(check_disjoint(&vec![(4, bytes(0)), (0, bytes(8))], 8).is_ok());
    }

    #[test]
    fn identifiers_differ_by_purpose_and_by_version() {
        let one = Identity::new("debian", "1", 7);
        assert_eq!(one.guid(None), Identity::new("debian", "1", 7).guid(None));
        assert_ne!(one.guid(None), one.guid(Some(Role::Esp)));
        assert_ne!(one.guid(None), Identity::new("debian", "2", 7).guid(None));
        assert_ne!(one.fat_serial(Role::Esp), one.fat_serial(Role::Boot(Slot::A)));
    }
}
