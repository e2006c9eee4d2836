//! Rock Ridge fields of directory records (SUSP 1.12 section 5, RRIP 1.12 section 4).
//!
//! The form of 1991 is written (`RRIP_1991A`, `PX` without serial number), as xorriso does: every
//! reader knows it.

use super::directory::Row;
use super::tree::{Child, Tree};
use crate::date::Date;
use crate::error::PlanError;

/// A directory that everybody may read and enter, as `st_mode`.
const DIRECTORY_MODE: u32 = 0o040_555;
/// A file that everybody may read, as `st_mode`.
const FILE_MODE: u32 = 0o100_444;
/// `TF` flags: modification, access and attribute change, as seven bytes each.
const TIMES: u8 = 0x0e;

/// Identifier, descriptor and source that the protocol prescribes for `ER` (RRIP 1.09 section 4.3).
const EXTENSION: [&[u8]; 3] = [
    b"RRIP_1991A",
    b"THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS",
    b"PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER IDENTIFIER IN PRIMARY \
      VOLUME DESCRIPTOR FOR CONTACT INFORMATION.",
];

/// The `ER` field, which is too long for the root directory's own record.
pub(super) fn extension_record() -> Vec<u8> {
    let lengths = EXTENSION.map(|part| u8::try_from(part.len()).unwrap_or(u8::MAX));
    let total = lengths.iter().fold(8_u8, |sum, length| sum.saturating_add(*length));
    let mut field = b"ER".to_vec();
    field.extend([total, 1]);
    field.extend(lengths);
    field.push(1);
    field.extend(EXTENSION.concat());
    field
}

/// The system use area of a record.
pub(super) fn system_use(
    row: &Row<'_>,
    tree: &Tree<'_>,
    extension: u32,
    date: Date,
) -> Result<Vec<u8>, PlanError> {
    let mut fields = Vec::new();
    if row.first {
        // No bytes to skip in other records.
        fields.extend(*b"SP\x07\x01\xbe\xef\x00");
    }
    if let Some(name) = row.name {
        let misfit = |_| PlanError::DoesNotFit { object: "rock ridge name" };
        let length = u8::try_from(name.len().saturating_add(5)).map_err(misfit)?;
        fields.extend([b'N', b'M', length, 1, 0]);
        fields.extend(name.as_bytes());
    }
    let (mode, links) = match row.child {
        Child::File(_) => (FILE_MODE, 1),
        Child::Directory(index) => (DIRECTORY_MODE, directory_links(tree, index)),
    };
    fields.extend(*b"PX\x24\x01");
    for value in [mode, links, 0, 0] {
        fields.extend(value.to_le_bytes());
        fields.extend(value.to_be_bytes());
    }
    fields.extend([b'T', b'F', 26, 1, TIMES]);
    fields.extend(date.short().repeat(3));
    if row.first {
        fields.extend(*b"CE\x1c\x01");
        let length = u32::try_from(extension_record().len()).unwrap_or(u32::MAX);
        for value in [extension, 0, length] {
            fields.extend(value.to_le_bytes());
            fields.extend(value.to_be_bytes());
        }
    }
    Ok(fields)
}

/// Itself, the entry in its parent, and one for every subdirectory, as in any POSIX file system.
fn directory_links(tree: &Tree<'_>, index: usize) -> u32 {
    let children = tree.directories.get(index).map(|directory| directory.children.values());
    let below = children.into_iter().flatten();
    let count = below.filter(|child| matches!(child, Child::Directory(_))).count();
    u32::try_from(count.saturating_add(2)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::extension_record;

    #[test]
    fn the_extension_record_has_the_prescribed_lengths() {
        let record = extension_record();
        assert_eq!(&record[..8], &[b'E', b'R', 237, 1, 10, 84, 135, 1]);
        assert_eq!(record.len(), 237);
    }
}
