//! Disks and sources that lie or break.

use anklume_chunks::{Digest, Part};
use anklume_install::{Error, Fault, Mismatch, Phase};
use anklume_slots::{Slot, State, decide};

use crate::disk::Lie;
use crate::machine::{Machine, Outcome, copies, holds, place, release, running_a};
use crate::source::Gone;

const B: Slot = Slot::B;

/// A machine whose slot B holds an older release.
fn machine() -> Machine {
    Machine::new(running_a(Some(0)), B)
}

/// A byte of the target, `back` bytes before the end of a part.
fn before_end(part: Part, back: u64) -> u64 {
    place(B, part).start + release(2).list().part(part).total_bytes() - back
}

/// The update failed: slot A boots as before, slot B does not, and the next update ends well on a disk
/// that is honest.
fn assert_survived(machine: &Machine) {
    let disk = machine.disk.bytes();
    let record = copies(&disk).record().unwrap();
    assert_eq!((record.state(B), decide(&record).boot), (State::Empty, Some(Slot::A)));
    assert!(Part::ALL.iter().all(|part| holds(&disk, Slot::A, *part, release(1))));
    let _ = machine.again().update();
}

fn fault(outcome: Outcome) -> Fault {
    match outcome.unwrap_err() {
        Error::Fault(fault) => fault,
        other => panic!("{other}"),
    }
}

#[test]
fn lost_writes_are_found() {
    for part in Part::ALL {
        for back in [1, 512, 9000] {
            // Beyond what both releases have in common at the same place.
            let at = before_end(part, back);
            let mut machine = machine().lying(Lie::Drop(at..at + 1));
            let fault = fault(machine.prepare());
            let is_found = matches!(fault, Fault::ReadBack(_) | Fault::Differs { .. })
                || matches!(fault, Fault::RootHash { .. });
            assert!(is_found, "{fault}");
            assert_survived(&machine);
        }
    }
}

#[test]
fn a_flipped_bit_is_found_with_its_chunk() {
    for part in Part::ALL {
        let chunks = release(2).list().part(part).chunks();
        for chunk in chunks.iter().step_by(7).filter(|chunk| !chunk.digest.is_zeros()) {
            let at = place(B, part).start + chunk.offset;
            if (chunk.offset..chunk.end()).contains(&(mark_offset() + 100)) {
                continue;
            }
            let mut machine = machine().lying(Lie::Flip(at));
            let fault = fault(machine.prepare());
            let Fault::ReadBack(found) = fault else { panic!("{fault}") };
            assert_eq!((found.part, found.expected), (part, chunk.digest));
            assert_survived(&machine);
        }
    }
}

fn mark_offset() -> u64 {
    release(2).list().part(Part::Os).chunk_bytes() - 4096
}

#[test]
fn a_flipped_bit_in_the_hash_tree_is_found() {
    let at = before_end(Part::Os, 4096);
    let mut machine = machine().lying(Lie::Flip(at));
    let fault = fault(machine.prepare());
    let offset = at - place(B, Part::Os).start;
    assert!(
        matches!(fault, Fault::Differs { part: Part::Os, offset: o } if o == offset),
        "{fault}"
    );
    assert_survived(&machine);
}

#[test]
fn a_flipped_bit_in_the_mark_is_found() {
    let at = place(B, Part::Os).start + mark_offset() + 20;
    let mut machine = machine().lying(Lie::Flip(at));
    let fault = fault(machine.prepare());
    assert!(matches!(fault, Fault::Differs { part: Part::Os, .. }), "{fault}");
    assert_survived(&machine);
}

/// The zeros before it arrive, and it does not.
#[test]
fn a_mark_that_does_not_arrive_is_found() {
    let start = place(B, Part::Os).start + mark_offset();
    let mut bytes = running_a(None);
    bytes[start as usize..][..4096].fill(0);
    let mut machine = Machine::new(bytes, B).lying(Lie::Stale(start..start + 4096));
    let fault = fault(machine.prepare());
    let offset = mark_offset();
    assert!(
        matches!(fault, Fault::Differs { part: Part::Os, offset: o } if o == offset),
        "{fault}"
    );
    assert_survived(&machine);
}

#[test]
fn what_only_the_caches_hold_is_found() {
    for part in Part::ALL {
        let at = before_end(part, 600);
        let machine = Machine::new(running_a(None), B);
        let mut machine = machine.lying(Lie::Stale(at - 3000..at));
        let fault = fault(machine.prepare());
        let is_found = matches!(fault, Fault::ReadBack(_) | Fault::Differs { .. });
        assert!(is_found, "{fault}");
        assert_survived(&machine);
    }
}

#[test]
fn a_disk_that_is_smaller_than_it_says_is_found() {
    for capacity in [32 << 10, 64 << 10] {
        let mut machine = machine().lying(Lie::Wrap(capacity));
        let fault = fault(machine.prepare());
        assert!(matches!(fault, Fault::ReadBack(_)), "{fault}");
        assert_survived(&machine);
    }
}

#[test]
fn a_disk_that_fails_is_named() {
    for part in Part::ALL {
        let at = before_end(part, 600);
        let mut machine = machine().lying(Lie::FailWrite(at..at + 1));
        let found = fault(machine.prepare());
        assert!(matches!(found, Fault::Write { part: p, .. } if p == part), "{found}");
        assert_survived(&machine);
        let mut machine = self::machine().lying(Lie::FailRead(at..at + 1));
        let found = fault(machine.prepare());
        assert!(matches!(found, Fault::Read { part: p, .. } if p == part), "{found}");
        assert_survived(&machine);
    }
    // Behind the two of the record.
    for number in 2..6 {
        let mut machine = machine().lying(Lie::FailFlush(number));
        let found = fault(machine.prepare());
        assert!(matches!(found, Fault::Write { .. }), "{found}");
        assert_survived(&machine);
    }
}

#[test]
fn a_source_that_goes_away_is_told_apart() {
    let mut machine = machine();
    machine.server.gone_after = Some(3000);
    machine.server.piece = 1000;
    assert!(matches!(machine.prepare().unwrap_err(), Error::Source(Gone)));
    assert_survived(&machine);
}

#[test]
fn a_source_that_says_it_is_done_is_not_believed() {
    let mut machine = machine();
    machine.server.done_after = Some(3000);
    machine.server.piece = 1000;
    let fault = fault(machine.prepare());
    assert!(matches!(fault, Fault::Ended { .. }), "{fault}");
    assert_survived(&machine);
}

#[test]
fn what_nobody_asked_for_is_refused() {
    for (shift, extra) in [(1, 0), (0, 1), (512, 512)] {
        let mut machine = machine();
        (machine.server.shift, machine.server.extra) = (shift, extra);
        let fault = fault(machine.prepare());
        assert!(matches!(fault, Fault::Unasked { .. }), "{shift} {extra}: {fault}");
        assert_survived(&machine);
    }
}

/// First bytes in the image file of chunks that are fetched without a seed.
fn fetched_chunks() -> Vec<(Part, u64, Digest)> {
    let mut chunks = Vec::new();
    for part in Part::ALL {
        let listed = release(2).list().part(part);
        for chunk in listed.chunks().iter().filter(|chunk| !chunk.digest.is_zeros()) {
            if !chunks.iter().any(|(_, _, digest)| *digest == chunk.digest) {
                chunks.push((part, listed.image_offset(chunk.offset), chunk.digest));
            }
        }
    }
    chunks
}

#[test]
fn a_chunk_that_arrives_wrong_is_fetched_once_more() {
    let mut machine = machine();
    machine.seed = None;
    machine.server.piece = 16;
    let chunks = fetched_chunks();
    let wrong = chunks.iter().step_by(chunks.len() / 9);
    machine.server.wrong = wrong.map(|(_, at, _)| (*at, 1)).collect();
    let count = machine.server.wrong.len();
    let prepared = machine.update();
    assert_eq!(prepared.summary().refetched_chunks as usize, count);
}

/// One request for all of a part begins anew where the chunk was wrong.
#[test]
fn a_whole_download_goes_on_where_it_was_wrong() {
    let mut machine = machine();
    machine.seed = None;
    let chunks = fetched_chunks();
    machine.server.wrong = [(chunks[chunks.len() / 2].1, 1), (chunks[3].1, 1)].into();
    let mut request = release(2).request(B);
    request.options.request_bytes = 1 << 40;
    let prepared = machine.prepare_as(&request).unwrap();
    machine.assert_new();
    assert_eq!(prepared.summary().refetched_chunks, 2);
}

#[test]
fn a_chunk_that_stays_wrong_is_named_with_both_digests() {
    let chunks = fetched_chunks();
    for (part, at, digest) in chunks.iter().step_by(5) {
        let mut machine = machine();
        machine.seed = None;
        machine.server.wrong = [(*at, 2)].into();
        let fault = fault(machine.prepare());
        let Fault::Fetched { image_offset, mismatch } = fault else { panic!("{fault}") };
        let Mismatch { expected, found, .. } = mismatch;
        assert_eq!((mismatch.part, image_offset, expected), (*part, *at, *digest));
        assert_ne!(expected, found);
        assert_survived(&machine);
    }
}

#[test]
fn a_source_that_is_always_wrong_comes_to_an_end() {
    let mut machine = machine();
    machine.seed = None;
    machine.server.piece = 16;
    machine.server.wrong = fetched_chunks().iter().map(|(_, at, _)| (*at, 1)).collect();
    assert!(machine.server.wrong.len() > 20);
    let fault = fault(machine.prepare());
    assert!(matches!(fault, Fault::Fetched { .. }), "{fault}");
    assert!(machine.server.sent < 20 * release(2).chunk_bytes());
    assert_survived(&machine);
}

#[test]
fn it_is_cancelled_in_every_phase() {
    for phase in [Phase::Writing, Phase::Flushing, Phase::ReadingBack] {
        for bytes in [0, 50_000] {
            let mut machine = machine();
            machine.cancel = Some((phase, bytes));
            let fault = fault(machine.prepare());
            assert!(matches!(fault, Fault::Cancelled { phase: p } if p == phase), "{fault}");
            assert_survived(&machine);
        }
    }
}

#[test]
fn progress_grows_and_gets_to_its_end() {
    let mut machine = machine();
    machine.holds = Some(release(2).list());
    let prepared = machine.update();
    let mut last = machine.progress[0];
    let mut phases = vec![last.phase];
    for now in &machine.progress[1..] {
        assert!(now.done <= now.total && now.fetched >= last.fetched && now.reused >= last.reused);
        if now.phase == last.phase {
            assert!(now.done >= last.done);
        } else {
            assert_eq!((last.done, now.done), (last.total, 0));
            phases.push(now.phase);
        }
        last = *now;
    }
    let all = [Phase::Scanning, Phase::Writing, Phase::Flushing, Phase::ReadingBack];
    assert_eq!((phases, last.done), (all.to_vec(), last.total));
    assert_eq!(last.fetched, prepared.summary().fetched_bytes);
    assert_eq!(last.fetched, machine.server.sent);
}
