//! Seconds since 1970 as a date of RFC 3339.

use crate::Error;

/// 9999-12-31T23:59:59Z.
const MAX_EPOCH: u64 = 253_402_300_799;
const SECONDS_PER_DAY: u64 = 86_400;

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn month_days(year: u64) -> [u64; 12] {
    let february = if is_leap(year) { 29 } else { 28 };
    [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

/// `epoch` seconds after the start of 1970 as `YYYY-MM-DDThh:mm:ssZ`.
pub(crate) fn rfc3339(epoch: u64) -> Result<String, Error> {
    let mut days = epoch / SECONDS_PER_DAY;
    for year in 1970..=9999 {
        for (month, length) in (1_u64..).zip(month_days(year)) {
            let Some(rest) = days.checked_sub(length) else {
                let day = days.saturating_add(1);
                let (hour, minute, second) = (epoch / 3600 % 24, epoch / 60 % 60, epoch % 60);
                return Ok(format!(
                    "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
                ));
            };
            days = rest;
        }
    }
    Err(Error::Epoch { limit: MAX_EPOCH, found: epoch })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dates are those of `date -u -d @SECONDS +%FT%TZ`.
    #[test]
    fn dates_are_those_of_date() {
        for (epoch, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_763_596_800, "2025-11-20T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (MAX_EPOCH, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(epoch).unwrap(), date);
        }
        for epoch in [MAX_EPOCH + 1, u64::MAX] {
            assert!(matches!(rfc3339(epoch), Err(Error::Epoch { found, .. }) if found == epoch));
        }
    }
}
