//! What a slot is found to hold.

use std::ops::ControlFlow;

use anklume_chunks::{ChunkList, Part};
use anklume_install::{SurveyError, survey};
use anklume_slots::Slot;

use crate::machine::{Machine, place, release, running_a};

fn look(machine: &Machine, slot: Slot) -> Result<ChunkList, SurveyError> {
    let [boot, os] = Part::ALL.map(|part| machine.window(slot, part, true));
    survey(&boot, &os, &mut |_| ControlFlow::Continue(()))
}

#[test]
fn a_slot_holds_the_chunks_of_its_list() {
    let machine = Machine::new(running_a(None), Slot::B);
    let found = look(&machine, Slot::A).unwrap();
    for part in Part::ALL {
        let (found, listed) = (found.part(part), release(1).list().part(part));
        assert_eq!(found.chunks(), listed.chunks());
        assert_eq!(found.derived_bytes(), listed.derived_bytes());
    }
}

#[test]
fn what_was_prepared_is_found() {
    let mut machine = Machine::new(running_a(Some(3)), Slot::B);
    let _ = machine.update();
    let found = look(&machine, Slot::B).unwrap();
    let listed = release(2).list();
    assert!(Part::ALL.iter().all(|p| found.part(*p).chunks() == listed.part(*p).chunks()));
}

#[test]
fn a_slot_without_a_version_is_no_seed() {
    let machine = Machine::new(running_a(None), Slot::B);
    assert!(matches!(look(&machine, Slot::B), Err(SurveyError::Cut(_))));
    let mut machine = Machine::new(running_a(None), Slot::B);
    machine.cancel = Some((anklume_install::Phase::ReadingBack, 0));
    machine.prepare().unwrap_err();
    // Everything but its mark is there.
    assert!(matches!(look(&machine, Slot::B), Err(SurveyError::Cut(_))));
}

#[test]
fn it_is_cancelled_and_tells_how_far_it_is() {
    let machine = Machine::new(running_a(None), Slot::B);
    let [boot, os] = Part::ALL.map(|part| machine.window(Slot::A, part, true));
    let mut last = 0;
    let found = survey(&boot, &os, &mut |now| {
        assert!(now.done >= last && now.done <= now.total);
        last = now.done;
        ControlFlow::Continue(())
    });
    assert_eq!(last, release(1).chunk_bytes());
    assert!(found.is_ok());
    let found = survey(&boot, &os, &mut |_| ControlFlow::Break(()));
    assert!(matches!(found, Err(SurveyError::Cancelled)));
}

#[test]
fn damage_of_tables_is_no_panic() {
    let os = place(Slot::A, Part::Os).start as usize;
    let mut bytes = running_a(None);
    for at in (0..200).chain(60_000..60_100) {
        bytes[os + at] ^= 0xff;
        let machine = Machine::new(bytes.clone(), Slot::B);
        let _ = look(&machine, Slot::A);
        bytes[os + at] ^= 0xff;
    }
}
