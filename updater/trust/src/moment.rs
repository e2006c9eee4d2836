//! Points in time, to the second.

use std::fmt;

use time::format_description::FormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// `YYYY-MM-DDTHH:MM:SSZ`. TUF 1.0, section 4.2.1: ISO 8601, UTC, no fractions.
const FORM: &[FormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
/// 9999-12-31T23:59:59Z: later years have no four digits.
const LAST: u64 = 253_402_300_799;

/// A point in time, in seconds since 1970 (UTC), not after the year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The time `seconds` after the start of 1970, or the end of the year 9999 if that is later.
    #[must_use]
    pub const fn from_unix(seconds: u64) -> Self {
        Self(if seconds < LAST { seconds } else { LAST })
    }

    /// Seconds since 1970.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// The time that many seconds later, or the end of the year 9999.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self::from_unix(self.0.saturating_add(seconds))
    }

    /// Seconds since `earlier`; 0 if that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads `YYYY-MM-DDTHH:MM:SSZ` and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let time = PrimitiveDateTime::parse(text, FORM).ok()?.assume_utc();
        let moment = Self(u64::try_from(time.unix_timestamp()).ok()?);
        (moment.to_string() == text).then_some(moment)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = i64::try_from(self.0)
            .ok()
            .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
            .and_then(|time| time.format(FORM).ok());
        match text {
            Some(text) => f.pad(&text),
            // No value of this type gets here.
            None => write!(f, "{} s after 1970", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_form_is_read() {
        assert_eq!(Moment::parse("1970-01-01T00:00:00Z"), Some(Moment::from_unix(0)));
        assert_eq!(Moment::parse("2026-11-14T09:21:43Z"), Some(Moment::from_unix(1_794_648_103)));
        assert_eq!(Moment::parse("2024-02-29T00:00:00Z").unwrap().seconds(), 1_709_164_800);
        for text in [
            "",
            "2026-11-14",
            "2026-11-14T09:21:43",
            "2026-11-14T09:21:43.5Z",
            "2026-11-14T09:21:43+00:00",
            "2026-11-14 09:21:43Z",
            "+2026-11-14T09:21:43Z",
            "2026-11-14T09:21:43Z ",
            "2026-1-14T09:21:43Z",
            "2026-02-30T00:00:00Z",
            "2026-11-14T24:00:00Z",
            "2026-11-14T23:59:60Z",
            "1969-12-31T23:59:59Z",
            "10000-01-01T00:00:00Z",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn times_end_with_the_year_9999() {
        let last = Moment::from_unix(u64::MAX);
        assert_eq!(last.to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(Moment::parse("9999-12-31T23:59:59Z"), Some(last));
        assert_eq!(last.plus(1), last);
        assert_eq!(Moment::from_unix(5).since(last), 0);
        assert_eq!(Moment::from_unix(5).plus(3).since(Moment::from_unix(1)), 7);
    }
}
