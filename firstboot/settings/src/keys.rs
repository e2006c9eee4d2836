//! SSH keys: lines of `authorized_keys`; sshd(8), section *AUTHORIZED_KEYS FILE FORMAT*.
//!
//! A line is a type, the key in base64 and a comment. The key begins with its type once more (RFC 4253
//! section 6.6), so a line that was cut or edited is found. Options in front are refused: they are programs
//! and forwardings, and a person who pastes a key does not mean any. Certificates and DSA are refused.

use std::fmt;

use anklume_language::{Language, say};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::fault::{Fault, FieldError};

/// Longest line, in bytes. An RSA key of 16384 bits has 2800.
const MOST_LINE_BYTES: usize = 8 << 10;
/// Most keys of one text.
const MOST_KEYS: usize = 256;
/// Fewest bits of an RSA key.
const FEWEST_RSA_BITS: usize = 2048;

/// A public key that may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AuthorizedKey {
    kind: Kind,
    blob: Vec<u8>,
    comment: String,
}

/// One of [`KINDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind(&'static str);

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text(Language::English))]
pub struct KeyError {
    /// Number of the line, from 1 on.
    pub line: usize,
    /// What is wrong.
    pub fault: KeyFault,
}

/// What is wrong with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFault {
    /// It is, or belongs to, a private key.
    Private,
    /// Something is in front of the type.
    Options,
    /// A kind of key that is not used here.
    Kind,
    /// No base64, or cut.
    Encoding,
    /// The key itself is of another type, or is not whole.
    Body,
    /// An RSA key of fewer bits than 2048.
    Weak {
        /// Its length in bits.
        bits: usize,
    },
    /// A longer line or more lines than keys have.
    Long,
    /// A comment with control characters.
    Comment,
}

/// Types that are taken.
const KINDS: [&str; 7] = [
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
];

impl AuthorizedKey {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &str) -> Result<Self, KeyFault> {
        let line = line.trim();
        if line.contains("PRIVATE KEY") || line.starts_with("PuTTY-User-Key-File") {
            return Err(KeyFault::Private);
        }
        if line.len() > MOST_LINE_BYTES {
            return Err(KeyFault::Long);
        }
        let (kind, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let Some(kind) = KINDS.into_iter().find(|known| *known == kind) else {
            let later = line.split([' ', '\t']).skip(1).any(|word| KINDS.contains(&word));
            return Err(if later { KeyFault::Options } else { KeyFault::Kind });
        };
        let rest = rest.trim_start();
        let (base64, comment) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        let blob = STANDARD.decode(base64).map_err(|_| KeyFault::Encoding)?;
        check_body(kind, &blob)?;
        let comment = comment.trim();
        if comment.chars().any(char::is_control) {
            return Err(KeyFault::Comment);
        }
        Ok(Self { kind: Kind(kind), blob, comment: comment.to_owned() })
    }

    /// Its type, such as `ssh-ed25519`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind.0
    }

    /// What its owner wrote after it.
    #[must_use]
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// Its fingerprint, as `ssh-keygen -l` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&self.blob)))
    }

    /// Whether both are the same key, whatever their comments.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.blob == other.blob
    }
}

impl fmt::Display for AuthorizedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind.0, STANDARD.encode(&self.blob))?;
        if self.comment.is_empty() { Ok(()) } else { write!(formatter, " {}", self.comment) }
    }
}

impl TryFrom<String> for AuthorizedKey {
    type Error = FieldError;
    fn try_from(line: String) -> Result<Self, FieldError> {
        let one_line = !line.trim_end().contains('\n');
        let key = if one_line { Self::parse(&line) } else { Err(KeyFault::Long) };
        key.map_err(|fault| Fault::Key(KeyError { line: 1, fault }).of("ssh-keys"))
    }
}

impl From<AuthorizedKey> for String {
    fn from(key: AuthorizedKey) -> Self {
        key.to_string()
    }
}

/// A string of RFC 4251 section 5: four bytes with its length, the highest first, and it.
fn string<'a>(data: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = data.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (string, rest) = rest.split_at_checked(length)?;
    *data = rest;
    Some(string)
}

/// The fields of RFC 4253 section 6.6 (RSA), RFC 5656 section 3.1 (ECDSA), RFC 8709 section 4 (Ed25519)
/// and OpenSSH's `PROTOCOL.u2f` (`sk-`), and nothing behind them.
fn check_body(kind: &str, mut data: &[u8]) -> Result<(), KeyFault> {
    let data = &mut data;
    if string(data) != Some(kind.as_bytes()) {
        return Err(KeyFault::Body);
    }
    let fits = if kind == "ssh-rsa" {
        return check_rsa(data);
    } else if kind.contains("ed25519") {
        string(data).is_some_and(|point| point.len() == 32)
    } else {
        let curve = kind.trim_start_matches("sk-").trim_end_matches("@openssh.com");
        let curve = curve.trim_start_matches("ecdsa-sha2-");
        // A point that is not compressed: 4, and two coordinates.
        let bytes = match curve {
            "nistp256" => 65,
            "nistp384" => 97,
            _ => 133,
        };
        let named = string(data) == Some(curve.as_bytes());
        let point = string(data);
        named && point.is_some_and(|point| point.len() == bytes && point.first() == Some(&4))
    };
    let application = !kind.starts_with("sk-") || string(data).is_some();
    if fits && application && data.is_empty() { Ok(()) } else { Err(KeyFault::Body) }
}

fn check_rsa(data: &mut &[u8]) -> Result<(), KeyFault> {
    let exponent = string(data).filter(|exponent| !exponent.is_empty());
    let modulus = string(data).filter(|modulus| modulus.first().is_some_and(|first| *first < 0x80));
    let (Some(_), Some(modulus), true) = (exponent, modulus, data.is_empty()) else {
        return Err(KeyFault::Body);
    };
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros).map_or(8, |byte| byte.leading_zeros());
    let bits = 8 * (modulus.len() - zeros);
    let bits = bits.saturating_sub(usize::try_from(first).unwrap_or_default());
    if bits < FEWEST_RSA_BITS { Err(KeyFault::Weak { bits }) } else { Ok(()) }
}

/// What a text held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyList {
    /// Keys, each once.
    pub keys: Vec<AuthorizedKey>,
    /// Lines that are none.
    pub refused: Vec<KeyError>,
}

impl KeyList {
    /// Adds those of `other` that are not there yet.
    pub fn add(&mut self, other: Self) {
        for key in other.keys {
            if !self.keys.iter().any(|known| known.is_same(&key)) {
                self.keys.push(key);
            }
        }
        self.refused.extend(other.refused);
    }
}

/// Reads all lines of a list, such as a file `authorized_keys` or what a web server has, and goes on
/// after lines that are none: old keys of somebody else's list should not stop the new ones.
#[must_use]
pub fn read_keys(text: &str) -> KeyList {
    let mut list = KeyList::default();
    // Its lines of base64 would only be more errors.
    if let Some(at) = text.lines().position(|line| line.contains("PRIVATE KEY")) {
        list.refused.push(KeyError { line: at.saturating_add(1), fault: KeyFault::Private });
        return list;
    }
    let lines = text.lines().zip(1..);
    let lines = lines.filter(|(line, _)| !line.trim().is_empty() && !line.trim().starts_with('#'));
    for (count, (line, number)) in lines.enumerate() {
        if count >= MOST_KEYS {
            list.refused.push(KeyError { line: number, fault: KeyFault::Long });
            break;
        }
        let one = match AuthorizedKey::parse(line) {
            Ok(key) => KeyList { keys: vec![key], refused: Vec::new() },
            Err(fault) => {
                KeyList { keys: Vec::new(), refused: vec![KeyError { line: number, fault }] }
            }
        };
        list.add(one);
    }
    list
}

/// Reads what a person typed or pasted: every line has to be a key.
///
/// # Errors
/// The first line that is none.
pub fn parse_keys(text: &str) -> Result<Vec<AuthorizedKey>, KeyError> {
    let list = read_keys(text);
    match list.refused.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(list.keys),
    }
}

impl KeyFault {
    /// What a person should read.
    #[must_use]
    pub fn text(self, language: Language) -> String {
        match self {
            Self::Private => say!(
                language,
                "this is a private key: never give it away; the public one is in the file that ends in .pub",
                "c'est une clé privée : ne la donnez jamais ; la publique est dans le fichier en .pub"
            ),
            Self::Options => say!(
                language,
                "options in front of the key are not taken: begin with its type",
                "les options devant la clé ne sont pas prises : commencez par son type"
            ),
            Self::Kind => say!(
                language,
                "no key, or of a type that is not taken; expected ssh-ed25519, ecdsa-sha2-… or ssh-rsa",
                "pas une clé, ou d'un type refusé ; attendu : ssh-ed25519, ecdsa-sha2-… ou ssh-rsa"
            ),
            Self::Encoding => {
                say!(language, "the key is cut or mistyped", "la clé est coupée ou mal tapée")
            }
            Self::Body => say!(
                language,
                "the key is damaged, or of another type than it says",
                "la clé est abîmée, ou d'un autre type que celui annoncé"
            ),
            Self::Weak { bits } => say!(
                language,
                "an RSA key of {bits} bits is too weak, expected at least {FEWEST_RSA_BITS}",
                "une clé RSA de {bits} bits est trop faible, au moins {FEWEST_RSA_BITS} attendus"
            ),
            Self::Long => say!(language, "too long for a key", "trop long pour une clé"),
            Self::Comment => say!(
                language,
                "control characters in the comment",
                "caractères de contrôle dans le commentaire"
            ),
        }
    }
}

impl KeyError {
    /// What a person should read.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let (line, fault) = (self.line, self.fault.text(language));
        say!(language, "line {line}: {fault}", "ligne {line} : {fault}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap();
        [&length.to_be_bytes()[..], data].concat()
    }

    fn line(kind: &str, fields: &[&[u8]]) -> String {
        let blob: Vec<u8> = fields.iter().flat_map(|data| field(data)).collect();
        format!("{kind} {} marie@desk", STANDARD.encode(blob))
    }

    fn ed25519() -> String {
        line("ssh-ed25519", &[b"ssh-ed25519", &[7; 32]])
    }

    fn point(bytes: usize) -> Vec<u8> {
        let mut point = vec![1; bytes];
        point[0] = 4;
        point
    }

    fn rsa(bits: usize) -> String {
        let mut modulus = vec![0xff; bits / 8];
        modulus.insert(0, 0);
        line("ssh-rsa", &[b"ssh-rsa", &[1, 0, 1], &modulus])
    }

    #[test]
    fn each_type_is_taken_with_its_own_fields() {
        let sk = "sk-ssh-ed25519@openssh.com";
        let sk_ec = "sk-ecdsa-sha2-nistp256@openssh.com";
        let ec = "ecdsa-sha2-nistp384";
        let good = [
            ed25519(),
            line(sk, &[sk.as_bytes(), &[7; 32], b"ssh:"]),
            line(ec, &[ec.as_bytes(), b"nistp384", &point(97)]),
            line(sk_ec, &[sk_ec.as_bytes(), b"nistp256", &point(65), b"ssh:"]),
            rsa(2048),
            rsa(4096),
        ];
        for line in &good {
            let key = AuthorizedKey::parse(line).unwrap();
            assert_eq!(key.to_string(), *line);
            assert_eq!(key.comment(), "marie@desk");
        }
        for (line, fault) in [
            (line("ssh-ed25519", &[b"ssh-rsa", &[7; 32]]), KeyFault::Body),
            (line("ssh-ed25519", &[b"ssh-ed25519", &[7; 31]]), KeyFault::Body),
            (line("ssh-ed25519", &[b"ssh-ed25519", &[7; 32], b"more"]), KeyFault::Body),
            (line(sk, &[sk.as_bytes(), &[7; 32]]), KeyFault::Body),
            (line(ec, &[ec.as_bytes(), b"nistp256", &point(97)]), KeyFault::Body),
            (line(ec, &[ec.as_bytes(), b"nistp384", &[4; 65]]), KeyFault::Body),
            (rsa(1024), KeyFault::Weak { bits: 1024 }),
            (format!("command=\"id\" {}", ed25519()), KeyFault::Options),
            (format!("no-pty {}", ed25519()), KeyFault::Options),
            (ed25519().replace("ssh-ed25519 ", "ssh-dss "), KeyFault::Kind),
            (ed25519().replace(" marie", " ma\u{7}rie"), KeyFault::Comment),
            ("ssh-ed25519 AAAA!".to_owned(), KeyFault::Encoding),
            ("ssh-ed25519".to_owned(), KeyFault::Body),
            (String::new(), KeyFault::Kind),
            ("-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(), KeyFault::Private),
            ("PuTTY-User-Key-File-3: ssh-ed25519".to_owned(), KeyFault::Private),
            (format!("{} {}", ed25519(), "x".repeat(9000)), KeyFault::Long),
        ] {
            assert_eq!(AuthorizedKey::parse(&line), Err(fault), "{line}");
        }
    }

    #[test]
    fn fingerprints_are_those_of_ssh_keygen() {
        use anklume_host::process::{Cmd, find_program};
        let key = AuthorizedKey::parse(&ed25519()).unwrap();
        assert_eq!(key.fingerprint(), "SHA256:gNSIRW+2Iyiuvsdp/bgjy38bvWHw6wQm3tuoXrl3WjQ");
        if find_program("ssh-keygen").is_none() {
            println!("skipped: no ssh-keygen here to compare with");
            return;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), ed25519()).unwrap();
        let output = Cmd::new("ssh-keygen").arg("-lf").arg(file.path()).output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        assert!(output.contains(&key.fingerprint()), "{output}");
    }

    #[test]
    fn lists_are_read_to_their_ends() {
        let text = format!(
            "# mine\n\n{}\nssh-dss AAAA old\n{} twice\n{}\n",
            ed25519(),
            ed25519(),
            rsa(2048)
        );
        let list = read_keys(&text);
        assert_eq!(list.keys.len(), 2);
        assert_eq!(list.refused, [KeyError { line: 4, fault: KeyFault::Kind }]);
        assert_eq!(parse_keys(&text), Err(list.refused[0].clone()));
        assert_eq!(parse_keys(&ed25519()).unwrap().len(), 1);
        let private = "\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n";
        let list = read_keys(private);
        assert_eq!(list.refused, [KeyError { line: 2, fault: KeyFault::Private }]);
        let many: String = (0..300).map(|n| format!("x{n}\n")).collect();
        assert_eq!(read_keys(&many).refused.len(), MOST_KEYS + 1);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "\\PC{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = read_keys(&text);
            for kind in KINDS {
                let _ = check_body(kind, &bytes);
                let typed = [field(kind.as_bytes()), bytes.clone()].concat();
                let line = format!("{kind} {}", STANDARD.encode(&typed));
                if let Ok(key) = AuthorizedKey::parse(&line) {
                    prop_assert_eq!(AuthorizedKey::parse(&key.to_string()), Ok(key));
                }
            }
        }
    }
}
