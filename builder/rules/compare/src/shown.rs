//! Names, hashes and sizes as text.

/// Bytes as text on one line that a terminal does not obey and that no other bytes have: a
/// backslash is doubled, a control character or a byte that is not UTF-8 becomes `\x` and two
/// hexadecimal digits.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                _ if character.is_control() => {
                    let mut buffer = [0; 4];
                    escape(&mut text, character.encode_utf8(&mut buffer).as_bytes());
                }
                _ => text.push(character),
            }
        }
        escape(&mut text, chunk.invalid());
    }
    text
}

fn escape(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        text.push_str(&format!("\\x{byte:02x}"));
    }
}

/// A path of a tree, with the slash in front that trees leave out.
pub(crate) fn shown_path(path: &[u8]) -> String {
    format!("/{}", shown(path))
}

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Units above a byte and the power of two that they stand for, largest first.
const UNITS: [(&str, u32); 5] = [("PiB", 50), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];

/// A number of bytes for people: two decimals of the largest binary unit that fits, rounded.
pub(crate) fn human_bytes(bytes: u64) -> String {
    let unit = UNITS.iter().find(|(_, power)| bytes >> power > 0);
    let Some((name, power)) = unit else {
        return format!("{bytes} B");
    };
    let half = 1_u128 << power >> 1;
    let hundredths = u128::from(bytes).saturating_mul(100).saturating_add(half) >> power;
    format!("{}.{:02} {name}", hundredths / 100, hundredths % 100)
}

/// The way from `before` to `after` bytes, with its sign; empty where there is none.
pub(crate) fn human_change(before: u64, after: u64) -> String {
    match after.cmp(&before) {
        std::cmp::Ordering::Less => format!("-{}", human_bytes(before.abs_diff(after))),
        std::cmp::Ordering::Equal => String::new(),
        std::cmp::Ordering::Greater => format!("+{}", human_bytes(before.abs_diff(after))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_bytes_are_shown_differently_and_harmlessly() {
        for (bytes, text) in [
            (&b"usr/bin/a b"[..], "usr/bin/a b"),
            ("é→".as_bytes(), "é→"),
            (b"a\\x0a", "a\\\\x0a"),
            (b"a\n\x1b[2J", "a\\x0a\\x1b[2J"),
            (b"\xff\xc3", "\\xff\\xc3"),
            ("\u{9b}".as_bytes(), "\\xc2\\x9b"),
        ] {
            assert_eq!(shown(bytes), text);
        }
        assert_eq!((shown_path(b""), shown_path(b"etc")), ("/".to_owned(), "/etc".to_owned()));
    }

    #[test]
    fn sizes() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1536, "1.50 KiB"),
            (1029, "1.00 KiB"),
            (1030, "1.01 KiB"),
            (5 << 30, "5.00 GiB"),
            (u64::MAX, "16384.00 PiB"),
        ] {
            assert_eq!(human_bytes(bytes), text);
        }
        assert_eq!(human_change(3, 1), "-2 B");
        assert_eq!(human_change(1, 1025), "+1.00 KiB");
        assert_eq!(human_change(u64::MAX, u64::MAX), "");
    }
}
