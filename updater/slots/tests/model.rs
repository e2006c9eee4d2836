//! Random histories of a machine with two slots: boots, failures, updates, rollbacks, power cuts and
//! torn sectors.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

use anklume_slots::{Copies, MAX_COUNT, Record, SECTOR_BYTES, Slot, State, decide};
use proptest::prelude::*;

/// What happens next.
#[derive(Debug, Clone)]
enum Event {
    /// A boot; if the version in the slot works, it ends like this.
    Boot(End),
    /// The power fails while GRUB writes the record: so many bytes of so many copies were written.
    CutInGrub(usize, usize),
    /// An update with a version that works or does not, interrupted after so many writes, with the
    /// next sector torn at this byte.
    Update(bool, Option<usize>, usize),
    /// The user asks for the other version.
    Rollback,
    /// A copy of the record is overwritten with this byte.
    Damage(usize, u8),
}

/// How a boot ends.
#[derive(Debug, Clone)]
enum End {
    /// The OS says that it is well; the write of the record is torn like this, if at all.
    Good(Option<(usize, usize)>),
    /// Switched off in an orderly way before it could say anything.
    Orderly,
    /// The power fails.
    Cut,
}

/// What happens on a bad day, when nobody helps.
#[derive(Debug, Clone)]
enum Misfortune {
    /// As on other days.
    Usual(Event),
    /// The version in a slot does not work any more: its medium wears out.
    Rot(Slot),
    /// Somebody chooses a slot in the menu, which is not counted; if it works, it ends like this.
    ByHand(Slot, End),
}

/// A version in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    works: bool,
}

struct Machine {
    copies: [Vec<u8>; 2],
    slots: [Option<Version>; 2],
}

fn index(slot: Slot) -> usize {
    usize::from(slot == Slot::B)
}

impl Machine {
    fn new() -> Self {
        let bytes = Record::new().encode().unwrap();
        let slots = [Some(Version { works: true }), None];
        Self { copies: [bytes.clone(), bytes], slots }
    }

    fn read(&self) -> Copies {
        Copies::parse([&self.copies[0], &self.copies[1]])
    }

    fn version(&self, slot: Slot) -> Option<Version> {
        self.slots[index(slot)]
    }

    /// Writes as Linux does. With `cut`, the power fails after so many writes, and so many bytes of
    /// the next one arrive.
    fn write(&mut self, record: &Record, cut: Option<(usize, usize)>) -> bool {
        for (number, write) in self.read().update(record).unwrap().into_iter().enumerate() {
            match cut {
                Some((writes, bytes)) if number == writes => {
                    self.copies[write.copy][..bytes].copy_from_slice(&write.bytes[..bytes]);
                    return false;
                }
                _ => self.copies[write.copy] = write.bytes,
            }
        }
        true
    }

    /// GRUB's part of a boot. Copies whose signature is gone cannot be saved.
    fn grub(&mut self, cut: Option<(usize, usize)>) -> Option<Slot> {
        let Some(record) = self.read().record() else {
            return Slot::ALL.into_iter().find(|slot| self.version(*slot).is_some());
        };
        let decision = decide(&record);
        let bytes = decision.record.encode().unwrap();
        for (number, copy) in self.read().order().into_iter().enumerate() {
            let copy = &mut self.copies[copy];
            if !copy.starts_with(anklume_grubenv::SIGNATURE) {
                continue;
            }
            match cut {
                Some((copies, end)) if number == copies => {
                    copy[..end].copy_from_slice(&bytes[..end]);
                    return None;
                }
                _ => copy.clone_from(&bytes),
            }
        }
        decision.boot
    }

    fn record(&self, booted: Slot) -> Record {
        self.read().record().unwrap_or_else(|| Record::rebuilt(booted, false))
    }

    fn boot(&mut self, end: &End) {
        let before = self.read().record();
        let Some(slot) = self.grub(None) else { return };
        let version = self.version(slot);
        if let Some(record) = before {
            self.check_choice(slot, &record);
        }
        if !version.is_some_and(|version| version.works) {
            if before.is_none() {
                self.turn_away(slot);
            }
            return;
        }
        self.start(slot);
        match end {
            End::Good(cut) => {
                let record = self.record(slot).mark_good(slot);
                self.write(&record, *cut);
            }
            End::Orderly => {
                let record = self.record(slot).give_back(slot);
                self.write(&record, None);
            }
            End::Cut => {}
        }
    }

    /// The initramfs of a slot without an OS finds no record: the other slot gets its tries.
    fn turn_away(&mut self, failed: Slot) {
        if self.version(failed.other()).is_some() {
            self.write(&Record::rebuilt(failed.other(), false), None);
        }
    }

    /// The OS of a slot makes a lost record anew.
    fn start(&mut self, slot: Slot) {
        if self.read().record().is_none() {
            self.write(&Record::rebuilt(slot, false), None);
        }
    }

    fn by_hand(&mut self, slot: Slot, end: &End) {
        if !self.works(slot) {
            return;
        }
        self.start(slot);
        if let End::Good(cut) = end {
            let record = self.record(slot).mark_good(slot);
            self.write(&record, *cut);
        }
    }

    fn works(&self, slot: Slot) -> bool {
        self.version(slot).is_some_and(|version| version.works)
    }

    /// Whether a version that works boots if there is one: by itself, or after somebody chose it in
    /// the rescue menu.
    fn recovers(&mut self) -> bool {
        let Some(working) = Slot::ALL.into_iter().find(|slot| self.works(*slot)) else {
            return true;
        };
        for _ in 0..=4 * MAX_COUNT {
            let is_lost = self.read().record().is_none();
            match self.grub(None) {
                Some(slot) if self.works(slot) => return true,
                Some(slot) if is_lost => self.turn_away(slot),
                Some(_) => {}
                None => {
                    self.by_hand(working, &End::Good(None));
                    return self.grub(None) == Some(working);
                }
            }
        }
        false
    }

    /// A version that failed is not chosen again, and a trial has three boots that nobody blessed.
    fn check_choice(&mut self, slot: Slot, record: &Record) {
        if record.trial() == Some(slot) && record.left() > 0 {
            return;
        }
        assert_eq!(record.state(slot), State::Good, "only what was good boots without a trial");
    }

    fn update(&mut self, works: bool, cut: Option<usize>, torn: usize) {
        // Updates run in an OS that is well.
        let Some(record) = self.read().record() else { return };
        let Some(running) =
            record.good().filter(|slot| self.version(*slot).is_some_and(|v| v.works))
        else {
            return;
        };
        let target = running.other();
        let cut_in = |first: usize| {
            let writes = cut?.checked_sub(first)?;
            (writes < 2).then_some((writes, torn))
        };
        if !self.write(&record.clear(target).unwrap(), cut_in(0)) {
            return;
        }
        self.slots[index(target)] = None;
        if cut == Some(2) {
            return;
        }
        self.slots[index(target)] = Some(Version { works });
        let record = self.read().record().unwrap();
        self.write(&record.activate(target).unwrap(), cut_in(3));
    }

    /// Boots until something works, at most as often as the rules allow.
    fn finds_something_that_works(&mut self) -> bool {
        (0..=3 * MAX_COUNT).any(|_| {
            let slot = self.grub(None);
            slot.and_then(|slot| self.version(slot)).is_some_and(|version| version.works)
        })
    }
}

fn byte() -> impl Strategy<Value = usize> {
    prop_oneof![0..SECTOR_BYTES, 25_usize..130]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        4 => Just(End::Good(None)),
        1 => (0_usize..2, byte()).prop_map(|cut| End::Good(Some(cut))),
        2 => Just(End::Orderly),
        2 => Just(End::Cut),
    ]
}

fn misfortune() -> impl Strategy<Value = Misfortune> {
    let slot = || prop_oneof![Just(Slot::A), Just(Slot::B)];
    prop_oneof![
        12 => event().prop_map(Misfortune::Usual),
        1 => slot().prop_map(Misfortune::Rot),
        2 => (slot(), end()).prop_map(|(slot, end)| Misfortune::ByHand(slot, end)),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => end().prop_map(Event::Boot),
        2 => (0_usize..2, byte()).prop_map(|(copies, bytes)| Event::CutInGrub(copies, bytes)),
        3 => (any::<bool>(), prop::option::of(0_usize..6), byte())
            .prop_map(|(works, cut, torn)| Event::Update(works, cut, torn)),
        1 => Just(Event::Rollback),
        1 => (0_usize..2, any::<u8>()).prop_map(|(copy, byte)| Event::Damage(copy, byte)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3000, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Power cuts of a user who pulls the plug at every boot may end in the rescue menu; nothing else
    /// does as long as some version works.
    #[test]
    fn something_that_works_boots(events in prop::collection::vec(event(), 0..40)) {
        let mut machine = Machine::new();
        for event in events {
            let before = machine.read().record();
            // A verdict that was not written is no verdict.
            let cut = matches!(
                event,
                Event::Boot(End::Cut | End::Good(Some(_))) | Event::CutInGrub(..)
            );
            match &event {
                Event::Boot(end) => machine.boot(end),
                Event::CutInGrub(copies, bytes) => {
                    machine.grub(Some((*copies, *bytes)));
                }
                Event::Update(works, cut, torn) => machine.update(*works, *cut, *torn),
                Event::Rollback => rollback(&mut machine),
                // One copy at a time: the OS mends it before the next one goes.
                Event::Damage(copy, byte) => {
                    if machine.read().agree() {
                        machine.copies[*copy].fill(*byte);
                        mend(&mut machine);
                    }
                }
            }
            prop_assert!(machine.read().record().is_some(), "one copy is always whole");
            let after = machine.read().record();
            if let (Some(before), Some(after)) = (before, after) {
                check_tries(&event, &before, &after);
            }
            if cut {
                // The user notices, and lets it boot.
                machine.boot(&End::Good(None));
            }
        }
        prop_assert!(machine.finds_something_that_works());
    }

    /// Versions rot, both copies of the record are lost, the power goes at every boot, and people choose
    /// slots: no try grows, nothing that failed boots by itself, and what works can be had.
    #[test]
    fn what_works_boots_by_itself_or_from_the_rescue_menu(
        events in prop::collection::vec(misfortune(), 0..60)
    ) {
        let mut machine = Machine::new();
        for event in events {
            let (before, agreed) = (machine.read().record(), machine.read().agree());
            match &event {
                Misfortune::Usual(Event::Boot(end)) => machine.boot(end),
                // A sector is written or not. One that is torn twice in a row at its 45th byte has the
                // turn of before again, and with it one try more.
                Misfortune::Usual(Event::CutInGrub(copies, _)) => {
                    machine.grub(Some((*copies, 0)));
                }
                Misfortune::Usual(Event::Update(works, cut, torn)) => {
                    machine.update(*works, *cut, *torn);
                }
                Misfortune::Usual(Event::Rollback) => {
                    if before.and_then(|record| record.good()).is_some_and(|slot| machine.works(slot)) {
                        rollback(&mut machine);
                    }
                }
                Misfortune::Usual(Event::Damage(copy, byte)) => machine.copies[*copy].fill(*byte),
                Misfortune::Rot(slot) => {
                    if let Some(version) = &mut machine.slots[index(*slot)] {
                        version.works = false;
                    }
                }
                Misfortune::ByHand(slot, end) => machine.by_hand(*slot, end),
            }
            let is_excused = match event {
                Misfortune::Usual(Event::Update(..)) => true,
                // A count that was written once and lost again.
                Misfortune::Usual(Event::Damage(..)) => !agreed,
                _ => false,
            };
            if let (Some(before), Some(after)) = (before, machine.read().record())
                && before.trial().is_some() && before.trial() == after.trial() && !is_excused
            {
                prop_assert!(after.left() <= before.left(), "{before:?} {after:?}");
            }
        }
        prop_assert!(machine.recovers());
    }
}

/// The user asks for the other version in an OS that works.
fn rollback(machine: &mut Machine) {
    let Some(record) = machine.read().record() else { return };
    let Some(booted) = record.good() else { return };
    if let Ok(record) = record.rollback(booted) {
        assert_eq!(record.good(), Some(booted.other()));
        machine.write(&record, None);
    }
}

/// Linux writes both copies anew.
fn mend(machine: &mut Machine) {
    if let Some(record) = machine.read().record() {
        machine.write(&record, None);
    }
}

/// Tries grow only by an update or an orderly end, and by no more than that gives.
fn check_tries(event: &Event, before: &Record, after: &Record) {
    if before.trial().is_none() || before.trial() != after.trial() {
        return;
    }
    match event {
        Event::Update(..) => {}
        Event::Boot(End::Orderly) => assert!(after.left() <= before.left()),
        Event::Boot(_) | Event::CutInGrub(..) => assert!(after.left() <= before.left()),
        Event::Rollback | Event::Damage(..) => assert_eq!(after.left(), before.left()),
    }
}

#[test]
fn a_version_that_fails_is_left_after_three_tries_and_not_tried_again() {
    let mut machine = Machine::new();
    machine.boot(&End::Good(None));
    machine.update(false, None, 0);
    let boots: Vec<_> = (0..6).map(|_| machine.grub(None)).collect();
    let (a, b) = (Some(Slot::A), Some(Slot::B));
    assert_eq!(boots, [b, b, b, a, a, a]);
    assert_eq!(machine.grub(None), None, "no endless loop");
    assert_eq!(machine.record(Slot::A).state(Slot::B), State::Bad);
}
