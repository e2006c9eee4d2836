//! Boots that did not reach the OS, found by what GRUB counted.
//!
//! GRUB changes the record at each boot and nothing else does without Linux, which counts `seq` up
//! and writes the record into the history. So whoever follows GRUB's rules from the last record that
//! Linux left to the one that is there now, meets every boot in between. The last of them is the one
//! that is running.

use std::collections::VecDeque;

use anklume_layout::Slot;
use anklume_slots::{Record, SECTOR_BYTES, decide};

use crate::event::{Event, Missed};
use crate::moment::Moment;

/// GRUB's rules end in its rescue menu after fewer boots than this.
const MAX_BOOTS: usize = 16;

/// Why the last boot did not reach the OS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastFailure {
    /// Slot that was booted, if known.
    pub slot: Option<Slot>,
    /// For people.
    pub reason: String,
}

/// A record as one line of text: its variables, between spaces.
#[must_use]
pub fn record_text(record: &Record) -> String {
    let block = record.encode().unwrap_or_default();
    let variables = anklume_grubenv::parse(&block).unwrap_or_default();
    let word = |(name, value): &(Vec<u8>, Vec<u8>)| {
        format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
    };
    variables.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// The record of such a line.
#[must_use]
pub fn record_of(text: &str) -> Option<Record> {
    let variables: Vec<_> = text.split(' ').map_while(|word| word.split_once('=')).collect();
    Record::parse(&anklume_grubenv::encode(&variables, SECTOR_BYTES).ok()?)
}

/// The record that Linux left last, as far as the history knows.
#[must_use]
pub fn last_record(events: &[Event]) -> Option<Record> {
    events.iter().rev().find_map(|event| record_of(event.record()?))
}

/// The boots between `left`, which Linux left, and `now`, which GRUB left to the running OS in slot
/// `booted`. None if something else changed the record in between.
///
/// `versions` are those of slots A and B, as far as known; `failure` is the reason of the last of
/// these boots from its slot.
#[must_use]
pub fn missed(
    left: &Record,
    now: &Record,
    booted: Slot,
    at: &Moment,
    versions: [Option<&str>; 2],
    failure: Option<&LastFailure>,
) -> Vec<Event> {
    let Some(mut slots) = boots_between(left, now) else { return Vec::new() };
    // Started by hand, GRUB counts another slot or none: then the last one is not this boot.
    if slots.back() == Some(&booted) {
        slots.pop_back();
    }
    let [a, b] = versions.map(|version| version.map(str::to_owned));
    let version = |slot| match slot {
        Slot::A => a.clone(),
        Slot::B => b.clone(),
    };
    let mut found: Vec<Missed> = Vec::new();
    for slot in slots {
        match found.last_mut().filter(|missed| missed.slot == slot) {
            Some(missed) => missed.count = missed.count.saturating_add(1),
            None => found.push(Missed {
                at: at.clone(),
                slot,
                version: version(slot),
                count: 1,
                reason: None,
            }),
        }
    }
    // Boots after that one may have failed without a word.
    let is_its = |missed: &&mut Missed| {
        failure.is_some_and(|failure| failure.slot.is_none_or(|slot| slot == missed.slot))
    };
    if let Some(missed) = found.iter_mut().rev().find(is_its) {
        missed.reason = failure.map(|failure| failure.reason.clone());
    }
    found.into_iter().map(Event::Missed).collect()
}

/// Whether GRUB counted the boot of slot `booted` that is running, which has this ID and is in the
/// history. It counts none that somebody started by hand. Where the history does not tell, it did.
#[must_use]
pub fn was_counted(events: &[Event], boot_id: &str, booted: Slot) -> bool {
    let is_its = |event: &Event| matches!(event, Event::Started(s) if s.boot_id == boot_id);
    let Some(at) = events.iter().position(is_its) else { return true };
    let (before, rest) = events.split_at(at);
    let now = rest.first().and_then(|event| record_of(event.record()?));
    let slots = last_record(before).zip(now).and_then(|(left, now)| boots_between(&left, &now));
    slots.is_none_or(|slots| slots.back() == Some(&booted))
}

/// The slots that GRUB booted from one record to the other.
fn boots_between(left: &Record, now: &Record) -> Option<VecDeque<Slot>> {
    let mut slots = VecDeque::new();
    let mut record = *left;
    for _ in 0..MAX_BOOTS {
        if record == *now {
            return Some(slots);
        }
        let decision = decide(&record);
        slots.push_back(decision.boot?);
        record = decision.record;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The record after some boots, and the last slot that was booted.
    fn after(record: Record, boots: usize) -> (Record, Slot) {
        let step = |(record, _), _| {
            let decision = decide(&record);
            (decision.record, decision.boot.unwrap())
        };
        (0..boots).fold((record, Slot::A), step)
    }

    fn good_and_trial() -> Record {
        Record::new().mark_good(Slot::A).activate(Slot::B).unwrap()
    }

    fn found(left: &Record, boots: usize, failure: Option<&LastFailure>) -> Vec<String> {
        let (now, booted) = after(*left, boots);
        let at = Moment::new(7);
        missed(left, &now, booted, &at, [Some("1"), None], failure)
            .into_iter()
            .map(|event| match event {
                Event::Missed(m) => {
                    format!("{} {:?} {} {:?}", m.slot, m.version, m.count, m.reason)
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_record_is_a_line_of_words() {
        let record = good_and_trial();
        let text = record_text(&record);
        assert_eq!(text, "seq=100000000 turn=0 good=a a=g b=t left=3 fails=0 end=1000000000");
        assert_eq!(record_of(&text), Some(record));
        for bad in ["", "seq=1", &text.replace("good=a", "good=b"), &"x=1 ".repeat(999)] {
            assert_eq!(record_of(bad), None);
        }
    }

    #[test]
    fn every_boot_between_two_records_is_found() {
        let left = good_and_trial();
        assert_eq!(found(&left, 1, None), [""; 0]);
        assert_eq!(found(&left, 2, None), ["b None 1 None"]);
        let failure = LastFailure { slot: Some(Slot::B), reason: "no medium".to_owned() };
        // Three tries, then the good slot: this boot.
        assert_eq!(found(&left, 4, Some(&failure)), ["b None 3 Some(\"no medium\")"]);
        // Then slot A did not get there either, and could not say why.
        let both = ["b None 3 Some(\"no medium\")", "a Some(\"1\") 1 None"];
        assert_eq!(found(&left, 5, Some(&failure)), both);
        let any = LastFailure { slot: None, reason: "?".to_owned() };
        let with = ["b None 3 None", "a Some(\"1\") 1 Some(\"?\")"];
        assert_eq!(found(&left, 5, Some(&any)), with);
    }

    #[test]
    fn a_boot_by_hand_was_not_counted() {
        let left = good_and_trial();
        let counted = |now: &Record, booted| {
            let events = [("1", Slot::A, &left), ("2", booted, now)].map(|(id, slot, record)| {
                Event::Started(crate::Started {
                    boot_id: id.to_owned(),
                    at: Moment::new(7),
                    slot,
                    version: "1".to_owned(),
                    root_hash: "ab".to_owned(),
                    firmware: "bios".to_owned(),
                    record: Some(record_text(record)),
                })
            });
            let unknown =
                was_counted(&events, "3", booted) && was_counted(&events[1..], "2", booted);
            assert!(unknown, "nothing tells");
            was_counted(&events, "2", booted)
        };
        let (once, slot) = after(left, 1);
        assert!(counted(&once, slot));
        // The menu's other entry, with a count that was meant for the first one; and without any.
        assert!(!counted(&once, slot.other()));
        assert!(!counted(&left, slot));
        // Something else changed the record.
        assert!(counted(&left.mark_good(Slot::B), slot));
    }

    #[test]
    fn what_is_not_grubs_work_is_not_guessed() {
        let left = good_and_trial();
        let now = left.mark_good(Slot::B);
        assert!(missed(&left, &now, Slot::B, &Moment::new(1), [None; 2], None).is_empty());
        // GRUB could not write: nothing is known to have happened.
        assert!(missed(&left, &left, Slot::B, &Moment::new(1), [None; 2], None).is_empty());
    }
}
