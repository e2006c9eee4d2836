//! The values of a lock and their rules. They are checked while the text is parsed: only there does
//! the TOML parser know which line an error belongs to.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A SHA-256 digest; hexadecimal in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

/// A value that its rule refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is `{found}`, expected {expected}")]
pub struct ValueError {
    /// What the value is.
    pub what: &'static str,
    /// The value.
    pub found: String,
    /// The rule.
    pub expected: &'static str,
}

impl Sha256 {
    /// A digest from its 32 bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Sha256 {
    type Err = ValueError;

    /// Reads 64 lower-case hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError {
            what: "sha256",
            found: text.chars().take(80).collect(),
            expected: "64 lower-case hexadecimal digits",
        };
        let digit = |c: u8| match c {
            b'0'..=b'9' => Some(c.wrapping_sub(b'0')),
            b'a'..=b'f' => Some(c.wrapping_sub(b'a').wrapping_add(10)),
            _ => None,
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let (high, low) = (digit(*high).ok_or_else(wrong)?, digit(*low).ok_or_else(wrong)?);
            *byte = high.wrapping_shl(4) | low;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A kind of text and its rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    what: &'static str,
    expected: &'static str,
    holds: fn(&str) -> bool,
}

/// Names of binary packages.
pub(crate) const NAME: Rule = Rule {
    what: "package name",
    expected: "at least two lower-case letters, digits, `+`, `-` and `.`, a letter or digit first \
        (Debian policy 5.6.7)",
    holds: is_name,
};
/// Versions of packages.
pub(crate) const VERSION: Rule = Rule {
    what: "version",
    expected: "[epoch:]upstream-version[-revision], a digit first (Debian policy 5.6.12)",
    holds: crate::version::is_valid,
};
/// Architectures.
pub(crate) const ARCHITECTURE: Rule = Rule {
    what: "architecture",
    expected: "lower-case letters, digits and hyphens",
    holds: is_word,
};
/// Suites and components.
pub(crate) const WORD: Rule = Rule {
    what: "name of a suite or component",
    expected: "lower-case letters, digits and hyphens",
    holds: is_word,
};
/// Paths below a mirror.
pub(crate) const PATH: Rule = Rule {
    what: "path",
    expected: "a relative path of letters, digits and `%+-._~:` to a .deb file",
    holds: is_path,
};

impl Rule {
    /// Refuses a `text` that breaks the rule.
    pub(crate) fn check(self, text: &str) -> Result<(), ValueError> {
        if (self.holds)(text) {
            return Ok(());
        }
        let found = text.chars().take(256).collect();
        Err(ValueError { what: self.what, found, expected: self.expected })
    }

    /// Reads a text that keeps the rule.
    pub(crate) fn read<'de, D: Deserializer<'de>>(self, from: D) -> Result<String, D::Error> {
        from.deserialize_str(self)
    }
}

/// A visitor, since an error of its own has the place of the value; one that is found behind it has
/// that of the list around the value.
impl Visitor<'_> for Rule {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        self.check(text).map_err(E::custom)?;
        Ok(text.to_owned())
    }
}

fn is_name(name: &str) -> bool {
    let alphanumeric = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    (2..=128).contains(&name.len())
        && name.bytes().next().is_some_and(alphanumeric)
        && name.bytes().all(|c| alphanumeric(c) || matches!(c, b'+' | b'-' | b'.'))
}

fn is_word(word: &str) -> bool {
    (1..=64).contains(&word.len())
        && word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
        && !word.starts_with('-')
}

/// A path that cannot leave the folder it is below, and needs no quoting anywhere.
fn is_path(path: &str) -> bool {
    let good = |c: u8| c.is_ascii_alphanumeric() || b"%+-._~:".contains(&c);
    path.len() <= 1024
        && path.ends_with(".deb")
        && path
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && part.bytes().all(good))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_64_lower_case_digits() {
        let text = "00ff0123456789abcdef00000000000000000000000000000000000000000010";
        let digest: Sha256 = text.parse().unwrap();
        assert_eq!(digest.to_string(), text);
        assert_eq!((digest.bytes()[1], digest.bytes()[31]), (0xff, 0x10));
        for bad in ["", "00", &text.to_uppercase(), &text.replace('f', "g"), &format!("{text}0")] {
            assert!(bad.parse::<Sha256>().is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_stay_below_their_folder() {
        for good in ["pool/main/h/hostname/hostname_3.25_amd64.deb", "a_1%3a2~b+c_all.deb"] {
            assert!(is_path(good), "{good}");
        }
        for bad in ["", "/a.deb", "a/../b.deb", "a//b.deb", "./a.deb", "a b.deb", "a'b.deb", "x"] {
            assert!(!is_path(bad), "{bad}");
        }
    }

    #[test]
    fn names_and_words() {
        assert!(is_name("libstdc++6") && is_word("non-free-firmware") && is_word("amd64"));
        for bad in ["", "-a", "A", "a b", "a/b"] {
            assert!(!is_name(bad) && !is_word(bad), "{bad}");
        }
    }
}
