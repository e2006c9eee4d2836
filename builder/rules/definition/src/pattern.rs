//! Patterns on paths.
//!
//! A pattern is an absolute path whose components may hold `*`, which stands for any bytes, also
//! none and also a leading dot, but never for a slash. A component `**` stands for any number of
//! whole components, also none, and is not the last. Everything else stands for itself; `?`, `[`, `]`, `{`, `}` and `\`
//! are refused, so that a pattern written with another tool's meaning in mind does not silently
//! match nothing.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text;

/// Longest pattern in bytes: `PATH_MAX` of Linux.
const MAX_BYTES: usize = 4096;

/// A pattern on absolute paths.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

/// Text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pattern is `{found}`, expected {expected}")]
pub struct PatternError {
    /// The text.
    pub found: String,
    /// What a pattern must be.
    pub expected: &'static str,
}

/// What is left of the pattern after a path was followed through it.
struct Trace {
    /// The whole pattern matched the path or a directory above it.
    covers: bool,
    /// A longer path could still match.
    leads: bool,
}

impl Pattern {
    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the pattern matches `path` or a directory above it.
    ///
    /// `path` is absolute, without `.`, `..` and empty components; the root is never matched.
    #[must_use]
    pub fn covers(&self, path: &[u8]) -> bool {
        self.trace(path).covers
    }

    /// Whether the pattern could match something below `path`.
    #[must_use]
    pub fn leads_from(&self, path: &[u8]) -> bool {
        self.trace(path).leads
    }

    /// Follows `path` through the pattern, keeping every place that the pattern can be in: the
    /// work is the product of the two lengths, whatever the stars are.
    fn trace(&self, path: &[u8]) -> Trace {
        let parts: Vec<&[u8]> = components(self.0.as_bytes()).collect();
        // One flag per component of the pattern, and one for its end.
        let mut places = vec![false; parts.len().saturating_add(1)];
        if let Some(first) = places.first_mut() {
            *first = true;
        }
        skip_empty_runs(&parts, &mut places);
        let mut covers = false;
        for component in components(path) {
            places = step(&parts, &places, component);
            covers |= places.last() == Some(&true);
            if !places.contains(&true) {
                break;
            }
        }
        let leads = places.iter().take(parts.len()).any(|place| *place);
        Trace { covers, leads }
    }
}

/// Components between slashes.
fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|component| !component.is_empty())
}

/// A `**` may stand for nothing, so a place in front of one is also a place behind it.
fn skip_empty_runs(parts: &[&[u8]], places: &mut [bool]) {
    let mut before = false;
    for (index, place) in places.iter_mut().enumerate() {
        *place |= before;
        before = *place && parts.get(index).is_some_and(|part| *part == b"**");
    }
}

/// The places after one more component of the path.
fn step(parts: &[&[u8]], places: &[bool], component: &[u8]) -> Vec<bool> {
    let mut next = vec![false; places.len()];
    for (index, part) in parts.iter().enumerate() {
        if places.get(index) != Some(&true) {
            continue;
        }
        let stays = *part == b"**";
        let to = if stays { Some(index) } else { index.checked_add(1) };
        if (stays || component_matches(part, component))
            && let Some(place) = to.and_then(|to| next.get_mut(to))
        {
            *place = true;
        }
    }
    skip_empty_runs(parts, &mut next);
    next
}

/// Whether `part`, with stars, is the whole of `component`.
///
/// The pieces between the stars must occur in this order: the first at the start, the last at the
/// end, each other as early as possible, which never spoils a later one.
fn component_matches(part: &[u8], component: &[u8]) -> bool {
    let mut pieces = part.split(|byte| *byte == b'*');
    let Some(mut rest) = pieces.next().and_then(|first| component.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(found) = behind(rest, piece) else {
            return false;
        };
        rest = found;
    }
    rest.ends_with(last)
}

/// What follows the first occurrence of `piece` in `bytes`.
fn behind<'a>(bytes: &'a [u8], piece: &[u8]) -> Option<&'a [u8]> {
    if piece.is_empty() {
        return Some(bytes);
    }
    let at = bytes.windows(piece.len()).position(|window| window == piece)?;
    bytes.get(at.checked_add(piece.len())?..)
}

/// What is wrong with `text` as a pattern.
fn fault(text: &str) -> Option<&'static str> {
    let Some(relative) = text.strip_prefix('/') else {
        return Some("an absolute path");
    };
    let wrong = |component: &str| matches!(component, "" | "." | "..");
    let reserved = |c: char| matches!(c, '?' | '[' | ']' | '{' | '}' | '\\') || c.is_control();
    if relative.split('/').any(wrong) {
        return Some("no empty component, no `.`, no `..` and no slash at the end");
    }
    if relative.split('/').any(|component| component.contains("**") && component != "**") {
        return Some("`**` to be a whole component");
    }
    if relative.ends_with("**") {
        return Some(
            "no `**` at the end: `/a` takes the directory and its content, `/a/*` the content",
        );
    }
    if text.contains(reserved) {
        return Some("no `?`, `[`, `]`, `{`, `}`, `\\` and no control character");
    }
    (text.len() > MAX_BYTES).then_some("at most 4096 bytes")
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        match fault(text) {
            Some(expected) => Err(PatternError { found: text.to_owned(), expected }),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer, "a path pattern")
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl JsonSchema for Pattern {
    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "An absolute path. `*` stands for any bytes but a slash, a component \
                `**` for any number of components.",
            "pattern": "^/[^?\\[\\]{}\\\\]+$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, component_matches};

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    #[test]
    fn stars_stay_within_their_component() {
        for (part, component, matches) in [
            ("*", "", true),
            ("*", ".hidden", true),
            ("a*", "a", true),
            ("a*a", "a", false),
            ("a*a", "aba", true),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "ab", false),
            ("*a*b*", "xbxa", false),
            ("*a*b*", "xaxbx", true),
            ("abc", "abcd", false),
            ("", "", true),
        ] {
            let found = component_matches(part.as_bytes(), component.as_bytes());
            assert_eq!(found, matches, "{part} on {component}");
        }
    }

    #[test]
    fn a_matched_directory_takes_its_content() {
        let doc = pattern("/usr/share/doc/*");
        assert!(!doc.covers(b"/usr/share/doc"));
        assert!(doc.covers(b"/usr/share/doc/bash"));
        assert!(doc.covers(b"/usr/share/doc/bash/a/b"));
        assert!(!doc.covers(b"/usr/share/docs/bash"));
        assert!(!doc.covers(b"/"));
        assert!(pattern("/usr/share/doc").covers(b"/usr/share/doc/bash"));
        assert!(!pattern("/usr/share/doc").covers(b"/usr/share/doc-base"));
    }

    #[test]
    fn a_double_star_is_any_number_of_components() {
        let cache = pattern("/usr/**/*.pyc");
        assert!(cache.covers(b"/usr/a.pyc"));
        assert!(cache.covers(b"/usr/lib/python3/x/a.pyc"));
        assert!(!cache.covers(b"/opt/a.pyc"));
        assert!(!cache.covers(b"/usr/lib/a.py"));
        assert!(pattern("/**/x/**/y").covers(b"/x/a/x/b/y"));
        // Worst case of a backtracking matcher.
        let long = "/a".repeat(200);
        assert!(!pattern(&format!("{}/b", "/**/a".repeat(40))).covers(long.as_bytes()));
    }

    #[test]
    fn names_need_not_be_utf8() {
        assert!(pattern("/usr/*.x").covers(b"/usr/\xff\xfe.x"));
    }

    #[test]
    fn what_leads_to_a_match_is_known() {
        let copyright = pattern("/usr/share/doc/*/copyright");
        assert!(copyright.leads_from(b"/"));
        assert!(copyright.leads_from(b"/usr/share/doc"));
        assert!(copyright.leads_from(b"/usr/share/doc/bash"));
        assert!(!copyright.leads_from(b"/usr/share/doc/bash/copyright"));
        assert!(!copyright.leads_from(b"/usr/share/man"));
    }

    #[test]
    fn other_tools_patterns_are_refused() {
        for text in [
            "",
            "usr",
            "/",
            "/usr/",
            "//usr",
            "/usr/./a",
            "/usr/../a",
            "/a?",
            "/a[0-9]",
            "/{a,b}",
            "/a\\*",
            "/a**",
            "/**b/c",
            "/a/**",
            "/**",
            "/a\nb",
        ] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }
}
