//! Texts from disks and files may hold what a terminal obeys.

/// Stands for a character that is not shown. ASCII, as every console has it.
const HIDDEN: char = '?';

/// `text` without characters that a terminal obeys or that change how others are read: control characters
/// (Unicode category Cc) but the newline, and format characters (Cf) such as those that turn the direction
/// of writing. A tab becomes a space, `\r\n` a newline, all others a question mark.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.replace("\r\n", "\n").chars().map(|c| if c == '\n' { c } else { tame(c) }).collect()
}

/// The same for a text that is to stay on one line, as a label of a disk: newlines become spaces.
#[must_use]
pub fn harmless_line(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { ' ' } else { tame(c) }).collect()
}

/// Whether a person can have typed `c` as part of a text.
pub(crate) fn is_plain(c: char) -> bool {
    tame(c) == c
}

fn tame(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() || is_format(c) => HIDDEN,
        c => c,
    }
}

/// Unicode 16.0, category Cf where it occurs in text at all, and the two separators that end a line.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_not_said() {
        let label = "DATA\u{1b}[2J\u{9b}31m\u{7}\r\u{202e}x\u{7f}";
        assert_eq!(harmless(label), "DATA?[2J?31m???x?");
        assert_eq!(harmless("a\r\nb\n\tc"), "a\nb\n c");
        assert_eq!(harmless_line("a\r\nb"), "a? b");
        assert_eq!(harmless("Été 日本 e\u{301} «\u{a0}»"), "Été 日本 e\u{301} «\u{a0}»");
    }
}
