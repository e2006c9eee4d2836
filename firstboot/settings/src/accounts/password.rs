//! Hashed passwords; crypt(5).

use std::fmt;

use serde::{Deserialize, Serialize};
use yescrypt::{PasswordHasher, Yescrypt};

use crate::error::Error;
use crate::fault::{Fault, FieldError, rule};
use crate::secret::Secret;

/// Length of the salt: 128 bits.
const SALT_BYTES: usize = 16;
/// Most bytes of a hash: `CRYPT_OUTPUT_SIZE` of libxcrypt.
const MOST_BYTES: usize = 384;

/// A hashed password, as in the second field of shadow(5). Not in `Debug` output: it can be guessed at.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a hash of a kind that Debian's libcrypt makes (`$y$`, `$gy$`, `$7$`, `$2b$`, `$6$`, `$5$`), or
    /// one that is locked with a `!` in front.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        check(text).map_err(|fault| fault.of("password-hash"))?;
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(text: &str) -> Result<(), Fault> {
    crate::names::sized(text, MOST_BYTES)?;
    // Neither the separator of the file nor what ends its lines.
    let fits = |c: &char| c.is_ascii_graphic() && !matches!(c, ':' | '*' | '!' | ';' | '\\');
    let hash = text.trim_start_matches('!');
    if let Some(odd) = hash.chars().find(|c| !fits(c)) {
        return Err(Fault::Character(odd));
    }
    let known = ["$y$", "$gy$", "$7$", "$2b$", "$2y$", "$6$", "$5$"];
    if known.iter().any(|begin| hash.starts_with(begin)) && hash.matches('$').count() >= 3 {
        return Ok(());
    }
    Err(rule(
        "expected a hash as `mkpasswd` makes it, which begins with $y$ or $6$",
        "attendu : un hachage comme `mkpasswd` le fait, qui commence par $y$ ou $6$",
    ))
}

impl TryFrom<String> for PasswordHash {
    type Error = FieldError;
    fn try_from(text: String) -> Result<Self, FieldError> {
        Self::parse(&text)
    }
}

impl From<PasswordHash> for String {
    fn from(hash: PasswordHash) -> Self {
        hash.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(..)")
    }
}

/// Hashes a password as Debian does by default: yescrypt with 16 MiB of memory (`$y$j9T$`).
///
/// # Errors
/// [`Error::Hash`]: no randomness, or no memory.
pub fn hash_password(password: &Secret) -> Result<PasswordHash, Error> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|error| Error::Hash { cause: error.to_string() })?;
    hash_with(password, &salt)
}

fn hash_with(password: &Secret, salt: &[u8]) -> Result<PasswordHash, Error> {
    let hash = Yescrypt::default().hash_password_with_salt(password.expose().as_bytes(), salt);
    let hash = hash.map_err(|error| Error::Hash { cause: error.to_string() })?;
    PasswordHash::parse(hash.as_str()).map_err(Error::Field)
}

#[cfg(test)]
mod tests {
    use anklume_host::process::{Cmd, find_program};

    use super::*;

    #[test]
    fn hashes_are_those_of_the_systems_library() {
        let password = Secret::new("pâss wörd".into());
        let hash = hash_password(&password).unwrap();
        assert!(hash.as_str().starts_with("$y$j9T$"), "{}", hash.as_str());
        assert_ne!(hash, hash_password(&password).unwrap());
        if find_program("perl").is_none() {
            println!("skipped: no perl here, whose crypt() is that of the system");
            return;
        }
        let crypt = |password: &str, setting: &str| {
            let output = Cmd::new("perl").args(["-e", "print crypt($ARGV[0], $ARGV[1])"]);
            let output = output.args([password, setting]).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        if !crypt("a", "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$").starts_with("$y$") {
            println!("skipped: crypt() of this system does not know yescrypt");
            return;
        }
        assert_eq!(crypt(password.expose(), hash.as_str()), hash.as_str());
        assert_ne!(crypt("other", hash.as_str()), hash.as_str());
    }

    #[test]
    fn a_hash_does_not_change() {
        // What libxcrypt 4.4.33 makes of this password and salt.
        let salt = [
            0x51, 0x61, 0xf4, 0x4a, 0x21, 0xda, 0x07, 0x3d, 0xc6, 0xb1, 0x61, 0xfb, 0x79, 0x6d,
            0x05, 0x0c,
        ];
        let hash = hash_with(&Secret::new("pw".into()), &salt).unwrap();
        let expected = "$y$j9T$F34x83Wq5oXll4qytpK/A.$mQZyLl8KtOrJMYkuBUl1qkYDEBRNUvaVhRdW/Z5NZH3";
        assert_eq!(hash.as_str(), expected);
    }

    #[test]
    fn only_hashes_are_taken() {
        for good in ["$y$j9T$abc$def", "$6$salt$hash", "$6$rounds=10000$salt$hash", "!$6$a$b"] {
            assert!(PasswordHash::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", "!", "*", "x", "secret", "$1$a$b", "$6$a$b:0:", "$6$a$b\n", "$6$a", "$6$é$b"]
        {
            assert!(PasswordHash::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(format!("{:?}", PasswordHash::parse("$6$a$b").unwrap()), "PasswordHash(..)");
    }
}
