//! Text to definition.

use toml::Spanned;
use toml::de::DeTable;

use crate::check;
use crate::locate::{Place, line_and_column};
use crate::{Definition, Error, Problem};

/// Longest definition in bytes. The largest real one has a few kilobytes.
pub const MAX_BYTES: usize = 1 << 20;

/// Changed letters up to which a known key is taken for a misspelled one.
const NEAR: usize = 3;

impl Definition {
    /// Reads the definition `text`, TOML 1.0, of the file that messages call `file_name`.
    ///
    /// # Errors
    /// [`Error`] with line, column and key of the first problem: not TOML, an unknown or missing
    /// key, a value of the wrong type, a name that its rule refuses, a package, unit or pattern
    /// that is listed twice, two values that contradict each other.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, Error> {
        let error = |offset: usize, key: String, problem| {
            let (line, column) = line_and_column(text, offset);
            Error { file: file_name.to_owned(), line, column, key, problem: Box::new(problem) }
        };
        if text.len() > MAX_BYTES {
            let problem = Problem::TooLong { found: text.len(), limit: MAX_BYTES };
            return Err(error(0, String::new(), problem));
        }
        let document = DeTable::parse(text).map_err(|toml| {
            let offset = toml.span().map_or(text.len(), |span| span.start);
            error(offset, String::new(), Problem::Syntax { message: toml.message().to_owned() })
        })?;
        let definition: Self = toml::from_str(text).map_err(|toml| {
            let offset = toml.span().map_or(0, |span| span.start);
            error(offset, key_at(&document, offset), problem(toml.message()))
        })?;
        check::definition(&definition).map_err(|(place, problem)| {
            error(place.offset(&document), place.to_string(), problem)
        })?;
        Ok(definition)
    }
}

/// Tries `bytes` as a definition, and what it says about paths, for a fuzzer.
///
/// # Panics
/// When a definition that was accepted is refused, or read differently, after it was written out.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let definition = match Definition::parse(text, "fuzz") {
        Ok(definition) => definition,
        Err(error) => {
            assert!(error.line >= 1 && error.column >= 1, "{error}");
            return;
        }
    };
    let _ = definition.paths.leaves_out(bytes);
    assert!(!definition.paths.leaves_out(b"/"), "the root was left out");
    let written = toml::to_string(&definition).unwrap_or_default();
    assert_eq!(Definition::parse(&written, "again").as_ref(), Ok(&definition), "{written}");
}

/// The key that byte `offset` belongs to.
fn key_at(document: &Spanned<DeTable<'_>>, offset: usize) -> String {
    Place::at(document, offset).to_string()
}

/// The problem that a message of serde stands for.
///
/// Its wording for keys is all that it gives; where the wording is another one, the message is
/// passed on as it is.
fn problem(message: &str) -> Problem {
    // "unknown field `a`, expected one of `b`, `c`": every second piece is a name.
    let mut names = message.split('`').skip(1).step_by(2).map(str::to_owned);
    if message.starts_with("unknown field ")
        && let Some(found) = names.next()
    {
        let known: Vec<String> = names.collect();
        let nearest = nearest(&found, &known);
        return Problem::UnknownKey { found, known, nearest };
    }
    if message.starts_with("missing field ")
        && let Some(key) = names.next()
    {
        return Problem::MissingKey { key };
    }
    Problem::Value { message: message.to_owned() }
}

/// The known key that takes the fewest changed letters to become `found`.
fn nearest(found: &str, known: &[String]) -> Option<String> {
    known
        .iter()
        .map(|key| (distance(found, key), key))
        .min()
        .filter(|(distance, key)| *distance <= NEAR && *distance < key.len())
        .map(|(_, key)| key.clone())
}

/// Letters to insert, delete or replace to turn `a` into `b` (Levenshtein); one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for letter in b.chars() {
        let mut diagonal = row.first().copied().unwrap_or_default();
        let mut left = diagonal.saturating_add(1);
        let mut next = vec![left];
        for (index, other) in a.iter().enumerate() {
            let above = row.get(index.saturating_add(1)).copied().unwrap_or(usize::MAX);
            let replaced = diagonal.saturating_add(usize::from(letter != *other));
            left = replaced.min(above.saturating_add(1)).min(left.saturating_add(1));
            next.push(left);
            diagonal = above;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_changed_letters() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("suite", "suite"), 0);
    }

    #[test]
    fn far_keys_are_no_hint() {
        let known = vec!["suite".to_owned(), "base".to_owned()];
        assert_eq!(nearest("suit", &known), Some("suite".to_owned()));
        assert_eq!(nearest("architecture", &known), None);
        assert_eq!(nearest("x", &["ab".to_owned()]), None);
    }
}
