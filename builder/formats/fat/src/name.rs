//! Short names and volume labels.

use crate::Error;

/// A name as a directory entry holds it: 8 bytes and 3 bytes, padded with spaces.
pub(crate) type ShortName = [u8; 11];

/// Punctuation that a short name may have ("Short Directory Entries").
const PUNCTUATION: &[u8] = b"$%'-_@~`!(){}^#&";

/// A volume label: 1 to 11 characters of short names, spaces inside allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label(ShortName);

impl Label {
    /// A label from its text.
    ///
    /// # Errors
    /// [`Error::Refused`] for an empty or longer text, lower case, a space at either end, and
    /// characters that short names cannot have.
    pub fn new(text: &str) -> Result<Self, Error> {
        let bytes = text.as_bytes();
        let mut label = [b' '; 11];
        let fits = !bytes.is_empty() && bytes.len() <= label.len();
        let trimmed = !text.starts_with(' ') && !text.ends_with(' ');
        if !fits || !trimmed || !bytes.iter().all(|b| *b == b' ' || is_allowed(*b)) {
            let expected = "1 to 11 characters of a short name";
            return Err(Error::refused("volume label", expected, format!("`{text}`")));
        }
        fill(&mut label, bytes);
        Ok(Self(label))
    }

    /// The 11 bytes, padded with spaces.
    #[must_use]
    pub const fn bytes(self) -> [u8; 11] {
        self.0
    }
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || PUNCTUATION.contains(&byte)
}

fn fill(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// The entry form of `name`, `None` if it is not an upper-case 8.3 name.
pub(crate) fn encode(name: &str) -> Option<ShortName> {
    let (base, extension) = match name.split_once('.') {
        Some((base, extension)) if !extension.is_empty() => (base, extension),
        Some(_) => return None,
        None => (name, ""),
    };
    let fits = !base.is_empty() && base.len() <= 8 && extension.len() <= 3;
    if !fits || !base.bytes().chain(extension.bytes()).all(is_allowed) {
        return None;
    }
    let mut short = [b' '; 11];
    let (first, second) = short.split_at_mut(8);
    fill(first, base.as_bytes());
    fill(second, extension.as_bytes());
    Some(short)
}

/// The text of an entry's name.
pub(crate) fn decode(short: ShortName) -> String {
    let text = |bytes: &[u8]| -> String {
        let padding = bytes.iter().rev().take_while(|b| **b == b' ').count();
        let length = bytes.len().saturating_sub(padding);
        let bytes = bytes.iter().take(length);
        bytes.map(|b| if b.is_ascii() { char::from(*b) } else { '\u{fffd}' }).collect()
    };
    let (base, extension) = short.split_at(8);
    let (base, extension) = (text(base), text(extension));
    if extension.is_empty() { base } else { format!("{base}.{extension}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_padded_and_read_back() {
        for (text, bytes) in [
            ("BOOTX64.EFI", b"BOOTX64 EFI"),
            ("VMLINUZ", b"VMLINUZ    "),
            ("12345678.9AB", b"123456789AB"),
            ("A.B", b"A       B  "),
        ] {
            assert_eq!(encode(text), Some(*bytes));
            assert_eq!(decode(*bytes), text);
        }
        assert_eq!(decode([0x80; 11]), "\u{fffd}".repeat(8) + "." + &"\u{fffd}".repeat(3));
    }

    #[test]
    fn long_and_lower_case_names_are_refused() {
        for text in [
            "",
            ".",
            "..",
            "A.",
            ".A",
            "a",
            "A B",
            "A.B.C",
            "123456789",
            "A.1234",
            "É",
            "A/B",
            "A\0",
        ] {
            assert_eq!(encode(text), None, "{text}");
        }
    }

    #[test]
    fn labels_are_checked() {
        assert_eq!(Label::new("MY ESP").unwrap().bytes(), *b"MY ESP     ");
        for text in ["", "esp", "123456789012", " ESP", "ESP ", "A.B", "É"] {
            assert!(Label::new(text).is_err(), "{text}");
        }
    }
}
