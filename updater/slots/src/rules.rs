//! The rules that GRUB follows.

use anklume_layout::Slot;

use crate::record::{MAX_COUNT, Record, State};

/// A variable of the record that rules look at or change. Each has one character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// `good`.
    Good,
    /// `a` or `b`.
    State(Slot),
    /// `left`.
    Left,
    /// `fails`.
    Fails,
}

impl Variable {
    /// Its name in the record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::State(Slot::A) => "a",
            Self::State(Slot::B) => "b",
            Self::Left => "left",
            Self::Fails => "fails",
        }
    }
}

/// A variable with a value: what a rule asks for, or what it sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// `good` is this slot.
    Good(Slot),
    /// A slot is in this state.
    State(Slot, State),
    /// `left`.
    Left(u8),
    /// `fails`.
    Fails(u8),
}

impl Condition {
    /// The variable.
    #[must_use]
    pub const fn variable(self) -> Variable {
        match self {
            Self::Good(_) => Variable::Good,
            Self::State(slot, _) => Variable::State(slot),
            Self::Left(_) => Variable::Left,
            Self::Fails(_) => Variable::Fails,
        }
    }

    /// The value as the record spells it.
    #[must_use]
    pub fn value(self) -> String {
        match self {
            Self::Good(slot) => slot.to_string(),
            Self::State(_, state) => state.letter().to_string(),
            Self::Left(count) | Self::Fails(count) => count.to_string(),
        }
    }

    fn holds(self, record: &Record) -> bool {
        match self {
            Self::Good(slot) => record.good == Some(slot),
            Self::State(slot, state) => record.state(slot) == state,
            Self::Left(count) => record.left == count,
            Self::Fails(count) => record.fails == count,
        }
    }

    fn set(self, record: &mut Record) {
        match self {
            Self::Good(slot) => record.good = Some(slot),
            Self::State(slot, state) => record.set_state(slot, state),
            Self::Left(count) => record.left = count,
            Self::Fails(count) => record.fails = count,
        }
    }
}

/// When all of `when` hold, `set` is done; then `boot` boots, or without it the next rules decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What must hold.
    pub when: Vec<Condition>,
    /// What is changed.
    pub set: Vec<Condition>,
    /// What boots.
    pub boot: Option<Slot>,
}

/// What GRUB does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The slot that boots; none: the rescue menu, which waits for somebody.
    pub boot: Option<Slot>,
    /// The record afterwards.
    pub record: Record,
}

/// The rules in their order.
#[must_use]
pub fn rules() -> Vec<Rule> {
    let each = |make: fn(Slot) -> Vec<Rule>| Slot::ALL.into_iter().flat_map(make);
    each(trial).chain(each(spent)).chain(each(good)).chain(each(fall_back)).collect()
}

/// A slot on trial boots, and has one try less.
fn trial(slot: Slot) -> Vec<Rule> {
    let rule = |left: u8| Rule {
        when: vec![Condition::State(slot, State::Trial), Condition::Left(left)],
        set: vec![Condition::Left(left.saturating_sub(1))],
        boot: Some(slot),
    };
    (1..=MAX_COUNT).rev().map(rule).collect()
}

/// A slot on trial that has no try left is bad.
fn spent(slot: Slot) -> Vec<Rule> {
    vec![Rule {
        when: vec![Condition::State(slot, State::Trial), Condition::Left(0)],
        set: vec![Condition::State(slot, State::Bad)],
        boot: None,
    }]
}

/// The good slot boots, and counts as failed until it says otherwise.
fn good(slot: Slot) -> Vec<Rule> {
    let rule = |fails: u8| Rule {
        when: vec![Condition::Good(slot), Condition::Fails(fails)],
        set: vec![Condition::Fails(fails.saturating_add(1))],
        boot: Some(slot),
    };
    (0..MAX_COUNT).map(rule).collect()
}

/// When the good slot failed too often, the other one takes its place if it was good once.
fn fall_back(slot: Slot) -> Vec<Rule> {
    let other = slot.other();
    vec![Rule {
        when: vec![
            Condition::Good(slot),
            Condition::Fails(MAX_COUNT),
            Condition::State(other, State::Good),
        ],
        set: vec![Condition::Good(other), Condition::State(slot, State::Bad), Condition::Fails(1)],
        boot: Some(other),
    }]
}

/// What GRUB does with `record`.
#[must_use]
pub fn decide(record: &Record) -> Decision {
    let mut record = Record { turn: !record.turn, ..*record };
    for rule in rules() {
        if !rule.when.iter().all(|condition| condition.holds(&record)) {
            continue;
        }
        rule.set.iter().for_each(|change| change.set(&mut record));
        if rule.boot.is_some() {
            return Decision { boot: rule.boot, record };
        }
    }
    Decision { boot: None, record }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(fails: u8, other: State) -> Record {
        Record { good: Some(Slot::A), a: State::Good, b: other, left: 0, fails, ..Record::new() }
    }

    /// Boots until the rescue menu, without any that ends well.
    fn boots(mut record: Record) -> String {
        let mut text = String::new();
        while let Decision { boot: Some(slot), record: next } = decide(&record) {
            text.push_str(&slot.to_string());
            record = next;
        }
        text
    }

    #[test]
    fn a_new_image_has_three_tries() {
        assert_eq!(boots(Record::new()), "aaa");
    }

    #[test]
    fn after_three_tries_the_good_slot_boots_three_times() {
        let record = Record { left: 3, ..good(0, State::Trial) };
        assert_eq!(boots(record), "bbbaaa");
        assert_eq!(boots(Record { left: 1, ..record }), "baaa");
    }

    #[test]
    fn a_slot_that_was_good_once_takes_the_place_of_one_that_fails() {
        assert_eq!(boots(good(0, State::Good)), "aaabbb");
        assert_eq!(boots(good(2, State::Good)), "abbb");
        for other in [State::Bad, State::Empty] {
            assert_eq!(boots(good(0, other)), "aaa");
        }
    }

    #[test]
    fn what_falls_back_is_remembered() {
        let record = decide(&good(3, State::Good)).record;
        assert_eq!((record.good, record.a, record.fails), (Some(Slot::B), State::Bad, 1));
        let spent = decide(&Record { left: 0, ..good(0, State::Trial) }).record;
        assert_eq!((spent.b, spent.fails), (State::Bad, 1));
    }
}
