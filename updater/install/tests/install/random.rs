//! Random versions, targets, damage and ends: what is prepared is always the new version.

use std::sync::LazyLock;

use anklume_chunks::{Options, Part};
use anklume_install::Phase;
use anklume_slots::Slot;
use proptest::prelude::*;

use crate::machine::{Machine, Release, place, release, running_a, version};
use crate::sample::noise;
use crate::source::Server;

/// Releases that differ in more than the others do.
static MORE: [LazyLock<Release>; 4] = [
    LazyLock::new(|| Release::new(&version(10))),
    LazyLock::new(|| {
        let mut version = version(11);
        version.files.remove(2);
        version.files.remove(7);
        Release::new(&version)
    }),
    LazyLock::new(|| {
        let mut version = version(12);
        version.files.insert(0, ("a-new".to_owned(), noise(4000, 30_000)));
        version.kernel = noise(4001, 15_000);
        Release::new(&version)
    }),
    LazyLock::new(|| {
        let mut version = version(13);
        version.files.truncate(1);
        version.initramfs = vec![0; 40_000];
        Release::new(&version)
    }),
];

fn any_release(number: usize) -> &'static Release {
    if number < 4 { release(number) } else { &MORE[number - 4] }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_target_holds_the_new_version_in_the_end(
        new in 0_usize..8,
        other in proptest::option::of(0_usize..4),
        seed in proptest::option::of(0_usize..8),
        holds in proptest::option::of(0_usize..8),
        damage in proptest::collection::vec((any::<bool>(), any::<bool>(), any::<prop::sample::Index>()), 0..12),
        ends in proptest::collection::vec(0_u64..200_000, 0..4),
        piece in 1_usize..20_000,
        gap_bytes in prop_oneof![Just(0), 0_u64..100_000],
        request_bytes in prop_oneof![Just(0), 0_u64..20_000],
    ) {
        let mut bytes = running_a(other);
        for (slot, part, at) in damage {
            let slot = if slot { Slot::A } else { Slot::B };
            let part = if part { Part::Boot } else { Part::Os };
            let at = place(slot, part).start as usize + at.index(100_000);
            bytes[at] = bytes[at].wrapping_add(1);
        }
        let new = any_release(new);
        let mut machine = Machine::new(bytes, Slot::B);
        machine.new = new;
        machine.seed = seed.map(|number| any_release(number).list());
        machine.holds = holds.map(|number| any_release(number).list());
        let request = anklume_install::Request {
            options: Options { gap_bytes, request_bytes },
            ..new.request(Slot::B)
        };
        for (number, end) in ends.into_iter().enumerate() {
            machine.server = Server::new(&new.image.bytes);
            machine.server.piece = piece;
            if number % 2 == 0 {
                machine.server.gone_after = Some(end);
            } else {
                machine.cancel = Some((Phase::Writing, end));
            }
            let _ = machine.prepare_as(&request);
            let seed = machine.seed;
            machine = machine.again();
            machine.seed = seed;
        }
        machine.server = Server::new(&new.image.bytes);
        machine.server.piece = piece;
        let prepared = machine.prepare_as(&request).unwrap();
        machine.activate(&prepared);
        machine.assert_new();
        let summary = prepared.summary();
        prop_assert_eq!(summary.fetched_bytes, machine.server.sent);
        prop_assert!(summary.fetched_bytes <= 2 * new.chunk_bytes());
    }
}
