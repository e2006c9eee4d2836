//! The hash that stands for a whole image.

use std::fmt;
use std::str::FromStr;

use crate::Error;
use crate::layout::DIGEST;

/// Root hash of a tree: the digest of its top block. Shown and parsed as 64 hexadecimal digits,
/// shown in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RootHash(pub [u8; 32]);

impl fmt::Display for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootHash({self})")
    }
}

impl FromStr for RootHash {
    type Err = Error;

    /// Parses exactly 64 hexadecimal digits of either case.
    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).map(Self).ok_or_else(|| {
            // The text comes from a command line or a file: a message shows only its start.
            Error::RootHashText { found: text.chars().take(80).collect() }
        })
    }
}

fn parse(text: &str) -> Option<[u8; DIGEST]> {
    let mut nibbles = text
        .bytes()
        .map(|byte| char::from(byte).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok()));
    let mut digest = [0; DIGEST];
    for byte in &mut digest {
        *byte = nibbles.next()?? << 4 | nibbles.next()??;
    }
    nibbles.next().is_none().then_some(digest)
}

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_agree() {
        let text = "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef";
        let hash: RootHash = text.parse().unwrap();
        assert_eq!((hash.0[1], hash.0[31]), (0x11, 0xef));
        assert_eq!(hash.to_string(), text);
        assert_eq!(text.to_uppercase().parse::<RootHash>().unwrap(), hash);
        assert_eq!(format!("{hash:?}"), format!("RootHash({text})"));
    }

    #[test]
    fn other_texts_are_refused() {
        let good = "0".repeat(64);
        for bad in ["", "0", &good[1..], &format!("{good}0"), &good.replacen('0', "g", 1), "é"] {
            assert!(matches!(bad.parse::<RootHash>(), Err(Error::RootHashText { .. })), "{bad}");
        }
    }
}
