//! Secrets, in both faces.

use anklume_dialog::{
    Ended, Face, LineFace, Looks, Question, Reply, ScreenFace, Secret, Terminal, Text,
};
use anklume_language::Language::{English, French};

use crate::person::talk;

type Made = fn(Terminal) -> Box<dyn Face>;

const LOOKS: Looks = Looks { unicode: true, colours: false };
const FACES: [Made; 2] = [
    |terminal| Box::new(LineFace::new(terminal, French, LOOKS)),
    |terminal| Box::new(ScreenFace::new(terminal, English, LOOKS)),
];

fn passphrase(face: &mut dyn Face) -> Result<Reply<String>, Ended> {
    let check = |text: &str| if text.len() < 4 { Err("short".to_owned()) } else { Ok(()) };
    let secret = Secret::new(Question::new("passphrase", "Passphrase:").back()).check(&check);
    Ok(face.secret(&secret)?.map(|secret| secret.to_string()))
}

/// Letters that stand in nothing that a face says.
const SECRET: &str = "µ¶þ ðßø";

#[test]
fn no_byte_of_a_secret_comes_out() {
    for made in FACES {
        let ask = |terminal| passphrase(&mut *made(terminal));
        let (reply, text) = talk((80, 25), ask, |person| {
            person.hears("Passphrase:");
            person.hears("> ");
            // Too short at first, then with a correction.
            person.types("µ\r");
            person.hears("short");
            person.types(format!("{SECRET}ø\x7f\r"));
        });
        assert!(matches!(&reply, Ok(Reply::Answer(secret)) if secret == SECRET), "{reply:?}");
        for c in SECRET.chars().filter(|c| *c != ' ') {
            assert!(!text.contains(c), "{c} in {text}");
        }
        assert!(!text.contains('\u{fffd}'), "a part of a character: {text:?}");
    }
}

#[test]
fn what_was_typed_before_is_no_part_of_it() {
    for made in FACES {
        let ask = |terminal| {
            let mut face = made(terminal);
            let name = face.text(&Text::new(Question::new("name", "Name?")))?;
            Ok((name, passphrase(&mut *face)?))
        };
        let (replies, _): (Result<_, Ended>, _) = talk((80, 25), ask, |person| {
            person.hears("Name?");
            person.hears("> ");
            person.types("box\rtoo early");
            person.hears("Passphrase:");
            person.hears("> ");
            person.types("secret\r");
        });
        let (name, secret) = replies.unwrap();
        assert_eq!(name, Reply::Answer("box".to_owned()));
        assert_eq!(secret, Reply::Answer("secret".to_owned()));
    }
}

#[test]
fn who_wants_to_see_it_can() {
    for made in FACES {
        let ask = |terminal| passphrase(&mut *made(terminal));
        let (reply, text) = talk((80, 25), ask, |person| {
            person.hears("> ");
            person.types("µ\t¶þðß\r");
        });
        assert!(matches!(&reply, Ok(Reply::Answer(secret)) if secret == "µ¶þðß"), "{reply:?}");
        assert!(text.contains("¶þðß"), "{text}");
    }
}

#[test]
fn every_end_restores_the_terminal() {
    for made in FACES {
        for (keys, ended) in [(&b"abc\x03"[..], "interrupted"), (b"\x04", "the console is closed")]
        {
            let ask = |terminal| passphrase(&mut *made(terminal));
            let (reply, _) = talk((80, 25), ask, |person| {
                person.hears("> ");
                person.types(keys);
            });
            assert_eq!(reply.unwrap_err().to_string(), ended);
        }
        // A panic, and the way back.
        let ask = |terminal| {
            let mut face = made(terminal);
            let reply = passphrase(&mut *face);
            let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
                let _face = face;
                std::panic::resume_unwind(Box::new(()));
            }));
            (reply, panic.is_err())
        };
        let (reply, _) = talk((80, 25), ask, |person| {
            person.hears("> ");
            person.types("\x1b\r");
        });
        assert!(matches!(reply, (Ok(Reply::Back), true)));
        let ask = |terminal| passphrase(&mut *made(terminal));
        let (reply, _) = talk((80, 25), ask, |person| {
            person.hears("> ");
            person.hangs_up();
        });
        assert!(matches!(reply, Err(Ended::Closed)), "{reply:?}");
    }
}
