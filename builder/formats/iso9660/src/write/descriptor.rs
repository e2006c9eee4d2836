//! Volume descriptors (ECMA-119 sections 8.1 to 8.5, Joliet, El Torito figure 7).

use anklume_bytes::{put, put_both_u16, put_both_u32, put_le_u32};

use super::Params;
use super::directory;
use super::place::{Flavour, Places};
use crate::date::{Date, NO_DATE};
use crate::error::PlanError;
use crate::layout::{FIRST_DESCRIPTOR, SECTOR, SECTOR_BYTES, descriptor as field};

type Sector = [u8; SECTOR];

/// All descriptors and their sectors.
pub(super) fn all(
    params: &Params,
    places: &Places,
    date: Date,
) -> Result<Vec<(u32, Vec<u8>)>, PlanError> {
    let mut pieces = vec![
        (FIRST_DESCRIPTOR, volume(params, places, Flavour::Primary, date)?),
        (places.joliet_descriptor, volume(params, places, Flavour::Joliet, date)?),
        (places.terminator, start(field::TERMINATOR).to_vec()),
    ];
    if let (Some(lba), Some(catalog)) = (places.boot_record, places.catalog) {
        pieces.push((lba, boot_record(catalog).ok_or(MISFIT)?));
    }
    Ok(pieces)
}

const MISFIT: PlanError = PlanError::DoesNotFit { object: "volume descriptor" };

fn start(kind: u8) -> Sector {
    let mut sector = [0; SECTOR];
    let head = [&[kind][..], field::MAGIC].concat();
    for (byte, value) in sector.iter_mut().zip(head) {
        *byte = value;
    }
    sector
}

fn boot_record(catalog: u32) -> Option<Vec<u8>> {
    let mut sector = start(field::BOOT);
    put(&mut sector, field::BOOT_SYSTEM_ID, field::EL_TORITO)?;
    put_le_u32(&mut sector, field::CATALOG, catalog)?;
    Some(sector.to_vec())
}

/// A primary or supplementary descriptor.
fn volume(
    params: &Params,
    places: &Places,
    flavour: Flavour,
    date: Date,
) -> Result<Vec<u8>, PlanError> {
    let span = places.tree(flavour).directories.first().copied().unwrap_or_default();
    let root = directory::encode(&[0], span, true, date, &[])?;
    let mut sector = start(match flavour {
        Flavour::Primary => field::PRIMARY,
        Flavour::Joliet => field::SUPPLEMENTARY,
    });
    identifiers(&mut sector, params, flavour).ok_or(MISFIT)?;
    numbers(&mut sector, params, places, flavour).ok_or(MISFIT)?;
    put(&mut sector, field::ROOT, &root).ok_or(MISFIT)?;
    dates(&mut sector, date).ok_or(MISFIT)?;
    Ok(sector.to_vec())
}

fn numbers(sector: &mut Sector, params: &Params, places: &Places, flavour: Flavour) -> Option<()> {
    let place = places.tree(flavour);
    let blocks = u32::try_from(params.volume_bytes / SECTOR_BYTES).ok()?;
    put_both_u32(sector, field::SPACE, blocks)?;
    put_both_u16(sector, field::SET_SIZE, 1)?;
    put_both_u16(sector, field::SEQUENCE, 1)?;
    put_both_u16(sector, field::BLOCK_SIZE, u16::try_from(SECTOR_BYTES).ok()?)?;
    put_both_u32(sector, field::TABLE_SIZE, place.table_l.1)?;
    put_le_u32(sector, field::TABLE_L, place.table_l.0)?;
    put(sector, field::TABLE_M, &place.table_m.0.to_be_bytes())?;
    put(sector, field::STRUCTURE_VERSION, &[1])
}

fn identifiers(sector: &mut Sector, params: &Params, flavour: Flavour) -> Option<()> {
    let short = field::SHORT_ID_BYTES;
    let long = field::LONG_ID_BYTES;
    let fields = [
        (field::SYSTEM_ID, params.system_id.as_str(), short),
        (field::VOLUME_ID, &params.volume_id, short),
        (field::SET_ID, &params.volume_id, long),
        (field::PUBLISHER, &params.publisher, long),
        (field::PREPARER, &params.preparer, long),
        (field::APPLICATION, &params.application, long),
    ];
    for (offset, text, length) in fields {
        put(sector, offset, &padded(text, length, flavour))?;
    }
    for offset in field::FILE_IDS {
        put(sector, offset, &padded("", field::FILE_ID_BYTES, flavour))?;
    }
    if flavour == Flavour::Joliet {
        put(sector, field::ESCAPES, field::JOLIET_LEVEL_3)?;
    }
    Some(())
}

/// `text` and spaces, cut to `length` bytes. A last byte that holds no UCS-2 character is zero.
fn padded(text: &str, length: usize, flavour: Flavour) -> Vec<u8> {
    let characters = text.encode_utf16().chain(std::iter::repeat(u16::from(b' ')));
    let mut bytes: Vec<u8> = match flavour {
        Flavour::Primary => text.bytes().chain(std::iter::repeat(b' ')).take(length).collect(),
        Flavour::Joliet => characters.take(length / 2).flat_map(u16::to_be_bytes).collect(),
    };
    bytes.resize(length, 0);
    bytes
}

/// Created and modified at `date`; never expires, effective at once.
fn dates(sector: &mut Sector, date: Date) -> Option<()> {
    let long = date.long();
    let values: [&[u8]; 4] = [&long, &long, NO_DATE, NO_DATE];
    for (offset, value) in field::DATES.into_iter().zip(values) {
        put(sector, offset, value)?;
    }
    Some(())
}
