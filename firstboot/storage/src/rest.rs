//! The free space of the boot disk.

use std::path::PathBuf;

use anklume_bytes::ReadAt;
use anklume_gpt::Piece;
use anklume_host::file::FileReader;
use anklume_inventory::Inventory;
use anklume_setup::{NoRest, Rest, boot_disk};

/// Bytes of a sector; the disk of an OS is made for no other ones.
const SECTOR: u64 = 512;

/// Looks at the free space of the disk that the OS was started from.
///
/// # Errors
/// [`NoRest`].
pub fn rest(inventory: &Inventory) -> Result<Rest, NoRest> {
    let disk = boot_disk(inventory).ok_or(NoRest::Unknown)?;
    let node = PathBuf::from(format!("/dev/{}", disk.name));
    let reader = FileReader::open(&node).map_err(|_| NoRest::Damaged)?;
    let read = anklume_gpt::read(&reader, SECTOR).map_err(|_| NoRest::Damaged)?;
    // LBA 1 is where the primary header is (UEFI 2.10 section 5.3.2).
    let bytes = reader.read_vec(SECTOR, SECTOR, SECTOR).map_err(|_| NoRest::Damaged)?;
    Rest::find(disk, &read, Piece { offset: SECTOR, bytes })
}
