//! What headers of an answer say.

use std::time::Duration;

/// `Content-Range` of a 206 (RFC 9110 section 14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// First byte of the body in the file.
    pub first: u64,
    /// Last byte; not in front of the first one.
    pub last: u64,
    /// Length of the file, if the server knows it; more than the last byte.
    pub total: Option<u64>,
}

impl ContentRange {
    /// Reads the value of the header. `None` when it is not one range of bytes.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (range, total) = bytes_of(value)?.split_once('/')?;
        let (first, last) = range.trim().split_once('-')?;
        let (first, last) = (digits(first)?, digits(last)?);
        let total = match total.trim() {
            "*" => None,
            total => Some(digits(total)?),
        };
        let is_range = first <= last && total.is_none_or(|total| last < total);
        is_range.then_some(Self { first, last, total })
    }

    /// The length of the file in the value that a 416 has (`bytes */1234`).
    #[must_use]
    pub fn parse_unsatisfied(value: &str) -> Option<u64> {
        let (range, total) = bytes_of(value)?.split_once('/')?;
        digits(total.trim()).filter(|_| range.trim() == "*")
    }
}

/// What follows the unit, which is compared without case.
fn bytes_of(value: &str) -> Option<&str> {
    let (unit, rest) = value.trim().split_once(' ')?;
    unit.eq_ignore_ascii_case("bytes").then_some(rest)
}

/// A number that consists of digits only; `parse` would take a sign, too.
pub(crate) fn digits(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// How long `Retry-After` asks to wait (RFC 9110 section 10.2.3). A date counts from `date`, the value
/// of `Date` of the same answer, so that this machine's clock has no say.
#[must_use]
pub fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if let Some(seconds) = digits(value) {
        return Some(Duration::from_secs(seconds));
    }
    let (then, now) = (http_date(value)?, http_date(date?)?);
    Some(Duration::from_secs(then.saturating_sub(now)))
}

/// Seconds since 1970 of a date in the form that servers have to send (`IMF-fixdate`, RFC 9110 section
/// 5.6.7). `None` for any other.
#[must_use]
pub fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.trim().split_once(", ")?;
    let mut words = rest.split(' ');
    let day = digits(words.next()?).filter(|day| (1..=31).contains(day))?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let year = digits(words.next()?).filter(|year| (1970..=9999).contains(year))?;
    let mut time = words.next()?.split(':').map(digits);
    let mut part = |limit| time.next().flatten().filter(|value| *value < limit);
    let (hour, minute, second) = (part(24)?, part(60)?, part(61)?);
    if words.next() != Some("GMT") || words.next().is_some() {
        return None;
    }
    // Years begin in March, so that the leap day is the last one; month 0 is March.
    let month = u64::try_from(month).ok()?;
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    // 719468 days lie between 1 March of year 0 and 1 January 1970.
    Some((days.checked_sub(719_468)? * 24 + hour) * 3600 + minute * 60 + second)
}

/// What tells a file from another one of the same name (RFC 9110 section 8.8).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Validator {
    pub(crate) etag: Option<String>,
    pub(crate) modified: Option<String>,
}

impl Validator {
    /// What to put into `If-Range`: a strong tag, or a date where there is no tag at all.
    pub(crate) fn if_range(&self) -> Option<&str> {
        match &self.etag {
            Some(tag) => Some(tag.as_str()).filter(|tag| !tag.starts_with("W/")),
            None => self.modified.as_deref(),
        }
    }

    /// Whether another answer may be of the same file. Servers that say less than before are believed:
    /// the bytes are checked against what is signed, this only tells earlier and more clearly.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let bare = |tag: &'_ String| tag.trim_start_matches("W/").to_owned();
        match (&self.etag, &other.etag) {
            (Some(one), Some(other)) => bare(one) == bare(other),
            _ => match (&self.modified, &other.modified) {
                (Some(one), Some(other)) => one == other,
                _ => true,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        let range = |first, last, total| Some(ContentRange { first, last, total });
        for (value, expected) in [
            ("bytes 0-9/10", range(0, 9, Some(10))),
            ("Bytes 5-5/*", range(5, 5, None)),
            (" bytes 1-2 / 30 ", range(1, 2, Some(30))),
            ("bytes 0-10/10", None),
            ("bytes 2-1/10", None),
            ("bytes +0-9/10", None),
            ("bytes 0-/10", None),
            ("bytes */10", None),
            ("bytes=0-9/10", None),
            ("items 0-9/10", None),
            ("bytes 0-99999999999999999999/*", None),
            ("", None),
        ] {
            assert_eq!(ContentRange::parse(value), expected, "{value}");
        }
        assert_eq!(ContentRange::parse_unsatisfied("bytes */10"), Some(10));
        assert_eq!(ContentRange::parse_unsatisfied("bytes 0-1/10"), None);
    }

    #[test]
    fn dates() {
        for (text, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 29 Feb 2024 23:59:60 GMT", Some(1_709_251_200)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun, 00 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1969 08:49:37 GMT", None),
            ("", None),
        ] {
            assert_eq!(http_date(text), expected, "{text}");
        }
    }

    #[test]
    fn waiting_for_a_server() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(retry_after(" 120 ", None), seconds(120));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", date), seconds(60));
        assert_eq!(retry_after("Sun, 06 Nov 1994 07:00:00 GMT", date), seconds(0));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", None), None);
        assert_eq!(retry_after("-1", date), None);
    }

    #[test]
    fn validators_that_agree() {
        let of = |etag: &str, modified: &str| Validator {
            etag: (!etag.is_empty()).then(|| etag.to_owned()),
            modified: (!modified.is_empty()).then(|| modified.to_owned()),
        };
        for (one, other, agrees) in [
            (of("\"a\"", ""), of("\"a\"", "x"), true),
            (of("\"a\"", "x"), of("\"b\"", "x"), false),
            (of("\"a\"", "x"), of("W/\"a\"", "y"), true),
            (of("", "x"), of("\"a\"", "y"), false),
            (of("\"a\"", ""), of("", "y"), true),
        ] {
            assert_eq!(one.agrees(&other), agrees, "{one:?} {other:?}");
        }
        assert_eq!(of("\"a\"", "x").if_range(), Some("\"a\""));
        assert_eq!(of("W/\"a\"", "x").if_range(), None);
        assert_eq!(of("", "x").if_range(), Some("x"));
    }
}
