//! Versions of Debian packages and their order: Debian policy section 5.6.12, deb-version(7).
//!
//! `[epoch:]upstream-version[-revision]`. The epoch is a number, compared first; the last hyphen
//! begins the revision. Both other parts are compared piece by piece, a piece without digits and a
//! number in turn. In the former `~` sorts before everything, even the end, and letters before all
//! other characters.

use std::cmp::Ordering;

/// Whether `version` is one: the characters of the policy, and an upstream version that begins with
/// a digit.
#[must_use]
pub fn is_valid(version: &str) -> bool {
    let good = |c: u8| c.is_ascii_alphanumeric() || b".+-~:".contains(&c);
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) => (epoch, rest),
        None => ("0", version),
    };
    // dpkg keeps the epoch in a signed 32-bit number.
    version.len() <= 256
        && epoch.bytes().all(|c| c.is_ascii_digit())
        && epoch.parse::<i32>().is_ok()
        && rest.bytes().all(good)
        && rest.starts_with(|c: char| c.is_ascii_digit())
        && rest.rsplit_once('-').is_none_or(|(upstream, revision)| {
            !upstream.is_empty() && !revision.is_empty() && !revision.contains(':')
        })
}

/// The order of two versions. Defined for every text; that of the policy for [valid](is_valid) ones.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    let ((epoch_a, upstream_a, revision_a), (epoch_b, upstream_b, revision_b)) =
        (split(a), split(b));
    compare_numbers(epoch_a, epoch_b)
        .then_with(|| compare_parts(upstream_a, upstream_b))
        .then_with(|| compare_parts(revision_a, revision_b))
}

/// Epoch, upstream version and revision; what is not there is empty, which compares as 0.
fn split(version: &str) -> (&[u8], &[u8], &[u8]) {
    let (epoch, rest) = version.split_once(':').unwrap_or(("", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch.as_bytes(), upstream.as_bytes(), revision.as_bytes())
}

fn compare_parts(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (text_a, rest_a) = a.split_at(run(a, |c| !c.is_ascii_digit()));
        let (text_b, rest_b) = b.split_at(run(b, |c| !c.is_ascii_digit()));
        let (number_a, after_a) = rest_a.split_at(run(rest_a, |c| c.is_ascii_digit()));
        let (number_b, after_b) = rest_b.split_at(run(rest_b, |c| c.is_ascii_digit()));
        let order = compare_texts(text_a, text_b).then_with(|| compare_numbers(number_a, number_b));
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (after_a, after_b);
    }
    Ordering::Equal
}

/// Bytes at the start that are `wanted`.
fn run(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| wanted(**byte)).count()
}

fn compare_texts(a: &[u8], b: &[u8]) -> Ordering {
    let rank = |byte: Option<&u8>| match byte {
        Some(b'~') => (0, 0),
        None => (1, 0),
        Some(c) if c.is_ascii_alphabetic() => (2, *c),
        Some(c) => (3, *c),
    };
    (0..a.len().max(b.len()))
        .map(|index| rank(a.get(index)).cmp(&rank(b.get(index))))
        .find(|order| *order != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

/// Numbers of any length.
fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let digits = |number| -> Vec<u8> {
        let number: &[u8] = number;
        number.iter().copied().skip_while(|digit| *digit == b'0').collect()
    };
    let (a, b) = (digits(a), digits(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_the_policy_says() {
        let sorted = [
            "0~rc1",
            "0",
            "0.9",
            "1.0~~",
            "1.0~~a",
            "1.0~",
            "1.0",
            "1.0-1~bpo1",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1.1",
            "1.0-10",
            "1.0a",
            "1.0+dfsg-1",
            "1.00000000000000000000000000000000000001",
            "1.2",
            "1:0~",
            "1:0.1",
            "2:0",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} {b}");
            }
        }
        assert_eq!(compare("1.0", "0:1.00-0"), Ordering::Equal);
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for good in ["1", "1:2.3~rc1-4+b1", "12.4-3-1", "6.12.117+deb13"] {
            assert!(is_valid(good), "{good}");
        }
        for bad in ["", "a", "1_2", ":1", "x:1", "1:", "1-", "-1", "99999999999:1", "1-a:b", "1 "] {
            assert!(!is_valid(bad), "{bad}");
        }
    }
}
