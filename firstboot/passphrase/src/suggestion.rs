//! Passphrases of random words.

use anklume_language::Language;
use zeroize::Zeroizing;

use crate::Secret;

/// Words of a suggested passphrase.
pub const SUGGESTED_WORDS: usize = 6;

/// Words of one list are shorter than this, in bytes (the lists of BIP 39 go up to eight).
const LONGEST_WORD: usize = 9;

/// A passphrase of [`SUGGESTED_WORDS`] words in lower case, with spaces between them: the only separator that
/// every keyboard layout has at the same place.
///
/// The words are those of BIP 39 in `language` that are plain ASCII, so that every keyboard has them: 2048
/// English ones, 1682 French ones. `entropy` is 16 random bytes that are used for nothing else.
///
/// # How words are chosen
/// The bytes are a number of 128 bits; its last six digits in base *n*, where *n* is the length of the list,
/// are the words. Nothing is rejected, so the time does not depend on the secret. The phrases are equally
/// probable in English, since 2048 is a power of two; in French the probabilities of any two differ by less
/// than one part in 2⁶³. [`suggestion_bits`] tells how many phrases there are.
#[must_use]
pub fn suggest(language: Language, entropy: &[u8; 16]) -> Secret {
    let words = words(language);
    let base = base(&words);
    let mut number = Zeroizing::new(u128::from_be_bytes(*entropy));
    // Of the final size: growing would leave a copy of the beginning behind.
    let mut phrase =
        Zeroizing::new(String::with_capacity(SUGGESTED_WORDS.saturating_mul(LONGEST_WORD)));
    for place in 0..SUGGESTED_WORDS {
        if place > 0 {
            phrase.push(' ');
        }
        let digit = usize::try_from(number.checked_rem(base).unwrap_or_default());
        phrase.push_str(digit.ok().and_then(|digit| words.get(digit)).copied().unwrap_or_default());
        *number = number.checked_div(base).unwrap_or_default();
    }
    phrase.into()
}

/// How many bits a guesser who knows the list does not know: the logarithm to the base 2 of the number of
/// phrases, rounded down. 66 in English, 64 in French.
#[must_use]
pub fn suggestion_bits(language: Language) -> u32 {
    (0..SUGGESTED_WORDS)
        .fold(1_u128, |phrases, _| phrases.saturating_mul(base(&words(language))))
        .checked_ilog2()
        .unwrap_or_default()
}

/// The list of a language.
fn words(language: Language) -> Vec<&'static str> {
    let list = match language {
        Language::English => bip39::Language::English,
        Language::French => bip39::Language::French,
    };
    list.word_list().iter().copied().filter(|word| word.is_ascii()).collect()
}

/// Length of a list.
fn base(words: &[&str]) -> u128 {
    u128::try_from(words.len()).unwrap_or(u128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Level, judge};
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn the_lists_have_the_sizes_that_are_claimed() {
        for (language, length, bits) in
            [(Language::English, 2048, 66), (Language::French, 1682, 64)]
        {
            let words = words(language);
            assert_eq!(words.len(), length);
            assert_eq!(words.iter().collect::<HashSet<_>>().len(), length);
            assert!(words.iter().all(|word| word.len() < LONGEST_WORD));
            assert!(words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())));
            assert_eq!(suggestion_bits(language), bits);
        }
    }

    #[test]
    fn the_words_are_the_last_digits_of_the_number() {
        let phrase = suggest(Language::English, &[0; 16]);
        assert_eq!(phrase.expose(), "abandon abandon abandon abandon abandon abandon");
        // 2048 · 2048 + 1: the digits 1, 0, 1.
        let phrase = suggest(Language::English, &0x0040_0001_u128.to_be_bytes());
        assert_eq!(phrase.expose(), "ability abandon ability abandon abandon abandon");
        // 10 · 1682 + 1681: the last word, then the eleventh one.
        let phrase = suggest(Language::French, &18_501_u128.to_be_bytes());
        assert_eq!(phrase.expose(), "zoologie abriter abaisser abaisser abaisser abaisser");
    }

    proptest! {
        #[test]
        fn a_suggestion_is_strong_and_has_six_words(entropy: [u8; 16], french: bool) {
            let language = if french { Language::French } else { Language::English };
            let phrase = suggest(language, &entropy);
            let list = words(language);
            prop_assert_eq!(phrase.expose().split(' ').filter(|word| list.contains(word)).count(), 6);
            prop_assert_eq!(judge(phrase.expose(), &[]).expect("it can be used").level(), Level::Strong);
        }
    }
}
