//! What Linux changes in the record.

use anklume_layout::Slot;

use crate::record::{MAX_COUNT, Record, State};

/// A change that is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The slot to go to never booted well.
    #[error("slot {slot} was never good: it is {}", word(*state))]
    NeverGood {
        /// The slot to go to.
        slot: Slot,
        /// Its state.
        state: State,
    },
    /// The slot is the one that boots.
    #[error("slot {0} is the one that boots")]
    InUse(Slot),
    /// There would be no slot left that boots.
    #[error("slot {0} is the only one that can boot")]
    OnlyOne(Slot),
}

/// A state as an adjective.
fn word(state: State) -> &'static str {
    match state {
        State::Empty => "empty",
        State::Trial => "on trial",
        State::Good => "good",
        State::Bad => "bad",
    }
}

impl Record {
    /// The OS in slot `booted` says that it is well.
    ///
    /// A slot on trial becomes the good one, and the one that was stays there to fall back to. A slot
    /// that was found bad stays so, unless nothing else can boot: somebody chose it by hand.
    #[must_use]
    pub fn mark_good(mut self, booted: Slot) -> Self {
        let nothing_else = self.good.is_none() || self.fails >= MAX_COUNT;
        match self.state(booted) {
            State::Trial => self.left = 0,
            State::Bad if !nothing_else => return self,
            // Started by hand. It was good before, and which one boots stays as it was.
            State::Good | State::Empty if self.good != Some(booted) && !nothing_else => {
                self.set_state(booted, State::Good);
                return self;
            }
            _ => {}
        }
        if let Some(before) = self.good.filter(|before| *before != booted)
            && self.fails >= MAX_COUNT
        {
            self.set_state(before, State::Bad);
        }
        self.set_state(booted, State::Good);
        (self.good, self.fails) = (Some(booted), 0);
        self
    }

    /// `slot` is not to boot any more.
    ///
    /// # Errors
    /// [`Refusal::OnlyOne`] when no other slot was ever good.
    pub fn mark_bad(mut self, slot: Slot) -> Result<Self, Refusal> {
        let other = slot.other();
        let other_good = self.state(other) == State::Good;
        let in_use = self.good == Some(slot) || self.trial() == Some(slot);
        if in_use && !other_good {
            return Err(Refusal::OnlyOne(slot));
        }
        if self.trial() == Some(slot) {
            self.left = 0;
        }
        if self.good == Some(slot) {
            (self.good, self.fails) = (Some(other), 0);
        }
        self.set_state(slot, State::Bad);
        Ok(self)
    }

    /// The boot of `booted` does not count: it was ended in an orderly way before its verdict, or
    /// there is nothing to fall back to.
    #[must_use]
    pub fn give_back(mut self, booted: Slot) -> Self {
        if self.state(booted) == State::Trial {
            self.left = self.left.saturating_add(1).min(MAX_COUNT);
        } else if self.good == Some(booted) {
            self.fails = self.fails.saturating_sub(1);
        }
        self
    }

    /// Whether another slot would boot if `booted` failed for good.
    #[must_use]
    pub fn can_fall_back(&self, booted: Slot) -> bool {
        self.state(booted.other()) == State::Good
    }

    /// The other slot than `booted` is to boot from now on.
    ///
    /// # Errors
    /// [`Refusal::NeverGood`].
    pub fn rollback(mut self, booted: Slot) -> Result<Self, Refusal> {
        let slot = booted.other();
        let state = self.state(slot);
        if state != State::Good {
            return Err(Refusal::NeverGood { slot, state });
        }
        if self.state(booted) == State::Trial {
            self.set_state(booted, State::Bad);
            self.left = 0;
        }
        (self.good, self.fails) = (Some(slot), 0);
        Ok(self)
    }

    /// `slot` is about to be written: until [`Record::activate`] it does not boot.
    ///
    /// # Errors
    /// [`Refusal::InUse`] for the good slot, [`Refusal::OnlyOne`] when there is no good one.
    pub fn clear(mut self, slot: Slot) -> Result<Self, Refusal> {
        if self.good == Some(slot) {
            return Err(Refusal::InUse(slot));
        }
        if self.good.is_none() {
            return Err(Refusal::OnlyOne(slot.other()));
        }
        if self.state(slot) == State::Trial {
            self.left = 0;
        }
        self.set_state(slot, State::Empty);
        Ok(self)
    }

    /// `slot` holds a new version that has to prove itself, with all of its tries.
    ///
    /// # Errors
    /// As [`Record::clear`].
    pub fn activate(self, slot: Slot) -> Result<Self, Refusal> {
        let mut record = self.clear(slot)?;
        record.set_state(slot, State::Trial);
        (record.left, record.fails) = (MAX_COUNT, 0);
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide;

    const GOOD_A: Record = Record { good: Some(Slot::A), a: State::Good, left: 0, ..Record::new() };

    #[test]
    fn a_new_version_replaces_the_good_one_when_it_is_well() {
        let record = GOOD_A.activate(Slot::B).unwrap();
        assert_eq!((record.b, record.left), (State::Trial, 3));
        let booted = decide(&record);
        assert_eq!(booted.boot, Some(Slot::B));
        let after = booted.record.mark_good(Slot::B);
        assert_eq!((after.good, after.a, after.b), (Some(Slot::B), State::Good, State::Good));
        assert_eq!((after.left, after.fails), (0, 0));
    }

    #[test]
    fn an_orderly_end_gives_the_try_back() {
        for record in [Record::new(), GOOD_A, GOOD_A.activate(Slot::B).unwrap()] {
            let booted = decide(&record);
            let after = booted.record.give_back(booted.boot.unwrap());
            assert!(after.says_the_same(&record), "{after:?}");
            assert!(record.give_back(booted.boot.unwrap()).says_the_same(&record));
        }
    }

    #[test]
    fn a_bad_slot_stays_bad_unless_nothing_else_boots() {
        let record = Record { b: State::Bad, ..GOOD_A };
        assert_eq!(record.mark_good(Slot::B), record);
        let failed = Record { fails: 3, ..record }.mark_good(Slot::B);
        assert_eq!((failed.good, failed.a, failed.b), (Some(Slot::B), State::Bad, State::Good));
        let none = Record { a: State::Bad, left: 0, ..Record::new() }.mark_good(Slot::A);
        assert_eq!((none.good, none.a), (Some(Slot::A), State::Good));
    }

    #[test]
    fn a_slot_started_by_hand_does_not_take_over() {
        let record = Record { b: State::Good, ..GOOD_A };
        assert_eq!(record.mark_good(Slot::B), record);
        assert_eq!(record.mark_good(Slot::A), record);
    }

    #[test]
    fn rollback_needs_a_slot_that_was_good() {
        let both = Record { b: State::Good, ..GOOD_A };
        assert_eq!(both.rollback(Slot::A).unwrap().good, Some(Slot::B));
        for state in [State::Empty, State::Trial, State::Bad] {
            let error = Record { b: state, ..GOOD_A }.rollback(Slot::A).unwrap_err();
            assert_eq!(error, Refusal::NeverGood { slot: Slot::B, state });
        }
        let trial = GOOD_A.activate(Slot::B).unwrap().rollback(Slot::B).unwrap();
        assert_eq!((trial.good, trial.b, trial.left), (Some(Slot::A), State::Bad, 0));
    }

    #[test]
    fn the_only_slot_cannot_be_given_up_or_overwritten() {
        assert_eq!(GOOD_A.mark_bad(Slot::A), Err(Refusal::OnlyOne(Slot::A)));
        assert_eq!(Record::new().mark_bad(Slot::A), Err(Refusal::OnlyOne(Slot::A)));
        assert_eq!(GOOD_A.clear(Slot::A), Err(Refusal::InUse(Slot::A)));
        assert_eq!(Record::new().clear(Slot::B), Err(Refusal::OnlyOne(Slot::A)));
        let both = Record { b: State::Good, fails: 2, ..GOOD_A };
        let after = both.mark_bad(Slot::A).unwrap();
        assert_eq!((after.good, after.a, after.fails), (Some(Slot::B), State::Bad, 0));
        assert_eq!(both.mark_bad(Slot::B).unwrap().b, State::Bad);
    }
}
