//! Versions of Debian packages: Debian policy section 5.6.12, deb-version(7).
//!
//! `[epoch:]upstream-version[-revision]`. The epoch is a number; the last hyphen begins the revision.

/// The order of two versions. Defined for every text; that of the policy for [valid](is_valid) ones.
pub use anklume_compare::compare_versions as compare;

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

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
