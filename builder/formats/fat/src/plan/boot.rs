//! Boot sector and FSInfo.

use anklume_bytes::{put, put_le_u16, put_le_u32};

use crate::layout::{BOOT_BYTES, SECTOR_BYTES, SIGNATURE, SIGNATURE_BYTES, bpb, info};
use crate::plan::Params;
use crate::plan::geometry::{Geometry, ROOT_ENTRIES, Run, TABLES};
use crate::{FatType, layout};

/// Media byte of a disk with partitions.
pub(crate) const MEDIA: u8 = 0xf8;
/// First cluster of the FAT32 root directory.
const ROOT_CLUSTER: u32 = 2;
/// Sector of FSInfo on FAT32.
const INFO_SECTOR: u16 = 1;
/// Sector of the boot sector's copy on FAT32; FSInfo's copy follows it.
const BACKUP_SECTOR: u16 = 6;
/// The name that the specification recommends, because some drivers compare it.
const OEM_NAME: &[u8; 8] = b"MSWIN4.1";
/// `int 18h` (no bootable system here), then halt for ever.
const BOOT_CODE: [u8; 5] = [0xcd, 0x18, 0xf4, 0xeb, 0xfd];

/// Boot sector, FSInfo and their copies: byte offset and bytes.
pub(crate) fn encode(
    params: &Params,
    geometry: &Geometry,
    runs: &[Run],
) -> Option<Vec<(u64, Vec<u8>)>> {
    let boot = boot_sector(params, geometry)?;
    if geometry.fat_type != FatType::Fat32 {
        return Some(vec![(0, boot)]);
    }
    let mut sectors = boot;
    sectors.extend(info_sector(geometry, runs)?);
    let backup = u64::from(BACKUP_SECTOR).checked_mul(SECTOR_BYTES)?;
    Some(vec![(0, sectors.clone()), (backup, sectors)])
}

fn boot_sector(params: &Params, geometry: &Geometry) -> Option<Vec<u8>> {
    let mut sector = vec![0; BOOT_BYTES];
    let s = sector.as_mut_slice();
    let tail = match geometry.fat_type {
        FatType::Fat12 | FatType::Fat16 => {
            put_areas_16(s, geometry)?;
            bpb::TAIL_16
        }
        FatType::Fat32 => {
            put_areas_32(s, geometry)?;
            bpb::TAIL_32
        }
    };
    let code = tail.checked_add(bpb::CODE)?;
    put(s, bpb::JUMP, &[0xeb, u8::try_from(code.checked_sub(2)?).ok()?, 0x90])?;
    put(s, bpb::OEM_NAME, OEM_NAME)?;
    put_le_u16(s, bpb::SECTOR_BYTES, u16::try_from(SECTOR_BYTES).ok()?)?;
    let cluster_sectors = u8::try_from(geometry.cluster_bytes / SECTOR_BYTES).ok()?;
    put(s, bpb::CLUSTER_SECTORS, &[cluster_sectors])?;
    put_le_u16(s, bpb::RESERVED_SECTORS, geometry.reserved_sectors)?;
    put(s, bpb::TABLES, &[u8::try_from(TABLES).ok()?])?;
    put(s, bpb::MEDIA, &[MEDIA])?;
    put_le_u16(s, bpb::TRACK_SECTORS, 63)?;
    put_le_u16(s, bpb::HEADS, 255)?;
    put_le_u32(s, bpb::HIDDEN_SECTORS, params.hidden_sectors)?;
    put_tail(s.get_mut(tail..)?, params, geometry.fat_type)?;
    put(s, SIGNATURE, &SIGNATURE_BYTES)?;
    Some(sector)
}

/// The sizes of the areas on FAT12 and FAT16.
fn put_areas_16(sector: &mut [u8], geometry: &Geometry) -> Option<()> {
    put_le_u16(sector, bpb::ROOT_ENTRIES, u16::try_from(ROOT_ENTRIES).ok()?)?;
    put_le_u16(sector, bpb::TABLE_SECTORS_16, u16::try_from(geometry.table_sectors).ok()?)?;
    match u16::try_from(geometry.total_sectors) {
        Ok(sectors) => put_le_u16(sector, bpb::SECTORS_16, sectors),
        Err(_) => put_le_u32(sector, bpb::SECTORS_32, geometry.total_sectors),
    }
}

/// The sizes of the areas on FAT32. Both tables are kept equal, the version is 0.
fn put_areas_32(sector: &mut [u8], geometry: &Geometry) -> Option<()> {
    put_le_u32(sector, bpb::SECTORS_32, geometry.total_sectors)?;
    put_le_u32(sector, bpb::TABLE_SECTORS_32, geometry.table_sectors)?;
    put_le_u16(sector, bpb::FLAGS, 0)?;
    put_le_u16(sector, bpb::VERSION, 0)?;
    put_le_u32(sector, bpb::ROOT_CLUSTER, ROOT_CLUSTER)?;
    put_le_u16(sector, bpb::INFO_SECTOR, INFO_SECTOR)?;
    put_le_u16(sector, bpb::BACKUP_SECTOR, BACKUP_SECTOR)
}

fn put_tail(tail: &mut [u8], params: &Params, fat_type: FatType) -> Option<()> {
    let type_name = match fat_type {
        FatType::Fat12 => b"FAT12   ",
        FatType::Fat16 => b"FAT16   ",
        FatType::Fat32 => b"FAT32   ",
    };
    put(tail, bpb::DRIVE, &[0x80])?;
    put(tail, bpb::EXTENDED, &[0x29])?;
    put_le_u32(tail, bpb::SERIAL, params.serial)?;
    put(tail, bpb::LABEL, &params.label.bytes())?;
    put(tail, bpb::TYPE_NAME, type_name)?;
    put(tail, bpb::CODE, &BOOT_CODE)
}

fn info_sector(geometry: &Geometry, runs: &[Run]) -> Option<Vec<u8>> {
    let mut free = geometry.cluster_count;
    let mut next = ROOT_CLUSTER;
    for run in runs {
        free = free.checked_sub(run.count)?;
        next = next.max(run.start.checked_add(run.count)?);
    }
    // Behind the last cluster there is none: unknown.
    let last = geometry.cluster_count.checked_add(1)?;
    let next = if next > last { u32::MAX } else { next };
    let mut sector = vec![0; BOOT_BYTES];
    put_le_u32(&mut sector, info::LEAD, info::LEAD_VALUE)?;
    put_le_u32(&mut sector, info::STRUCTURE, info::STRUCTURE_VALUE)?;
    put_le_u32(&mut sector, info::FREE, free)?;
    put_le_u32(&mut sector, info::NEXT, next)?;
    put(&mut sector, layout::SIGNATURE, &layout::SIGNATURE_BYTES)?;
    Some(sector)
}
