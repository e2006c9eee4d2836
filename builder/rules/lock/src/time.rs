//! Times as archives write them.

use ::time::OffsetDateTime;
use ::time::macros::format_description;

/// The last second of the year 9999: every format of a time has four digits for the year.
const MAX_EPOCH: u64 = 253_402_300_799;

/// `YYYYMMDDTHHMMSSZ` of a time in seconds since 1970, as snapshot archives name their states.
/// `None` after the year 9999.
#[must_use]
pub fn timestamp(epoch: u64) -> Option<String> {
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    time(epoch)?.format(form).ok()
}

/// The form of a release file's `Date` (Debian repository format, section "Date, Valid-Until").
pub(crate) fn release_date(epoch: u64) -> Option<String> {
    let form = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] UTC"
    );
    time(epoch)?.format(form).ok()
}

/// `YYYY-MM-DD HH:MM:SS UTC`, for people.
pub(crate) fn readable(epoch: u64) -> Option<String> {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    time(epoch)?.format(form).ok()
}

fn time(epoch: u64) -> Option<OffsetDateTime> {
    let seconds = i64::try_from(epoch).ok().filter(|_| epoch <= MAX_EPOCH)?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_time_in_three_forms() {
        assert_eq!(timestamp(1_794_648_103).unwrap(), "20261114T092143Z");
        assert_eq!(release_date(1_794_648_103).unwrap(), "Sat, 14 Nov 2026 09:21:43 UTC");
        assert_eq!(readable(951_782_400).unwrap(), "2000-02-29 00:00:00 UTC");
        assert_eq!(timestamp(MAX_EPOCH).unwrap(), "99991231T235959Z");
        assert_eq!(timestamp(MAX_EPOCH + 1), None);
    }
}
