//! The order of Debian versions (Debian Policy 4.7, section 5.6.12).

use std::cmp::Ordering;

/// Which of two Debian versions is the newer one: `Less` where `left` is the older.
///
/// A version is `[epoch:]upstream[-revision]`. Epochs count first, as numbers; then the upstream
/// versions, then the revisions, by turns of non-digits and digits. A missing epoch or revision is
/// that of number 0. Versions that are spelled differently can be equal: `1.0` and `1.00-0`.
///
/// The order is total: text that is no version has its place too. A colon ends an epoch only where
/// there is nothing but digits before it.
///
/// ```
/// use std::cmp::Ordering;
/// use anklume_compare::compare_versions;
///
/// assert_eq!(compare_versions("1.9-1", "1.10-1"), Ordering::Less);
/// assert_eq!(compare_versions("2:1.0", "1.5"), Ordering::Greater);
/// assert_eq!(compare_versions("1.0~rc1", "1.0"), Ordering::Less);
/// ```
#[must_use]
pub fn compare_versions(left: &str, right: &str) -> Ordering {
    let (left, right) = (Parts::of(left), Parts::of(right));
    numbers(left.epoch, right.epoch)
        .then_with(|| strings(left.upstream, right.upstream))
        .then_with(|| strings(left.revision, right.revision))
}

struct Parts<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(version: &'a str) -> Self {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (epoch, rest) = match version.split_once(':') {
            Some((epoch, rest)) if digits(epoch) => (epoch, rest),
            _ => ("", version),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        Self {
            epoch: epoch.as_bytes(),
            upstream: upstream.as_bytes(),
            revision: revision.as_bytes(),
        }
    }
}

/// Compares upstream versions or revisions: a run of non-digits, a run of digits, and so on.
fn strings(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while !(left.is_empty() && right.is_empty()) {
        let ((left_text, left_rest), (right_text, right_rest)) = (
            split(left, |byte| !byte.is_ascii_digit()),
            split(right, |byte| !byte.is_ascii_digit()),
        );
        let ((left_digits, left_rest), (right_digits, right_rest)) =
            (split(left_rest, u8::is_ascii_digit), split(right_rest, u8::is_ascii_digit));
        let order = texts(left_text, right_text).then_with(|| numbers(left_digits, right_digits));
        if order.is_ne() {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
    Ordering::Equal
}

/// The longest start of `text` whose bytes all `belong`, and what follows it.
fn split(text: &[u8], belong: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !belong(byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}

/// Compares runs of non-digits: a tilde comes before the end, the end before letters, letters
/// before all other bytes.
fn texts(left: &[u8], right: &[u8]) -> Ordering {
    let rank = |byte: Option<&u8>| match byte {
        Some(b'~') => (0, 0),
        None => (1, 0),
        Some(letter) if letter.is_ascii_alphabetic() => (2, *letter),
        Some(other) => (3, *other),
    };
    let length = left.len().max(right.len());
    (0..length)
        .map(|index| rank(left.get(index)).cmp(&rank(right.get(index))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Compares runs of digits as numbers of any length; an empty one is 0.
fn numbers(left: &[u8], right: &[u8]) -> Ordering {
    let (_, left) = split(left, |digit| *digit == b'0');
    let (_, right) = split(right, |digit| *digit == b'0');
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each version with those that are equal to it, from the oldest to the newest.
    const ASCENDING: &[&[&str]] = &[
        &["~~", "~~0", "0:~~-0"],
        &["~~a"],
        &["~"],
        // The empty version is one of number 0.
        &["", "0", "0-0", "0:0", "00:0-00"],
        &["0a"],
        &["0.0~rc1-1"],
        &["0.0"],
        &["1.0~~dev"],
        &["1.0~beta1~svn1245"],
        &["1.0~beta1"],
        &["1.0~rc1"],
        &["1.0", "1.0-0", "01.00", "0:1.0"],
        &["1.0-0a"],
        &["1.0-1~bpo12+1"],
        &["1.0-1"],
        &["1.0-1+b1"],
        &["1.0-1+deb13u1"],
        &["1.0-1.1"],
        &["1.0-2"],
        &["1.0-10"],
        &["1.0a"],
        &["1.0+dfsg-1"],
        // Only the last hyphen starts the revision.
        &["1.0-2-1"],
        &["1.0-10-1"],
        &["1.0.0"],
        &["1.2.3"],
        &["1.10"],
        &["9"],
        &["99999999999999999999999998"],
        &["99999999999999999999999999"],
        // No epoch is too large, and only the first colon ends it.
        &["99999999999999999999999999:1:0", "099999999999999999999999999:1:0-0"],
    ];

    #[test]
    fn order_of_the_table() {
        for (i, lower) in ASCENDING.iter().enumerate() {
            for (j, higher) in ASCENDING.iter().enumerate() {
                for (left, right) in lower.iter().flat_map(|l| higher.iter().map(move |r| (l, r))) {
                    assert_eq!(compare_versions(left, right), i.cmp(&j), "{left:?} {right:?}");
                }
            }
        }
    }

    #[test]
    fn text_that_is_no_version_has_a_place() {
        assert_eq!(compare_versions("a:1", "b:1"), Ordering::Less);
        assert_eq!(compare_versions(":1", "1"), Ordering::Greater);
        assert_eq!(compare_versions("é", "1"), Ordering::Greater);
        assert_eq!(compare_versions("1-", "1"), Ordering::Equal);
    }
}
