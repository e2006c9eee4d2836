//! Numbered lines.

use anklume_dialog::{
    Choice, Choices, Confirm, Ended, Face, Item, LineFace, Looks, Question, Reply, Table, Terminal,
    Text, width,
};
use anklume_language::Language::{self, English, French};

use crate::person::talk;

const PLAIN: Looks = Looks { unicode: false, colours: false };
const SIZES: [(u16, u16); 3] = [(80, 25), (40, 10), (0, 0)];

fn face(terminal: Terminal, language: Language) -> LineFace {
    LineFace::new(terminal, language, PLAIN)
}

fn goals() -> [Item; 3] {
    [
        Item::new("Encrypted disk").explained("Keeps my work when the machine is switched off."),
        Item::new("Just try it").explained("Everything is lost at power-off."),
        Item::new("Open the disk I have").refused("no disk with data was found"),
    ]
}

fn goal(terminal: Terminal, language: Language) -> Result<Reply<usize>, Ended> {
    let question =
        Question::new("goal", "What do you want?").help("It can be changed later.").back();
    face(terminal, language).choose(&Choice::new(question, &goals()).default(0))
}

/// The answer to keys that are typed once the question is there.
fn answered(language: Language, keys: &[u8]) -> (Result<Reply<usize>, Ended>, String) {
    talk(
        (80, 25),
        |terminal| goal(terminal, language),
        |person| {
            person.hears("[1] > ");
            person.types(keys);
        },
    )
}

#[test]
fn options_have_numbers_letters_and_a_default() {
    for language in [English, French] {
        for (keys, index) in [
            (&b"2\r"[..], 1),
            (b"just\n", 1),
            (b"  E \r", 0),
            (b"\r", 0),
            // BS, DEL, the whole line, the arrow keys, which do nothing.
            (b"3\x082\r", 1),
            (b"3\x7f2\r", 1),
            (b"33 33\x152\r", 1),
            (b"1 3\x17\x172\r", 1),
            (b"\x1b[A2\x1b[D\r", 1),
        ] {
            let (reply, _) = answered(language, keys);
            assert!(matches!(reply, Ok(Reply::Answer(at)) if at == index), "{keys:?} {reply:?}");
        }
    }
}

#[test]
fn what_is_no_option_is_asked_again_with_the_reason() {
    for (language, no, refused) in [
        (English, "is none of the options", "cannot be chosen: no disk"),
        (French, "n’est aucune des options", "ne peut pas être choisi"),
    ] {
        let (reply, _) = talk(
            (80, 25),
            |terminal| goal(terminal, language),
            |person| {
                for (keys, reason) in
                    [(&b"x\r"[..], no), (b"4\r", no), (b"3\r", refused), (b"open\r", refused)]
                {
                    person.hears("> ");
                    person.types(keys);
                    person.hears(reason);
                }
                person.hears("> ");
                person.types("1\r");
            },
        );
        assert!(matches!(reply, Ok(Reply::Answer(0))));
    }
}

#[test]
fn back_help_and_ends_are_understood() {
    assert!(matches!(answered(English, b"<\r").0, Ok(Reply::Back)));
    assert!(matches!(answered(French, b"\x1b\r").0, Ok(Reply::Back)));
    assert!(matches!(answered(English, b"\x03").0, Err(Ended::Interrupted)));
    assert!(matches!(answered(English, b"12\x03").0, Err(Ended::Interrupted)));
    assert!(matches!(answered(English, b"\x04").0, Err(Ended::Closed)));
    // Ctrl-D in a line is nothing.
    assert!(matches!(answered(English, b"2\x04\r").0, Ok(Reply::Answer(1))));
    let (reply, text) = answered(English, b"?\r2\r");
    assert!(matches!(reply, Ok(Reply::Answer(1))));
    assert!(text.contains("It can be changed later."));
    assert_eq!(text.matches("Encrypted disk").count(), 2, "{text}");
}

#[test]
fn a_question_without_a_way_back_or_out_says_so() {
    let ask = |terminal| {
        let mut face = face(terminal, English);
        let first = face.confirm(&Confirm::new(Question::new("a", "First?")));
        let second = face.confirm(&Confirm::new(Question::new("b", "Second?").leave()));
        (first, second)
    };
    let ((first, second), _) = talk((80, 25), ask, |person| {
        person.hears("First? (y/n)");
        person.types("<\r");
        person.hears("no step before");
        person.types("q\r");
        person.hears("Please type y or n.");
        person.types("no\r");
        person.hears("Second? (y/n)");
        person.types("q\r");
        person.hears("Leave now?");
        person.types("maybe\rn\r");
        person.hears("> ");
        person.types("q\r");
        person.hears("Leave now?");
        person.types("oui\r");
    });
    assert!(matches!(first, Ok(Reply::Answer(false))));
    assert!(matches!(second, Err(Ended::Left)));
}

#[test]
fn a_terminal_that_hangs_up_ends_the_question() {
    let (reply, _) = talk(
        (80, 25),
        |terminal| goal(terminal, English),
        |person| {
            person.hears("> ");
            person.hangs_up();
        },
    );
    assert!(matches!(reply, Err(Ended::Closed)), "{reply:?}");
}

#[test]
fn several_options_are_chosen_by_their_numbers() {
    let ask = |terminal| {
        let question = Question::new("disks", "Which disks?");
        let items = goals();
        let choices = Choices::new(question, &items).chosen(&[1, 2]).least(1);
        let mut face = face(terminal, French);
        [face.choose_several(&choices), face.choose_several(&choices)]
    };
    let (replies, _) = talk((80, 25), ask, |person| {
        // The refused one is not part of the default.
        person.hears("[2] > ");
        person.types("0\r");
        person.hears("il en faut au moins 1");
        person.types("2, 1 1\r");
        person.hears("[2] > ");
        person.types("\r");
    });
    assert!(matches!(&replies[0], Ok(Reply::Answer(at)) if *at == [0, 1]));
    assert!(matches!(&replies[1], Ok(Reply::Answer(at)) if *at == [1]));
}

fn name(terminal: Terminal) -> Result<Reply<String>, Ended> {
    let check = |text: &str| {
        if text.contains(' ') { Err("A name has no spaces.".to_owned()) } else { Ok(()) }
    };
    let text = Text::new(Question::new("name", "Name?")).default("ankl").check(&check).most(8);
    face(terminal, English).text(&text)
}

#[test]
fn texts_are_checked_and_wrong_ones_asked_again() {
    for (keys, reason, answer) in [
        (&b"a b\r"[..], "A name has no spaces.", "dé"),
        (b"123456789\r", "longer than 8 bytes", "dé"),
        (b"x\xff\r", "not text in UTF-8", "dé"),
        (b"\xff\r", "not text in UTF-8", "dé"),
    ] {
        let (reply, _) = talk((80, 25), name, |person| {
            person.hears("[ankl] > ");
            person.types(keys);
            person.hears(reason);
            person.hears("[ankl] > ");
            person.types("  d\u{e9} \r");
        });
        assert!(matches!(&reply, Ok(Reply::Answer(text)) if text == answer), "{reply:?}");
    }
    for (keys, answer) in
        [("\r", "ankl"), ("123456789\x7f\r", "12345678"), ("日e\u{301}\x08\x08x\r", "x")]
    {
        let (reply, text) = talk((80, 25), name, |person| {
            person.hears("> ");
            person.types(keys);
        });
        assert!(matches!(&reply, Ok(Reply::Answer(text)) if text == answer), "{reply:?} {text:?}");
    }
}

#[test]
fn what_was_pasted_does_not_confirm() {
    let ask = |terminal| {
        let mut face = face(terminal, English);
        let name = face.text(&Text::new(Question::new("name", "Name?"))).unwrap();
        let wipe = face.confirm(&Confirm::new(Question::new("wipe", "Wipe it?").fresh())).unwrap();
        (name, wipe)
    };
    let (answers, _) = talk((80, 25), ask, |person| {
        person.hears("> ");
        person.types("box\ry\ry\ry\r");
        person.hears("Wipe it? (y/n)");
        person.types("n\r");
    });
    assert_eq!(answers, (Reply::Answer("box".to_owned()), Reply::Answer(false)));
    // Without that, lines that were typed ahead are answers.
    let ask = |terminal| {
        let mut face = face(terminal, English);
        [("a", "A?"), ("b", "B?")]
            .map(|(id, prompt)| face.confirm(&Confirm::new(Question::new(id, prompt))))
    };
    let (answers, _) = talk((80, 25), ask, |person| person.types("y\rn\r"));
    assert!(matches!(answers, [Ok(Reply::Answer(true)), Ok(Reply::Answer(false))]));
}

#[test]
fn rows_are_no_wider_than_the_terminal_and_nothing_is_drawn_twice() {
    let long = "- Détruit tout ce qui est sur le disque, y compris les sauvegardes.\n\n".repeat(3);
    for size in SIZES {
        let ask = |terminal| {
            let mut face = face(terminal, French);
            face.heading("Le disque", Some((2, 7))).unwrap();
            face.say(&long);
            face.warn("\u{1b}[2J\u{9b}31mDATA\u{7}");
            let table = Table::new(["Disque", "Modèle"])
                .row(["1", "日本の e\u{301}\u{1b}c"])
                .row(["2", ""]);
            face.table(&table);
            face.verbatim(&["█▀▄ █".repeat(20)]);
            let mut progress = face.progress("Travail");
            progress.step("Écrire");
            for done in 0..=1000 {
                progress.part(done, 1000);
            }
            progress.done();
            drop(progress);
            face.choose(&Choice::new(Question::new("goal", "Quoi ?").back(), &goals()).default(1))
        };
        let (reply, text) = talk(size, ask, |person| {
            person.hears("[2] > ");
            person.types("\r");
        });
        assert!(matches!(reply, Ok(Reply::Answer(1))));
        assert!(text.contains("Étape 2 sur 7 : Le disque"));
        assert!(text.contains("?[2J?31mDATA?"), "{text}");
        assert!(text.contains("Modèle: 日本の e\u{301}?c"));
        assert!(text.contains(&"█▀▄ █".repeat(20)));
        assert!(text.contains("  50 %") && text.matches(" %").count() == 3);
        assert!(
            !text.bytes().any(|byte| byte < b' ' && byte != b'\r' && byte != b'\n'),
            "{text:?}"
        );
        let columns = if size.0 == 0 { 80 } else { usize::from(size.0) };
        for row in text.lines().filter(|row| !row.contains('█')) {
            assert!(width(row) < columns, "{columns} {row}");
        }
    }
}

#[test]
fn a_pipe_is_a_console_too() {
    use std::io::{Read, Write};
    let (input, typed) = nix::unistd::pipe().unwrap();
    let (shown, output) = nix::unistd::pipe().unwrap();
    std::fs::File::from(typed).write_all(b"x\n2\n").unwrap();
    let terminal = Terminal::new(input, output).unwrap();
    let question = Question::new("goal", "What?");
    let mut face = face(terminal, English);
    assert!(matches!(face.choose(&Choice::new(question, &goals())), Ok(Reply::Answer(1))));
    assert!(matches!(face.choose(&Choice::new(question, &goals())), Err(Ended::Closed)));
    drop(face);
    let mut text = String::new();
    std::fs::File::from(shown).read_to_string(&mut text).unwrap();
    assert!(text.contains("> \n“x” is none of the options"), "{text}");
}
