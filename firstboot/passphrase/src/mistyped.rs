//! What is wrong with a recovery key that a person typed.

use anklume_language::{Language, say};

use crate::RecoveryKey;

/// Why a text is no recovery key. It names groups, counted from 1, and shows nothing of what was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text(Language::English))]
pub enum Mistyped {
    /// Nothing was typed.
    Empty,
    /// A group has a character that no key has.
    Character {
        /// Number of the group.
        group: usize,
        /// Place of the character in it, counted from 1.
        place: usize,
    },
    /// Characters are missing.
    Short {
        /// Number of the first group that is not whole.
        group: usize,
        /// Characters that are missing from the whole key.
        missing: usize,
    },
    /// There are too many characters.
    Long {
        /// Number of the first group that is too long; 9 if all are whole and something follows them.
        group: usize,
        /// Characters that the whole key has too many.
        surplus: usize,
    },
}

impl Mistyped {
    /// The same for people.
    #[must_use]
    pub fn text(self, language: Language) -> String {
        match self {
            Self::Empty => say!(language, "nothing was typed", "rien n'a été saisi"),
            Self::Character { group, place } => say!(
                language,
                "group {group} cannot be right: its character {place} is in no recovery key",
                "le groupe {group} ne peut pas être juste : aucune clé de secours n'a son caractère {place}",
            ),
            Self::Short { group, missing } => say!(
                language,
                "group {group} is not whole; characters missing: {missing} of 64",
                "le groupe {group} est incomplet ; caractères manquants : {missing} sur 64",
            ),
            Self::Long { group, surplus } => say!(
                language,
                "group {group} is too long; characters too many: {surplus}",
                "le groupe {group} est trop long ; caractères en trop : {surplus}",
            ),
        }
    }

    /// Looks at what was typed, in the pieces between separators, none of them empty.
    ///
    /// Where the separators are does not matter if the number of characters is right. If it is not, they tell
    /// which group a person left a letter out of.
    pub(crate) fn check(chunks: &[&str]) -> Result<(), Self> {
        let groups = groups(chunks);
        let typed = groups.iter().fold(0_usize, |sum, group| sum.saturating_add(group.length));
        let end = groups.last().map_or(1, Group::next).min(RecoveryKey::GROUPS.saturating_add(1));
        let first = |odd: fn(usize) -> bool| {
            groups.iter().find(|group| odd(group.length)).map_or(end, |group| group.number)
        };
        let missing = RecoveryKey::LETTERS.saturating_sub(typed);
        let surplus = typed.saturating_sub(RecoveryKey::LETTERS);
        let length = match (missing, surplus) {
            (RecoveryKey::LETTERS, _) => return Err(Self::Empty),
            (0, 0) => None,
            (0, _) => Some((first(|length| length > RecoveryKey::GROUP_LETTERS), false)),
            _ => Some((first(|length| length < RecoveryKey::GROUP_LETTERS), true)),
        };
        let wrong = groups.iter().find_map(|group| Some((group.number, group.wrong?)));
        match (wrong, length) {
            (Some((group, place)), None) => Err(Self::Character { group, place }),
            (Some((group, place)), Some((uneven, _))) if group <= uneven => {
                Err(Self::Character { group, place })
            }
            (_, Some((group, true))) => Err(Self::Short { group, missing }),
            (_, Some((group, false))) => Err(Self::Long { group, surplus }),
            (None, None) => Ok(()),
        }
    }
}

/// Characters that are taken for one group of a key.
struct Group {
    /// Counted from 1.
    number: usize,
    /// Characters.
    length: usize,
    /// Place of the first character that no key has, counted from 1.
    wrong: Option<usize>,
}

impl Group {
    /// Number of the group that follows. What is much longer than a group stands for several.
    fn next(&self) -> usize {
        let half = RecoveryKey::GROUP_LETTERS / 2;
        let groups = self.length.saturating_add(half) / RecoveryKey::GROUP_LETTERS;
        self.number.saturating_add(groups.max(1))
    }
}

/// The groups that a person meant. Who writes most of them as eight letters between separators means the rest
/// of the separators as well; who does not is not asked to.
fn groups(chunks: &[&str]) -> Vec<Group> {
    let mut groups = Vec::new();
    let length = |chunk: &&str| chunk.chars().count();
    let whole = chunks.iter().filter(|chunk| length(chunk) == RecoveryKey::GROUP_LETTERS).count();
    if whole.saturating_mul(2) < chunks.len() {
        cut(chunks.iter().flat_map(|chunk| chunk.chars()), RecoveryKey::GROUP_LETTERS, &mut groups);
        return groups;
    }
    for chunk in chunks {
        let even = length(chunk) % RecoveryKey::GROUP_LETTERS == 0;
        let size = if even { RecoveryKey::GROUP_LETTERS } else { length(chunk) };
        cut(chunk.chars(), size, &mut groups);
    }
    groups
}

/// Adds groups of `size` characters each; the last one can be shorter.
fn cut(characters: impl Iterator<Item = char>, size: usize, groups: &mut Vec<Group>) {
    for (index, character) in characters.enumerate() {
        if index.checked_rem(size) == Some(0) {
            let number = groups.last().map_or(1, Group::next);
            groups.push(Group { number, length: 0, wrong: None });
        }
        if let Some(group) = groups.last_mut() {
            group.length = group.length.saturating_add(1);
            if !RecoveryKey::ALPHABET.contains(character.to_ascii_lowercase()) {
                group.wrong = group.wrong.or(Some(group.length));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "iefgcelh-biduvkjv-cjvuncnk-vlfchdid-jhtuhhde-urkllkeg-ilkjgbrt-hjkbgktj";

    fn error(typed: &str) -> Mistyped {
        RecoveryKey::parse(typed).expect_err(typed)
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(error(""), Mistyped::Empty);
        assert_eq!(error(" - - "), Mistyped::Empty);
    }

    #[test]
    fn the_first_group_that_cannot_be_right_is_named() {
        let without_dashes = KEY.replace('-', "");
        for (typed, group, place) in [
            (KEY.replacen('i', "x", 1), 1, 1),
            (KEY.replace("vlfchdid", "vlfchd1d"), 4, 7),
            (KEY.replace("vlfchdid", "vlfchd1d").replace("urkllkeg", "urkllkem"), 4, 7),
            (KEY.replace("hjkbgktj", "hjkbgktß"), 8, 8),
            (KEY.replace("vlfchdid", "vlfchd1"), 4, 7),
            (without_dashes.replace("vlfchdid", "vlfchd1d"), 4, 7),
            // A wrong letter stands before the group that is short.
            (KEY.replace("biduvkjv", "bidavkjv").replace("hjkbgktj", "hjkbgk"), 2, 4),
            ("correct horse battery staple".to_owned(), 1, 2),
        ] {
            assert_eq!(error(&typed), Mistyped::Character { group, place }, "{typed}");
        }
    }

    #[test]
    fn what_is_missing_is_counted() {
        for (typed, group, missing) in [
            (KEY.replace("vlfchdid", "vlfchdi"), 4, 1),
            (KEY.replace("biduvkjv", "iduvkj").replace("urkllkeg", "urkll"), 2, 5),
            (KEY.replace("vlfchdid-", ""), 8, 8),
            (KEY.replace("vlfchdid", "vlfchdi").replace("jhtuhhde", "jhtuhha"), 4, 2),
            (KEY.replace("-hjkbgktj", ""), 8, 8),
            (KEY.replace("-hjkbgktj", "-"), 8, 8),
            (KEY.replace('-', "").replace("vlfchdid", "vlfchdi"), 8, 1),
            (
                KEY.replace("iefgcelh-biduvkjv", "iefgcelhbiduvkjv").replace("urkllkeg", "urkllke"),
                6,
                1,
            ),
            ("iefg celh bidu vkj".to_owned(), 2, 49),
        ] {
            assert_eq!(error(&typed), Mistyped::Short { group, missing }, "{typed}");
        }
    }

    #[test]
    fn what_is_too_much_is_counted() {
        for (typed, group, surplus) in [
            (KEY.replace("vlfchdid", "vlfchdidd"), 4, 1),
            (format!("{KEY}-iefgcelh"), 9, 8),
            (format!("{KEY}c"), 8, 1),
            (format!("{}cc", KEY.replace('-', "")), 9, 2),
            // The group that is short does not hide the one that is long.
            (KEY.replace("biduvkjv", "biduvkj").replace("urkllkeg", "urkllkegcc"), 6, 1),
        ] {
            assert_eq!(error(&typed), Mistyped::Long { group, surplus }, "{typed}");
        }
    }

    #[test]
    fn it_is_said_in_both_languages() {
        let short = Mistyped::Short { group: 3, missing: 1 };
        assert_eq!(short.to_string(), "group 3 is not whole; characters missing: 1 of 64");
        let french = "le groupe 3 est incomplet ; caractères manquants : 1 sur 64";
        assert_eq!(short.text(Language::French), french);
    }
}
