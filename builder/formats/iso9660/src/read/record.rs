//! Directory records (ECMA-119 section 9.1).

use super::descriptor::Both;
use crate::error::Error;
use crate::extent::Extent;
use crate::layout::{SECTOR_BYTES, record as field};

/// One directory record.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    /// Length of the record in bytes, at least 34.
    pub(crate) length: usize,
    pub(crate) extent: Extent,
    flags: u8,
    interleaved: bool,
    pub(crate) identifier: &'a [u8],
    /// What lies behind the identifier and its padding.
    pub(crate) system_use: &'a [u8],
    /// Location, size and volume sequence number.
    pub(crate) numbers: [Both; 3],
}

impl<'a> Record<'a> {
    /// The record at the start of `bytes`, which end with its sector. `offset` is its place in the
    /// image.
    pub(crate) fn parse(bytes: &'a [u8], offset: u64) -> Result<Self, Error> {
        Self::fields(bytes).ok_or_else(|| {
            let head: Vec<u8> = bytes.iter().take(field::MIN_BYTES).copied().collect();
            corrupt(offset, "a record that holds its identifier and ends in its sector", &head)
        })
    }

    fn fields(bytes: &'a [u8]) -> Option<Self> {
        let length = usize::from(*bytes.first()?);
        let record = bytes.get(..length)?;
        if length < field::MIN_BYTES {
            return None;
        }
        let id_length = usize::from(*record.get(field::ID_LENGTH)?);
        let end = field::ID.checked_add(id_length)?;
        let identifier = record.get(field::ID..end)?;
        // An identifier of even length is followed by a zero byte (ECMA-119 section 9.1.12), which
        // may be missing when nothing follows.
        let system_use = record.get(end.next_multiple_of(2)..).unwrap_or_default();
        let location = Both::wide(record, field::LOCATION)?;
        let size = Both::wide(record, field::SIZE)?;
        let sequence = Both::narrow(record, field::SEQUENCE)?;
        // The data begin behind the extended attribute record (ECMA-119 section 6.5.1).
        let skipped = u64::from(*record.get(field::ATTRIBUTES)?);
        let sector = u64::from(location.little).saturating_add(skipped);
        Some(Self {
            length,
            extent: Extent {
                offset_bytes: sector.saturating_mul(SECTOR_BYTES),
                size: u64::from(size.little),
            },
            flags: *record.get(field::FLAGS)?,
            interleaved: *record.get(field::UNIT_SIZE)? != 0 || *record.get(field::GAP)? != 0,
            identifier,
            system_use,
            numbers: [location, size, sequence],
        })
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.flags & field::DIRECTORY != 0
    }

    /// Whether the record stands for the directory itself or its parent.
    pub(crate) fn is_dot(&self) -> bool {
        self.identifier == field::SELF_ID || self.identifier == field::PARENT_ID
    }

    /// # Errors
    /// [`Error::Unsupported`] for a file that is not one range of bytes.
    pub(crate) fn refuse_unsupported(&self, offset: u64) -> Result<(), Error> {
        let found = if self.flags & field::MULTI_EXTENT != 0 {
            "a file of several extents"
        } else if self.interleaved {
            "an interleaved file"
        } else {
            return Ok(());
        };
        Err(Error::Unsupported {
            object: "directory record",
            offset,
            supported: "one range of bytes",
            found: found.to_owned(),
        })
    }

    /// The identifier as big-endian UCS-2, without version.
    pub(crate) fn joliet_name(&self, offset: u64) -> Result<String, Error> {
        let (units, rest) = self.identifier.as_chunks::<2>();
        let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
        let name: Result<String, _> = char::decode_utf16(units).collect();
        match name {
            Ok(mut name) if rest.is_empty() => {
                if let Some(end) = name.rfind(';') {
                    name.truncate(end);
                }
                Ok(name)
            }
            _ => Err(corrupt(offset, "a joliet name in ucs-2", self.identifier)),
        }
    }
}

fn corrupt(offset: u64, expected: &'static str, found: &[u8]) -> Error {
    Error::Corrupt {
        object: "directory record",
        offset,
        expected,
        found: format!("bytes {found:02x?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut bytes = vec![0; 40];
        bytes[0] = 40;
        bytes[1] = 1;
        bytes[2..10].copy_from_slice(&[20, 0, 0, 0, 0, 0, 0, 20]);
        bytes[10..18].copy_from_slice(&[0, 8, 0, 0, 0, 0, 8, 0]);
        bytes[32..36].copy_from_slice(&[2, b'A', b'B', 0]);
        bytes
    }

    #[test]
    fn a_record_has_its_fields_and_skips_extended_attributes() {
        let bytes = sample();
        let record = Record::parse(&bytes, 0).unwrap();
        assert_eq!(record.extent, Extent { offset_bytes: 21 * 2048, size: 2048 });
        assert_eq!((record.identifier, record.system_use.len()), (&b"AB"[..], 4));
    }

    #[test]
    fn lengths_that_lead_outside_are_corrupt() {
        for (at, value) in [(0, 41), (0, 33), (0, 0), (32, 8), (32, 255)] {
            let mut bytes = sample();
            bytes[at] = value;
            assert!(matches!(Record::parse(&bytes, 7), Err(Error::Corrupt { offset: 7, .. })));
        }
    }

    #[test]
    fn several_extents_and_interleaving_are_not_supported() {
        for (at, value) in [(25, 0x80), (26, 1), (27, 1)] {
            let mut bytes = sample();
            bytes[at] = value;
            let record = Record::parse(&bytes, 0).unwrap();
            assert!(matches!(record.refuse_unsupported(0), Err(Error::Unsupported { .. })));
        }
    }
}
