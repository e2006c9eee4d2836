//! The bundle beside an image file: a tar archive of the small files of a repository.
//!
//! The index is read once; the files are read where they lie. Formats: POSIX ustar, GNU long names, and
//! the `path` and `size` records of pax headers (POSIX.1-2017, `pax`, section *pax Interchange Format*).
//! Not supported: sparse files and links, which a repository has none of.

use std::collections::BTreeMap;
use std::ops::Range;

use anklume_bytes::{ReadAt, ReadError, align_up};

use crate::location::MAX_NAME_BYTES;

/// Length of a header, and what contents are padded to.
const BLOCK_BYTES: u64 = 512;
/// The most entries that are read.
const MAX_ENTRIES: usize = 10_000;
/// The most that is read of a long name or a pax header, in bytes.
const MAX_EXTENSION_BYTES: u64 = 16 << 10;

/// Where the files of a bundle lie.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BundleIndex {
    files: BTreeMap<String, Range<u64>>,
}

/// What is wrong with a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleFault {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It ends without the blocks of zeros that end it.
    #[error("tar header at byte {offset}: the archive ends here, expected its end mark")]
    Unfinished {
        /// Where the next header was expected.
        offset: u64,
    },
    /// A header whose sum is another one.
    #[error("tar header at byte {offset}: its checksum is {found:?}, expected {expected}")]
    Checksum {
        /// First byte of the header.
        offset: u64,
        /// The sum of its bytes.
        expected: u64,
        /// What it says, if that is a number.
        found: Option<u64>,
    },
    /// A content that ends behind the archive.
    #[error(
        "tar header at byte {offset}: the content of {bytes:?} bytes ends behind the archive at byte {size}"
    )]
    Content {
        /// First byte of the header.
        offset: u64,
        /// Length of the content, if that is a number.
        bytes: Option<u64>,
        /// Length of the archive.
        size: u64,
    },
    /// An entry that is neither a file nor a folder.
    #[error("tar header at byte {offset}: entry of type {kind:?}, expected a file or a folder")]
    Kind {
        /// First byte of the header.
        offset: u64,
        /// Its type flag.
        kind: char,
    },
    /// A name that is not text, or an extension that cannot be read.
    #[error("tar header at byte {offset}: its name cannot be read")]
    Name {
        /// First byte of the header.
        offset: u64,
    },
    /// A name that no file of a repository has.
    #[error(
        "tar header at byte {offset}: its name has {bytes} bytes, expected at most {MAX_NAME_BYTES}"
    )]
    LongName {
        /// First byte of the header.
        offset: u64,
        /// Length of the name.
        bytes: usize,
    },
    /// Two files of one name.
    #[error("tar header at byte {offset}: {name:?} is there twice")]
    Twice {
        /// First byte of the second header.
        offset: u64,
        /// The name.
        name: String,
    },
    /// More entries than a repository has files.
    #[error("it has more than {MAX_ENTRIES} entries")]
    Entries,
}

/// What headers in front of an entry say about it.
#[derive(Default)]
struct Extension {
    name: Option<String>,
    bytes: Option<u64>,
}

impl BundleIndex {
    /// Reads all headers of a tar archive.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(archive: &(impl ReadAt + ?Sized)) -> Result<Self, BundleFault> {
        let mut files = BTreeMap::new();
        let mut extension = Extension::default();
        let mut offset = 0;
        for _ in 0..MAX_ENTRIES {
            let mut header = [0; 512];
            match archive.read_at(offset, &mut header) {
                Err(ReadError::OutOfBounds { .. }) => {
                    return Err(BundleFault::Unfinished { offset });
                }
                result => result?,
            }
            if header.iter().all(|byte| *byte == 0) {
                return Ok(Self { files });
            }
            check_sum(&header, offset)?;
            let kind = header[156];
            let bytes = number(&header[124..136]);
            // An extension has a content of its own; what it says is about the entry after it.
            let is_extension = matches!(kind, b'L' | b'K' | b'x' | b'g');
            let bytes = if is_extension { bytes } else { extension.bytes.or(bytes) };
            let (content, next) = place(offset, bytes, archive.size())?;
            match kind {
                b'0' | 0 | b'7' => {
                    let name = std::mem::take(&mut extension).name.or_else(|| own_name(&header));
                    let name = name.ok_or(BundleFault::Name { offset })?;
                    let name = name.trim_start_matches("./").to_owned();
                    // All names are held, and whoever made the archive chose them.
                    if name.len() > MAX_NAME_BYTES {
                        return Err(BundleFault::LongName { offset, bytes: name.len() });
                    }
                    if files.insert(name.clone(), content).is_some() {
                        return Err(BundleFault::Twice { offset, name });
                    }
                }
                b'5' => extension = Extension::default(),
                b'g' | b'K' => {}
                b'L' => {
                    let text = text(archive, &content, offset)?;
                    extension.name = Some(text.trim_end_matches('\0').to_owned());
                }
                b'x' => pax(&text(archive, &content, offset)?, &mut extension)
                    .ok_or(BundleFault::Name { offset })?,
                kind => return Err(BundleFault::Kind { offset, kind: char::from(kind) }),
            }
            offset = next;
        }
        Err(BundleFault::Entries)
    }

    /// Where a file lies in the archive.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Range<u64>> {
        self.files.get(name).cloned()
    }

    /// The names of all files, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }
}

/// The sum of a header's bytes, the field of the sum itself counted as blanks.
fn check_sum(header: &[u8; 512], offset: u64) -> Result<(), BundleFault> {
    let others = header[..148].iter().chain(&header[156..]);
    let expected = others.map(|byte| u64::from(*byte)).sum::<u64>() + 8 * u64::from(b' ');
    match number(&header[148..156]) {
        Some(found) if found == expected => Ok(()),
        found => Err(BundleFault::Checksum { offset, expected, found }),
    }
}

/// Where the content of an entry lies, and the next header.
fn place(offset: u64, bytes: Option<u64>, size: u64) -> Result<(Range<u64>, u64), BundleFault> {
    let start = offset.saturating_add(BLOCK_BYTES);
    let end = bytes.and_then(|bytes| start.checked_add(bytes)).filter(|end| *end <= size);
    let next = end.and_then(|end| align_up(end, BLOCK_BYTES));
    let (Some(end), Some(next)) = (end, next) else {
        return Err(BundleFault::Content { offset, bytes, size });
    };
    Ok((start..end, next))
}

/// An octal number that ends with a NUL or a blank, or a binary one of GNU.
fn number(field: &[u8]) -> Option<u64> {
    if field.first() == Some(&0x80) {
        let (front, value) = field.split_last_chunk::<8>()?;
        let rest = front.strip_prefix(&[0x80])?;
        return rest.iter().all(|byte| *byte == 0).then(|| u64::from_be_bytes(*value));
    }
    let text = str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    let is_octal = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    is_octal.then(|| u64::from_str_radix(text, 8).ok()).flatten()
}

/// The name in a header: the prefix of ustar, a slash, and the name.
fn own_name(header: &[u8; 512]) -> Option<String> {
    let field = |field: &[u8]| {
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
        str::from_utf8(&field[..end]).ok().map(str::to_owned)
    };
    let name = field(&header[..100])?;
    // GNU has other things there.
    let prefix =
        if &header[257..263] == b"ustar\0" { field(&header[345..500])? } else { String::new() };
    let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
    (!name.is_empty()).then_some(name)
}

/// The content of an extension.
fn text(
    archive: &(impl ReadAt + ?Sized),
    content: &Range<u64>,
    offset: u64,
) -> Result<String, BundleFault> {
    let bytes = content.end - content.start;
    let bytes = archive.read_vec(content.start, bytes, MAX_EXTENSION_BYTES)?;
    String::from_utf8(bytes).map_err(|_| BundleFault::Name { offset })
}

/// The records of a pax header, each `LENGTH KEY=VALUE` and a line feed, the length that of all of it.
fn pax(mut records: &str, extension: &mut Extension) -> Option<()> {
    while !records.is_empty() {
        let (length, _) = records.split_once(' ')?;
        let end = usize::try_from(crate::header::digits(length)?).ok()?;
        let record = records.get(length.len() + 1..end)?.strip_suffix('\n')?;
        let (key, value) = record.split_once('=')?;
        match key {
            "path" => extension.name = Some(value.to_owned()),
            "size" => extension.bytes = Some(crate::header::digits(value)?),
            _ => {}
        }
        records = records.get(end..)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_headers() {
        for (field, expected) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b" 17 \0\0", Some(0o17)),
            (b"00000000018\0", None),
            (b"\0\0\0\0", None),
            (b"-7\0", None),
            (b"\x80\0\0\0\0\0\0\x01\0\0\0\0", Some(1 << 32)),
            (b"\x80\0\0\x01\0\0\0\0\0\0\0\0", None),
            (b"\x80\0\0\0\0\0\0\x01", None),
            (b"\x80", None),
            (b"", None),
        ] {
            assert_eq!(number(field), expected, "{field:?}");
        }
    }

    #[test]
    fn records_of_pax_headers() {
        let read = |text: &str| {
            let mut extension = Extension::default();
            pax(text, &mut extension).map(|()| (extension.name, extension.bytes))
        };
        let name = || Some("a=b".to_owned());
        assert_eq!(read("12 path=a=b\n10 size=7\n"), Some((name(), Some(7))));
        assert_eq!(read("9 mtime=1\n"), None);
        assert_eq!(read("11 mtime=1\n12 path=a=b\n"), Some((name(), None)));
        for text in
            ["x path=a\n", "1 path=a\n", "99 path=a\n", "9 path=a", "10 size=x\n", "0 \n", "\n"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
