//! Texts for people.

use anklume_language::{Language, say};

/// The most characters of a foreign text that are shown.
const SHOWN: usize = 64;

/// `text` so that it cannot move the cursor, change colours or the direction of writing, or hide: such
/// characters become `?`. At most 64 characters of it, then `...`.
#[must_use]
pub fn harmless(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .map(|character| if is_harmful(character) { '?' } else { character })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}

/// Control characters, and those of Unicode that are invisible or change the direction.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A foreign text in quotation marks.
pub(crate) fn quoted(language: Language, text: &str) -> String {
    let text = harmless(text);
    say!(language, "'{text}'", "« {text} »")
}

/// `one`, `one and two`, `one, two and three`. Of more than `most`, the rest is counted.
pub(crate) fn and(language: Language, items: &[String], most: usize) -> String {
    let mut items: Vec<String> = items.to_vec();
    let rest = items.len().saturating_sub(most);
    if rest > 1 {
        items.truncate(most);
        items.push(say!(language, "{rest} more", "{rest} autres"));
    }
    match items.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, before)) => {
            let before = before.join(", ");
            say!(language, "{before} and {last}", "{before} et {last}")
        }
    }
}

/// Kernel names or paths in a list of at most `most`. A disk or a saved inventory may put anything in their
/// place.
pub(crate) fn names(language: Language, names: &[String], most: usize) -> String {
    let names: Vec<String> = names.iter().map(|name| harmless(name)).collect();
    and(language, &names, most)
}

/// Whether a noun behind `number` has its plural. French has it from two on only.
pub(crate) fn plural(language: Language, number: u64) -> bool {
    match language {
        Language::English => number != 1,
        Language::French => number > 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_a_disk_could_use() {
        for (text, shown) in [
            ("WD Blue", "WD Blue"),
            ("données ü 日本", "données ü 日本"),
            ("\u{1b}[2Jx", "?[2Jx"),
            ("a\nb\rc\u{7}\u{7f}\u{9b}1m", "a?b?c???1m"),
            ("a\u{202e}b\u{200b}c", "a?b?c"),
        ] {
            assert_eq!(harmless(text), shown);
        }
        assert_eq!(harmless(&"x".repeat(64)), "x".repeat(64));
        assert_eq!(harmless(&"é".repeat(65)), format!("{}...", "é".repeat(64)));
    }

    #[test]
    fn lists_are_read_aloud() {
        let items = ["a", "b", "c", "d"].map(str::to_owned);
        let english = |items: &[String]| and(Language::English, items, 2);
        assert_eq!(english(&[]), "");
        assert_eq!(english(&items[..1]), "a");
        assert_eq!(english(&items[..3]), "a, b and c");
        assert_eq!(english(&items), "a, b and 2 more");
        assert_eq!(and(Language::French, &items, 2), "a, b et 2 autres");
    }
}
