//! An update that ended early is finished without fetching anything twice.

use anklume_chunks::Part;
use anklume_install::{Phase, activate, verify};
use anklume_slots::{Slot, State};

use crate::machine::{Machine, blank, holds, place, put, release, running_a};

/// Chunks that the next time needs: that of the mark, which is written last.
const MARK_BYTES: u64 = 512;

#[test]
fn what_was_fetched_is_not_fetched_again() {
    let full = {
        let mut machine = Machine::new(running_a(None), Slot::B);
        machine.seed = None;
        machine.update().summary().fetched_bytes
    };
    for after in (1000..full).step_by(17_000) {
        let mut machine = Machine::new(running_a(None), Slot::B);
        machine.seed = None;
        machine.server.piece = 700;
        machine.server.gone_after = Some(after);
        machine.prepare().unwrap_err();
        let mut again = machine.again();
        again.seed = None;
        let rest = again.update().summary().fetched_bytes;
        // The chunk that was under way, and the last block that was begun.
        let sum = machine.server.sent + rest;
        let largest = Part::ALL.iter().flat_map(|part| release(2).list().part(*part).chunks());
        let largest = largest.map(|chunk| u64::from(chunk.bytes)).max().unwrap();
        assert!(sum <= full + 2 * largest + MARK_BYTES, "{after}: {sum} of {full}");
        assert!(after < 2 * largest || rest < full, "{after}: {rest} of {full}");
    }
}

#[test]
fn what_is_there_already_is_not_fetched() {
    let mut machine = Machine::new(running_a(Some(2)), Slot::B);
    machine.seed = None;
    machine.holds = Some(release(2).list());
    let summary = machine.update().summary();
    assert_eq!((summary.fetched_bytes, summary.copied_bytes), (MARK_BYTES, 0));
}

#[test]
fn cancelled_in_the_scan_it_changed_nothing() {
    let mut machine = Machine::new(running_a(Some(0)), Slot::B);
    machine.holds = Some(release(2).list());
    machine.cancel = Some((Phase::Scanning, 0));
    machine.prepare().unwrap_err();
    assert!(machine.disk.state().log.is_empty());
}

/// The target may hold anything, whatever somebody says.
#[test]
fn a_lie_about_the_target_costs_nothing_but_time() {
    for (said, is) in [(2, 0), (3, 0), (0, 2), (3, 3), (1, 1)] {
        let mut machine = Machine::new(running_a(Some(is)), Slot::B);
        machine.holds = Some(release(said).list());
        let summary = machine.update().summary();
        assert_eq!(summary.bad_copies, 0);
    }
}

#[test]
fn a_chunk_that_changes_after_the_scan_is_noticed() {
    for count in [1, 3, 12] {
        let mut machine = Machine::new(running_a(Some(2)), Slot::B);
        machine.seed = None;
        machine.holds = Some(release(2).list());
        let chunks = release(2).list().part(Part::Os).chunks();
        let mark = release(2).list().part(Part::Os).chunk_bytes() - 4096;
        let kept = chunks.iter().filter(|c| !c.digest.is_zeros() && c.end() <= mark);
        let start = place(Slot::B, Part::Os).start;
        machine.rots = kept.take(count).map(|chunk| start + chunk.offset).collect();
        assert_eq!(machine.rots.len(), count);
        let summary = machine.update().summary();
        // After eight of them nothing is believed any more.
        assert_eq!(summary.bad_copies as usize, count.min(8));
    }
}

#[test]
fn another_process_activates_what_was_prepared() {
    let mut machine = Machine::new(running_a(None), Slot::B);
    machine.prepare().unwrap();
    let request = release(2).request(Slot::B);
    let mut again = machine.again();
    let [boot, os] = Part::ALL.map(|part| again.window(Slot::B, part, true));
    let mut quiet = |_| std::ops::ControlFlow::Continue(());
    let prepared = verify(&request, &boot, &os, &mut quiet).unwrap().unwrap();
    assert_eq!((prepared.slot(), prepared.root_hash()), (Slot::B, release(2).root_hash));
    let record = activate(&prepared, &mut again.record).unwrap();
    assert_eq!(record.state(Slot::B), State::Trial);
    let other = anklume_install::Request { root_hash: release(1).root_hash, ..request.clone() };
    let verified = verify(&other, &boot, &os, &mut quiet).unwrap();
    assert!(matches!(verified, Err(anklume_install::Fault::RootHash { .. })));
    // What was not written to its end is not.
    for part in Part::ALL {
        let end = release(2).list().part(part).total_bytes();
        for at in [0, 5000, end / 2, end - 1] {
            let mut bytes = machine.disk.bytes();
            bytes[(place(Slot::B, part).start + at) as usize] ^= 1;
            let broken = Machine::new(bytes, Slot::B);
            let [boot, os] = Part::ALL.map(|part| broken.window(Slot::B, part, true));
            let verified = verify(&request, &boot, &os, &mut quiet).unwrap();
            assert!(verified.is_err(), "{part} {at}");
        }
    }
}

#[test]
fn what_lies_behind_the_parts_stays() {
    let mut bytes = blank(anklume_slots::Record::new().mark_good(Slot::A));
    put(&mut bytes, Slot::A, release(1));
    let mut machine = Machine::new(bytes, Slot::B);
    let _ = machine.update();
    for part in Part::ALL {
        let range = place(Slot::B, part);
        let end = range.start + release(2).list().part(part).total_bytes();
        let disk = machine.disk.bytes();
        assert!(disk[end as usize..range.end as usize].iter().all(|byte| *byte == 0xa5));
        assert!(holds(&disk, Slot::A, part, release(1)));
    }
}
