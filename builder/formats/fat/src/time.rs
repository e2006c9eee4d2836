//! Time stamps of directory entries ("Date and Time Formats").

/// 1980-01-01 00:00:00 UTC in seconds since 1970.
const FIRST: u64 = 315_532_800;
/// 2107-12-31 23:59:58 UTC in seconds since 1970.
const LAST: u64 = 4_354_819_198;

/// Date and time as directory entries hold them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Year since 1980 (7 bits), month (4 bits), day (5 bits).
    pub(crate) date: u16,
    /// Hour (5 bits), minute (6 bits), half seconds (5 bits).
    pub(crate) time: u16,
}

impl Stamp {
    /// The stamp of `seconds` since 1970, clamped to the years 1980 to 2107, in steps of 2 seconds.
    pub(crate) fn new(seconds: u64) -> Self {
        let seconds = seconds.clamp(FIRST, LAST).saturating_sub(FIRST);
        let mut days = seconds / 86400;
        let mut year = 0_u64;
        while let Some(rest) = days.checked_sub(if is_leap(year) { 366 } else { 365 }) {
            (days, year) = (rest, year.saturating_add(1));
        }
        let mut month = 1_u64;
        for length in month_lengths(year) {
            let Some(rest) = days.checked_sub(length) else { break };
            (days, month) = (rest, month.saturating_add(1));
        }
        let (hour, minute, half) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60 / 2);
        let pack = |high: u64, middle: u64, low: u64, shift: [u32; 2]| {
            let [high_shift, middle_shift] = shift;
            let value = high.checked_shl(high_shift).unwrap_or(0)
                | middle.checked_shl(middle_shift).unwrap_or(0)
                | low;
            u16::try_from(value).unwrap_or(u16::MAX)
        };
        Self {
            date: pack(year, month, days.saturating_add(1), [9, 5]),
            time: pack(hour, minute, half, [11, 5]),
        }
    }
}

/// Whether the year `year` after 1980 has 366 days. 2100, the only exception in range, has not.
fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && year != 120
}

fn month_lengths(year: u64) -> [u64; 12] {
    let february = if is_leap(year) { 29 } else { 28 };
    [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seconds: u64) -> String {
        let Stamp { date, time } = Stamp::new(seconds);
        format!(
            "{}-{:02}-{:02} {:02}:{:02}:{:02}",
            1980 + (date >> 9),
            date >> 5 & 15,
            date & 31,
            time >> 11,
            time >> 5 & 63,
            (time & 31) * 2
        )
    }

    #[test]
    fn known_times() {
        // Seconds from `date -ud`.
        for (seconds, expected) in [
            (0, "1980-01-01 00:00:00"),
            (315_532_800, "1980-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:58"),
            (951_868_799, "2000-02-29 23:59:58"),
            (1_767_225_600, "2026-01-01 00:00:00"),
            (4_107_542_399, "2100-02-28 23:59:58"),
            (4_107_542_400, "2100-03-01 00:00:00"),
            (4_354_819_198, "2107-12-31 23:59:58"),
            (u64::MAX, "2107-12-31 23:59:58"),
        ] {
            assert_eq!(text(seconds), expected);
        }
    }
}
