//! Requests that cannot be: nothing is written.

use anklume_chunks::{ChunkList, Digest, Part, PartSpec};
use anklume_install::{Error, Fault, Refused, Request};
use anklume_slots::{Record, Slot, State};

use crate::machine::{BOOT_BYTES, Machine, Outcome, RecordFault, blank, release, running_a};

fn machine() -> Machine {
    Machine::new(running_a(Some(0)), Slot::B)
}

/// Tries a changed request; nothing may have been done.
fn refused<'a>(change: impl FnOnce(&mut Request<'a>)) -> Refused {
    let mut machine = machine();
    let mut request = release(2).request(Slot::B);
    change(&mut request);
    let outcome = machine.prepare_as(&request);
    assert!(machine.disk.state().log.is_empty() && machine.server.asked.is_empty());
    match outcome.unwrap_err() {
        Error::Refused(refused) => refused,
        other => panic!("{other}"),
    }
}

/// The list with other chunks.
fn changed(change: impl FnOnce(&mut [PartSpec; 2])) -> ChunkList {
    let mut specs = Part::ALL.map(|part| {
        let listed = release(2).list().part(part);
        let chunks = listed.chunks().iter().map(|chunk| (chunk.bytes, chunk.digest)).collect();
        let (image_offset, derived_bytes) = (listed.image_offset(0), listed.derived_bytes());
        PartSpec { image_offset, chunks, derived_bytes }
    });
    change(&mut specs);
    let [boot, os] = specs;
    ChunkList::new(boot, os).unwrap()
}

#[test]
fn a_list_that_reaches_outside_of_what_was_signed() {
    for (shrink, part) in [
        ((|r| r.boot.end -= 512) as fn(&mut Request<'_>), Part::Boot),
        (|r| r.boot.start += 512, Part::Boot),
        (|r| r.os.end -= 1, Part::Os),
        (|r| r.os.start += 1, Part::Os),
    ] {
        let found = refused(shrink);
        assert!(matches!(found, Refused::Outside { part: p, .. } if p == part), "{found}");
    }
}

#[test]
fn a_list_that_lies_about_lengths() {
    let longer = changed(|[_, os]| os.derived_bytes += 4096);
    let found = refused(|request| {
        request.list = &longer;
        request.os.end += 4096;
    });
    assert!(matches!(found, Refused::TreeBytes { .. }), "{found}");
    let odd = changed(|[_, os]| os.chunks.push((512, Digest([1; 32]))));
    let found = refused(|request| {
        request.list = &odd;
        request.os.end += 512;
    });
    assert!(matches!(found, Refused::Unaligned { part: Part::Os, expected: 4096, .. }), "{found}");
    let odd = changed(|[boot, _]| boot.chunks.push((100, Digest([1; 32]))));
    let found = refused(|request| {
        request.list = &odd;
        request.boot.end += 512;
    });
    assert!(matches!(found, Refused::Unaligned { part: Part::Boot, .. }), "{found}");
    let tiny = changed(|[_, os]| {
        os.chunks = vec![(4096, Digest([1; 32]))];
        os.derived_bytes = 0;
    });
    let found = refused(|request| request.list = &tiny);
    assert!(matches!(found, Refused::Tree(_)), "{found}");
}

#[test]
fn a_slot_that_is_too_small() {
    let chunk = (1 << 20, Digest([1; 32]));
    let large = changed(|[boot, os]| {
        boot.chunks.push(chunk);
        os.image_offset += 1 << 21;
    });
    let found = refused(|request| {
        request.list = &large;
        request.boot.end += 1 << 20;
        request.os = request.os.start + (1 << 21)..request.os.end + (1 << 21);
    });
    let expected = large.part(Part::Boot).total_bytes();
    assert!(
        matches!(found, Refused::Room { part: Part::Boot, expected: e, found: BOOT_BYTES } if e == expected),
        "{found}"
    );
}

#[test]
fn a_salt_that_is_too_long() {
    let salt = [1; 257];
    let found = refused(|request| request.salt = &salt);
    assert!(matches!(found, Refused::Salt { expected: 256, found: 257 }), "{found}");
}

fn fails<'a>(change: impl FnOnce(&mut Request<'a>)) -> Fault {
    let mut machine = machine();
    let mut request = release(2).request(Slot::B);
    change(&mut request);
    match machine.prepare_as(&request).unwrap_err() {
        Error::Fault(fault) => fault,
        other => panic!("{other}"),
    }
}

#[test]
fn a_root_hash_or_salt_that_is_not_that_of_the_chunks() {
    let found = fails(|request| request.root_hash = release(1).root_hash);
    let (expected, is) = (release(1).root_hash, release(2).root_hash);
    assert!(
        matches!(found, Fault::RootHash { expected: e, found: f } if (e, f) == (expected, is)),
        "{found}"
    );
    let found = fails(|request| request.salt = &[7; 32]);
    assert!(matches!(found, Fault::RootHash { .. }), "{found}");
}

#[test]
fn a_slot_that_must_not_be_written() {
    let refuses = |record: Record, target| -> Outcome {
        let mut machine = Machine::new(blank(record), target);
        let outcome = machine.prepare();
        assert!(machine.disk.state().log.is_empty());
        outcome
    };
    // The only good one; and without one, the other one.
    let good = Record::new().mark_good(Slot::A);
    for (record, target) in [(good, Slot::A), (Record::new(), Slot::B)] {
        let error = refuses(record, target).unwrap_err();
        assert!(matches!(error, Error::Record(RecordFault::Refused(_))), "{error}");
    }
}

#[test]
fn a_record_that_says_something_else_is_not_believed() {
    struct Silent;
    impl anklume_install::BootRecord for Silent {
        type Error = RecordFault;
        fn change(
            &mut self,
            _: &mut dyn FnMut(Record) -> Result<Record, anklume_slots::Refusal>,
        ) -> Result<Record, RecordFault> {
            Ok(Record::new().mark_good(Slot::A))
        }
    }
    let mut machine = machine();
    let prepared = machine.prepare().unwrap();
    let error = anklume_install::activate(&prepared, &mut Silent).unwrap_err();
    let is_told = matches!(
        error,
        Error::Fault(Fault::Record { slot: Slot::B, expected: State::Trial, found: State::Empty })
    );
    assert!(is_told, "{error}");
}

#[test]
fn errors_say_where_and_what() {
    let found = refused(|request| request.os.end -= 1);
    let text = found.to_string();
    assert!(text.starts_with("chunk list: os part: expected a place within bytes "), "{text}");
    let found = fails(|request| request.root_hash = release(1).root_hash);
    assert!(found.to_string().starts_with("os part: expected root hash "), "{found}");
}
