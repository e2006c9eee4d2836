use super::*;
use proptest::prelude::*;

const ENGLISH: Language = Language::English;

fn strength(passphrase: &str, own_words: &[&str]) -> Strength {
    judge(passphrase, own_words).expect(passphrase)
}

#[test]
fn what_is_no_passphrase_is_refused() {
    for (passphrase, refusal) in [
        ("", Refusal::Empty),
        (" ", Refusal::Blank),
        ("\u{a0} \t", Refusal::Blank),
        ("correct horse\u{1b}[A", Refusal::ControlCharacter { place: 14 }),
        ("é\u{7f}", Refusal::ControlCharacter { place: 2 }),
        ("a\nb", Refusal::ControlCharacter { place: 2 }),
    ] {
        assert_eq!(judge(passphrase, &[]), Err(refusal), "{passphrase:?}");
    }
    assert!(judge(&"é".repeat(256), &[]).is_ok());
    let long = format!("{}a", "é".repeat(256));
    assert_eq!(judge(&long, &[]), Err(Refusal::TooLong { bytes: 513 }));
    assert_eq!(Refusal::Empty.to_string(), "the passphrase is empty");
    let french = Refusal::TooLong { bytes: 513 }.text(Language::French);
    assert_eq!(french, "la phrase de passe est trop longue : 513 octets, 512 au plus");
}

#[test]
fn levels_are_in_order() {
    let expected = [
        ("password", Level::VeryWeak),
        ("a", Level::VeryWeak),
        ("qwertyuiop", Level::VeryWeak),
        ("azerty123", Level::Weak),
        ("Marguerite1234", Level::Weak),
        ("tromblon", Level::Fair),
        ("correct horse", Level::Good),
        ("correct horse battery staple", Level::Strong),
        ("le vélo vert de ma tante", Level::Strong),
    ];
    assert_eq!(
        expected.map(|(passphrase, _)| (passphrase, strength(passphrase, &[]).level())),
        expected
    );
    for (passphrase, level) in expected {
        let found = strength(passphrase, &[]);
        assert_eq!(found.is_weak(), level.number() < 3, "{passphrase}");
        assert_eq!(found.advice(ENGLISH).is_empty(), level.number() >= 3, "{passphrase}");
    }
    assert!(expected.is_sorted_by_key(|(_, level)| level.number()));
}

#[test]
fn own_words_are_weak() {
    let own = ["jean-christophe-dupont-martin", "Borealis7", "ab"];
    for passphrase in
        ["borealis7", "BOREALIS7", "jean-christophe-dupont-martin", "Dupont", "abborealis7"]
    {
        assert!(strength(passphrase, &own).is_weak(), "{passphrase}");
        let said = strength(passphrase, &own).advice(ENGLISH);
        assert!(said.contains(&advice::own_word(ENGLISH)), "{passphrase}: {said:?}");
    }
    assert!(!strength("jean-christophe-dupont-martin", &[]).is_weak());
    assert_eq!(
        parts(&own),
        ["borealis7", "christophe", "dupont", "jean", "jean-christophe-dupo", "martin"]
    );
}

#[test]
fn the_best_window_counts() {
    let weak = "aaaaaaaaaaaaaaaaaaaa";
    assert!(strength(&weak.repeat(20), &[]).is_weak());
    assert!(!strength(&format!("{weak}kx7 tromblon cerise"), &[]).is_weak());
    assert!(!strength(&format!("{weak}{weak}kx7 tromblon cerise"), &[]).is_weak());
    assert_eq!(windows(&"é".repeat(70)).map(|window| window.chars().count()).sum::<usize>(), 60);
    assert_eq!(windows("one").collect::<Vec<_>>(), ["one"]);
}

#[test]
fn patterns_that_overflow_the_crates_numbers_are_judged() {
    // A turn of the keyboard pattern at each key, each of them shifted or not; then parts of one letter.
    for pattern in ["as", "aS", "qaz", "14", "a1", "a ", "i1l|7t+", "c({[<4@8369!|0$5+%2"] {
        assert!(judge(&pattern.chars().cycle().take(500).collect::<String>(), &[]).is_ok());
        let own = pattern.repeat(100);
        assert!(judge(&own.chars().take(500).collect::<String>(), &[&own]).is_ok());
    }
}

#[test]
fn the_time_of_a_guesser_is_in_words() {
    const DAY: u64 = 86_400;
    for (seconds, english, french) in [
        (0, "less than a second", "moins d'une seconde"),
        (1, "1 second", "1 seconde"),
        (59, "59 seconds", "59 secondes"),
        (60, "1 minute", "1 minute"),
        (3_600, "1 hour", "1 heure"),
        (2 * DAY - 1, "1 day", "1 jour"),
        (29 * DAY, "29 days", "29 jours"),
        (60 * DAY, "2 months", "2 mois"),
        (365 * DAY, "1 year", "1 an"),
        (100 * 365 * DAY - 1, "99 years", "99 ans"),
        (100 * 365 * DAY, "centuries", "des siècles"),
        (u64::MAX, "centuries", "des siècles"),
    ] {
        assert_eq!(duration(seconds, ENGLISH), english);
        assert_eq!(duration(seconds, Language::French), french);
    }
    let weak = Strength { guesses: 20_000, ..strength("password", &[]) };
    let text = "very weak; time to guess it at 10,000 guesses per second: 2 seconds";
    assert_eq!(weak.text(ENGLISH), text);
    let text = "très faible ; temps pour la deviner à 10 000 essais par seconde : 2 secondes";
    assert_eq!(weak.text(Language::French), text);
}

#[test]
fn a_common_passphrase_is_called_so() {
    let said = strength("password", &[]).advice(Language::French);
    assert_eq!(said.first(), Some(&"C'est l'un des 10 mots de passe les plus courants."));
}

proptest! {
    #[test]
    fn nothing_that_can_be_typed_panics(passphrase: String, own: Vec<String>) {
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let judged = judge(&passphrase, &own);
        prop_assert_eq!(judged.is_err(), Refusal::of(&passphrase).is_some());
    }

    /// Patterns, so that every part of the crate is reached with long input.
    #[test]
    fn patterns_do_not_panic(
        parts in prop::collection::vec(
            "[asQW]{1,9}|[0-9]{1,8}|pass|[({<|!1lt7+$5]{1,8}|1[./]2[./]98|İ|ǅ",
            1..30,
        ),
        own in "[aAsScC({4@]{0,40}",
    ) {
        prop_assert!(judge(&parts.concat(), &[&own]).is_ok());
    }

    #[test]
    fn what_follows_never_makes_it_weaker_once_a_window_is_full(
        start in "[a-z1-9]{20}", end in "[a-z ]{0,60}",
    ) {
        let (short, long) = (strength(&start, &[]), strength(&format!("{start}{end}"), &[]));
        prop_assert!(short.guesses() <= long.guesses());
    }
}
