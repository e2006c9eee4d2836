//! Partition entries as bytes.

use anklume_bytes::{le_u16, le_u64, put, put_le_u16, put_le_u64};

use crate::error::Place;
use crate::{Error, Guid, Partition, layout};

/// The GUID at `offset`.
pub(crate) fn guid(bytes: &[u8], offset: usize) -> Option<Guid> {
    let end = offset.checked_add(16)?;
    Some(Guid::from_disk(bytes.get(offset..end)?.try_into().ok()?))
}

/// Writes `partition` into its 128 bytes. The name is known to fit.
pub(crate) fn encode(partition: &Partition, entry: &mut [u8]) -> Option<()> {
    put(entry, layout::TYPE_GUID, &partition.type_guid.to_disk())?;
    put(entry, layout::UNIQUE_GUID, &partition.unique_guid.to_disk())?;
    put_le_u64(entry, layout::FIRST_LBA, partition.first_lba)?;
    put_le_u64(entry, layout::LAST_LBA, partition.last_lba)?;
    put_le_u64(entry, layout::ATTRIBUTES, partition.attributes)?;
    for (index, unit) in partition.name.encode_utf16().enumerate() {
        put_le_u16(entry, layout::NAME.checked_add(index.checked_mul(2)?)?, unit)?;
    }
    Some(())
}

/// The partition in an entry, `None` if the entry is unused.
pub(crate) fn parse(entry: &[u8], number: u32, place: Place) -> Result<Option<Partition>, Error> {
    let short = || place.corrupt("entry", 0, "128 bytes", entry.len());
    let type_guid = guid(entry, layout::TYPE_GUID).ok_or_else(short)?;
    if type_guid == Guid::ZERO {
        return Ok(None);
    }
    Ok(Some(Partition {
        number,
        type_guid,
        unique_guid: guid(entry, layout::UNIQUE_GUID).ok_or_else(short)?,
        first_lba: le_u64(entry, layout::FIRST_LBA).ok_or_else(short)?,
        last_lba: le_u64(entry, layout::LAST_LBA).ok_or_else(short)?,
        attributes: le_u64(entry, layout::ATTRIBUTES).ok_or_else(short)?,
        name: name(entry).ok_or_else(|| {
            place.corrupt(&format!("entry {number} name"), layout::NAME, "utf-16", "other units")
        })?,
    }))
}

/// The name of an entry, `None` if it is not UTF-16.
fn name(entry: &[u8]) -> Option<String> {
    let mut units = Vec::new();
    for index in 0..layout::NAME_UNITS {
        match le_u16(entry, layout::NAME.checked_add(index.checked_mul(2)?)?)? {
            0 => break,
            unit => units.push(unit),
        }
    }
    String::from_utf16(&units).ok()
}
