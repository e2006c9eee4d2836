//! Times and spans of time.

use std::time::SystemTime;

use anklume_trust::Moment;

use crate::failure::Failure;

/// Seconds of an hour, a day, a week, a year.
const UNITS: [(char, u64); 4] = [('h', 3600), ('d', 86_400), ('w', 604_800), ('y', 31_536_000)];

/// A hundred years.
const MAX_SECONDS: u64 = 100 * 31_536_000;

/// The time that files say they were signed at: `SOURCE_DATE_EPOCH`, or the clock.
pub(super) fn now() -> Result<Moment, Failure> {
    Ok(told()?.unwrap_or_else(clock))
}

/// What `SOURCE_DATE_EPOCH` says.
fn told() -> Result<Option<Moment>, Failure> {
    let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let seconds = text.parse::<u64>().map_err(|_| {
        Failure::refused(format!("SOURCE_DATE_EPOCH is `{text}`"))
            .hint("it is a number of seconds since 1970, or not set")
    })?;
    Ok(Some(Moment::from_unix(seconds)))
}

fn clock() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Moment::from_unix(since.map_or(0, |since| since.as_secs()))
}

/// Refuses to sign until `end` if machines would not take it any more, though it is not over at the time
/// that `SOURCE_DATE_EPOCH` says: builds set that variable, and whoever publishes afterwards does not
/// think of it.
pub(super) fn check_end(end: Moment) -> Result<(), Failure> {
    let (told, clock) = (told()?, clock());
    let Some(told) = told.filter(|told| end > *told && end <= clock) else { return Ok(()) };
    let text = format!("signatures until {end} would be over already: it is {clock}");
    Err(Failure::refused(text).hint(format!(
        "SOURCE_DATE_EPOCH says that it is {told}: unset it, or give --past if that is meant"
    )))
}

/// A span such as `90d` in seconds.
pub(super) fn span(option: &str, text: &str) -> Result<u64, Failure> {
    let wrong = || {
        Failure::refused(format!("{option}: `{text}` is not a span of time"))
            .hint("write a whole number with h, d, w or y, such as 90d")
    };
    let found =
        UNITS.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)));
    let (digits, unit) = found.ok_or_else(wrong)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    seconds.filter(|seconds| (1..=MAX_SECONDS).contains(seconds)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_whole_numbers_with_a_unit() {
        for (text, seconds) in
            [("1h", 3600), ("90d", 7_776_000), ("2w", 1_209_600), ("10y", 315_360_000)]
        {
            assert_eq!(span("--expires", text).unwrap(), seconds);
        }
        for text in ["", "d", "90", "0d", "-1d", "+1d", "1.5d", "1dd", "101y", "9999999999999999y"]
        {
            let failure = span("--expires", text).unwrap_err();
            assert!(failure.hint_text().is_some_and(|hint| hint.contains("90d")), "{text}");
        }
    }
}
