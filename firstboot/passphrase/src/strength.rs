//! How good a passphrase is.

use anklume_language::{Language, say};
use zxcvbn::Score;

use crate::advice;

/// Longest passphrase in bytes: what cryptsetup reads from a terminal (`DEFAULT_PASSPHRASE_SIZE_MAX`), and
/// what ZFS takes.
pub const MAXIMUM_BYTES: usize = 512;

/// Characters that are judged at once. More are not given to `zxcvbn`: its time grows with a high power of
/// the length, and with more than 20 parts or a long keyboard pattern its numbers overflow.
const WINDOW: usize = 20;

/// Windows that are judged, from the beginning.
const WINDOWS: usize = 3;

/// Passphrases that a guesser tries in a second. The key derivation of the disk makes each guess as
/// expensive as one second of a processor with a GiB of memory, so this is a guesser with thousands of
/// machines.
const GUESSES_PER_SECOND: u64 = 10_000;

/// Why something is no passphrase at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text(Language::English))]
pub enum Refusal {
    /// Nothing was typed.
    Empty,
    /// There is nothing in it but white space.
    Blank,
    /// It is longer than [`MAXIMUM_BYTES`].
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// It has a control character, which another prompt will not let through: most often of an arrow key.
    ControlCharacter {
        /// Place of the first one, counted in characters from 1.
        place: usize,
    },
}

impl Refusal {
    /// The same for people.
    #[must_use]
    pub fn text(self, language: Language) -> String {
        match self {
            Self::Empty => say!(language, "the passphrase is empty", "la phrase de passe est vide"),
            Self::Blank => say!(
                language,
                "the passphrase has nothing but spaces",
                "la phrase de passe n'a que des espaces",
            ),
            Self::TooLong { bytes } => say!(
                language,
                "the passphrase is too long: {bytes} bytes, expected {MAXIMUM_BYTES} at most",
                "la phrase de passe est trop longue : {bytes} octets, {MAXIMUM_BYTES} au plus",
            ),
            Self::ControlCharacter { place } => say!(
                language,
                "character {place} of the passphrase is of a control key, such as an arrow",
                "le caractère {place} de la phrase de passe vient d'une touche de commande, comme une flèche",
            ),
        }
    }

    /// Why this is no passphrase; none if it is one.
    fn of(passphrase: &str) -> Option<Self> {
        let control = passphrase.chars().position(char::is_control);
        match (passphrase, control) {
            ("", _) => Some(Self::Empty),
            _ if passphrase.len() > MAXIMUM_BYTES => {
                Some(Self::TooLong { bytes: passphrase.len() })
            }
            _ if passphrase.chars().all(char::is_whitespace) => Some(Self::Blank),
            (_, Some(index)) => Some(Self::ControlCharacter { place: index.saturating_add(1) }),
            (_, None) => None,
        }
    }
}

/// How good a passphrase is: the five scores of `zxcvbn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Up to 10³ guesses.
    VeryWeak,
    /// Up to 10⁶ guesses.
    Weak,
    /// Up to 10⁸ guesses.
    Fair,
    /// Up to 10¹⁰ guesses.
    Good,
    /// More guesses.
    Strong,
}

impl Level {
    /// From 0, very weak, to 4, strong.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::VeryWeak => 0,
            Self::Weak => 1,
            Self::Fair => 2,
            Self::Good => 3,
            Self::Strong => 4,
        }
    }

    /// A word for it.
    #[must_use]
    pub fn text(self, language: Language) -> &'static str {
        match self {
            Self::VeryWeak => language.pick("very weak", "très faible"),
            Self::Weak => language.pick("weak", "faible"),
            Self::Fair => language.pick("fair", "moyenne"),
            Self::Good => language.pick("good", "bonne"),
            Self::Strong => language.pick("strong", "forte"),
        }
    }

    /// A later version of `zxcvbn` could add better ones.
    fn of(score: Score) -> Self {
        match score {
            Score::Zero => Self::VeryWeak,
            Score::One => Self::Weak,
            Score::Two => Self::Fair,
            Score::Three => Self::Good,
            _ => Self::Strong,
        }
    }
}

/// A judgement on a passphrase. It does not hold the passphrase.
#[derive(Debug, Clone, PartialEq)]
pub struct Strength {
    level: Level,
    guesses: u64,
    own_word: bool,
    warning: Option<zxcvbn::feedback::Warning>,
    suggestions: Vec<zxcvbn::feedback::Suggestion>,
}

/// Judges a passphrase. `own_words` are what a guesser of this machine tries first: its name, the names of
/// its users and of its disks.
///
/// No kind of character is asked for, and a weak passphrase is not refused.
///
/// The judgement is a lower bound: it is that of the best twenty characters in a row of the first sixty,
/// cut at the twentieth and the fortieth. So it takes about the same time for any length. A long own word
/// can hide at a cut, which is why its parts are looked for as well.
///
/// # Errors
/// If it is no passphrase at all.
pub fn judge(passphrase: &str, own_words: &[&str]) -> Result<Strength, Refusal> {
    if let Some(refusal) = Refusal::of(passphrase) {
        return Err(refusal);
    }
    let own_words = parts(own_words);
    let own: Vec<&str> = own_words.iter().map(String::as_str).collect();
    let best = windows(passphrase)
        .map(|window| zxcvbn::zxcvbn(window, &own))
        .max_by_key(zxcvbn::Entropy::guesses)
        // A passphrase that is not empty has a window; the worst judgement is the safe one.
        .unwrap_or_else(|| zxcvbn::zxcvbn("", &[]));
    let small = zeroize::Zeroizing::new(passphrase.to_lowercase());
    Ok(Strength {
        level: Level::of(best.score()),
        guesses: best.guesses(),
        own_word: own.iter().any(|word| small.contains(word)),
        warning: best.feedback().and_then(zxcvbn::feedback::Feedback::warning),
        suggestions: best.feedback().map(|said| said.suggestions().to_vec()).unwrap_or_default(),
    })
}

impl Strength {
    /// How good it is.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Whether it should not be used without asking again: below [`Level::Good`].
    #[must_use]
    pub fn is_weak(&self) -> bool {
        self.level < Level::Good
    }

    /// Guesses that find it, at least; `u64::MAX` stands for any larger number.
    #[must_use]
    pub const fn guesses(&self) -> u64 {
        self.guesses
    }

    /// How long somebody who has the disk and 10 000 guesses a second needs to find it: `3 hours`.
    #[must_use]
    pub fn guessed_in(&self, language: Language) -> String {
        duration(self.guesses / GUESSES_PER_SECOND, language)
    }

    /// Its level and the time of a guesser in one line.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let (level, time) = (self.level.text(language), self.guessed_in(language));
        say!(
            language,
            "{level}; time to guess it at 10,000 guesses per second: {time}",
            "{level} ; temps pour la deviner à 10 000 essais par seconde : {time}",
        )
    }

    /// What is bad about it and how it could be better, as whole sentences; nothing if it is not weak.
    #[must_use]
    pub fn advice(&self, language: Language) -> Vec<&'static str> {
        if !self.is_weak() {
            return Vec::new();
        }
        let own = self.own_word.then(|| advice::own_word(language));
        let warning = self.warning.map(|warning| advice::warning(warning, language));
        let suggestions = self.suggestions.iter().map(|said| advice::suggestion(*said, language));
        own.into_iter().chain(warning).chain(suggestions).collect()
    }
}

/// The first [`WINDOWS`] pieces of [`WINDOW`] characters, without copies.
fn windows(passphrase: &str) -> impl Iterator<Item = &str> {
    let mut rest = passphrase;
    std::iter::from_fn(move || {
        let end = rest.char_indices().nth(WINDOW).map_or(rest.len(), |(index, _)| index);
        let (window, after) = rest.split_at_checked(end)?;
        rest = after;
        (!window.is_empty()).then_some(window)
    })
    .take(WINDOWS)
}

/// The own words that are looked for, in lower case: each as far as it fits into a window, and its parts.
/// Words of one or two letters are in every passphrase.
fn parts(own_words: &[&str]) -> Vec<String> {
    let mut parts: Vec<String> = own_words
        .iter()
        .flat_map(|word| {
            std::iter::once(*word).chain(word.split(|part: char| !part.is_alphanumeric()))
        })
        .map(|part| part.to_lowercase().chars().take(WINDOW).collect::<String>())
        .filter(|part| part.chars().count() > 2)
        .collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}

/// Whole units of a time in seconds, rounded down; a month has 30 days and a year 365.
fn duration(seconds: u64, language: Language) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    const MONTH: u64 = 30 * DAY;
    const YEAR: u64 = 365 * DAY;
    const UNITS: [(u64, [&str; 2], [&str; 2]); 6] = [
        (YEAR, ["year", "years"], ["an", "ans"]),
        (MONTH, ["month", "months"], ["mois", "mois"]),
        (DAY, ["day", "days"], ["jour", "jours"]),
        (HOUR, ["hour", "hours"], ["heure", "heures"]),
        (MINUTE, ["minute", "minutes"], ["minute", "minutes"]),
        (1, ["second", "seconds"], ["seconde", "secondes"]),
    ];
    if seconds >= 100 * YEAR {
        return say!(language, "centuries", "des siècles");
    }
    for (unit, english, french) in UNITS {
        if let Some(count @ 1..) = seconds.checked_div(unit) {
            let [one, many] = language.pick(english, french);
            return format!("{count} {}", if count == 1 { one } else { many });
        }
    }
    say!(language, "less than a second", "moins d'une seconde")
}

#[cfg(test)]
mod tests;
