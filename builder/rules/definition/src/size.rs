//! Sizes with a binary unit.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text;

/// Units, largest first, with the power of two that they stand for.
const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];

/// A size in bytes, written as a whole number and a binary unit: `128KiB`, `4GiB`.
///
/// Without a unit and with a decimal one (`4GB`) it is refused: the reader cannot know what was
/// meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

/// Text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "size is `{found}`, expected a whole number from 1 and KiB, MiB, GiB or TiB, such as `128KiB`"
)]
pub struct SizeError {
    /// The text.
    pub found: String,
}

impl ByteSize {
    /// A size of `bytes`.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        UNITS
            .iter()
            .find_map(|(unit, power)| Some((text.strip_suffix(unit)?, *power)))
            .filter(|(digits, _)| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|(digits, power)| digits.parse::<u64>().ok()?.checked_mul(1 << power))
            .filter(|bytes| *bytes > 0)
            .map(Self)
            .ok_or_else(|| SizeError { found: text.to_owned() })
    }
}

impl fmt::Display for ByteSize {
    /// In the largest unit that leaves no remainder; bare bytes, which do not parse again, for
    /// sizes that are no whole KiB.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, power)| self.0 > 0 && self.0.trailing_zeros() >= *power);
        match whole {
            Some((unit, power)) => write!(f, "{}{unit}", self.0 >> power),
            None => write!(f, "{}", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer, "a size such as `128KiB`")
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A whole number and a binary unit: 128KiB, 4GiB.",
            "pattern": "^[0-9]+(KiB|MiB|GiB|TiB)$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ByteSize;

    #[test]
    fn sizes_have_a_binary_unit() {
        for (text, bytes) in [("128KiB", 131_072), ("1MiB", 1 << 20), ("5TiB", 5 << 40)] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!(size.bytes(), bytes);
            assert_eq!(size.to_string(), text);
        }
        for text in ["", "KiB", "0KiB", "128", "4GB", "4 GiB", "+4GiB", "-1KiB", "1.5GiB", "4gib"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        assert!("16777216TiB".parse::<ByteSize>().is_err());
        assert!("16777215TiB".parse::<ByteSize>().is_ok());
    }

    #[test]
    fn the_largest_whole_unit_is_shown() {
        assert_eq!("1024KiB".parse::<ByteSize>().unwrap().to_string(), "1MiB");
        assert_eq!(ByteSize::from_bytes(1536).to_string(), "1536");
    }
}
