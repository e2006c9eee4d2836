//! Patterns against the plainest possible matcher.

use anklume_definition::Pattern;
use proptest::prelude::*;

/// Whether `part`, with stars, is the whole of `name`; by definition, at exponential cost.
fn part_matches(part: &[u8], name: &[u8]) -> bool {
    match part.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|taken| part_matches(rest, &name[taken..])),
        Some((byte, rest)) => name.first() == Some(byte) && part_matches(rest, &name[1..]),
    }
}

/// Whether the parts match all of the names.
fn all_match(parts: &[&str], names: &[&str]) -> bool {
    match parts.split_first() {
        None => names.is_empty(),
        Some((&"**", rest)) => (0..=names.len()).any(|taken| all_match(rest, &names[taken..])),
        Some((part, rest)) => names.split_first().is_some_and(|(name, names)| {
            part_matches(part.as_bytes(), name.as_bytes()) && all_match(rest, names)
        }),
    }
}

/// Whether the parts match the names or some first few of them.
fn covers(parts: &[&str], names: &[&str]) -> bool {
    (1..=names.len()).any(|taken| all_match(parts, &names[..taken]))
}

fn parts(path: &str) -> Vec<&str> {
    path[1..].split('/').collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn covering_is_matching_the_path_or_a_directory_above_it(
        pattern in "(/(\\*\\*|[ab]?\\*?[ab]{1,2}\\*?[ab])){0,3}/([ab]|\\*|\\*[ab]|[ab]\\*[ab])",
        path in "(/[ab]{1,4}){1,5}",
    ) {
        let parsed: Pattern = pattern.parse().unwrap();
        prop_assert_eq!(parsed.covers(path.as_bytes()), covers(&parts(&pattern), &parts(&path)));
    }

    #[test]
    fn what_covers_a_path_leads_there_from_every_directory_above_the_match(
        pattern in "(/(\\*\\*|[ab]|\\*)){0,3}/([ab]|\\*)",
        path in "(/[ab]{1,2}){1,5}",
    ) {
        let parsed: Pattern = pattern.parse().unwrap();
        let ends = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]);
        let matched = ends.clone().find(|end| parsed.covers(&path.as_bytes()[..*end]));
        if let Some(matched) = matched {
            for end in ends.take_while(|end| *end < matched) {
                prop_assert!(parsed.leads_from(&path.as_bytes()[..end]));
            }
        }
    }
}
