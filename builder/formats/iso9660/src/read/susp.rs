//! System use fields (SUSP 1.12, RRIP 1.12).

use anklume_bytes::{ReadAt, le_u32};

use super::record::Record;
use super::walk::Budget;
use crate::error::Error;
use crate::extent::Extent;
use crate::layout::{SECTOR_BYTES, bounds};

/// Length of signature, length and version of a field, in bytes (SUSP 1.12 section 4.1).
const HEADER_BYTES: usize = 4;
/// `NM` flags: the name is `.` or `..`, not the one that is stored (RRIP 1.12 section 4.1.4). The
/// flag that a name goes on is not needed: the parts of all `NM` fields make up the name.
const NAME_IS_DOT: u8 = 6;

/// What a record says beyond ISO 9660.
#[derive(Debug, Default)]
pub(super) struct SystemUse {
    pub(super) name: Option<Vec<u8>>,
    /// `st_mode`.
    pub(super) mode: Option<u32>,
}

/// Where the fields of a record go on (`CE`, SUSP 1.12 section 5.1).
struct Continuation {
    offset_bytes: u64,
    length: u64,
}

/// The bytes to skip in every system use area, when the first record of the root directory begins
/// with an `SP` field (SUSP 1.12 section 5.3).
pub(super) fn detect<R: ReadAt + ?Sized>(image: &R, root: Extent) -> Result<Option<u8>, Error> {
    let length = root.size.min(SECTOR_BYTES);
    let bytes = image
        .read_vec(root.offset_bytes, length, SECTOR_BYTES)
        .map_err(Error::reading("root directory"))?;
    if bytes.first().is_none_or(|length| *length == 0) {
        return Ok(None);
    }
    let record = Record::parse(&bytes, root.offset_bytes)?;
    Ok(match record.system_use {
        [b'S', b'P', 7, 1, 0xbe, 0xef, skip, ..] => Some(*skip),
        _ => None,
    })
}

impl SystemUse {
    /// Reads `fields` and what they continue with. `offset` is that of the record.
    pub(super) fn read<R: ReadAt + ?Sized>(
        image: &R,
        fields: &[u8],
        offset: u64,
        budget: &mut Budget,
    ) -> Result<Self, Error> {
        let mut found = Self::default();
        let mut next = found.take(fields, offset)?;
        for _ in 0..bounds::CONTINUATIONS {
            let Some(more) = next else { return Ok(found) };
            budget.pay(more.length, more.offset_bytes)?;
            let bytes = image
                .read_vec(more.offset_bytes, more.length, SECTOR_BYTES)
                .map_err(Error::reading("continuation area"))?;
            next = found.take(&bytes, more.offset_bytes)?;
        }
        match next {
            None => Ok(found),
            Some(_) => Err(Error::Unsupported {
                object: "directory record",
                offset,
                supported: "16 continuation areas",
                found: "a longer chain".to_owned(),
            }),
        }
    }

    /// Takes what is known of `area`; returns where its fields go on.
    fn take(&mut self, area: &[u8], offset: u64) -> Result<Option<Continuation>, Error> {
        let mut rest = area;
        let mut next = None;
        // Padding at the end is shorter than a field or zero.
        while let [first, second, length, _, ..] = rest {
            if (*first, *second) == (0, 0) || (*first, *second) == (b'S', b'T') {
                break;
            }
            let length = usize::from(*length);
            let field = rest.get(..length).filter(|field| field.len() >= HEADER_BYTES);
            let Some(field) = field else { return Err(corrupt(rest, offset)) };
            match (first, second) {
                (b'N', b'M') => self.take_name(field, offset)?,
                (b'P', b'X') => self.mode = le_u32(field, HEADER_BYTES),
                (b'C', b'E') => next = continuation(field),
                _ => {}
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(next)
    }

    fn take_name(&mut self, field: &[u8], offset: u64) -> Result<(), Error> {
        let [_, _, _, _, flags, part @ ..] = field else { return Err(corrupt(field, offset)) };
        if flags & NAME_IS_DOT != 0 {
            return Ok(());
        }
        let name = self.name.get_or_insert_default();
        name.extend(part);
        if name.len() > bounds::NAME_BYTES {
            return Err(Error::Unsupported {
                object: "rock ridge name",
                offset,
                supported: "1024 bytes",
                found: format!("{} bytes", name.len()),
            });
        }
        Ok(())
    }
}

fn continuation(field: &[u8]) -> Option<Continuation> {
    let [block, start, length] = [4, 12, 20].map(|at| le_u32(field, at).map(u64::from));
    let offset_bytes = block?.saturating_mul(SECTOR_BYTES).saturating_add(start?);
    Some(Continuation { offset_bytes, length: length? })
}

fn corrupt(rest: &[u8], offset: u64) -> Error {
    let head: Vec<u8> = rest.iter().take(8).copied().collect();
    Error::Corrupt {
        object: "system use field",
        offset,
        expected: "a length that ends in its area",
        found: format!("bytes {head:02x?}"),
    }
}
