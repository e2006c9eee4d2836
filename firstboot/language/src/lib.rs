//! The languages that the wizard speaks.
//!
//! A message stands where it is said, in every language side by side: nothing can be untranslated, and
//! who changes one sees the other.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

use std::fmt;

use serde::{Deserialize, Serialize};

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    English,
    /// French.
    #[serde(rename = "fr")]
    French,
}

impl Language {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::English, Self::French];

    /// ISO 639-1.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    /// Its name, in itself.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::French => "Français",
        }
    }

    /// The one of two texts that is in this language.
    #[must_use]
    pub fn pick<T>(self, english: T, french: T) -> T {
        match self {
            Self::English => english,
            Self::French => french,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

/// A text in the language of the reader: `say!(language, "{n} disks", "{n} disques")`. Both are format
/// strings, and only one is formatted.
#[macro_export]
macro_rules! say {
    ($language:expr, $english:literal, $french:literal $(, $argument:expr)* $(,)?) => {
        match $language {
            $crate::Language::English => ::std::format!($english $(, $argument)*),
            $crate::Language::French => ::std::format!($french $(, $argument)*),
        }
    };
}

/// A size for people: powers of 1024 with one digit after the point, as `931.5 GiB` or `931,5 Gio`.
#[must_use]
pub fn size(language: Language, bytes: u64) -> String {
    const UNITS: [(&str, &str); 5] =
        [("bytes", "octets"), ("KiB", "Kio"), ("MiB", "Mio"), ("GiB", "Gio"), ("TiB", "Tio")];
    let mut unit = 1_u128;
    let mut names = UNITS.iter();
    let mut name = names.next();
    while u128::from(bytes) >= unit.saturating_mul(1024) && names.len() > 0 {
        unit = unit.saturating_mul(1024);
        name = names.next();
    }
    let (english, french) = name.copied().unwrap_or_default();
    if unit == 1 {
        return format!("{bytes} {}", language.pick(english, french));
    }
    let scaled = u128::from(bytes).saturating_mul(10).saturating_add(unit.div_ceil(2));
    let tenths = scaled.checked_div(unit).unwrap_or_default();
    let (whole, tenth) = (tenths / 10, tenths % 10);
    say!(language, "{whole}.{tenth} {english}", "{whole},{tenth} {french}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_people_write_them() {
        for (bytes, english, french) in [
            (0, "0 bytes", "0 octets"),
            (1023, "1023 bytes", "1023 octets"),
            (1024, "1.0 KiB", "1,0 Kio"),
            (1_000_204_886_016, "931.5 GiB", "931,5 Gio"),
            (u64::MAX, "16777216.0 TiB", "16777216,0 Tio"),
        ] {
            assert_eq!(size(Language::English, bytes), english);
            assert_eq!(size(Language::French, bytes), french);
        }
    }

    #[test]
    fn a_text_is_in_the_readers_language() {
        let n = 2;
        assert_eq!(say!(Language::English, "{n} disks", "{n} disques"), "2 disks");
        assert_eq!(say!(Language::French, "{n} disks", "{n} disques"), "2 disques");
    }
}
