//! The record: what it holds, and its bytes.

use anklume_grubenv::Error;
use anklume_layout::Slot;
use serde::{Deserialize, Serialize};

use crate::copies::SECTOR_BYTES;

/// Tries of a slot on trial, and failures of a good one until the other is taken.
pub const MAX_COUNT: u8 = 3;
/// The first `seq`. Nine digits that do not begin with zero: GRUB takes a leading zero for octal, and
/// 32 bits are what it compares.
const FIRST_SEQ: u32 = 100_000_000;
const LAST_SEQ: u32 = 999_999_999;

/// State of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing that can boot: never written, or being written.
    Empty,
    /// New; it has to prove itself.
    Trial,
    /// It was good once.
    Good,
    /// It failed as often as it may.
    Bad,
}

impl State {
    pub(crate) const ALL: [Self; 4] = [Self::Empty, Self::Trial, Self::Good, Self::Bad];

    /// Its letter in the record.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Empty => 'e',
            Self::Trial => 't',
            Self::Good => 'g',
            Self::Bad => 'b',
        }
    }

    fn of(text: &[u8]) -> Option<Self> {
        let [letter] = text else { return None };
        Self::ALL.into_iter().find(|state| state.letter() == char::from(*letter))
    }
}

/// A boot record that says something possible: the good slot is in state good, without one no slot is
/// in that state, and at most one slot is on trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Record {
    pub(crate) seq: u32,
    pub(crate) turn: bool,
    pub(crate) good: Option<Slot>,
    pub(crate) a: State,
    pub(crate) b: State,
    pub(crate) left: u8,
    pub(crate) fails: u8,
}

impl Record {
    /// The record of an image: slot A on trial, nothing else.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            seq: FIRST_SEQ,
            turn: false,
            good: None,
            a: State::Trial,
            b: State::Empty,
            left: MAX_COUNT,
            fails: 0,
        }
    }

    /// A record in place of a lost one, in the OS that was booted from `booted`: it has to prove
    /// itself anew; the other slot is there to fall back to if it `was_good` by some other witness.
    #[must_use]
    pub fn rebuilt(booted: Slot, other_was_good: bool) -> Self {
        let mut record = Self { a: State::Empty, ..Self::new() };
        record.set_state(booted, State::Trial);
        if other_was_good {
            record.set_state(booted.other(), State::Good);
            record.good = Some(booted.other());
        }
        record
    }

    /// The slot that boots when none is on trial.
    #[must_use]
    pub const fn good(&self) -> Option<Slot> {
        self.good
    }

    /// State of a slot.
    #[must_use]
    pub const fn state(&self, slot: Slot) -> State {
        match slot {
            Slot::A => self.a,
            Slot::B => self.b,
        }
    }

    pub(crate) const fn set_state(&mut self, slot: Slot, state: State) {
        match slot {
            Slot::A => self.a = state,
            Slot::B => self.b = state,
        }
    }

    /// The slot on trial.
    #[must_use]
    pub fn trial(&self) -> Option<Slot> {
        Slot::ALL.into_iter().find(|slot| self.state(*slot) == State::Trial)
    }

    /// Tries that the slot on trial has left.
    #[must_use]
    pub const fn left(&self) -> u8 {
        self.left
    }

    /// Boots of the good slot that did not end well, one after the other.
    #[must_use]
    pub const fn fails(&self) -> u8 {
        self.fails
    }

    /// `seq` of the record.
    #[must_use]
    pub const fn seq(&self) -> u32 {
        self.seq
    }

    /// Whether both say the same, whoever wrote them when.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        Self { seq: other.seq, turn: other.turn, ..*self } == *other
    }

    /// The same with the next `seq`.
    #[must_use]
    pub(crate) fn next(self) -> Self {
        let next = self.seq.checked_add(1).filter(|seq| *seq <= LAST_SEQ);
        Self { seq: next.unwrap_or(FIRST_SEQ), ..self }
    }

    /// Whether it can be.
    fn is_possible(&self) -> bool {
        let states = |wanted| Slot::ALL.into_iter().filter(move |slot| self.state(*slot) == wanted);
        let good = match self.good {
            Some(slot) => self.state(slot) == State::Good,
            None => states(State::Good).next().is_none(),
        };
        good && states(State::Trial).count() <= 1
    }

    /// Reads a copy of the record; `None` if it is damaged or says what cannot be.
    #[must_use]
    pub fn parse(block: &[u8]) -> Option<Self> {
        let variables = anklume_grubenv::parse(block).ok()?;
        // Of two with one name, GRUB takes the later.
        let value = |name: &str| {
            let named = variables.iter().rev().find(|(this, _)| this == name.as_bytes());
            named.map(|(_, value)| value.as_slice())
        };
        let seq = number(value("seq")?)?;
        let turn = digit(value("turn")?, 1)?;
        let good = match value("good")? {
            b"-" => None,
            b"a" => Some(Slot::A),
            b"b" => Some(Slot::B),
            _ => return None,
        };
        let record = Self {
            seq,
            turn: turn == 1,
            good,
            a: State::of(value("a")?)?,
            b: State::of(value("b")?)?,
            left: digit(value("left")?, MAX_COUNT)?,
            fails: digit(value("fails")?, MAX_COUNT)?,
        };
        let whole = value("end")? == record.end().as_bytes();
        (whole && record.is_possible()).then_some(record)
    }

    fn end(&self) -> String {
        format!("{}{}", self.seq, u8::from(self.turn))
    }

    /// The bytes of a copy: [`SECTOR_BYTES`].
    ///
    /// # Errors
    /// None that happens: the variables fit.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let good = self.good.map_or_else(|| "-".to_owned(), |slot| slot.to_string());
        let seq = self.seq.to_string();
        let [turn, left, fails] =
            [u8::from(self.turn), self.left, self.fails].map(|n| n.to_string());
        let [a, b] = [self.a, self.b].map(|state| state.letter().to_string());
        let variables = [
            ("seq", seq.as_str()),
            ("turn", &turn),
            ("good", &good),
            ("a", &a),
            ("b", &b),
            ("left", &left),
            ("fails", &fails),
            ("end", &self.end()),
        ];
        anklume_grubenv::encode(&variables, SECTOR_BYTES)
    }
}

impl Default for Record {
    fn default() -> Self {
        Self::new()
    }
}

/// Nine digits, the first of which is not zero.
fn number(text: &[u8]) -> Option<u32> {
    let digits = text.len() == 9 && text.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(text).ok()?.parse().ok()?;
    (digits && (FIRST_SEQ..=LAST_SEQ).contains(&number)).then_some(number)
}

/// One digit, at most `max`.
fn digit(text: &[u8], max: u8) -> Option<u8> {
    let [digit] = text else { return None };
    digit.checked_sub(b'0').filter(|digit| *digit <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(record: &Record) -> String {
        String::from_utf8(record.encode().unwrap()).unwrap()
    }

    #[test]
    fn the_bytes_are_one_sector_of_text() {
        let text = text(&Record::new());
        assert_eq!(text.len(), 512);
        let body = "# GRUB Environment Block\nseq=100000000\nturn=0\ngood=-\na=t\nb=e\nleft=3\n\
                    fails=0\nend=1000000000\n#";
        assert!(text.starts_with(body), "{text}");
        assert_eq!(Record::parse(text.as_bytes()), Some(Record::new()));
    }

    #[test]
    fn what_cannot_be_counts_as_absent() {
        let text = text(&Record { good: Some(Slot::A), a: State::Good, ..Record::new() });
        assert!(Record::parse(text.as_bytes()).is_some());
        for (from, to) in [
            ("good=a", "good=b"),
            ("good=a", "good=-"),
            ("good=a", "good=c"),
            ("good=a", "good="),
            ("a=g", "a=x"),
            ("a=g", "a=gg"),
            ("left=3", "left=4"),
            ("left=3", "left=03"),
            ("fails=0", "fails=-"),
            ("fails=0", "fals=00"),
            ("turn=0", "turn=2"),
            ("turn=0", "turn=1"),
            ("seq=100000000", "seq=100000001"),
            ("seq=100000000", "seq=000000000"),
            ("end=1000000000", "end=1000000001"),
            ("# GRUB", "# Grub"),
        ] {
            assert!(text.contains(from));
            let changed = text.replacen(from, to, 1);
            assert_eq!(Record::parse(changed.as_bytes()), None, "{to}");
        }
        assert_eq!(Record::parse(&[0; 512]), None);
        assert_eq!(Record::parse(b""), None);
    }

    #[test]
    fn of_two_variables_the_later_counts() {
        let text = text(&Record::new()).replacen("#####", "a=b\n#", 1);
        let record = Record::parse(text.as_bytes()).unwrap();
        assert_eq!(record.a, State::Bad);
    }

    #[test]
    fn a_rebuilt_record_falls_back_only_to_what_was_good() {
        let alone = Record::rebuilt(Slot::B, false);
        assert_eq!((alone.good, alone.a, alone.b), (None, State::Empty, State::Trial));
        let two = Record::rebuilt(Slot::B, true);
        assert_eq!((two.good, two.a, two.b), (Some(Slot::A), State::Good, State::Trial));
        assert!(alone.is_possible() && two.is_possible());
    }
}
