//! A signal that asks the program to stop. In a program of its own: what was asked for once holds.

#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "faces/person.rs"]
mod person;

use anklume_dialog::{Ended, Face, LineFace, Looks, Question, ScreenFace, Secret, Terminal};
use anklume_language::Language::English;
use nix::sys::signal::{Signal, raise};

#[test]
fn a_signal_ends_the_question_and_restores_the_terminal() {
    anklume_host::interrupt::install().unwrap();
    const LOOKS: Looks = Looks { unicode: false, colours: false };
    let question = Question::new("passphrase", "Passphrase:");
    let lines = |it: Terminal| LineFace::new(it, English, LOOKS).secret(&Secret::new(question));
    let (reply, _) = person::talk((80, 25), lines, |person| {
        person.hears("> ");
        raise(Signal::SIGTERM).unwrap();
    });
    assert!(matches!(reply, Err(Ended::Interrupted)), "{reply:?}");
    let screen = |it: Terminal| ScreenFace::new(it, English, LOOKS).secret(&Secret::new(question));
    let (reply, _) = person::talk((80, 25), screen, |_| {});
    assert!(matches!(reply, Err(Ended::Interrupted)), "{reply:?}");
}
