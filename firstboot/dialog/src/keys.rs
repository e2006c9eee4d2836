//! Bytes of a terminal as keys: UTF-8, ASCII control characters, and the sequences of ECMA-48 that the Linux
//! console and the terminals derived from the VT100 send.

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// A character that is shown.
    Char(char),
    Enter,
    /// BS or DEL: terminals disagree about which of them the key sends, and people mean the same.
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    Tab,
    BackTab,
    Escape,
    F1,
    F10,
    CtrlC,
    CtrlD,
    CtrlL,
    CtrlU,
    CtrlW,
    /// Bytes that are no UTF-8.
    Invalid,
    /// A key without a meaning here.
    Other,
}

/// The first key of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// The key, and how many bytes it took: one at least.
    Key(Key, usize),
    /// The bytes may be the start of a longer sequence, or there are none.
    More,
}

const ESCAPE: u8 = 0x1b;
/// Longest sequence that is waited for; the known ones have five bytes.
const LONGEST: usize = 16;

/// The first key of `bytes`. With `all`, nothing follows soon: what may be the start of a sequence is
/// the Escape key, or not UTF-8.
pub(crate) fn decode(bytes: &[u8], all: bool) -> Decoded {
    match bytes {
        [] => Decoded::More,
        [ESCAPE, rest @ ..] => escape(rest, all),
        [byte @ (0..=0x1f | 0x7f), ..] => Decoded::Key(control(*byte), 1),
        bytes => character(bytes, all),
    }
}

fn control(byte: u8) -> Key {
    match byte {
        b'\r' | b'\n' => Key::Enter,
        0x08 | 0x7f => Key::Backspace,
        b'\t' => Key::Tab,
        0x01 => Key::Home,
        0x03 => Key::CtrlC,
        0x04 => Key::CtrlD,
        0x05 => Key::End,
        0x0c => Key::CtrlL,
        0x15 => Key::CtrlU,
        0x17 => Key::CtrlW,
        _ => Key::Other,
    }
}

fn character(bytes: &[u8], all: bool) -> Decoded {
    let (valid, broken) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            (std::str::from_utf8(valid).unwrap_or_default(), Some(error.error_len()))
        }
    };
    match (valid.chars().next(), broken) {
        (Some(c), _) if crate::harmless::is_plain(c) => Decoded::Key(Key::Char(c), c.len_utf8()),
        (Some(c), _) => Decoded::Key(Key::Other, c.len_utf8()),
        (None, Some(Some(length))) => Decoded::Key(Key::Invalid, length.max(1)),
        (None, _) if all => Decoded::Key(Key::Invalid, bytes.len()),
        (None, _) => Decoded::More,
    }
}

/// A sequence, without its Escape.
fn escape(rest: &[u8], all: bool) -> Decoded {
    match rest {
        [] if all => Decoded::Key(Key::Escape, 1),
        // Escape, then Enter: two keys that were typed one after the other.
        [ESCAPE | 0..=0x1f, ..] => Decoded::Key(Key::Escape, 1),
        // The Linux console's F1 to F5.
        [b'[', b'[', letter, ..] => {
            Decoded::Key(if *letter == b'A' { Key::F1 } else { Key::Other }, 4)
        }
        [b'[', b'['] if !all => Decoded::More,
        [b'O', letter, ..] => Decoded::Key(letter_key(*letter), 3),
        [b'[', arguments @ ..] => sequence(arguments, all),
        [b'O'] if all => Decoded::Key(Key::Escape, 1),
        [] | [b'O'] => Decoded::More,
        // Alt and a character.
        [_, ..] => match decode(rest, all) {
            Decoded::Key(_, length) => Decoded::Key(Key::Other, length + 1),
            Decoded::More => Decoded::More,
        },
    }
}

/// ECMA-48 section 5.4: parameter and intermediate bytes, then a final byte.
fn sequence(arguments: &[u8], all: bool) -> Decoded {
    let length = arguments.iter().take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
    match arguments.get(length) {
        Some(last @ 0x40..=0x7e) => {
            let number = arguments.get(..length).unwrap_or_default();
            let key = if *last == b'~' { number_key(number) } else { letter_key(*last) };
            Decoded::Key(key, length + 3)
        }
        // Something else begins in the middle of it.
        Some(_) => Decoded::Key(Key::Other, length + 2),
        None if all || length > LONGEST => Decoded::Key(Key::Other, length + 2),
        None => Decoded::More,
    }
}

fn letter_key(last: u8) -> Key {
    match last {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'F' => Key::End,
        b'H' => Key::Home,
        b'M' => Key::Enter,
        b'P' => Key::F1,
        b'Z' => Key::BackTab,
        _ => Key::Other,
    }
}

fn number_key(number: &[u8]) -> Key {
    // Behind a `;` are the modifiers.
    match number.split(|byte| *byte == b';').next().unwrap_or_default() {
        b"1" | b"7" => Key::Home,
        b"3" => Key::Delete,
        b"4" | b"8" => Key::End,
        b"5" => Key::PageUp,
        b"6" => Key::PageDown,
        b"11" => Key::F1,
        b"21" => Key::F10,
        _ => Key::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut bytes: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        while let Decoded::Key(key, length) = decode(bytes, true) {
            keys.push(key);
            bytes = &bytes[length..];
        }
        keys
    }

    #[test]
    fn terminals_send_the_same_keys_in_several_ways() {
        assert_eq!(
            all(b"\x1b[A\x1bOA\x1b[B\x1b[C\x1b[D"),
            [Key::Up, Key::Up, Key::Down, Key::Right, Key::Left]
        );
        assert_eq!(all(b"\x1b[H\x1b[1~\x1b[7~\x1bOH\x01"), [Key::Home; 5]);
        assert_eq!(all(b"\x1b[[A\x1bOP\x1b[11~"), [Key::F1; 3]);
        assert_eq!(all(b"\x1b[5~\x1b[6;2~\x1b[21~"), [Key::PageUp, Key::PageDown, Key::F10]);
        assert_eq!(all(b"\x08\x7f"), [Key::Backspace; 2]);
    }

    #[test]
    fn escape_is_a_key_and_the_start_of_others() {
        assert_eq!(decode(b"\x1b", false), Decoded::More);
        assert_eq!(decode(b"\x1b[", false), Decoded::More);
        assert_eq!(decode(b"\x1b[[", false), Decoded::More);
        assert_eq!(decode(b"\x1b[1", false), Decoded::More);
        assert_eq!(all(b"\x1b"), [Key::Escape]);
        assert_eq!(all(b"\x1b\x1b[A"), [Key::Escape, Key::Up]);
        assert_eq!(all(b"\x1b\r"), [Key::Escape, Key::Enter]);
        assert_eq!(all(b"\x1bx\x1b\xc3\xa9y"), [Key::Other, Key::Other, Key::Char('y')]);
        assert_eq!(all(b"\x1b[200~x"), [Key::Other, Key::Char('x')]);
    }

    #[test]
    fn characters_are_utf_8() {
        assert_eq!(all("é日".as_bytes()), [Key::Char('é'), Key::Char('日')]);
        assert_eq!(decode(b"\xc3", false), Decoded::More);
        assert_eq!(all(b"\xc3"), [Key::Invalid]);
        assert_eq!(all(b"\xff\xe9a"), [Key::Invalid, Key::Invalid, Key::Char('a')]);
        // A control character of C1, and one that turns the direction of writing.
        assert_eq!(all("\u{9b}\u{202e}".as_bytes()), [Key::Other; 2]);
    }

    #[test]
    fn every_sequence_of_bytes_is_some_keys() {
        let bytes = [0x1b, b'[', b'O', b'1', b';', b'~', 0xc3, 0xa9, 0xf0, 0x00, b'\r', b'x'];
        for a in bytes {
            for b in bytes {
                for c in bytes {
                    for d in bytes {
                        let text = [a, b, c, d];
                        let mut rest = &text[..];
                        while !rest.is_empty() {
                            let Decoded::Key(_, used) = decode(rest, true) else {
                                panic!("{text:?}")
                            };
                            assert!(used > 0 && used <= rest.len(), "{text:?}");
                            rest = &rest[used..];
                        }
                        decode(&text, false);
                    }
                }
            }
        }
    }
}
