//! Volume descriptors.

use anklume_bytes::{ReadAt, be_u16, be_u32, le_u16, le_u32};

use super::record::Record;
use crate::error::Error;
use crate::extent::Extent;
use crate::layout::{FIRST_DESCRIPTOR, SECTOR, SECTOR_BYTES, bounds, descriptor as field};

/// A number that is stored in both byte orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Both {
    /// Byte of the field within its structure.
    pub(crate) at: usize,
    pub(crate) little: u32,
    pub(crate) big: u32,
}

impl Both {
    /// A 16-bit number in both orders.
    pub(crate) fn narrow(bytes: &[u8], at: usize) -> Option<Self> {
        let little = u32::from(le_u16(bytes, at)?);
        Some(Self { at, little, big: u32::from(be_u16(bytes, at.checked_add(2)?)?) })
    }

    /// A 32-bit number in both orders.
    pub(crate) fn wide(bytes: &[u8], at: usize) -> Option<Self> {
        Some(Self { at, little: le_u32(bytes, at)?, big: be_u32(bytes, at.checked_add(4)?)? })
    }
}

/// The root directory of a tree.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) extent: Extent,
    /// Numbers in both byte orders, with offsets within the descriptor.
    pub(crate) numbers: Vec<Both>,
}

/// A primary or Joliet descriptor.
#[derive(Debug)]
pub(crate) struct Descriptor {
    /// Byte of the image where it begins.
    pub(crate) offset: u64,
    pub(crate) volume_id: String,
    pub(crate) publisher: String,
    pub(crate) space_bytes: u64,
    /// Path table size in bytes.
    pub(crate) table_bytes: u64,
    pub(crate) table_l: u32,
    pub(crate) table_m: u32,
    pub(crate) root: Root,
    /// Numbers in both byte orders.
    pub(crate) numbers: Vec<Both>,
}

/// What lies before the terminator.
#[derive(Debug)]
pub(crate) struct Descriptors {
    pub(crate) primary: Descriptor,
    pub(crate) joliet: Option<Descriptor>,
    /// Sector of the El Torito boot catalog.
    pub(crate) catalog: Option<u32>,
}

impl Descriptors {
    pub(crate) fn read<R: ReadAt + ?Sized>(image: &R) -> Result<Self, Error> {
        let (mut primary, mut joliet, mut catalog) = (None, None, None);
        let mut offset = u64::from(FIRST_DESCRIPTOR).saturating_mul(SECTOR_BYTES);
        for _ in 0..bounds::DESCRIPTORS {
            let mut sector = [0; SECTOR];
            image.read_at(offset, &mut sector).map_err(Error::reading("volume descriptor"))?;
            let kind = kind(&sector, offset)?;
            match kind {
                field::PRIMARY if primary.is_none() => {
                    primary = Some(Descriptor::parse(&sector, offset)?);
                }
                field::SUPPLEMENTARY if joliet.is_none() && is_joliet(&sector) => {
                    joliet = Some(Descriptor::parse(&sector, offset)?);
                }
                field::BOOT if catalog.is_none() && is_el_torito(&sector) => {
                    catalog = le_u32(&sector, field::CATALOG);
                }
                field::TERMINATOR => return finish(primary, joliet, catalog),
                _ => {}
            }
            offset = offset.saturating_add(SECTOR_BYTES);
        }
        Err(corrupt(offset, "a terminator", format!("{} descriptors", bounds::DESCRIPTORS)))
    }
}

fn finish(
    primary: Option<Descriptor>,
    joliet: Option<Descriptor>,
    catalog: Option<u32>,
) -> Result<Descriptors, Error> {
    let offset = u64::from(FIRST_DESCRIPTOR).saturating_mul(SECTOR_BYTES);
    let primary =
        primary.ok_or_else(|| corrupt(offset, "a primary descriptor", "none".to_owned()))?;
    Ok(Descriptors { primary, joliet, catalog })
}

fn corrupt(offset: u64, expected: &'static str, found: String) -> Error {
    Error::Corrupt { object: "volume descriptor", offset, expected, found }
}

/// The type of a descriptor, when it is one.
fn kind(sector: &[u8], offset: u64) -> Result<u8, Error> {
    match sector.split_first() {
        Some((kind, rest)) if rest.starts_with(field::MAGIC) => Ok(*kind),
        _ => {
            let found = sector.get(field::STANDARD_ID..).and_then(|rest| rest.get(..6));
            Err(corrupt(offset, "CD001 and version 1", format!("{:02x?}", found.unwrap_or(&[]))))
        }
    }
}

fn is_joliet(sector: &[u8]) -> bool {
    let escapes = sector.get(field::ESCAPES..).unwrap_or_default();
    field::JOLIET_LEVELS.iter().any(|level| escapes.starts_with(*level))
}

fn is_el_torito(sector: &[u8]) -> bool {
    let system = sector.get(field::BOOT_SYSTEM_ID..).unwrap_or_default();
    system.starts_with(field::EL_TORITO)
}

impl Descriptor {
    fn parse(sector: &[u8], offset: u64) -> Result<Self, Error> {
        // A sector always holds the fixed fields; this is for the type system.
        let short = || corrupt(offset, "2048 bytes", format!("{} bytes", sector.len()));
        let block = Both::narrow(sector, field::BLOCK_SIZE).ok_or_else(short)?;
        if u64::from(block.little) != SECTOR_BYTES {
            return Err(Error::Unsupported {
                object: "volume descriptor",
                offset,
                supported: "logical blocks of 2048 bytes",
                found: format!("a logical block size of {}", block.little),
            });
        }
        let space = Both::wide(sector, field::SPACE).ok_or_else(short)?;
        let table = Both::wide(sector, field::TABLE_SIZE).ok_or_else(short)?;
        let set_size = Both::narrow(sector, field::SET_SIZE).ok_or_else(short)?;
        let sequence = Both::narrow(sector, field::SEQUENCE).ok_or_else(short)?;
        Ok(Self {
            offset,
            volume_id: text(sector, field::VOLUME_ID, field::SHORT_ID_BYTES),
            publisher: text(sector, field::PUBLISHER, field::LONG_ID_BYTES),
            space_bytes: u64::from(space.little).saturating_mul(SECTOR_BYTES),
            table_bytes: u64::from(table.little),
            table_l: le_u32(sector, field::TABLE_L).ok_or_else(short)?,
            table_m: be_u32(sector, field::TABLE_M).ok_or_else(short)?,
            root: root(sector, offset)?,
            numbers: vec![space, set_size, sequence, block, table],
        })
    }
}

fn root(sector: &[u8], offset: u64) -> Result<Root, Error> {
    let at = offset.saturating_add(u64::try_from(field::ROOT).unwrap_or(u64::MAX));
    let bytes = sector.get(field::ROOT..).unwrap_or_default();
    let record = Record::parse(bytes, at)?;
    if !record.is_directory() {
        return Err(Error::Corrupt {
            object: "root directory record",
            offset: at,
            expected: "a directory",
            found: "a file".to_owned(),
        });
    }
    let shift = |both: Both| Both { at: both.at.saturating_add(field::ROOT), ..both };
    Ok(Root { extent: record.extent, numbers: record.numbers.map(shift).to_vec() })
}

/// An identifier without trailing spaces and zeros.
fn text(sector: &[u8], at: usize, length: usize) -> String {
    let bytes = sector.get(at..).and_then(|rest| rest.get(..length)).unwrap_or_default();
    String::from_utf8_lossy(bytes).trim_end_matches([' ', '\0']).to_owned()
}
