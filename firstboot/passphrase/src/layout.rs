//! Characters that other keyboard layouts have elsewhere.

/// The characters of the passphrase, each once and in their order, that are typed with another key in
/// `layout` than on a US keyboard, or that a US keyboard does not have. A prompt of the firmware, of a
/// remote console or before the layout is loaded can be a US one.
///
/// `layout` is the name of a console keymap: `fr`, `fr-latin9`, `fr-bepo`, `be-latin1`, `fr_CH-latin1`, `cf`,
/// `de-latin1`, `us`, `uk`. Of any other, only the letters and digits of ASCII and the space are taken to be
/// where they are on a US keyboard, so the answer is a guess.
///
/// What it returns is a part of the secret.
#[must_use]
pub fn differs_from_us(passphrase: &str, layout: &str) -> Vec<char> {
    let keys = LAYOUTS.iter().find(|(name, _)| *name == layout).map(|(_, keys)| keys);
    let mut found = Vec::new();
    for character in passphrase.chars() {
        let same = character == ' '
            || keys.map_or(character.is_ascii_alphanumeric(), |keys| at_one_key(character, keys));
        if !same && !found.contains(&character) {
            found.push(character);
        }
    }
    found
}

/// Whether one key gives the character on both keyboards, with or without shift on both.
fn at_one_key(character: char, keys: &Keys) -> bool {
    US.iter().zip(keys).any(|(us, keys)| {
        us.chars().zip(keys.chars()).any(|(us, key)| us == character && key == character)
    })
}

/// What the keys of four rows give, from the left to the right, row by row from the top: first all without
/// shift, then all with it. The first row begins left of the `1`; the second ends with the key that is `\`
/// on a US keyboard, wherever it is; the key between shift and `Z`, which a US keyboard does not have, is
/// left out.
///
/// A key that gives an accent for the next letter is written as that accent. `·` is a key on which versions
/// of a layout disagree, or that gives nothing: no US key is `·`, so it counts as different.
type Keys = [&'static str; 8];

const US: Keys = [
    "`1234567890-=",
    r"qwertyuiop[]\",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "~!@#$%^&*()_+",
    "QWERTYUIOP{}|",
    "ASDFGHJKL:\"",
    "ZXCVBNM<>?",
];

/// Layouts by the name of their console keymap.
const LAYOUTS: [(&str, Keys); 9] = [
    ("us", US),
    (
        "uk",
        [
            "`1234567890-=",
            "qwertyuiop[]#",
            "asdfghjkl;'",
            "zxcvbnm,./",
            "¬!\"£$%^&*()_+",
            "QWERTYUIOP{}~",
            "ASDFGHJKL:@",
            "ZXCVBNM<>?",
        ],
    ),
    ("fr", FRENCH),
    // It has œ or ½ where `fr` has ²; the rest is the same without AltGr.
    ("fr-latin9", FRENCH),
    (
        "fr-bepo",
        [
            "$\"«»()@+-/*=%",
            "bépoè^vdljzwç",
            "auie,ctsrnm",
            "àyx.k'qghf",
            "#1234567890°`",
            "BÉPOÈ!VDLJZWÇ",
            "AUIE;CTSRNM",
            "ÀYX:K?QGHF",
        ],
    ),
    (
        "be-latin1",
        [
            "²&é\"'(§è!çà)-",
            "azertyuiop^$µ",
            "qsdfghjklmù",
            "wxcvbn,;:=",
            "³1234567890°_",
            "AZERTYUIOP¨*£",
            "QSDFGHJKLM%",
            "WXCVBN?./+",
        ],
    ),
    (
        "fr_CH-latin1",
        [
            "§1234567890'^",
            "qwertzuiopè¨$",
            "asdfghjkléà",
            "yxcvbnm,.-",
            "°+\"*ç%&/()=?`",
            "QWERTZUIOPü!£",
            "ASDFGHJKLöä",
            "YXCVBNM;:_",
        ],
    ),
    (
        "cf",
        [
            "#1234567890-=",
            "qwertyuiop^¸<",
            "asdfghjkl;`",
            "zxcvbnm,.é",
            "|!\"/$%?&*()_+",
            "QWERTYUIOP^¨>",
            "ASDFGHJKL:`",
            "ZXCVBNM'.É",
        ],
    ),
    (
        "de-latin1",
        [
            "^1234567890ß´",
            "qwertzuiopü+#",
            "asdfghjklöä",
            "yxcvbnm,.-",
            "°!\"§$%&/()=?`",
            "QWERTZUIOPÜ*'",
            "ASDFGHJKLÖÄ",
            "YXCVBNM;:_",
        ],
    ),
];

/// AZERTY of France. Versions disagree on the key left of the `1`, and whether it gives `~` with shift.
const FRENCH: Keys = [
    "²&é\"'(-è_çà)=",
    "azertyuiop^$*",
    "qsdfghjklmù",
    "wxcvbn,;:!",
    "·1234567890°+",
    "AZERTYUIOP¨£µ",
    "QSDFGHJKLM%",
    "WXCVBN?./§",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecoveryKey;
    use std::collections::HashSet;

    fn moved(passphrase: &str, layout: &str) -> String {
        differs_from_us(passphrase, layout).into_iter().collect()
    }

    #[test]
    fn the_tables_have_the_keys_of_a_us_keyboard() {
        for (name, keys) in LAYOUTS {
            for (row, (us, keys)) in US.iter().zip(keys).enumerate() {
                assert_eq!(keys.chars().count(), us.chars().count(), "{name}, row {row}");
            }
            let shown: Vec<char> =
                keys.concat().chars().filter(|key| key.is_alphanumeric()).collect();
            let once: HashSet<char> = shown.iter().copied().collect();
            assert_eq!(shown.len(), once.len(), "{name} has a letter twice");
            assert!(
                ('a'..='z').chain('A'..='Z').chain('0'..='9').all(|key| once.contains(&key)),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_elsewhere_is_named_once_and_in_order() {
        let all = " abcdefghijklmnopqrstuvwxyz0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~é";
        let azerty = "amqwz0123456789!\"#$%&'()*,-./:;<>?@[\\]^_`{|}~é";
        for (layout, expected) in [
            ("us", "é"),
            ("uk", "\"#@\\|~é"),
            ("fr", azerty),
            ("fr-latin9", azerty),
            ("be-latin1", "amqwz0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~é"),
            ("fr_CH-latin1", "yz!\"#$&'()*+-/:;<=>?@[\\]^_`{|}~é"),
            ("de-latin1", "yz\"#&'()*+-/:;<=>?@[\\]^_`{|}~é"),
            ("cf", "\"#'/<>?@[\\]^`{|}~é"),
            ("dvorak", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~é"),
        ] {
            assert_eq!(moved(all, layout), expected, "{layout}");
            assert_eq!(moved(&all.repeat(2), layout), expected, "{layout}");
        }
        assert_eq!(moved("a AbZ1", "fr-bepo"), "bZ1");
        assert_eq!(moved("", "fr"), "");
    }

    #[test]
    fn letters_of_a_recovery_key_are_everywhere_at_the_same_place() {
        let alphabet = RecoveryKey::ALPHABET;
        for (layout, _) in LAYOUTS.iter().filter(|(name, _)| *name != "fr-bepo") {
            assert_eq!(moved(alphabet, layout), "", "{layout}");
            assert_eq!(moved(&alphabet.to_uppercase(), layout), "", "{layout}");
        }
        assert_eq!(moved(alphabet, "fr-bepo"), alphabet);
    }
}
