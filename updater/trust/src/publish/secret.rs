//! Secret keys, and the files that hold them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

use crate::{Error, PublicKey};

/// What stands before the 32 bytes of an Ed25519 key in PKCS#8, version 1 (RFC 8410, section 7):
/// a sequence of version 0, the algorithm 1.3.101.112, and the key as an octet string in another.
const PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// An Ed25519 secret key (RFC 8032). Its bytes are overwritten when it is dropped.
///
/// Its file is PEM (RFC 7468) of PKCS#8 version 1 without encryption, as `openssl genpkey -algorithm
/// ed25519` makes it: three lines, 119 bytes.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key that these random bytes are; they stay the caller's to overwrite.
    #[must_use]
    pub fn from_random(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// Its public key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey::of(&self.0)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// The key's file; overwritten when it is dropped.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        let mut der = Zeroizing::new(Vec::with_capacity(48));
        der.extend(PKCS8_HEAD);
        der.extend(self.0.as_bytes());
        let body = Zeroizing::new(STANDARD.encode(&*der));
        Zeroizing::new([BEGIN, body.as_str(), END, ""].join("\n"))
    }

    /// Reads the key's file.
    ///
    /// # Errors
    /// Another kind of file or key, or an encrypted one. What is wrong is said without what is there.
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        let pem = Error::Key { reason: "expected PEM with the label PRIVATE KEY" };
        let body = text.trim_ascii().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let body = body.ok_or(pem)?.trim_ascii();
        let der = STANDARD.decode(body).map(Zeroizing::new);
        let der = der.map_err(|_| Error::Key { reason: "expected one line of base64" })?;
        let key = der.strip_prefix(&PKCS8_HEAD).and_then(|key| <&[u8; 32]>::try_from(key).ok());
        let reason = "expected an ed25519 key in PKCS#8 version 1, not encrypted";
        Ok(Self::from_random(key.ok_or(Error::Key { reason })?))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Output of OpenSSL (Debian package `openssl`).
    #[expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]
    fn openssl(arguments: &[&str], input: &str) -> Vec<u8> {
        use std::io::Write;
        use std::process::{Command, Stdio};
        let mut child = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        output.stdout
    }

    fn generated() -> String {
        String::from_utf8(openssl(&["genpkey", "-algorithm", "ed25519"], "")).unwrap()
    }

    #[test]
    fn the_file_is_that_of_openssl() {
        let text = generated();
        let key = SecretKey::from_pem(&text).unwrap();
        assert_eq!(*key.to_pem(), text);
        let ours = SecretKey::from_random(&[7; 32]).to_pem();
        for (key, text) in [(key, text), (SecretKey::from_random(&[7; 32]), ours.to_string())] {
            let public = openssl(&["pkey", "-pubout", "-outform", "DER"], &text);
            let digits: String =
                public[public.len() - 32..].iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(key.public().to_string(), digits);
        }
    }

    #[test]
    fn other_files_are_refused_without_being_shown() {
        let text = SecretKey::from_random(&[7; 32]).to_pem().to_string();
        let body = text.lines().nth(1).unwrap();
        for text in [
            String::new(),
            body.to_owned(),
            text.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
            text.replace("-----END PRIVATE KEY-----", ""),
            text.replace(body, &body[..60]),
            text.replace(body, &format!("{body}AAAA")),
            text.replace(body, &body.replace('M', "L")),
            text.replace(body, &format!("{}\n{}", &body[..32], &body[32..])),
            text.repeat(2),
        ] {
            let error = SecretKey::from_pem(&text).unwrap_err();
            assert!(matches!(error, Error::Key { .. }));
            assert!(!error.to_string().contains(&body[40..]));
        }
    }

    #[test]
    fn nothing_shows_the_secret() {
        let key = SecretKey::from_random(&[7; 32]);
        assert_eq!(format!("{key:?}"), format!("SecretKey(of {})", key.public()));
    }
}
