//! The faces' own words, and what people answer with.

use anklume_language::{Language, say};

use crate::question::{Check, Item, Question};

/// Small letters without accents, so that what is hard to type on a keyboard need not be typed.
pub(crate) fn fold(text: &str) -> String {
    text.trim().chars().flat_map(char::to_lowercase).fold(String::new(), |mut folded, c| {
        match c {
            'à' | 'â' | 'ä' => folded.push('a'),
            'ç' => folded.push('c'),
            'é' | 'è' | 'ê' | 'ë' => folded.push('e'),
            'î' | 'ï' => folded.push('i'),
            'ô' | 'ö' => folded.push('o'),
            'ù' | 'û' | 'ü' => folded.push('u'),
            'œ' => folded.push_str("oe"),
            // A combining accent behind its letter.
            '\u{300}'..='\u{36f}' => {}
            c => folded.push(c),
        }
        folded
    })
}

/// Yes or no in either language, as the language may not be chosen yet.
pub(crate) fn yes_or_no(text: &str) -> Option<bool> {
    match fold(text).as_str() {
        "y" | "yes" | "o" | "oui" => Some(true),
        "n" | "no" | "non" => Some(false),
        _ => None,
    }
}

/// The option that `typed` means: its number, or the first letters of its label.
///
/// # Errors
/// Why it means none that can be chosen.
pub(crate) fn option(language: Language, options: &[Item], typed: &str) -> Result<usize, String> {
    let typed = crate::harmless_line(typed.trim());
    let index = number(options, &typed).map_or_else(|| labelled(language, options, &typed), Ok)?;
    match options.get(index).and_then(|item| item.refused.as_deref()) {
        None => Ok(index),
        Some(reason) => Err(say!(
            language,
            "“{typed}” cannot be chosen: {reason}",
            "« {typed} » ne peut pas être choisi : {reason}"
        )),
    }
}

fn number(options: &[Item], typed: &str) -> Option<usize> {
    let number: usize = typed.parse().ok()?;
    number.checked_sub(1).filter(|index| *index < options.len())
}

fn labelled(language: Language, options: &[Item], typed: &str) -> Result<usize, String> {
    let folded = fold(typed);
    let starts = |item: &Item| !folded.is_empty() && fold(&item.label).starts_with(&folded);
    let found: Vec<_> =
        (0..options.len()).filter(|at| options.get(*at).is_some_and(starts)).collect();
    let whole = |at: &&usize| options.get(**at).is_some_and(|item| fold(&item.label) == folded);
    let most = options.len();
    match (found.as_slice(), found.iter().filter(whole).collect::<Vec<_>>().as_slice()) {
        ([index], _) => Ok(*index),
        (_, [index]) => Ok(**index),
        ([], _) => Err(say!(
            language,
            "“{typed}” is none of the options: type a number from 1 to {most}, or the first letters of one.",
            "« {typed} » n’est aucune des options : tapez un numéro de 1 à {most}, ou les premières lettres."
        )),
        (several, _) => {
            let numbers: Vec<_> = several.iter().map(|index| (index + 1).to_string()).collect();
            let numbers = numbers.join(", ");
            Err(say!(
                language,
                "“{typed}” may be any of {numbers}: type a number, or more letters.",
                "« {typed} » peut être l’un de {numbers} : tapez un numéro, ou plus de lettres."
            ))
        }
    }
}

/// Several options: numbers or first letters with spaces or commas between them; `0` for none.
pub(crate) fn options(
    language: Language,
    options: &[Item],
    typed: &str,
) -> Result<Vec<usize>, String> {
    if typed.trim() == "0" {
        return Ok(Vec::new());
    }
    // A label may have spaces.
    if let Ok(index) = option(language, options, typed) {
        return Ok(vec![index]);
    }
    let words = typed.split([' ', ',']).filter(|word| !word.is_empty());
    let mut indices =
        words.map(|word| option(language, options, word)).collect::<Result<Vec<_>, _>>()?;
    indices.sort_unstable();
    indices.dedup();
    Ok(indices)
}

/// Whether enough were chosen.
pub(crate) fn enough(language: Language, chosen: usize, least: usize) -> Result<(), String> {
    if chosen >= least {
        return Ok(());
    }
    Err(say!(
        language,
        "{chosen} chosen; at least {least} are needed.",
        "{chosen} choisi(s) ; il en faut au moins {least}."
    ))
}

/// Judges a text that was typed.
pub(crate) fn judge(
    language: Language,
    text: &str,
    typed: Typing,
    most: usize,
    check: Check<'_>,
) -> Result<(), String> {
    if typed.invalid {
        return Err(language
            .pick(
                "What came from the keyboard is not text in UTF-8. Please type it again.",
                "Le clavier a envoyé autre chose que du texte en UTF-8. Veuillez le retaper.",
            )
            .to_owned());
    }
    if typed.excess > 0 {
        return Err(say!(
            language,
            "That is longer than {most} bytes and was cut off. Please type something shorter.",
            "C’est plus long que {most} octets et a été coupé. Veuillez taper quelque chose de plus court."
        ));
    }
    check(text)
}

/// What happened while a line was typed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Typing {
    /// Characters that had no place.
    pub(crate) excess: usize,
    /// Whether bytes came that are not UTF-8.
    pub(crate) invalid: bool,
}

/// A label that cannot be chosen, with the reason.
pub(crate) fn refused(language: Language, reason: &str) -> String {
    let reason = crate::harmless(reason);
    say!(language, "Not possible: {reason}", "Impossible : {reason}")
}

pub(crate) fn no_way_back(language: Language) -> String {
    language
        .pick("There is no step before this one to go back to.", "Il n’y a pas d’étape précédente.")
        .to_owned()
}

pub(crate) fn leave(language: Language) -> String {
    language.pick("Leave now?", "Quitter maintenant ?").to_owned()
}

pub(crate) fn yes(language: Language) -> &'static str {
    language.pick("Yes", "Oui")
}

pub(crate) fn no(language: Language) -> &'static str {
    language.pick("No", "Non")
}

/// The explanation of a question, or that there is none.
pub(crate) fn help(language: Language, question: &Question<'_>) -> String {
    if question.help.is_empty() {
        let none = "There is no further explanation.";
        return language.pick(none, "Il n’y a pas d’autre explication.").to_owned();
    }
    crate::harmless(question.help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items() -> Vec<Item> {
        vec![
            Item::new("Écran"),
            Item::new("Disk sda"),
            Item::new("Disk sdb").refused("it is mounted"),
            Item::new("Disk"),
        ]
    }

    #[test]
    fn an_option_has_a_number_and_letters() {
        let of = |typed: &str| option(Language::English, &items(), typed);
        assert_eq!(of("1"), Ok(0));
        assert_eq!(of(" E "), Ok(0));
        assert_eq!(of("e\u{301}c"), Ok(0));
        assert_eq!(of("disk sda"), Ok(1));
        // A whole label counts more than the start of others.
        assert_eq!(of("disk"), Ok(3));
        assert!(of("dis").unwrap_err().contains("2, 3, 4"));
        assert!(of("3").unwrap_err().contains("it is mounted"));
        for none in ["", "0", "5", "-1", "x", "99999999999999999999"] {
            assert!(of(none).unwrap_err().contains("from 1 to 4"), "{none}");
        }
        let french = option(Language::French, &items(), "x\u{1b}[2J").unwrap_err();
        assert!(french.starts_with("« x?[2J »"), "{french}");
    }

    #[test]
    fn several_options_have_spaces_or_commas_between_them() {
        let of = |typed: &str| options(Language::English, &items(), typed);
        assert_eq!(of("4,1 1"), Ok(vec![0, 3]));
        assert_eq!(of("disk sda"), Ok(vec![1]));
        assert_eq!(of("0"), Ok(vec![]));
        assert!(of("1 3").unwrap_err().contains("it is mounted"));
        assert!(of("1 9").is_err());
    }

    #[test]
    fn yes_and_no_are_understood_in_both_languages() {
        assert_eq!(
            ["y", "OUI", "n", "Non", "x", ""].map(yes_or_no),
            [Some(true), Some(true), Some(false), Some(false), None, None]
        );
    }
}
