//! GUIDs in the mixed-endian form of UEFI.

use std::fmt;
use std::str::FromStr;

/// A GUID, held in the order of its text form.
///
/// On disk the first three fields are little-endian (UEFI 2.10, appendix A).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Guid([u8; 16]);

impl Guid {
    /// The GUID of an unused partition entry.
    pub const ZERO: Self = Self([0; 16]);

    /// A GUID from the 32 digits of its text form, `0x01234567_89ab_cdef_0123_456789abcdef`.
    #[must_use]
    pub const fn from_u128(digits: u128) -> Self {
        Self(digits.to_be_bytes())
    }

    /// A version 8 GUID (RFC 9562 section 5.8) from any 16 bytes, for identifiers that are derived
    /// from content.
    #[must_use]
    pub const fn from_hash(bytes: [u8; 16]) -> Self {
        Self::with_version(bytes, 8)
    }

    /// A version 4 GUID (RFC 9562 section 5.4) from 16 random bytes, for identifiers that belong to
    /// one disk.
    #[must_use]
    pub const fn from_random(bytes: [u8; 16]) -> Self {
        Self::with_version(bytes, 4)
    }

    /// Sets the version, and the variant of RFC 9562 section 4.1.
    const fn with_version(mut bytes: [u8; 16], version: u8) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | (version << 4);
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// The version (RFC 9562 section 4.2), `None` for a GUID of another variant than that of the
    /// RFC.
    #[must_use]
    pub const fn version(self) -> Option<u8> {
        if self.0[8] & 0xc0 == 0x80 { Some(self.0[6] >> 4) } else { None }
    }

    /// The bytes in the order of the text form.
    #[must_use]
    pub const fn text_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The bytes as a partition table holds them.
    #[must_use]
    pub const fn to_disk(self) -> [u8; 16] {
        swap(self.0)
    }

    /// A GUID from the bytes of a partition table.
    #[must_use]
    pub const fn from_disk(bytes: [u8; 16]) -> Self {
        Self(swap(bytes))
    }
}

/// Reverses the first three fields, which turns either byte order into the other.
const fn swap(b: [u8; 16]) -> [u8; 16] {
    [
        b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13],
        b[14], b[15],
    ]
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a GUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a GUID, expected 8-4-4-4-12 hexadecimal digits")]
pub struct ParseGuidError {
    text: String,
}

impl FromStr for Guid {
    type Err = ParseGuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseGuidError { text: text.to_owned() };
        let groups: Vec<&str> = text.split('-').collect();
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        if lengths != [8, 4, 4, 4, 12] || !text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
        {
            return Err(error());
        }
        u128::from_str_radix(&groups.concat(), 16).map(Self::from_u128).map_err(|_| error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_form_swaps_the_first_three_fields() {
        let esp: Guid = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b".parse().unwrap();
        assert_eq!(esp.to_disk()[..8], [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11]);
        assert_eq!(Guid::from_disk(esp.to_disk()), esp);
        assert_eq!(esp.to_string(), "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
        assert_eq!(esp, Guid::from_u128(0xc12a7328_f81f_11d2_ba4b_00a0c93ec93b));
    }

    #[test]
    fn the_version_tells_where_a_guid_comes_from() {
        for byte in [0x00, 0xff] {
            assert_eq!(Guid::from_random([byte; 16]).version(), Some(4));
            assert_eq!(Guid::from_hash([byte; 16]).version(), Some(8));
        }
        let random = Guid::from_random([0xff; 16]).to_string();
        assert_eq!(random, "ffffffff-ffff-4fff-bfff-ffffffffffff");
        let esp: Guid = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b".parse().unwrap();
        assert_eq!(esp.version(), Some(1));
        assert_eq!(Guid::ZERO.version(), None);
        let microsoft: Guid = "c12a7328-f81f-41d2-ca4b-00a0c93ec93b".parse().unwrap();
        assert_eq!(microsoft.version(), None);
    }

    #[test]
    fn what_is_no_guid_is_refused() {
        for text in [
            "",
            "c12a7328",
            "+12a7328-f81f-11d2-ba4b-00a0c93ec93b",
            "é12a732-f81f-11d2-ba4b-00a0c93ec93b",
        ] {
            assert!(text.parse::<Guid>().is_err(), "{text}");
        }
    }
}
