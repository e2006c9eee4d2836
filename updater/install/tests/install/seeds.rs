//! What is copied, and what only seems to be there.

use anklume_chunks::{Chunk, Part};
use anklume_slots::Slot;

use crate::disk::Lie;
use crate::machine::{Machine, place, release, running_a};

fn machine() -> Machine {
    Machine::new(running_a(None), Slot::B)
}

fn full() -> u64 {
    let mut machine = machine();
    machine.seed = None;
    machine.update().summary().fetched_bytes
}

#[test]
fn what_the_running_slot_has_is_not_fetched() {
    let mut machine = machine();
    let summary = machine.update().summary();
    assert!(summary.fetched_bytes < full() / 3, "{summary:?}");
    assert!(summary.copied_bytes > summary.fetched_bytes);
    assert_eq!((summary.bad_copies, summary.refetched_chunks), (0, 0));
    assert_eq!(summary.fetched_bytes, machine.server.sent);
    assert_eq!(summary.requests as usize, machine.server.asked.len());
}

#[test]
fn a_seed_that_is_damaged_here_and_there_is_used_elsewhere() {
    let mut machine = machine();
    let [old, new] = [1, 2].map(|number| release(number).list().part(Part::Os).chunks());
    let is_copied = |chunk: &&Chunk| {
        !chunk.digest.is_zeros() && new.iter().any(|other| other.digest == chunk.digest)
    };
    for chunk in old.iter().filter(is_copied).step_by(3).take(2) {
        let at = place(Slot::A, Part::Os).start + chunk.offset + u64::from(chunk.bytes) / 2;
        machine.disk.state().bytes[at as usize] ^= 1;
    }
    let summary = machine.update().summary();
    assert_eq!(summary.bad_copies, 2);
    assert!(summary.fetched_bytes < full() / 2, "{summary:?}");
}

#[test]
fn a_seed_that_holds_something_else_is_given_up() {
    for number in [0, 3] {
        // The list of another release than the one that is there.
        let mut machine = machine();
        machine.seed = Some(release(number).list());
        let summary = machine.update().summary();
        assert!(summary.bad_copies <= 8, "{summary:?}");
    }
    let mut machine = machine();
    let range = place(Slot::A, Part::Boot).start as usize..place(Slot::A, Part::Os).end as usize;
    machine.disk.state().bytes[range].fill(0x11);
    let summary = machine.update().summary();
    assert_eq!((summary.bad_copies, summary.fetched_bytes >= full()), (8, true));
}

#[test]
fn a_seed_that_cannot_be_read_is_given_up_at_once() {
    let at = place(Slot::A, Part::Os).start + 30_000;
    let mut machine = machine().lying(Lie::FailRead(at..at + 1));
    let summary = machine.update().summary();
    assert_eq!(summary.bad_copies, 0);
}

#[test]
fn the_same_version_is_copied_whole() {
    let mut machine = machine();
    machine.new = release(1);
    machine.server = crate::source::Server::new(&release(1).image.bytes);
    let summary = machine.update().summary();
    assert_eq!((summary.fetched_bytes, summary.requests), (0, 0));
}

/// What was in the target is used until it is overwritten.
#[test]
fn the_old_content_of_the_target_is_a_seed() {
    let mut machine = Machine::new(running_a(Some(3)), Slot::B);
    machine.seed = None;
    machine.holds = Some(release(3).list());
    let summary = machine.update().summary();
    assert!(summary.fetched_bytes < full() * 4 / 5, "{summary:?} of {}", full());
}
