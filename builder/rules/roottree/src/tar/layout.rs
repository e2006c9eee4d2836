//! Fields of a header block. POSIX.1-2017, `pax`, "ustar Interchange Format".

use std::ops::Range;

/// Bytes of a header, and of what all content is padded to.
pub(crate) const BLOCK_BYTES: usize = 512;

/// Name, not terminated when it fills the field.
pub(super) const NAME: Range<usize> = 0..100;
/// Permission bits, octal.
pub(super) const MODE: Range<usize> = 100..108;
/// Owner, octal.
pub(super) const UID: Range<usize> = 108..116;
/// Group, octal.
pub(super) const GID: Range<usize> = 116..124;
/// Bytes of content, octal.
pub(super) const SIZE: Range<usize> = 124..136;
/// Seconds since 1970, octal.
pub(super) const MTIME: Range<usize> = 136..148;
/// Sum of all bytes of the header with this field as spaces, octal.
pub(super) const CHECKSUM: Range<usize> = 148..156;
/// Type of the entry.
pub(super) const TYPE: usize = 156;
/// Target of a link.
pub(super) const LINK: Range<usize> = 157..257;
/// `ustar` and zero (POSIX), `ustar` and space (GNU), zeros (before both).
pub(super) const MAGIC: Range<usize> = 257..263;
/// `00`.
pub(super) const VERSION: Range<usize> = 263..265;
/// Owner's name. Not read, written empty: numbers count in an image.
#[cfg(test)]
pub(super) const USER: Range<usize> = 265..297;
/// Group's name. Not read, written empty.
#[cfg(test)]
pub(super) const GROUP: Range<usize> = 297..329;
/// Major number of a device, octal.
pub(super) const MAJOR: Range<usize> = 329..337;
/// Minor number of a device, octal.
pub(super) const MINOR: Range<usize> = 337..345;
/// What precedes the name, with a slash between them. POSIX only; GNU keeps times here.
pub(super) const PREFIX: Range<usize> = 345..500;

/// [`MAGIC`] of POSIX.
pub(super) const MAGIC_POSIX: &[u8] = b"ustar\0";

/// Zero bytes that follow `size` bytes of content.
pub(crate) fn padding(size: u64) -> u64 {
    match size % 512 {
        0 => 0,
        rest => 512_u64.saturating_sub(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_contiguous() {
        let fields = [NAME, MODE, UID, GID, SIZE, MTIME, CHECKSUM, TYPE..157, LINK, MAGIC, VERSION];
        let more = [USER, GROUP, MAJOR, MINOR, PREFIX];
        let mut at = 0;
        for field in fields.into_iter().chain(more) {
            assert_eq!(field.start, at);
            at = field.end;
        }
        assert!(at <= BLOCK_BYTES);
    }

    #[test]
    fn padding_fills_the_last_block() {
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }
}
