//! The sentences of `zxcvbn` in the languages of the wizard.

use anklume_language::Language;
use zxcvbn::feedback::{Suggestion, Warning};

/// It has a word that a guesser of this machine tries first.
pub(crate) fn own_word(language: Language) -> &'static str {
    language.pick(
        "It has the name of this machine, of a disk or of a person in it.",
        "Elle contient le nom de cette machine, d'un disque ou d'une personne.",
    )
}

/// What is bad about a passphrase.
pub(crate) fn warning(warning: Warning, language: Language) -> &'static str {
    let (english, french) = match warning {
        Warning::StraightRowsOfKeysAreEasyToGuess => (
            "Straight rows of keys are easy to guess.",
            "Les touches qui se suivent sur une rangée sont faciles à deviner.",
        ),
        Warning::ShortKeyboardPatternsAreEasyToGuess => (
            "Short keyboard patterns are easy to guess.",
            "Les petits dessins sur le clavier sont faciles à deviner.",
        ),
        Warning::RepeatsLikeAaaAreEasyToGuess => (
            "Repeats like \"aaa\" are easy to guess.",
            "Les répétitions comme \"aaa\" sont faciles à deviner.",
        ),
        Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess => (
            "Repeats like \"abcabcabc\" are only slightly harder to guess than \"abc\".",
            "Les répétitions comme \"abcabcabc\" sont à peine plus difficiles à deviner que \"abc\".",
        ),
        Warning::ThisIsATop10Password => (
            "This is one of the 10 most common passwords.",
            "C'est l'un des 10 mots de passe les plus courants.",
        ),
        Warning::ThisIsATop100Password => (
            "This is one of the 100 most common passwords.",
            "C'est l'un des 100 mots de passe les plus courants.",
        ),
        Warning::ThisIsACommonPassword => {
            ("This is a very common password.", "C'est un mot de passe très courant.")
        }
        Warning::ThisIsSimilarToACommonlyUsedPassword => (
            "This is similar to a commonly used password.",
            "Elle ressemble à un mot de passe courant.",
        ),
        Warning::SequencesLikeAbcAreEasyToGuess => (
            "Sequences like \"abc\" or \"6543\" are easy to guess.",
            "Les suites comme \"abc\" ou \"6543\" sont faciles à deviner.",
        ),
        Warning::RecentYearsAreEasyToGuess => {
            ("Recent years are easy to guess.", "Les années récentes sont faciles à deviner.")
        }
        Warning::AWordByItselfIsEasyToGuess => {
            ("A word by itself is easy to guess.", "Un mot seul est facile à deviner.")
        }
        Warning::DatesAreOftenEasyToGuess => {
            ("Dates are often easy to guess.", "Les dates sont souvent faciles à deviner.")
        }
        Warning::NamesAndSurnamesByThemselvesAreEasyToGuess => (
            "Names and surnames by themselves are easy to guess.",
            "Un prénom ou un nom de famille seul est facile à deviner.",
        ),
        Warning::CommonNamesAndSurnamesAreEasyToGuess => (
            "Common names and surnames are easy to guess.",
            "Les prénoms et noms de famille répandus sont faciles à deviner.",
        ),
    };
    language.pick(english, french)
}

/// How a passphrase could be better.
pub(crate) fn suggestion(suggestion: Suggestion, language: Language) -> &'static str {
    let (english, french) = match suggestion {
        Suggestion::UseAFewWordsAvoidCommonPhrases => (
            "Use a few words, but no common phrase.",
            "Utilisez quelques mots, mais pas une phrase connue.",
        ),
        Suggestion::NoNeedForSymbolsDigitsOrUppercaseLetters => (
            "There is no need for symbols, digits or capital letters.",
            "Les symboles, les chiffres et les majuscules ne sont pas nécessaires.",
        ),
        Suggestion::AddAnotherWordOrTwo => (
            "Add another word or two. Uncommon words are better.",
            "Ajoutez un mot ou deux. Les mots rares sont meilleurs.",
        ),
        Suggestion::CapitalizationDoesntHelpVeryMuch => {
            ("A capital letter does not help very much.", "Une majuscule n'aide pas beaucoup.")
        }
        Suggestion::AllUppercaseIsAlmostAsEasyToGuessAsAllLowercase => (
            "Only capital letters are almost as easy to guess as only small ones.",
            "Tout en majuscules est presque aussi facile à deviner que tout en minuscules.",
        ),
        Suggestion::ReversedWordsArentMuchHarderToGuess => (
            "Words spelled backwards are not much harder to guess.",
            "Les mots écrits à l'envers ne sont pas beaucoup plus difficiles à deviner.",
        ),
        Suggestion::PredictableSubstitutionsDontHelpVeryMuch => (
            "Common substitutions like \"@\" for \"a\" do not help very much.",
            "Les remplacements habituels comme \"@\" pour \"a\" n'aident pas beaucoup.",
        ),
        Suggestion::UseALongerKeyboardPatternWithMoreTurns => (
            "Use a longer keyboard pattern with more turns.",
            "Prenez un dessin plus long sur le clavier, avec plus de détours.",
        ),
        Suggestion::AvoidRepeatedWordsAndCharacters => (
            "Avoid repeated words and characters.",
            "Évitez de répéter des mots et des caractères.",
        ),
        Suggestion::AvoidSequences => ("Avoid sequences.", "Évitez les suites."),
        Suggestion::AvoidRecentYears => ("Avoid recent years.", "Évitez les années récentes."),
        Suggestion::AvoidYearsThatAreAssociatedWithYou => (
            "Avoid years that have to do with you.",
            "Évitez les années qui ont un rapport avec vous.",
        ),
        Suggestion::AvoidDatesAndYearsThatAreAssociatedWithYou => (
            "Avoid dates and years that have to do with you.",
            "Évitez les dates et les années qui ont un rapport avec vous.",
        ),
    };
    language.pick(english, french)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const WARNINGS: [Warning; 14] = [
        Warning::StraightRowsOfKeysAreEasyToGuess,
        Warning::ShortKeyboardPatternsAreEasyToGuess,
        Warning::RepeatsLikeAaaAreEasyToGuess,
        Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess,
        Warning::ThisIsATop10Password,
        Warning::ThisIsATop100Password,
        Warning::ThisIsACommonPassword,
        Warning::ThisIsSimilarToACommonlyUsedPassword,
        Warning::SequencesLikeAbcAreEasyToGuess,
        Warning::RecentYearsAreEasyToGuess,
        Warning::AWordByItselfIsEasyToGuess,
        Warning::DatesAreOftenEasyToGuess,
        Warning::NamesAndSurnamesByThemselvesAreEasyToGuess,
        Warning::CommonNamesAndSurnamesAreEasyToGuess,
    ];

    const SUGGESTIONS: [Suggestion; 13] = [
        Suggestion::UseAFewWordsAvoidCommonPhrases,
        Suggestion::NoNeedForSymbolsDigitsOrUppercaseLetters,
        Suggestion::AddAnotherWordOrTwo,
        Suggestion::CapitalizationDoesntHelpVeryMuch,
        Suggestion::AllUppercaseIsAlmostAsEasyToGuessAsAllLowercase,
        Suggestion::ReversedWordsArentMuchHarderToGuess,
        Suggestion::PredictableSubstitutionsDontHelpVeryMuch,
        Suggestion::UseALongerKeyboardPatternWithMoreTurns,
        Suggestion::AvoidRepeatedWordsAndCharacters,
        Suggestion::AvoidSequences,
        Suggestion::AvoidRecentYears,
        Suggestion::AvoidYearsThatAreAssociatedWithYou,
        Suggestion::AvoidDatesAndYearsThatAreAssociatedWithYou,
    ];

    #[test]
    fn each_sentence_is_its_own_in_each_language() {
        let texts: Vec<&str> = Language::ALL
            .into_iter()
            .flat_map(|language| {
                let warnings = WARNINGS.into_iter().map(move |said| warning(said, language));
                let suggestions =
                    SUGGESTIONS.into_iter().map(move |said| suggestion(said, language));
                warnings.chain(suggestions).chain([own_word(language)])
            })
            .collect();
        assert_eq!(texts.iter().collect::<HashSet<_>>().len(), 2 * (14 + 13 + 1));
        for text in texts {
            assert!(text.ends_with('.') && text.chars().count() <= 90, "{text}");
        }
    }
}
