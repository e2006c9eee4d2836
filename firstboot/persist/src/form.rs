//! What the kept files look like. A file of another form is damaged, or a joke.

/// Says what is wrong with a content.
pub type Check = fn(&[u8]) -> Result<(), &'static str>;

/// Lines of UTF-8 text.
pub(crate) fn text(content: &[u8]) -> Result<(), &'static str> {
    let Ok(text) = std::str::from_utf8(content) else { return Err("no UTF-8 text") };
    if text.is_empty() {
        return Err("empty");
    }
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
    if text.contains(odd) { Err("control characters in a text") } else { Ok(()) }
}

/// Comments, and `NAME=VALUE` with values that mean nothing to a shell: some programs of a distribution
/// let a shell read these files.
pub(crate) fn plain_settings(content: &[u8]) -> Result<(), &'static str> {
    text(content)?;
    let text = String::from_utf8_lossy(content);
    let plain = |line: &str| {
        let Some((name, value)) = line.split_once('=') else { return line.trim().is_empty() };
        let value = value.trim_end();
        let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let harmless = |c: char| c.is_ascii_alphanumeric() || ",:_+-./".contains(c);
        let name_fits =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        name_fits
            && inner.map_or_else(
                || value.chars().all(harmless),
                |inner| inner.chars().all(|c| harmless(c) || " ()".contains(c)),
            )
    };
    let odd = text.lines().any(|line| !line.starts_with('#') && !plain(line));
    if odd { Err("something else than plain settings") } else { Ok(()) }
}

/// One line without control characters.
pub(crate) fn is_line(content: &[u8]) -> bool {
    std::str::from_utf8(content).is_ok_and(|text| !text.chars().any(char::is_control))
}

/// 32 lower-case hexadecimal digits and a newline, not all zero; machine-id(5).
pub(crate) fn machine_id(content: &[u8]) -> Result<(), &'static str> {
    let digits = content.strip_suffix(b"\n").unwrap_or(content);
    let hexadecimal = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != 32 || !digits.iter().all(hexadecimal) {
        return Err("no 32 hexadecimal digits");
    }
    if digits.iter().all(|digit| *digit == b'0') { Err("all zero") } else { Ok(()) }
}

/// Four bytes; gethostid(3).
pub(crate) fn host_id(content: &[u8]) -> Result<(), &'static str> {
    match content {
        [0, 0, 0, 0] => Err("all zero"),
        [_, _, _, _] => Ok(()),
        _ => Err("not four bytes long"),
    }
}

/// A host name, and comments; hostname(5).
pub(crate) fn host_name(content: &[u8]) -> Result<(), &'static str> {
    text(content)?;
    let text = String::from_utf8_lossy(content);
    let mut names = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let (Some(name), None) = (names.next(), names.next()) else { return Err("not one name") };
    let name = name.trim();
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if name.len() <= 64 && name.split('.').all(label) { Ok(()) } else { Err("no host name") }
}

/// A private key in text form.
pub(crate) fn private_key(content: &[u8]) -> Result<(), &'static str> {
    text(content)?;
    let text = String::from_utf8_lossy(content);
    let text = text.trim_end();
    if text.starts_with("-----BEGIN ") && text.ends_with(" PRIVATE KEY-----") {
        Ok(())
    } else {
        Err("no private key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_have_their_form() {
        assert_eq!(machine_id(b"0123456789abcdef0123456789abcdef\n"), Ok(()));
        for wrong in [&b""[..], b"uninitialized\n", b"0123456789ABCDEF0123456789ABCDEF\n"] {
            assert_eq!(machine_id(wrong), Err("no 32 hexadecimal digits"));
        }
        assert_eq!(machine_id(&[b'0'; 32]), Err("all zero"));
        assert_eq!(host_id(&[1, 0, 0, 0]), Ok(()));
        assert!(host_id(&[0; 4]).is_err() && host_id(&[1; 5]).is_err());
    }

    #[test]
    fn a_host_name_is_one_name() {
        for good in ["anklume\n", "a", "# mine\nhost-1.example\n"] {
            assert_eq!(host_name(good.as_bytes()), Ok(()), "{good}");
        }
        for bad in ["", "\n", "a b\n", "a\nb\n", "-a\n", "a..b\n", "a\0\n", &"a".repeat(65)] {
            assert!(host_name(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn settings_mean_nothing_to_a_shell() {
        let good = "# XKB\n\nXKBLAYOUT=\"fr,us\"\nXKBOPTIONS=\"\"\nKEYMAP=fr-latin9\n";
        assert_eq!(plain_settings(good.as_bytes()), Ok(()));
        for bad in
            ["A=$(id)\n", "A=\"`id`\"\n", "A=b; id\n", "A=b id\n", "id\n", "A=\"b\nid\"\n", "=b\n"]
        {
            assert!(plain_settings(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn keys_and_texts_are_whole() {
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n";
        assert_eq!(private_key(key.as_bytes()), Ok(()));
        assert!(private_key(&key.as_bytes()[..50]).is_err());
        assert!(text(&[0; 100]).is_err() && text(b"").is_err() && text(&[0xff]).is_err());
        assert_eq!(text(b"LANG=C\n"), Ok(()));
    }
}
