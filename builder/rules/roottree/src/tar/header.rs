//! One header block, read.

use super::layout::{
    BLOCK_BYTES, CHECKSUM, GID, LINK, MAGIC, MAGIC_POSIX, MAJOR, MINOR, MODE, MTIME, NAME, PREFIX,
    SIZE, TYPE, UID,
};
use crate::error::Corruption;
use std::ops::Range;

/// The fields of a header, of which nothing but the checksum has been checked.
#[derive(Clone)]
pub(super) struct Header {
    block: [u8; BLOCK_BYTES],
}

impl Header {
    /// Takes a block whose checksum fits; `None` for a block of zeros.
    pub(super) fn read(block: [u8; BLOCK_BYTES]) -> Result<Option<Self>, Corruption> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let header = Self { block };
        let expected = header.number(CHECKSUM, "checksum")?;
        let found = checksum(&header.block);
        if expected != found {
            return Err(Corruption::Checksum { expected, found });
        }
        Ok(Some(header))
    }

    pub(super) fn kind(&self) -> u8 {
        self.block.get(TYPE).copied().unwrap_or(0)
    }

    /// The name with the prefix of POSIX headers.
    pub(super) fn name(&self) -> Vec<u8> {
        let name = self.text(NAME);
        let prefix = if self.field(MAGIC) == MAGIC_POSIX { self.text(PREFIX) } else { b"" };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    pub(super) fn link(&self) -> &[u8] {
        self.text(LINK)
    }

    pub(super) fn mode(&self) -> Result<u32, Corruption> {
        self.small(MODE, "mode").map(|mode| mode & 0o7777)
    }

    pub(super) fn uid(&self) -> Result<u32, Corruption> {
        self.small(UID, "uid")
    }

    pub(super) fn gid(&self) -> Result<u32, Corruption> {
        self.small(GID, "gid")
    }

    pub(super) fn size(&self) -> Result<u64, Corruption> {
        self.number(SIZE, "size")
    }

    /// Seconds since 1970; what is older counts as 1970.
    pub(super) fn mtime(&self) -> Result<u64, Corruption> {
        let negative = self.field(MTIME).first() == Some(&0xff);
        if negative { Ok(0) } else { self.number(MTIME, "mtime") }
    }

    /// Major and minor number of a device.
    pub(super) fn device(&self) -> Result<(u32, u32), Corruption> {
        Ok((self.small(MAJOR, "device major")?, self.small(MINOR, "device minor")?))
    }

    fn field(&self, range: Range<usize>) -> &[u8] {
        self.block.get(range).unwrap_or_default()
    }

    fn text(&self, range: Range<usize>) -> &[u8] {
        let field = self.field(range);
        field.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    fn small(&self, range: Range<usize>, field: &'static str) -> Result<u32, Corruption> {
        let number = self.number(range, field)?;
        u32::try_from(number).map_err(|_| Corruption::Number { field })
    }

    /// Octal digits between spaces or zeros, or GNU's base-256: first byte 0x80, then big-endian.
    fn number(&self, range: Range<usize>, field: &'static str) -> Result<u64, Corruption> {
        let bytes = self.field(range);
        let value = match bytes.split_first() {
            Some((0x80, digits)) => base_256(digits),
            _ => octal(bytes),
        };
        value.ok_or(Corruption::Number { field })
    }
}

/// The sum of POSIX: all bytes, those of the checksum itself as spaces.
pub(super) fn checksum(block: &[u8; BLOCK_BYTES]) -> u64 {
    let bytes = block.iter().enumerate();
    bytes.map(|(at, byte)| u64::from(if CHECKSUM.contains(&at) { b' ' } else { *byte })).sum()
}

fn base_256(digits: &[u8]) -> Option<u64> {
    digits
        .iter()
        .try_fold(0_u64, |value, digit| value.checked_mul(256)?.checked_add(u64::from(*digit)))
}

/// An empty field is zero: GNU tar leaves the device numbers of files empty.
fn octal(bytes: &[u8]) -> Option<u64> {
    let text = bytes.split(|byte| *byte == 0).next()?.trim_ascii();
    text.iter().try_fold(0_u64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(u64::from(digit.wrapping_sub(b'0'))),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(octal(b"0000644\0"), Some(0o644));
        assert_eq!(octal(b"   644 \0"), Some(0o644));
        assert_eq!(octal(b"\0\0\0\0"), Some(0));
        assert_eq!(octal(b"0000648\0"), None);
        assert_eq!(octal(b"7777777777777777777777777"), None);
        assert_eq!(base_256(&[0, 0, 2, 0, 0, 0, 0]), Some(0x2_0000_0000));
        assert_eq!(base_256(&[1; 11]), None);
    }

    #[test]
    fn a_flipped_bit_breaks_the_checksum() {
        let mut header = ::tar::Header::new_gnu();
        header.set_path("usr/bin/x").unwrap();
        header.set_size(7);
        header.set_mode(0o4755);
        header.set_cksum();
        let mut block = *header.as_bytes();
        let read = Header::read(block).unwrap().unwrap();
        assert_eq!(read.name(), b"usr/bin/x");
        assert_eq!((read.size().unwrap(), read.mode().unwrap()), (7, 0o4755));
        block[3] ^= 1;
        assert!(matches!(Header::read(block), Err(Corruption::Checksum { .. })));
    }
}
