//! dpkg orders versions as we do.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]

use std::cmp::Ordering;
use std::process::Command;

use anklume_compare::compare_versions;
use proptest::prelude::*;

/// Whether dpkg finds that the relation holds (dpkg(1), `--compare-versions`).
fn holds(left: &str, relation: &str, right: &str) -> bool {
    let output = Command::new("dpkg")
        .args(["--compare-versions", left, relation, right])
        .output()
        .expect("dpkg (package dpkg)");
    let errors = String::from_utf8_lossy(&output.stderr);
    // It warns of what is no version, and answers nevertheless.
    assert_eq!(errors, "", "{left:?} {relation} {right:?}");
    match output.status.code() {
        Some(0) => true,
        Some(1) => false,
        code => panic!("dpkg ended with {code:?}"),
    }
}

fn dpkg(left: &str, right: &str) -> Ordering {
    match (holds(left, "lt", right), holds(left, "gt", right)) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => Ordering::Equal,
        (true, true) => panic!("{left:?} is before and after {right:?}"),
    }
}

#[test]
fn pairs_that_are_easy_to_get_wrong() {
    for (left, right) in [
        ("0", "0-0"),
        ("1.0", "1.00-0"),
        ("1.0~", "1.0"),
        ("1.0~", "1.0-0~"),
        ("1.0~~", "1.0~~a"),
        ("1a", "1+"),
        ("1+", "1."),
        ("1-1", "1.-1"),
        ("1.0-1-1", "1.0-1"),
        ("1:0", "2"),
        ("1:1:1", "1:1"),
        ("007:1", "7:01"),
        ("1.0Z", "1.0a"),
        ("1.0-1+b1", "1.0-1.1"),
        ("18446744073709551616", "18446744073709551615"),
        ("1.2a10", "1.2a9"),
        ("0~0", "0"),
    ] {
        assert_eq!(compare_versions(left, right), dpkg(left, right), "{left} {right}");
        assert_eq!(compare_versions(right, left), dpkg(right, left), "{right} {left}");
    }
}

/// A version from few characters, so that two of them often share a start.
fn version() -> impl Strategy<Value = String> {
    (
        prop::option::weighted(0.2, "0{0,2}[0-2]"),
        "[0-1][019a~.+Z]{0,5}",
        prop::option::weighted(0.3, "[01a~.]{1,2}"),
        prop::option::weighted(0.5, "[01a~.+]{1,4}"),
    )
        .prop_map(|(epoch, upstream, hyphenated, revision)| {
            let mut version = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
            version.push_str(&upstream);
            // A hyphen in the upstream version needs a revision behind it.
            if let (Some(more), Some(_)) = (hyphenated, &revision) {
                version.push_str(&format!("-{more}"));
            }
            if let Some(revision) = revision {
                version.push_str(&format!("-{revision}"));
            }
            version
        })
}

proptest! {
    // Two processes for each case.
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_versions(left in version(), right in version()) {
        prop_assert_eq!(compare_versions(&left, &right), dpkg(&left, &right));
    }
}

proptest! {
    #[test]
    fn any_texts_are_in_a_total_order(texts in prop::array::uniform3("[0-2a~.+:é-]{0,6}")) {
        let [a, b, c] = &texts;
        prop_assert_eq!(compare_versions(a, b), compare_versions(b, a).reverse());
        prop_assert_eq!(compare_versions(a, a), Ordering::Equal);
        if compare_versions(a, b).is_le() && compare_versions(b, c).is_le() {
            prop_assert!(compare_versions(a, c).is_le());
        }
    }
}
