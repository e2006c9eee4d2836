//! The page on a screen.

use anklume_dialog::{
    Choice, Choices, Confirm, Ended, Face, Item, Looks, Question, Reply, ScreenFace, Table,
    Terminal, Text,
};
use anklume_language::Language::{self, English, French};

use crate::person::{Person, talk};

const LOOKS: Looks = Looks { unicode: true, colours: true };
const SIZES: [(u16, u16); 3] = [(80, 25), (40, 10), (0, 0)];

fn face(terminal: Terminal, language: Language) -> ScreenFace {
    ScreenFace::new(terminal, language, LOOKS)
}

fn goals() -> [Item; 4] {
    [
        Item::new("Encrypted disk").explained("Keeps my work."),
        Item::new("Just try it").explained("Everything is lost at power-off."),
        Item::new("Open the disk I have").refused("no disk was found"),
        Item::new("Later"),
    ]
}

fn goal(terminal: Terminal, language: Language) -> Result<Reply<usize>, Ended> {
    let mut face = face(terminal, language);
    face.heading("Goal", Some((1, 7)))?;
    let question =
        Question::new("goal", "What do you want?").help("It can be changed.").back().leave();
    face.choose(&Choice::new(question, &goals()).default(0))
}

fn answered(size: (u16, u16), keys: &[u8]) -> Result<Reply<usize>, Ended> {
    talk(
        size,
        |terminal| goal(terminal, French),
        |person| {
            person.is_at("> 1");
            person.types(keys);
        },
    )
    .0
}

#[test]
fn keys_move_and_choose() {
    for size in SIZES {
        for (keys, index) in [
            (&b"\r"[..], 0),
            (b"\x1b[B\r", 1),
            (b"\x1bOB\x1b[A\r", 0),
            (b"\x1b[A\r", 3),
            (b"\t\r", 1),
            (b"\x1b[F\r", 3),
            (b"4\x1b[H\r", 0),
            (b"2\r", 1),
            (b"j\r", 1),
            (b"9\r", 0),
            (b"l\n", 3),
        ] {
            let reply = answered(size, keys);
            assert!(matches!(reply, Ok(Reply::Answer(at)) if at == index), "{keys:?} {reply:?}");
        }
        assert!(matches!(answered(size, b"\x1b"), Ok(Reply::Back)));
        assert!(matches!(answered(size, b"\x03"), Err(Ended::Interrupted)));
        assert!(matches!(answered(size, b"\x04"), Err(Ended::Closed)));
        // Leaving is asked for twice.
        assert!(matches!(answered(size, b"qo"), Err(Ended::Left)));
        assert!(matches!(answered(size, b"\x1b[21~o"), Err(Ended::Left)));
        assert!(matches!(answered(size, b"qn2\r"), Ok(Reply::Answer(1))));
    }
}

#[test]
fn a_refused_option_is_read_and_not_chosen() {
    for (language, refused) in
        [(English, "Not possible: no disk"), (French, "Impossible : no disk")]
    {
        let (reply, _) = talk(
            (80, 25),
            |terminal| goal(terminal, language),
            |person| {
                person.sees(refused);
                person.types("3");
                person.is_at("> 3  Open");
                person.types("\r");
                person.until_count(refused, 2);
                person.types("?");
                person.sees("It can be changed.");
                person.types("2\r");
            },
        );
        assert!(matches!(reply, Ok(Reply::Answer(1))));
    }
}

#[test]
fn the_page_looks_like_this() {
    let (_, text) = talk(
        (60, 16),
        |terminal| goal(terminal, English),
        |person| {
            person.is_at("> 1");
            let rows: Vec<_> = [
                "Goal                                                     1/7",
                "───────────────────────────────────────────────────────────",
                "",
                "What do you want?",
                "",
                "> 1  Encrypted disk",
                "     Keeps my work.",
                "  2  Just try it",
                "     Everything is lost at power-off.",
                "  3  Open the disk I have",
                "     Not possible: no disk was found",
                "  4  Later",
                "",
                "",
                "",
                "Up/Down  Enter  Esc back  F1 help  F10 leave",
            ]
            .map(str::to_owned)
            .into();
            let title = format!("Goal{}1/7", " ".repeat(52));
            let seen = person.screen();
            let seen: Vec<_> = seen.lines().collect();
            assert_eq!(seen[0], title);
            assert_eq!(seen[1..], rows[1..]);
            assert_eq!(person.cursor(), (5, 0));
            person.types("4\r");
        },
    );
    // What was answered stays, and the cursor stands below it.
    assert!(text.ends_with("\x1b[0m\x1b[16;1H\x1b[K\r\n"), "{text:?}");
}

#[test]
fn options_are_marked_with_the_space_bar() {
    let ask = |terminal| {
        let items = goals();
        let choices =
            Choices::new(Question::new("disks", "Which?"), &items).chosen(&[1, 2]).least(1);
        face(terminal, English).choose_several(&choices)
    };
    let (reply, _) = talk((80, 25), ask, |person| {
        person.sees("[x] 2  Just");
        person.sees("[ ] 3  Open");
        person.types("2 \r");
        person.sees("at least 1");
        person.types("3 ");
        person.sees("[ ] 3");
        person.types("4 1 \r");
    });
    assert!(matches!(&reply, Ok(Reply::Answer(at)) if *at == [0, 3]), "{reply:?}");
}

#[test]
fn yes_and_no_are_two_options() {
    for (language, default, keys, answer) in [
        (English, None, "\r", false),
        (English, Some(true), "\r", true),
        (English, None, "y\r", true),
        (French, None, "o\r", true),
        (French, Some(true), "n\r", false),
        (French, Some(false), "\x1b[A\r", true),
    ] {
        let ask = |terminal| {
            let confirm = Confirm { question: Question::new("sure", "Sure?"), default };
            face(terminal, language).confirm(&confirm)
        };
        let (reply, _) = talk((80, 25), ask, |person| {
            person.is_at(">");
            person.types(keys);
        });
        assert!(matches!(reply, Ok(Reply::Answer(yes)) if yes == answer), "{keys:?} {reply:?}");
    }
}

fn name(terminal: Terminal) -> Result<Reply<String>, Ended> {
    let check = |text: &str| {
        if text.contains(' ') { Err("A name has no spaces.".to_owned()) } else { Ok(()) }
    };
    let text = Text::new(Question::new("name", "Name?")).default("ankl").check(&check).most(60);
    face(terminal, English).text(&text)
}

#[test]
fn a_text_is_edited_in_place() {
    for (keys, answer) in [
        ("\r", "ankl"),
        // The first character replaces the default; other keys edit it.
        ("box\r", "box"),
        ("\x1b[Fume\r", "anklume"),
        ("\x08e\r", "anke"),
        ("\x1b[H\x1b[3~b\x1b[C\x1b[D\x1b[Dx\r", "xbnkl"),
        ("b\u{e9}e\u{301}日\x7f\x7fx\r", "béx"),
        ("a b\x17\x17c\x1b[D\x15\r", "c"),
        ("?q<\r", "?q<"),
    ] {
        let (reply, text) = talk((80, 25), name, |person| {
            person.is_at("> ankl");
            person.types(keys);
        });
        assert!(matches!(&reply, Ok(Reply::Answer(text)) if text == answer), "{reply:?} {text}");
    }
}

#[test]
fn wrong_texts_are_asked_again() {
    for (keys, reason) in [
        (&b"a b\r"[..], "A name has no spaces."),
        (&[&[b'x'; 61][..], b"\r"].concat(), "longer than 60 bytes"),
        (b"x\xff\r", "not text in UTF-8"),
    ] {
        let (reply, _) = talk((80, 25), name, |person| {
            person.is_at("> ankl");
            person.types(keys);
            person.sees(reason);
            person.types("\x15box\r");
        });
        assert!(matches!(&reply, Ok(Reply::Answer(text)) if text == "box"), "{reply:?}");
    }
}

#[test]
fn a_long_text_moves_in_its_field() {
    let digits = "0123456789".repeat(6);
    let (reply, _) = talk((40, 10), name, |person| {
        person.is_at("> ankl");
        person.types(&digits);
        person.is_at("> 5678901234567890");
        person.types("\x1b[H");
        person.is_at("> 01234567890");
        person.types("\r");
    });
    assert!(matches!(&reply, Ok(Reply::Answer(text)) if *text == digits), "{reply:?}");
}

#[test]
fn what_does_not_fit_is_read_first() {
    let ask = |terminal| {
        let mut face = face(terminal, English);
        face.heading("Plan", None)?;
        face.say("old");
        face.confirm(&Confirm::new(Question::new("first", "First?")))?;
        let steps: Vec<_> = (1..=20).map(|step| format!("step {step}.")).collect();
        face.say(&steps.join("\n"));
        face.confirm(&Confirm::new(Question::new("sure", "Sure?")))
    };
    let (reply, _) = talk((40, 10), ask, |person| {
        person.sees("First?");
        person.types("\r");
        person.sees("More below");
        person.sees("step 1.");
        // Letters answer nothing that is not seen.
        person.types("y");
        person.types("\r");
        person.sees("step 12.");
        person.types("\x1b[5~");
        person.sees("step 1.");
        person.types(" \r\r");
        person.sees("Sure?");
        person.types("\x1b[5~");
        person.sees("More below");
        person.types("\x1b[6~\x1b[6~\x1b[6~");
        person.sees("Up/Down");
        person.sees("> 2  No");
        person.types("y\r");
    });
    assert!(matches!(reply, Ok(Reply::Answer(true))), "{reply:?}");
}

#[test]
fn a_list_longer_than_the_screen_follows_the_keys() {
    let ask = |terminal| {
        let items: Vec<_> = (1..=30).map(|disk| Item::new(format!("disk {disk}"))).collect();
        face(terminal, French).choose(&Choice::new(Question::new("disk", "Disque ?"), &items))
    };
    let (reply, _) = talk((40, 10), ask, |person| {
        person.is_at(">  1  disk 1");
        person.sees("Disque ?");
        person.types("\x1b[F");
        person.is_at("> 30  disk 30");
        person.types("17");
        person.is_at("> 17  disk 17");
        person.types("\x1b[H");
        person.sees("Disque ?");
        person.types("\x1b[A\r");
    });
    assert!(matches!(reply, Ok(Reply::Answer(29))), "{reply:?}");
}

fn page(terminal: Terminal) -> Result<Reply<usize>, Ended> {
    let mut face = face(terminal, French);
    face.heading("Disque \u{1b}c", Some((2, 7)))?;
    face.say(
        "- Détruit tout ce qui est sur le disque, y compris les sauvegardes.\n- 日本語のディスク",
    );
    face.warn("\u{1b}[2J\u{9b}31mDATA");
    face.table(
        &Table::new(["Disque", "Modèle"]).row(["1", "日本の e\u{301}\u{1b}c"]).row(["2", "x"]),
    );
    let items = [Item::new("日本の e\u{301} \u{7}").explained("un"), Item::new("deux")];
    face.choose(&Choice::new(Question::new("disk", "Lequel ?"), &items))
}

/// Reads on to the question, with all of its last page in place.
fn reads_on(person: &mut Person) {
    loop {
        person.sees_one_of(&["Haut/Bas", "La suite"]);
        if person.screen().contains("Haut/Bas") {
            return;
        }
        person.types(" ");
        person.waits_for_change();
    }
}

#[test]
fn a_resize_lays_the_page_out_anew() {
    let (reply, _) = talk((80, 25), page, |person| {
        person.sees("- Détruit tout ce qui est sur le disque, y compris les sauvegardes.");
        person.is_at("> 1");
        person.resizes(40, 12);
        person.sees(&format!("Disque ?c{}2/7", " ".repeat(27)));
        person.is_at("> 1");
        person.resizes(30, 40);
        person.sees("  le disque, y compris les");
        person.is_at("> 1  日本の e\u{301} ?");
        person.resizes(100, 8);
        person.sees("Lequel ?");
        person.types("2");
        person.is_at("> 2  deux");
        person.types("\r");
    });
    assert!(matches!(reply, Ok(Reply::Answer(1))), "{reply:?}");
}

#[test]
fn no_text_gets_out_of_its_row() {
    for size in SIZES {
        let (reply, text) = talk(size, page, |person| {
            person.sees("2/7");
            reads_on(person);
            person.is_at("> 1  日本の e\u{301} ?");
            person.sees("  2  deux");
            person.types("\r");
        });
        assert!(matches!(reply, Ok(Reply::Answer(0))), "{reply:?}");
        for sequence in ["\u{1b}c", "\u{1b}[2J", "\u{9b}", "\u{7}"] {
            assert!(!text.contains(sequence), "{text:?}");
        }
    }
}

#[test]
fn work_has_steps_and_bars() {
    let ask = |terminal| {
        let mut face = face(terminal, English);
        let mut progress = face.progress("Work");
        progress.step("Make the table");
        progress.step("Write");
        progress.part(1, 0);
        progress.part(u64::MAX / 2, u64::MAX);
        progress.note("half");
        progress.failed("the disk is gone");
        drop(progress);
        face.confirm(&Confirm::new(Question::new("again", "Again?")))
    };
    let (reply, text) = talk((80, 25), ask, |person| {
        person.sees("Again?");
        person.sees("- Make the table done\n- Write FAILED");
        person.sees("Warning: the disk is gone");
        person.types("y\r");
    });
    assert!(matches!(reply, Ok(Reply::Answer(true))));
    let bar = format!("{}{}", "█".repeat(14), "░".repeat(16));
    assert!(text.contains(&format!("  {bar} 49%")), "{text}");
}

#[test]
fn a_pasted_text_answers_no_fresh_question() {
    let ask = |terminal| {
        let mut face = face(terminal, English);
        let name = face.text(&Text::new(Question::new("name", "Name?"))).unwrap();
        let wipe = face.confirm(&Confirm::new(Question::new("wipe", "Wipe?").fresh())).unwrap();
        (name, wipe)
    };
    let (answers, _) = talk((80, 25), ask, |person| {
        person.is_at("> ");
        person.types("box\ry\ry\r");
        person.sees("Wipe?");
        person.is_at("> 2  No");
        person.types("\r");
    });
    assert_eq!(answers, (Reply::Answer("box".to_owned()), Reply::Answer(false)));
}

#[test]
fn a_terminal_that_hangs_up_ends_the_question() {
    let (reply, _) = talk(
        (80, 25),
        |terminal| goal(terminal, English),
        |person| {
            person.is_at("> 1");
            person.hangs_up();
        },
    );
    assert!(matches!(reply, Err(Ended::Closed)), "{reply:?}");
}
