//! What is wrong with an image: one shape for the errors of all formats.

use std::fmt;

use anklume_bytes::ReadError;
use serde::Serialize;

/// Something wrong: which object, where, what was expected, what is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fault {
    /// What is wrong, such as `partition 3 (anklume-boot-a)`.
    pub object: String,
    /// Byte of the image, where one can be named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// What a sound image has there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What this one has.
    pub found: String,
}

impl fmt::Display for Fault {
    /// One line: object, offset, expected, found.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.object)?;
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset}")?;
        }
        match &self.expected {
            Some(expected) => write!(f, ": expected {expected}, found {}", self.found),
            None => write!(f, ": {}", self.found),
        }
    }
}

impl Fault {
    /// A fault with all its parts.
    pub(crate) fn new(
        object: impl fmt::Display,
        offset: u64,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self {
            object: object.to_string(),
            offset: Some(offset),
            expected: Some(expected.to_string()),
            found: shown(&found.to_string()),
        }
    }

    /// A fault that a sentence says.
    pub(crate) fn told(object: impl fmt::Display, offset: u64, found: impl fmt::Display) -> Self {
        Self {
            object: object.to_string(),
            offset: Some(offset),
            expected: None,
            found: shown(&found.to_string()),
        }
    }

    /// Names what the fault was found in.
    pub(crate) fn within(mut self, object: impl fmt::Display) -> Self {
        self.object = format!("{object}: {}", self.object);
        self
    }
}

/// Text of an image on one line: hostile names must not reach the terminal as they are.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 400;
    text.chars()
        .take(MOST)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

/// A read of `object` that failed; offsets count from byte `base` of the image.
pub(crate) fn read(object: &str, base: u64, error: &ReadError) -> Fault {
    match error {
        ReadError::OutOfBounds { offset, length, size } => Fault::new(
            object,
            base.saturating_add(*offset),
            format!("{length} bytes"),
            format!("the end at byte {}", base.saturating_add(*size)),
        ),
        ReadError::TooLong { offset, length, limit } => Fault::new(
            object,
            base.saturating_add(*offset),
            format!("at most {limit} bytes"),
            length,
        ),
        ReadError::Io { offset, .. } => {
            Fault::told(object, base.saturating_add(*offset), format!("cannot be read: {error}"))
        }
    }
}

/// A partition table; its offsets are those of the image.
pub(crate) fn gpt(error: &anklume_gpt::Error) -> Fault {
    use anklume_gpt::Error as E;
    match error {
        E::Corrupt { object, offset, expected, found }
        | E::Unsupported { object, offset, expected, found } => {
            Fault::new(object, *offset, expected, found)
        }
        E::Io { object, source } => read(object, 0, source),
        E::NotAtEnd { expected, found } => Fault::new(
            "backup partition table",
            found.saturating_mul(anklume_layout::SECTOR_BYTES),
            format!("its place in sector {expected}, the last of the image"),
            format!("sector {found}"),
        ),
        E::NoTable { .. } | E::Refused { .. } => Fault::told("partition table", 512, error),
    }
}

/// A FAT file system in `object` at byte `base` of the image.
pub(crate) fn fat(object: &str, base: u64, error: &anklume_fat::Error) -> Fault {
    use anklume_fat::Error as E;
    match error {
        E::Corrupt { object: part, offset, expected, found }
        | E::Unsupported { object: part, offset, expected, found } => {
            Fault::new(part, base.saturating_add(*offset), expected, found).within(object)
        }
        E::Io { object: part, source } => read(part, base, source).within(object),
        E::Refused { .. } => Fault::told(object, base, error),
    }
}

/// The ISO 9660 volume; its offsets are those of the image.
pub(crate) fn iso(error: &anklume_iso9660::Error) -> Fault {
    use anklume_iso9660::Error as E;
    let within = "iso 9660 volume";
    match error {
        E::Corrupt { object, offset, expected, found } => {
            Fault::new(object, *offset, expected, found).within(within)
        }
        E::Unsupported { object, offset, supported, found } => {
            Fault::new(object, *offset, supported, found).within(within)
        }
        E::Read { object, source } => read(object, 0, source).within(within),
        E::NotFound { .. } => Fault::told(within, anklume_iso9660::AREA_OFFSET, error),
    }
}

/// A PE image in `object`, whose first byte is byte `base` of the image.
pub(crate) fn pe(object: &str, base: u64, error: &anklume_uki::Error) -> Fault {
    use anklume_uki::Error as E;
    let at = |offset: u64| base.saturating_add(offset);
    match error {
        E::Short { structure, offset, found } => {
            let found = format!("the end at byte {}", at(*found));
            Fault::new(structure, at(*offset), "a whole structure", found).within(object)
        }
        E::Field { field, offset, expected, found }
        | E::Unsupported { field, offset, expected, found } => {
            Fault::new(field, at(*offset), expected, format!("{found:#x}")).within(object)
        }
        E::SectionOutside { offset, .. } => Fault::told(object, at(*offset), error),
        E::Read(source) => read("pe image", base, source).within(object),
        _ => Fault::told(object, base, error),
    }
}

/// A squashfs at byte `base` of the image.
pub(crate) fn squashfs(object: &str, base: u64, error: &anklume_squashfs::Error) -> Fault {
    use anklume_squashfs::Error as E;
    let at = |offset: &usize| base.saturating_add(u64::try_from(*offset).unwrap_or(u64::MAX));
    let name = |field: &str| format!("{object}: squashfs superblock: {field}");
    match error {
        E::Field { field, offset, expected, found } => {
            Fault::new(name(field), at(offset), expected, format!("{found:#x}"))
        }
        E::Unsupported { field, offset, expected, found } => {
            Fault::new(name(field), at(offset), expected, found)
        }
        E::Short { expected, found } => {
            let (expected, found) = (format!("{expected} bytes"), format!("{found} bytes"));
            Fault::new(format!("{object}: squashfs superblock"), base, expected, found)
        }
        E::Read(source) => read("squashfs superblock", base, source).within(object),
    }
}

/// The tables or a block of a squashfs, `object`, at byte `base` of the image.
pub(crate) fn table(object: &str, base: u64, error: &anklume_squashfs::TableError) -> Fault {
    use anklume_squashfs::{Place, TableError as E};
    let name = |part: &str, place: &Place| match place.within {
        Some(within) => format!("{object}: {part}, {within} bytes into the metadata block"),
        None => format!("{object}: {part}"),
    };
    let at = |place: &Place| base.saturating_add(place.byte);
    match error {
        E::Corrupt { object: part, place, expected, found } => {
            Fault::new(name(part, place), at(place), expected, found)
        }
        E::Unsupported { object: part, place, expected, found } => {
            Fault::new(name(part, place), at(place), expected, found)
        }
        E::TooMany { object: part, limit } => {
            Fault::new(format!("{object}: {part}"), base, format!("at most {limit}"), "more")
        }
        E::Read { object: part, source } => read(part, base, source).within(object),
    }
}

/// A hash tree: the data begins at byte `base` of the image, the superblock `data_bytes` later.
pub(crate) fn verity(
    object: &str,
    base: u64,
    data_bytes: u64,
    error: &anklume_verity::Error,
) -> Fault {
    use anklume_verity::Error as E;
    let tree = base.saturating_add(data_bytes);
    match error {
        E::Superblock { field, offset, expected, found } => {
            let at = tree.saturating_add(u64::try_from(*offset).unwrap_or(u64::MAX));
            Fault::new(format!("{object}: verity superblock: {field}"), at, expected, found)
        }
        E::RootHash { expected, found } => {
            Fault::new(format!("{object}: root hash of the tree"), tree, expected, found)
        }
        E::Blocks { bad } => {
            let at = bad.first().map_or(0, |block| block.offset);
            let blocks: Vec<String> = bad.iter().map(|block| bad_block(base, block)).collect();
            let object = format!("{object}: verity");
            Fault::told(object, base.saturating_add(at), format!("bad: {}", blocks.join(", ")))
        }
        E::Read(source) => read("verity", base, source).within(object),
        _ => Fault::told(object, tree, error),
    }
}

fn bad_block(base: u64, block: &anklume_verity::BadBlock) -> String {
    let at = base.saturating_add(block.offset);
    match block.level {
        None => format!("data block at byte {at}"),
        Some(level) => format!("hash block of level {level} at byte {at}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_one_line_with_object_offset_expected_found() {
        let fault = Fault::new("x", 5, "a", "b\nc").within("y");
        assert_eq!(fault.to_string(), "y: x at byte 5: expected a, found b\u{fffd}c");
        assert_eq!(Fault::told("x", 5, "gone").to_string(), "x at byte 5: gone");
    }

    #[test]
    fn offsets_become_those_of_the_image() {
        let error = anklume_verity::Error::Blocks {
            bad: vec![anklume_verity::BadBlock { level: None, offset: 4096 }],
        };
        assert_eq!(verity("os", 1 << 20, 0, &error).offset, Some((1 << 20) + 4096));
        let error = anklume_fat::Error::Corrupt {
            object: "boot sector".to_owned(),
            offset: 11,
            expected: "512".to_owned(),
            found: "0".to_owned(),
        };
        let fault = fat("esp", 100, &error);
        assert_eq!((fault.offset, fault.object.as_str()), (Some(111), "esp: boot sector"));
    }
}
