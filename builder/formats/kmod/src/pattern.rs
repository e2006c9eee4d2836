//! Shell patterns of `modules.alias`, matched against the `modalias` of a device.
//!
//! depmod writes and modprobe matches them with fnmatch(3) without flags (POSIX.1-2017 XCU 2.13.1
//! and 2.13.2): `*`, `?`, `[...]` with ranges and `!` or `^` for negation, `\` before a literal.

/// Whether `text` matches `pattern`.
///
/// Takes at most `pattern.len() * text.len()` steps: only the last `*` is ever tried again.
/// A `[` without its `]` stands for itself.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.as_bytes(), text.as_bytes());
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let Some((b'*', after)) = pattern.split_first() {
            retry = Some((after, text));
            pattern = after;
            continue;
        }
        match (step(pattern, text), pattern.is_empty() && text.is_empty()) {
            (_, true) => return true,
            (Some((rest, remaining)), _) => (pattern, text) = (rest, remaining),
            (None, _) => {
                // The last star swallows one byte more.
                let Some((after, from)) = retry else { return false };
                let Some((_, shorter)) = from.split_first() else { return false };
                retry = Some((after, shorter));
                (pattern, text) = (after, shorter);
            }
        }
    }
}

/// Matches one element of `pattern` (not a star) with one byte of `text`; gives what is left.
fn step<'a>(pattern: &'a [u8], text: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (&byte, remaining) = text.split_first()?;
    let (&first, rest) = pattern.split_first()?;
    match first {
        b'?' => Some((rest, remaining)),
        b'[' => match set(rest) {
            Some(set) => set.contains(byte).then_some((set.rest, remaining)),
            None => (byte == b'[').then_some((rest, remaining)),
        },
        b'\\' => match rest.split_first() {
            Some((&literal, rest)) => (literal == byte).then_some((rest, remaining)),
            None => (byte == b'\\').then_some((rest, remaining)),
        },
        literal => (literal == byte).then_some((rest, remaining)),
    }
}

/// A bracket expression.
struct Set<'a> {
    negated: bool,
    members: &'a [u8],
    /// What follows the closing bracket.
    rest: &'a [u8],
}

impl Set<'_> {
    fn contains(&self, byte: u8) -> bool {
        let mut members = self.members;
        let mut found = false;
        while let Some((&low, after)) = members.split_first() {
            let (high, after) = match after {
                [b'-', high, after @ ..] => (*high, after),
                _ => (low, after),
            };
            found |= (low..=high).contains(&byte);
            members = after;
        }
        found != self.negated
    }
}

/// The bracket expression behind its `[`; `None` when it has no end.
fn set(pattern: &[u8]) -> Option<Set<'_>> {
    let (negated, body) = match pattern {
        [b'!' | b'^', body @ ..] => (true, body),
        body => (false, body),
    };
    // A bracket in the first place is a member.
    let end = body.iter().skip(1).position(|&byte| byte == b']')?.checked_add(1)?;
    let (members, rest) = body.split_at_checked(end)?;
    Some(Set { negated, members, rest: rest.get(1..)? })
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_marks_and_literals() {
        let usb = "usb:v0781p5567d0126dc00dsc00dp00ic08isc06ip50in00";
        assert!(matches("usb:v*p*d*dc*dsc*dp*ic08isc06ip50in*", usb));
        assert!(!matches("usb:v*p*d*dc*dsc*dp*ic08isc06ip62in*", usb));
        assert!(matches("*", ""));
        assert!(matches("a?c", "abc"));
        assert!(!matches("a?c", "ac"));
        assert!(matches("", ""));
        assert!(!matches("", "x"));
        assert!(!matches("x", ""));
        assert!(matches("*b", "abab"));
        assert!(!matches("*b*c", "abab"));
        assert!(matches("a\\*", "a*"));
        assert!(!matches("a\\*", "ab"));
    }

    #[test]
    fn sets_ranges_and_negation() {
        assert!(matches("acpi*:PNP0[A-C]0[38]:*", "acpi:PNP0A03:"));
        assert!(!matches("acpi*:PNP0[A-C]0[38]:*", "acpi:PNP0D03:"));
        assert!(matches("[!0-9]", "x"));
        assert!(!matches("[^0-9]", "4"));
        assert!(matches("[]a]", "]"));
        assert!(matches("[a-]", "-"));
        assert!(matches("[x", "[x"));
        assert!(!matches("[x]", "y"));
    }

    #[test]
    fn a_hostile_pattern_ends() {
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
        assert!(!matches(&"a*".repeat(500), &"b".repeat(5000)));
    }
}
