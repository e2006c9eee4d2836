//! Sizes that people type.

use anklume_language::{Language, say};

/// Why a text is not a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Nothing, or only spaces.
    #[error("no size was given")]
    Empty,
    /// Less than nothing.
    #[error("the size is negative")]
    Negative,
    /// It does not begin with a number, or there are two points in it.
    #[error("the size does not begin with a number such as 500 or 1.8")]
    NoNumber,
    /// More than 18 digits behind the point.
    #[error("the size has more than 18 digits behind the point")]
    TooPrecise,
    /// What follows the number is no unit.
    #[error("the unit of the size is unknown, expected one such as G, GiB or GB")]
    Unit,
    /// A part of a byte.
    #[error("the size is a fraction of a byte: a unit such as G is missing")]
    FractionOfByte,
    /// More than 2^64 - 1 bytes.
    #[error("the size is larger than any disk")]
    TooLarge,
}

impl SizeError {
    /// In words for the person who typed it.
    #[must_use]
    pub fn words(self, language: Language) -> String {
        match self {
            Self::Empty => say!(language, "no size was given", "aucune taille n'a été donnée"),
            Self::Negative => say!(language, "the size is negative", "la taille est négative"),
            Self::NoNumber => say!(
                language,
                "a size begins with a number, such as 500G or 1.8T",
                "une taille commence par un nombre, comme 500G ou 1,8T"
            ),
            Self::TooPrecise => say!(
                language,
                "there are too many digits behind the point",
                "il y a trop de chiffres après la virgule"
            ),
            Self::Unit => say!(
                language,
                "this unit is unknown; G and GiB are 1024 MiB, GB is 1000 MB",
                "cette unité est inconnue ; G et Gio valent 1024 Mio, Go vaut 1000 Mo"
            ),
            Self::FractionOfByte => say!(
                language,
                "a unit such as G or T is missing",
                "il manque une unité comme G ou T"
            ),
            Self::TooLarge => {
                say!(language, "no disk is that large", "aucun disque n'est aussi grand")
            }
        }
    }
}

/// The number of bytes that `text` says.
///
/// A number without a unit counts bytes. `K`, `M`, `G`, `T`, `P`, `E` are powers of 1024, because `lsblk`
/// and this wizard print them so; `KiB` or `Kio` is the same. With `B` or `o` alone behind the letter (`TB`,
/// `To`) they are powers of 1000, as on the label of a disk. Point and comma are both a decimal sign, and
/// neither separates thousands. Case does not matter. What is left of a byte is dropped.
///
/// # Errors
/// [`SizeError`] says what is wrong.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(SizeError::Empty);
    }
    if text.starts_with(['-', '\u{2212}']) {
        return Err(SizeError::Negative);
    }
    let is_digit = |character: char| character.is_ascii_digit() || matches!(character, '.' | ',');
    let end = text.find(|character| !is_digit(character)).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end).ok_or(SizeError::NoNumber)?;
    let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
    if whole.is_empty()
        || fraction.contains(['.', ','])
        || (number.len() > whole.len() && fraction.is_empty())
    {
        return Err(SizeError::NoNumber);
    }
    let bytes_of_unit = unit_bytes(unit.trim())?;
    if !fraction.is_empty() && bytes_of_unit == 1 {
        return Err(SizeError::FractionOfByte);
    }
    let whole: u64 = whole.parse().map_err(|_| SizeError::TooLarge)?;
    let bytes = u128::from(whole)
        .checked_mul(bytes_of_unit)
        .and_then(|bytes| bytes.checked_add(part(fraction, bytes_of_unit)?))
        .ok_or(SizeError::TooLarge);
    match fraction.len() {
        0..=18 => u64::try_from(bytes?).map_err(|_| SizeError::TooLarge),
        _ => Err(SizeError::TooPrecise),
    }
}

/// The bytes of the digits behind the point, at most 18 of them.
fn part(digits: &str, bytes_of_unit: u128) -> Option<u128> {
    if digits.is_empty() {
        return Some(0);
    }
    let divisor = 10_u128.checked_pow(u32::try_from(digits.len()).ok()?)?;
    let digits: u128 = digits.parse().ok()?;
    digits.checked_mul(bytes_of_unit)?.checked_div(divisor)
}

/// Bytes of a unit.
fn unit_bytes(unit: &str) -> Result<u128, SizeError> {
    const PREFIXES: [char; 6] = ['k', 'm', 'g', 't', 'p', 'e'];
    let unit = unit.to_lowercase();
    if matches!(unit.as_str(), "" | "b" | "o" | "byte" | "bytes" | "octet" | "octets") {
        return Ok(1);
    }
    let mut characters = unit.chars();
    let first = characters.next().ok_or(SizeError::Unit)?;
    let index = PREFIXES.iter().position(|prefix| *prefix == first).ok_or(SizeError::Unit)?;
    let base = match characters.as_str() {
        "" | "i" | "ib" | "io" => 1024_u128,
        "b" | "o" => 1000,
        _ => return Err(SizeError::Unit),
    };
    let power = u32::try_from(index).unwrap_or_default().saturating_add(1);
    base.checked_pow(power).ok_or(SizeError::TooLarge)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_exact() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("512M", 512 << 20),
            ("1.8T", 1_979_120_929_996),
            ("1,8 t", 1_979_120_929_996),
            ("1.8TB", 1_800_000_000_000),
            ("1,8 To", 1_800_000_000_000),
            ("1.8TiB", 1_979_120_929_996),
            ("100 Gio", 100 << 30),
            ("0.1k", 102),
            (" 7 octets ", 7),
            ("18446744073709551615", u64::MAX),
            ("15.999999999999999999E", u64::MAX - 1),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_told_why() {
        for (text, error) in [
            ("", SizeError::Empty),
            ("  ", SizeError::Empty),
            ("-5G", SizeError::Negative),
            ("\u{2212}5G", SizeError::Negative),
            ("G", SizeError::NoNumber),
            (".5G", SizeError::NoNumber),
            ("5.G", SizeError::NoNumber),
            ("1,000,000", SizeError::NoNumber),
            ("+5G", SizeError::NoNumber),
            ("ⅷG", SizeError::NoNumber),
            ("5X", SizeError::Unit),
            ("5 GG", SizeError::Unit),
            ("1e9", SizeError::Unit),
            ("5 G 3", SizeError::Unit),
            ("1.5", SizeError::FractionOfByte),
            ("1.0000000000000000001T", SizeError::TooPrecise),
            ("16E", SizeError::TooLarge),
            ("99999999999999999999", SizeError::TooLarge),
        ] {
            assert_eq!(parse_size(text), Err(error), "{text}");
            assert_ne!(error.words(Language::English), error.words(Language::French));
        }
    }

    proptest! {
        #[test]
        fn nothing_typed_panics(text in "\\PC*") {
            let _ = parse_size(&text);
        }

        #[test]
        fn whole_numbers_are_as_in_arithmetic(number in 0_u64..1 << 24, power in 1_u32..=4) {
            let unit = ["K", "M", "G", "T"][power as usize - 1];
            prop_assert_eq!(parse_size(&format!("{number}{unit}")), Ok(number << (10 * power)));
            let decimal = number * 1000_u64.pow(power);
            prop_assert_eq!(parse_size(&format!("{number}.000 {unit}B")), Ok(decimal));
        }
    }
}
