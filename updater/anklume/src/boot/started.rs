//! `anklume boot started`: this boot reached the OS.

use anklume_history::{
    Event, History, Missed, Moment, Started, last_record, missed, record_text, was_good,
};
use anklume_layout::Slot;
use anklume_slots::{Copies, MAX_COUNT, Record, State};

use super::{failure, nothing_to_do, update};
use crate::machine::{Boot, Machine};
use crate::output::Output;
use crate::store::{LastFailure, RecordStore, StoreError};
use anklume_failure::Failure;

pub(crate) fn run(machine: &Machine, out: &mut Output<'_>) -> Result<u8, Failure> {
    let boot = match machine.boot()? {
        Err(why) => return nothing_to_do(&why, out),
        Ok(boot) => boot,
    };
    let history = machine.take_over_history(&boot.report, out);
    let at = machine.now();
    let store = match machine.store(&boot.report) {
        Ok(store) => Some(store),
        Err(StoreError::NeedsRoot) => return Err(failure(&StoreError::NeedsRoot)),
        Err(error) => {
            out.warn(format!("the boot medium: {error}"));
            None
        }
    };
    if let Some(store) = &store {
        make_files(machine, store.as_ref(), out);
    }
    let (mut events, record) = match &store {
        Some(store) => from_medium(store.as_ref(), &boot, &history, &at, out),
        None => (Vec::new(), None),
    };
    let is_noted = |event: &Event| matches!(event, Event::Started(s) if s.boot_id == boot.id);
    if history.events.iter().any(is_noted) {
        out.say("this boot is in the boot history already")?;
    } else {
        events.push(started(&boot, at, record.as_ref()));
        for event in &events {
            tell(event, out)?;
        }
        machine.note(&boot.report, &events, out);
    }
    crate::update::note(machine, &boot, false, out);
    if let Some(store) = store {
        forget_failure(store.as_ref(), out);
    }
    Ok(0)
}

/// Without its files nothing would be counted from now on.
fn make_files(machine: &Machine, store: &dyn RecordStore, out: &mut Output<'_>) {
    match store.make_files(&machine.paths.state.join("esp")) {
        Ok(made) => {
            for path in made {
                out.warn(format!("{path} was gone or of another size, and is made anew"));
            }
        }
        Err(error) => out.warn(format!("the boot medium: {error}")),
    }
}

/// The boots that were missed, and the record after it was mended.
fn from_medium(
    store: &dyn RecordStore,
    boot: &Boot,
    history: &History,
    at: &Moment,
    out: &mut Output<'_>,
) -> (Vec<Event>, Option<Record>) {
    let failure = last_failure(store, out);
    let copies = store.copies().unwrap_or_else(|error| {
        out.warn(format!("the boot record: {error}"));
        Copies::default()
    });
    let contents = Slot::ALL.map(|slot| store.slot(slot));
    let versions = contents.each_ref().map(|content| content.version.as_deref());
    let events = missed_boots(&copies, boot.slot, history, at, versions, failure.as_ref());
    if copies.agree() {
        return (events, copies.record());
    }
    let other = &contents[usize::from(boot.slot == Slot::A)];
    let other_was_good = other.is_complete
        && other.root_hash.as_ref().is_some_and(|hash| was_good(&history.events, hash));
    let mut mend = |record: Option<Record>| {
        Ok(record.unwrap_or_else(|| Record::rebuilt(boot.slot, other_was_good)))
    };
    let record = update(store, &mut mend, out);
    match &record {
        Ok(_) if copies.record().is_some() => {
            out.warn("the copies of the boot record differed; the later one counts");
        }
        Ok(_) => out.warn("the boot record was lost; slots have to prove themselves anew"),
        Err(error) => out.warn(format!("the boot record was not mended: {error}")),
    }
    (events, record.ok())
}

/// Why the last boot failed.
fn last_failure(store: &dyn RecordStore, out: &mut Output<'_>) -> Option<LastFailure> {
    store.last_failure().unwrap_or_else(|error| {
        out.warn(format!("why the last boot failed: {error}"));
        None
    })
}

/// It is in the history now, and told once.
fn forget_failure(store: &dyn RecordStore, out: &mut Output<'_>) {
    let cleared = match store.last_failure() {
        Ok(None) => Ok(()),
        // What cannot be read is written anew.
        Ok(Some(_)) | Err(_) => store.clear_last_failure(),
    };
    if let Err(error) = cleared {
        out.warn(format!("why the last boot failed cannot be cleared: {error}"));
    }
}

fn missed_boots(
    copies: &Copies,
    booted: Slot,
    history: &History,
    at: &Moment,
    versions: [Option<&str>; 2],
    failure: Option<&LastFailure>,
) -> Vec<Event> {
    let reason = failure.map(|failure| anklume_history::LastFailure {
        slot: failure.slot,
        reason: failure.reason.clone(),
    });
    let between = last_record(&history.events).zip(copies.record());
    let found = match between {
        Some((left, now)) => missed(&left, &now, booted, at, versions, reason.as_ref()),
        // No history: what the record says is all there is.
        None => spent(copies.record(), booted.other(), at, versions, failure).into_iter().collect(),
    };
    match failure {
        // The record does not tell, but the initramfs did.
        Some(failure) if found.is_empty() => {
            let slot = failure.slot.unwrap_or(booted);
            let version = versions[usize::from(slot == Slot::B)].map(str::to_owned);
            let reason = Some(failure.reason.clone());
            vec![Event::Missed(Missed { at: at.clone(), slot, version, count: 1, reason })]
        }
        _ => found,
    }
}

/// The tries that `slot` spent without a word, by the record alone.
fn spent(
    record: Option<Record>,
    slot: Slot,
    at: &Moment,
    versions: [Option<&str>; 2],
    failure: Option<&LastFailure>,
) -> Option<Event> {
    let record = record?;
    let count = match record.state(slot) {
        State::Bad => MAX_COUNT,
        State::Trial => MAX_COUNT.saturating_sub(record.left()),
        State::Empty | State::Good => 0,
    };
    let its = failure.filter(|failure| failure.slot.is_none_or(|its| its == slot));
    (count > 0).then(|| {
        Event::Missed(Missed {
            at: at.clone(),
            slot,
            version: versions[usize::from(slot == Slot::B)].map(str::to_owned),
            count: count.into(),
            reason: its.map(|failure| failure.reason.clone()),
        })
    })
}

fn started(boot: &Boot, at: Moment, record: Option<&Record>) -> Event {
    Event::Started(Started {
        boot_id: boot.id.clone(),
        at,
        slot: boot.slot,
        version: boot.report.image_version.clone(),
        root_hash: boot.report.root_hash.clone(),
        firmware: boot.report.firmware.clone(),
        record: record.map(record_text),
    })
}

fn tell(event: &Event, out: &mut Output<'_>) -> Result<(), Failure> {
    match event {
        Event::Started(started) => {
            out.say(format!("slot {} with version {} started", started.slot, started.version))
        }
        Event::Missed(missed) => {
            let reason = missed.reason.as_deref().unwrap_or("no reason known");
            let Missed { slot, count, .. } = missed;
            out.say(format!("slot {slot} did not reach the OS {count} times: {reason}"))
        }
        Event::Verdict(_) | Event::Rollback(_) | Event::Unknown => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fake, good_and_trial};
    use anklume_history::Outcome;

    #[test]
    fn without_a_history_the_record_tells_of_spent_tries() {
        let after = |boots| {
            (0..boots).fold(good_and_trial(), |record, _| anklume_slots::decide(&record).record)
        };
        for (boots, booted, missed) in [(4, Slot::A, true), (1, Slot::B, false)] {
            let said = Fake::new(booted, after(boots)).run(&["boot", "started"]).unwrap();
            let told = said.stdout.contains("slot b did not reach the OS 3 times");
            assert_eq!(told, missed, "{}", said.stdout);
        }
    }

    #[test]
    fn a_start_is_noted_once() {
        let fake = Fake::new(Slot::A, Record::new());
        fake.boot();
        fake.boot_again_without_a_count();
        assert_eq!(fake.outcomes(), [Outcome::Running]);
        assert_eq!(fake.history().lines().count(), 1);
        assert!(fake.history().contains("\"record\":\"seq="));
        assert_eq!(fake.writes(), 0, "an intact record is not written");
    }

    #[test]
    fn boots_that_did_not_get_there_are_found_with_their_reason() {
        let fake = Fake::new(Slot::B, good_and_trial());
        fake.boot();
        fake.run(&["boot", "ended"]).unwrap();
        // Twice the OS in slot B does not start, the third time it does.
        let reason = "no medium with the root hash".to_owned();
        fake.set_failure(LastFailure { slot: Some(Slot::B), reason });
        for _ in 0..2 {
            fake.grub();
        }
        fake.next_boot("second");
        let said = fake.boot();
        assert!(said.contains("slot b did not reach the OS 2 times: no medium"), "{said}");
        assert_eq!(fake.outcomes(), [Outcome::GivenBack, Outcome::Missed, Outcome::Running]);
        assert_eq!(fake.failure(), None);
    }

    #[test]
    fn a_reason_without_a_count_is_told_all_the_same() {
        let fake = Fake::new(Slot::A, Record::new());
        fake.set_failure(LastFailure { slot: None, reason: "x".to_owned() });
        fake.boot();
        assert_eq!(fake.outcomes(), [Outcome::Missed, Outcome::Running]);
    }

    #[test]
    fn a_lost_record_is_made_anew_from_the_history() {
        for (known, state) in [(true, State::Good), (false, State::Empty)] {
            let fake = Fake::new(Slot::A, Record::new());
            fake.fill_slots();
            fake.boot();
            if known {
                fake.run(&["boot", "good"]).unwrap();
            }
            let fake = fake.moved_to(Slot::B);
            fake.next_boot("second");
            fake.damage([true, true]);
            let said = fake.run(&["boot", "started"]).unwrap();
            assert!(said.stderr.contains("the boot record was lost"), "{}", said.stderr);
            let record = fake.record().unwrap();
            assert_eq!((record.state(Slot::B), record.state(Slot::A)), (State::Trial, state));
        }
    }

    #[test]
    fn a_damaged_copy_is_mended() {
        let fake = Fake::new(Slot::A, Record::new());
        fake.grub();
        fake.damage([false, true]);
        fake.run(&["boot", "started"]).unwrap();
        assert_eq!(fake.writes(), 1);
        assert!(fake.copies().agree());
        assert_eq!(fake.record().unwrap().left(), 2);
    }
}
