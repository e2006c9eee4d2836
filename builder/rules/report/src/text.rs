//! Names as text that cannot do harm.

/// The most characters of a name that are shown.
pub(crate) const MAX_NAME: usize = 120;

/// `text` as it can be shown: control characters and those that change the direction of writing or
/// break lines (Unicode 15.1, section 23.2) are escapes as in Rust; longer than [`MAX_NAME`] then,
/// its middle is cut out.
pub(crate) fn readable(text: &str) -> String {
    shortened(&replaced(text, hidden), "\u{2026}")
}

/// [`readable`] for bytes that may not be UTF-8.
pub(crate) fn readable_bytes(bytes: &[u8]) -> String {
    readable(&String::from_utf8_lossy(bytes))
}

/// `text` in the 95 printable characters of ASCII; all others are escapes as in Rust. Longer than
/// [`MAX_NAME`] then, its middle is cut out.
pub(crate) fn ascii(text: &str) -> String {
    shortened(&replaced(text, |character| !matches!(character, ' '..='~')), "...")
}

fn replaced(text: &str, hidden: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if hidden(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Escapes what HTML interprets in text and in quoted attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

/// A name from outside as HTML.
pub(crate) fn name(text: &str) -> String {
    escaped(&readable(text))
}

/// A path from outside, readable already, as HTML that may be broken into lines after each `/`.
pub(crate) fn path(readable: &str) -> String {
    escaped(readable).replace('/', "/<wbr />")
}

/// Characters that cannot be seen, that change how their neighbours are shown, or that XML refuses.
fn hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{fffe}'
                | '\u{ffff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

fn shortened(text: &str, gap: &str) -> String {
    if text.chars().nth(MAX_NAME).is_none() {
        return text.to_owned();
    }
    let half = MAX_NAME / 2;
    let tail = text.chars().rev().take(half).collect::<Vec<_>>();
    let head = text.chars().take(half);
    head.chain(gap.chars()).chain(tail.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_cannot_break_out() {
        assert_eq!(
            name("</script><img src='x' onerror=\"y\">&"),
            "&lt;/script&gt;&lt;img src=&#39;x&#39; onerror=&quot;y&quot;&gt;&amp;"
        );
    }

    #[test]
    fn what_cannot_be_seen_is_an_escape() {
        assert_eq!(readable("a\nb\u{202e}c\u{0}d\u{85}"), "a\\nb\\u{202e}c\\u{0}d\\u{85}");
        assert_eq!(readable("Ünïcode 日本"), "Ünïcode 日本");
        assert_eq!(readable_bytes(b"a\xff\xfeb"), "a\u{fffd}\u{fffd}b");
        assert_eq!(ascii("é\t~"), "\\u{e9}\\t~");
    }

    #[test]
    fn long_names_lose_their_middle() {
        let long = format!("start{}end", "x".repeat(500));
        let shown = readable(&long);
        assert_eq!(shown.chars().count(), MAX_NAME + 1);
        assert!(shown.starts_with("start") && shown.ends_with("end") && shown.contains('…'));
        assert_eq!(readable(&"\u{1}".repeat(500)).chars().count(), MAX_NAME + 1);
        let exact = "é".repeat(MAX_NAME);
        assert_eq!(readable(&exact), exact);
    }
}
