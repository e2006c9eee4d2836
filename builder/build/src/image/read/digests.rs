//! Digests of what is booted, of the bytes as they lie in the image.
//!
//! Who builds an image and who verifies one use the same reader.

use anklume_bytes::{ReadAt, Window, le_u32};
use anklume_layout::manifest::{self, Digest};
use anklume_layout::{Role, SECTOR_BYTES, files, grub_bytes};
use sha2::{Digest as _, Sha256};

use super::disk::{Disk, name};
use super::folder::Folder;
use super::grub;
use super::iso::{self, Iso, PLATFORM_BIOS};
use super::os::hex;
use crate::image::fault::{self, Fault};

/// Bytes hashed at a time.
const PIECE_BYTES: u64 = 1 << 20;
/// Byte of the boot information in El Torito's image that says how long that is, u32 LE
/// (mkisofs(8), "EL TORITO BOOT INFORMATION TABLE").
const BOOT_INFO_LENGTH: u64 = 16;

/// A digest, and what has it.
#[derive(Debug)]
pub(crate) struct Found {
    /// Name in the manifest.
    pub(crate) key: &'static str,
    /// What it is called in messages.
    pub(crate) object: String,
    /// First byte in the image.
    pub(crate) offset: u64,
    pub(crate) digest: Digest,
}

/// The digests of the files of a slot.
pub(crate) fn boot_files(folder: &Folder<'_>) -> Vec<Result<Found, Fault>> {
    manifest::BOOT_FILES.iter().map(|path| file(folder, path)).collect()
}

/// The digests of the parts of the boot loader.
pub(crate) fn loader(disk: &Disk<'_>) -> Vec<Result<Found, Fault>> {
    let boot_code = u64::try_from(grub_bytes::BOOT_CODE_BYTES).unwrap_or(u64::MAX);
    let mut found = vec![
        range(disk, manifest::BOOT_CODE, "mbr: boot code".to_owned(), (0, boot_code)),
        core_image(disk),
        efi_loader(disk),
    ];
    match Iso::open(disk.image) {
        Ok(volume) => {
            found.push(cd_image(disk, &volume));
            for path in [files::TREE_CONFIG, files::LOOPBACK_CONFIG] {
                found.push(config(disk, &volume, path));
            }
        }
        Err(fault) => found.push(Err(fault)),
    }
    found.push(iso_view(disk));
    found
}

fn file(folder: &Folder<'_>, path: &'static str) -> Result<Found, Fault> {
    let content = folder.file(path)?;
    let (object, offset) = (folder.file_name(path), folder.offset(&content));
    let digest = digest(&content).map_err(|error| fault::read(&object, offset, &error))?;
    Ok(Found { key: path, object, offset, digest })
}

/// Bytes of the image.
fn range(
    disk: &Disk<'_>,
    key: &'static str,
    object: String,
    (offset, bytes): (u64, u64),
) -> Result<Found, Fault> {
    let digest = Window::new(disk.image, offset, bytes).and_then(|window| digest(&window));
    let digest = digest.map_err(|error| fault::read(&object, 0, &error))?;
    Ok(Found { key, object, offset, digest })
}

fn core_image(disk: &Disk<'_>) -> Result<Found, Fault> {
    let object = format!("{}: GRUB's core image", name(Role::BiosBoot));
    let missing = || Fault::new("partition table", SECTOR_BYTES, name(Role::BiosBoot), "none");
    let place = disk.place(Role::BiosBoot).ok_or_else(missing)?;
    let sector = disk.image.read_vec(place.offset, SECTOR_BYTES, SECTOR_BYTES);
    let sector = sector.map_err(|error| fault::read(&object, 0, &error))?;
    range(disk, manifest::CORE_IMAGE, object, (place.offset, grub::core_bytes(&sector)))
}

fn efi_loader(disk: &Disk<'_>) -> Result<Found, Fault> {
    let missing = || Fault::new("partition table", SECTOR_BYTES, name(Role::Esp), "none");
    let part = disk.part(Role::Esp)?.ok_or_else(missing)?;
    let base = disk.place(Role::Esp).ok_or_else(missing)?.offset;
    file(&Folder::open(name(Role::Esp), base, &part)?, files::EFI_LOADER)
}

fn cd_image(disk: &Disk<'_>, volume: &Iso<'_>) -> Result<Found, Fault> {
    let object = "el torito: BIOS image".to_owned();
    let entries = volume.catalog.iter().flat_map(|catalog| &catalog.entries);
    let entry = entries.into_iter().find(|entry| entry.platform == PLATFORM_BIOS);
    let missing = || Fault::new(&object, anklume_iso9660::AREA_OFFSET, "an entry", "none");
    let offset = entry.ok_or_else(missing)?.offset_bytes;
    let length = disk.image.read_vec(offset.saturating_add(BOOT_INFO_LENGTH), 4, 4);
    let length = length.map_err(|error| fault::read(&object, 0, &error))?;
    let length = u64::from(le_u32(&length, 0).unwrap_or_default());
    range(disk, manifest::CD_IMAGE, object, (offset, length))
}

fn config(disk: &Disk<'_>, volume: &Iso<'_>, path: &'static str) -> Result<Found, Fault> {
    let node = volume.files().find(|node| node.path.eq_ignore_ascii_case(path));
    let at = anklume_iso9660::AREA_OFFSET;
    let missing = || Fault::new("iso 9660 volume", at, format!("a file {path}"), "none");
    let node = node.ok_or_else(missing)?;
    range(disk, path, iso::name(node), (node.extent.offset_bytes, node.extent.size))
}

fn iso_view(disk: &Disk<'_>) -> Result<Found, Fault> {
    let object = "iso 9660 volume: all of its structures".to_owned();
    let at = anklume_iso9660::AREA_OFFSET;
    let first = disk.place(Role::BiosBoot).map_or(at, |place| place.offset);
    range(disk, manifest::ISO_VIEW, object, (at, first.saturating_sub(at)))
}

/// The digest of all of `content`.
pub(crate) fn digest(content: &dyn ReadAt) -> Result<Digest, anklume_bytes::ReadError> {
    let (mut hash, mut done) = (Sha256::new(), 0);
    while done < content.size() {
        let now = content.size().saturating_sub(done).min(PIECE_BYTES);
        hash.update(content.read_vec(done, now, PIECE_BYTES)?);
        done = done.saturating_add(now);
    }
    Ok(Digest { bytes: content.size(), sha256: hex(&hash.finalize()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_covers_every_piece() {
        let mut bytes = vec![0_u8; (1 << 20) + 1];
        // sha256sum of as many zeros.
        let zeros = "2cb74edba754a81d121c9db6833704a8e7d417e5b13d1a19f4a52f007d644264";
        assert_eq!(digest(&bytes).unwrap(), Digest { bytes: 1_048_577, sha256: zeros.to_owned() });
        *bytes.last_mut().unwrap() = 1;
        assert_ne!(digest(&bytes).unwrap().sha256, zeros);
    }
}
