//! The page's content security policy.

use sha2::{Digest, Sha256};

/// A policy (W3C CSP level 3) that forbids every request and every script but `script`.
///
/// Inline styles are allowed, for the places of rectangles are style attributes. They cannot send
/// anything away, as no request is allowed.
pub(super) fn policy(script: &str) -> String {
    let digest = base64(&Sha256::digest(script.as_bytes()));
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; \
         base-uri 'none'; form-action 'none'"
    )
}

/// Base64 with padding (RFC 4648 section 4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |n| chunk.get(n).copied().unwrap_or(0);
        let group = u32::from_be_bytes([0, byte(0), byte(1), byte(2)]);
        let sextets = [group >> 18, group >> 12, group >> 6, group].map(|bits| bits & 63);
        for (index, sextet) in sextets.into_iter().enumerate() {
            let letter = usize::try_from(sextet).ok().and_then(|sextet| ALPHABET.get(sextet));
            match letter {
                Some(&letter) if index <= chunk.len() => text.push(char::from(letter)),
                _ => text.push('='),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        // RFC 4648 section 10.
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, coded) in vectors {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }
}
