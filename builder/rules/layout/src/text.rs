//! Text of strangers, made fit to be shown: names from a disk, lines of a program, reasons in a file.

/// `text` as one line for a terminal, of at most `limit` characters, the last of which is `…` if it
/// was longer.
///
/// What a terminal obeys or hides becomes a space: control characters, line and paragraph
/// separators, and the characters that change the direction of writing. Spaces in a row become one,
/// none is left at the ends.
#[must_use]
pub fn printable(text: &str, limit: usize) -> String {
    let mut line = String::new();
    let mut count: usize = 0;
    let shown = |c: char| if is_unfit(c) { ' ' } else { c };
    for c in text.chars().map(shown) {
        if c == ' ' && (line.is_empty() || line.ends_with(' ')) {
            continue;
        }
        if count >= limit {
            if c == ' ' {
                continue;
            }
            line.pop();
            line.push('…');
            break;
        }
        line.push(c);
        count = count.saturating_add(1);
    }
    if line.ends_with(' ') {
        line.pop();
    }
    line
}

fn is_unfit(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_left_out() {
        assert_eq!(printable("a\u{1b}[2J\nb\u{202e}c\u{feff}\t d ", 99), "a [2J b c d");
        assert_eq!(printable("\n\u{7}", 9), "");
        assert_eq!(printable("Größe 3 €", 99), "Größe 3 €");
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        assert_eq!(printable("abcdef", 6), "abcdef");
        assert_eq!(printable("abcdef \n", 6), "abcdef");
        assert_eq!(printable("abcdefg", 6), "abcde…");
        assert_eq!(printable("abcde fg", 6), "abcde…");
        assert_eq!(printable("abc", 0), "…");
    }
}
