//! The checksum of an image.

use crate::layout as at;
use crate::{Error, Image};

/// The value that `CheckSum` in the optional header should have (PE Format, "Optional Header
/// Windows-Specific Fields"): the ones' complement sum of all 16-bit little-endian words, the field
/// itself counting as zero, plus the length of the file.
///
/// Firmware does not look at it when it loads an application, and 0 stands for none: systemd's own
/// stub and the kernel carry 0. Signatures do not cover it.
///
/// # Errors
/// Those of [`Image::read`].
pub fn checksum(file: &[u8]) -> Result<u32, Error> {
    let field = checksum_offset(&Image::read(file)?);
    let before = file.get(..field).unwrap_or_default();
    let behind = file.get(field.saturating_add(4)..).unwrap_or_default();
    // The field lies on an even byte in every image that was linked; the words do not depend on
    // it otherwise, so an odd one is as if the file were split there.
    let sum = fold(words(before).wrapping_add(words(behind)));
    let length = u32::try_from(file.len()).unwrap_or(u32::MAX);
    Ok(u32::from(sum).wrapping_add(length))
}

/// Byte offset of `CheckSum`.
pub(crate) fn checksum_offset(image: &Image) -> usize {
    image.pe.saturating_add(at::FILE_HEADER_BYTES).saturating_add(at::CHECK_SUM)
}

/// Sum of the words; an odd byte at the end is a word with a zero behind it. No file is large
/// enough for the sum to overflow.
fn words(bytes: &[u8]) -> u64 {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let pairs = pairs.iter().map(|&pair| u64::from(u16::from_le_bytes(pair)));
    let odd = odd.iter().map(|&byte| u64::from(byte));
    pairs.chain(odd).fold(0, u64::wrapping_add)
}

/// Adds the carries until 16 bits are left.
fn fold(mut sum: u64) -> u16 {
    loop {
        match u16::try_from(sum) {
            Ok(sum) => return sum,
            Err(_) => sum = (sum & 0xffff).wrapping_add(sum >> 16),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_come_back_and_odd_bytes_count() {
        assert_eq!(fold(0x1_ffff), 1);
        assert_eq!(fold(0xffff_ffff_ffff), 0xffff);
        assert_eq!(words(&[1, 2, 3]), 0x0201 + 3);
    }

    #[test]
    fn the_field_itself_does_not_count() {
        let mut bytes = crate::sample::stub();
        let before = checksum(&bytes).unwrap();
        let field = checksum_offset(&Image::read(&bytes).unwrap());
        bytes[field] = 0xaa;
        assert_eq!(checksum(&bytes).unwrap(), before);
        bytes[field + 4] ^= 1;
        assert_ne!(checksum(&bytes).unwrap(), before);
    }
}
