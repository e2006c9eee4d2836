//! Seconds since 1970 as dates of ECMA-119, always in UTC.

use crate::error::PlanError;

/// The last year that a directory record can hold: 1900 + 255 (ECMA-119 section 9.1.5).
const MAX_YEAR: u64 = 2155;
const SECONDS_PER_DAY: u64 = 86_400;

/// A point in time, in the fields of both kinds of dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn month_days(year: u64) -> [u64; 12] {
    let february = if is_leap(year) { 29 } else { 28 };
    [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

impl Date {
    /// The date `seconds` after the start of 1970.
    pub(crate) fn from_unix(seconds: u64) -> Result<Self, PlanError> {
        let mut days = seconds / SECONDS_PER_DAY;
        let clock = seconds % SECONDS_PER_DAY;
        for year in 1970..=MAX_YEAR {
            for (month, length) in (1..).zip(month_days(year)) {
                let Some(rest) = days.checked_sub(length) else {
                    return Ok(Self {
                        year,
                        month,
                        day: days.saturating_add(1),
                        hour: clock / 3600,
                        minute: clock / 60 % 60,
                        second: clock % 60,
                    });
                };
                days = rest;
            }
        }
        Err(PlanError::Date { seconds, max_year: MAX_YEAR })
    }

    /// Seven bytes of numbers, for directory records and Rock Ridge (ECMA-119 section 9.1.5).
    pub(crate) fn short(self) -> [u8; 7] {
        let year = self.year.saturating_sub(1900);
        let fields = [year, self.month, self.day, self.hour, self.minute, self.second, 0];
        // The year ends at 1900 + 255, so nothing is lost.
        fields.map(|field| u8::try_from(field).unwrap_or(u8::MAX))
    }

    /// Sixteen digits and the offset from UTC, for volume descriptors (ECMA-119 section 8.4.26.1).
    pub(crate) fn long(self) -> Vec<u8> {
        let Self { year, month, day, hour, minute, second } = self;
        let digits = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}00\0");
        digits.into_bytes()
    }
}

/// The date of a descriptor that says "not specified".
pub(crate) const NO_DATE: &[u8; 17] = b"0000000000000000\0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // date -u -d @SECONDS +%Y%m%d%H%M%S
        for (seconds, text) in [
            (0, "19700101000000"),
            (951_782_400, "20000229000000"),
            (951_868_799, "20000229235959"),
            (1_735_689_599, "20241231235959"),
            (4_107_542_400, "21000301000000"),
            (5_869_583_999, "21551231235959"),
        ] {
            let date = Date::from_unix(seconds).unwrap();
            assert_eq!(date.long(), format!("{text}00\0").into_bytes());
        }
        assert!(matches!(Date::from_unix(5_869_584_000), Err(PlanError::Date { .. })));
        assert!(Date::from_unix(u64::MAX).is_err());
    }

    #[test]
    fn short_dates_count_years_from_1900() {
        let date = Date::from_unix(951_868_799).unwrap();
        assert_eq!(date.short(), [100, 2, 29, 23, 59, 59, 0]);
    }
}
