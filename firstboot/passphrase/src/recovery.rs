//! Recovery keys.

use std::fmt;

use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::{Mistyped, Secret};

/// Characters that a person types between groups, or instead of a dash.
fn is_separator(character: char) -> bool {
    character.is_whitespace() || matches!(character, '-' | '_' | '‐' | '‑' | '–' | '—')
}

/// 256 random bits as people write them down: eight groups of eight letters with dashes between them, as
/// `iefgcelh-biduvkjv-…`.
///
/// It is the form of `systemd-cryptenroll --recovery-key` and of homed (`src/shared/recovery-key.c` of
/// systemd): each byte is two letters of the modhex alphabet, the upper half first. These letters are at
/// the same keys of QWERTY, QWERTZ and AZERTY keyboards. The text with its dashes, all 71 bytes of it, is
/// the passphrase of the disk.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryKey(Zeroizing<String>);

impl RecoveryKey {
    /// Letters of a key; the place of a letter is its value.
    pub const ALPHABET: &str = "cbdefghijklnrtuv";
    /// Groups of a key.
    pub const GROUPS: usize = 8;
    /// Letters of a group.
    pub const GROUP_LETTERS: usize = 8;
    /// Letters of a key.
    pub const LETTERS: usize = Self::GROUPS * Self::GROUP_LETTERS;
    /// Bytes of a key as it is written: its letters, and the dashes between its groups.
    pub const BYTES: usize = Self::LETTERS + Self::GROUPS - 1;

    /// The key of 32 random bytes, which are used for nothing else.
    #[must_use]
    pub fn new(random: &[u8; 32]) -> Self {
        let mut letters = Zeroizing::new(String::with_capacity(Self::LETTERS));
        for byte in random {
            letters.extend([byte >> 4, byte & 15].into_iter().filter_map(letter));
        }
        Self::grouped(&letters)
    }

    /// Reads what a person typed: in upper or lower case, with spaces or dashes anywhere or nowhere.
    ///
    /// # Errors
    /// [`Mistyped`] names the first group that cannot be right, and tells how much is missing.
    pub fn parse(typed: &str) -> Result<Self, Mistyped> {
        Mistyped::check(&chunks(typed))?;
        let mut letters = Zeroizing::new(String::with_capacity(Self::LETTERS));
        letters.extend(typed.chars().filter(|typed| !is_separator(*typed)));
        letters.make_ascii_lowercase();
        Ok(Self::grouped(&letters))
    }

    /// The key as it is written, [`RecoveryKey::BYTES`] long.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A copy of it.
    #[must_use]
    pub fn to_secret(&self) -> Secret {
        Secret::from(self.0.clone())
    }

    /// One of its groups, counted from 1; none if there is no such group.
    #[must_use]
    pub fn group(&self, number: usize) -> Option<&str> {
        self.0.split('-').nth(number.checked_sub(1)?)
    }

    /// Whether a person typed the group of this number, counted from 1, as in a check that the key was
    /// written down. Case, spaces and dashes do not matter.
    #[must_use]
    pub fn is_group(&self, number: usize, typed: &str) -> bool {
        let typed = typed.chars().filter(|typed| !is_separator(*typed));
        let typed = typed.map(|typed| typed.to_ascii_lowercase());
        self.group(number).is_some_and(|group| group.chars().eq(typed))
    }

    /// The numbers of two different groups that a person is asked to type again, the lower one first.
    /// `choice` is random; all 28 pairs are as good as equally probable.
    #[must_use]
    pub fn groups_to_ask(choice: u64) -> [usize; 2] {
        let mut pair = 0_u64;
        for first in 1..=Self::GROUPS {
            for second in first.saturating_add(1)..=Self::GROUPS {
                if pair == choice % 28 {
                    return [first, second];
                }
                pair = pair.saturating_add(1);
            }
        }
        [1, 2]
    }

    /// Puts the dashes between the groups of a key's letters.
    fn grouped(letters: &str) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(Self::BYTES));
        for (place, letter) in letters.chars().enumerate() {
            if place > 0 && place % Self::GROUP_LETTERS == 0 {
                text.push('-');
            }
            text.push(letter);
        }
        Self(text)
    }
}

/// The letter of a value below 16.
fn letter(value: u8) -> Option<char> {
    RecoveryKey::ALPHABET.chars().nth(value.into())
}

/// What stands between separators.
fn chunks(typed: &str) -> Vec<&str> {
    typed.split(is_separator).filter(|chunk| !chunk.is_empty()).collect()
}

/// What a person may have meant who typed this: a recovery key as it is written, however it was typed; and the bytes
/// themselves, since a passphrase may be a recovery key in another spelling.
#[must_use]
pub fn spellings(typed: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(typed).unwrap_or_default();
    let recovery = RecoveryKey::parse(text).ok();
    let recovery = recovery.map(|key| Zeroizing::new(key.expose().as_bytes().to_vec()));
    let as_typed = Zeroizing::new(typed.to_vec());
    let mut all: Vec<_> = recovery.into_iter().collect();
    if !all.contains(&as_typed) {
        all.push(as_typed);
    }
    all
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RecoveryKey(…)")
    }
}

impl ZeroizeOnDrop for RecoveryKey {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// A key that systemd's own test of its parser uses.
    const SYSTEMD: &str = "iefgcelh-biduvkjv-cjvuncnk-vlfchdid-jhtuhhde-urkllkeg-ilkjgbrt-hjkbgktj";

    /// The bytes of that key, by the table of modhex: c b d e f g h i j k l n r t u v are 0 to 15.
    const BYTES: [u8; 32] = [
        0x73, 0x45, 0x03, 0xa6, 0x17, 0x2e, 0xf9, 0x8f, 0x08, 0xfe, 0xb0, 0xb9, 0xfa, 0x40, 0x62,
        0x72, 0x86, 0xde, 0x66, 0x23, 0xec, 0x9a, 0xa9, 0x35, 0x7a, 0x98, 0x51, 0xcd, 0x68, 0x91,
        0x59, 0xd8,
    ];

    #[test]
    fn a_key_is_written_as_systemd_writes_it() {
        assert_eq!(RecoveryKey::new(&BYTES).expose(), SYSTEMD);
        assert_eq!(RecoveryKey::BYTES, 71);
        let zeros = RecoveryKey::new(&[0; 32]);
        assert_eq!(zeros.expose(), ["cccccccc"; 8].join("-"));
    }

    #[test]
    fn what_systemd_takes_is_taken() {
        let plain = SYSTEMD.replace('-', "");
        let capital = "Iefgcelh-Biduvkjv-Cjvuncnk-Vlfchdid-Jhtuhhde-Urkllkeg-Ilkjgbrt-Hjkbgktj";
        for typed in [SYSTEMD, &plain, &SYSTEMD.to_uppercase(), &plain.to_uppercase(), capital] {
            assert_eq!(RecoveryKey::parse(typed).expect(typed).expose(), SYSTEMD);
        }
    }

    #[test]
    fn a_passphrase_that_is_a_recovery_key_in_another_spelling_is_tried_as_it_is() {
        let capitals = SYSTEMD.to_uppercase();
        let tried = |typed: &[u8]| {
            let all = spellings(typed);
            all.iter().map(|one| one.to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(tried(capitals.as_bytes()), [SYSTEMD.as_bytes(), capitals.as_bytes()]);
        assert_eq!(tried(SYSTEMD.as_bytes()), [SYSTEMD.as_bytes()]);
        for typed in [b"six words".as_slice(), b"", b"\xff\xfe"] {
            assert_eq!(tried(typed), [typed]);
        }
    }

    #[test]
    fn formatting_does_not_show_it() {
        let key = RecoveryKey::new(&BYTES);
        assert_eq!(format!("{key:?}"), "RecoveryKey(…)");
        assert!(!format!("{:?} {}", key.to_secret(), key.to_secret()).contains("iefg"));
    }

    #[test]
    fn groups_are_counted_from_one() {
        let key = RecoveryKey::new(&BYTES);
        assert_eq!((key.group(1), key.group(8)), (Some("iefgcelh"), Some("hjkbgktj")));
        assert_eq!((key.group(0), key.group(9)), (None, None));
        assert!(key.is_group(2, " BIDU-vkjv\n"));
        assert!(!key.is_group(2, "iefgcelh"));
        assert!(!key.is_group(2, "biduvkj"));
        assert!(!key.is_group(9, ""));
    }

    #[test]
    fn every_pair_of_groups_is_asked_for_as_often() {
        let mut times: HashMap<[usize; 2], u32> = HashMap::new();
        for choice in (0..280).chain([u64::MAX]) {
            let [first, second] = RecoveryKey::groups_to_ask(choice);
            assert!(0 < first && first < second && second <= 8, "{first} {second}");
            if choice < 280 {
                *times.entry([first, second]).or_default() += 1;
            }
        }
        assert_eq!(times.len(), 28);
        assert!(times.values().all(|times| *times == 10));
    }

    proptest! {
        #[test]
        fn any_spelling_gives_the_key_back(
            bytes: [u8; 32],
            upper in prop::collection::vec(any::<bool>(), 71),
            gaps in prop::collection::vec("[ \t_–-]{0,2}", 71),
        ) {
            let key = RecoveryKey::new(&bytes);
            let typed: String = key
                .expose()
                .chars()
                .filter(|letter| *letter != '-')
                .zip(upper.iter().zip(&gaps))
                .map(|(letter, (upper, gap))| {
                    format!("{}{gap}", if *upper { letter.to_ascii_uppercase() } else { letter })
                })
                .collect();
            prop_assert_eq!(RecoveryKey::parse(&typed).expect(&typed), key);
        }

        #[test]
        fn other_bytes_are_another_key(one: [u8; 32], place in 0..32_usize, bit in 0..8_u8) {
            let mut other = one;
            other[place] ^= 1_u8 << bit;
            prop_assert_ne!(RecoveryKey::new(&one), RecoveryKey::new(&other));
        }

        #[test]
        fn nothing_that_can_be_typed_panics(typed: String) {
            prop_assert!(RecoveryKey::parse(&typed).is_err());
        }
    }
}
