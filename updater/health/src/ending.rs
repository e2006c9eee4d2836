//! What the end of a check means.

use anklume_layout::text::printable;

use crate::{MAX_REASON, NOT_YET, TIMEOUT};

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this exit code.
    Exit(i32),
    /// By a signal.
    Signal(i32),
    /// It was ended because it took too long.
    TimedOut,
    /// It could not be started.
    NotStarted(String),
}

/// What a check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// All is well.
    Healthy,
    /// Ask again; with what it waits for.
    NotYet(String),
    /// It is not well, with the reason.
    Failed(String),
}

/// What an ending means; the reason is from what the check wrote.
#[must_use]
pub fn answer(ending: &Ending, stdout: &[u8], stderr: &[u8]) -> Answer {
    let said = last_line(stdout).or_else(|| last_line(stderr));
    let or = |otherwise: String| said.clone().unwrap_or(otherwise);
    match ending {
        Ending::Exit(0) => Answer::Healthy,
        Ending::Exit(NOT_YET) => Answer::NotYet(or("not yet".to_owned())),
        Ending::Exit(code) => Answer::Failed(or(format!("exit code {code}"))),
        Ending::Signal(signal) => Answer::Failed(format!("ended by signal {signal}")),
        // A machine that is busy may be in time later.
        Ending::TimedOut => Answer::NotYet(format!("no answer within {} s", TIMEOUT.as_secs())),
        Ending::NotStarted(why) => Answer::Failed(printable(why, MAX_REASON)),
    }
}

/// The last line that holds something printable.
fn last_line(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    text.lines().rev().map(|line| printable(line, MAX_REASON)).find(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_have_a_meaning() {
        let answer = |ending| answer(&ending, b"", b"");
        assert_eq!(answer(Ending::Exit(0)), Answer::Healthy);
        assert_eq!(answer(Ending::Exit(75)), Answer::NotYet("not yet".to_owned()));
        let late = Answer::NotYet("no answer within 30 s".to_owned());
        assert_eq!(answer(Ending::TimedOut), late);
        for (ending, reason) in [
            (Ending::Exit(1), "exit code 1"),
            (Ending::Exit(74), "exit code 74"),
            (Ending::Signal(9), "ended by signal 9"),
            (Ending::NotStarted("a\nb".to_owned()), "a b"),
        ] {
            assert_eq!(answer(ending), Answer::Failed(reason.to_owned()));
        }
    }

    #[test]
    fn the_reason_is_the_last_line_of_the_output() {
        let failed = |stdout: &[u8], stderr: &[u8]| match answer(&Ending::Exit(1), stdout, stderr) {
            Answer::Failed(reason) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(failed(b"one\ntwo\n\n \x1b\n", b"three\n"), "two");
        assert_eq!(failed(b"\n", b"a\nthree"), "three");
        assert_eq!(failed(b"\x1b[31mred\xff\n", b""), "[31mred\u{fffd}");
        assert_eq!(failed("é".repeat(999).as_bytes(), b"").chars().count(), 200);
    }
}
