use super::*;
use crate::{Digest, Origin, PartSpec};

const BOOT_AT: u64 = 1000;
const OS_AT: u64 = 5000;
/// Without a price for requests, so that nothing is fetched as a whole.
const CHEAP: Options = Options { gap_bytes: 0, request_bytes: 0 };

/// A list whose chunks have 10 bytes each and these digests.
fn list(boot: &[u8], os: &[u8], derived_bytes: u64) -> ChunkList {
    let spec = |image_offset, digests: &[u8], derived_bytes| PartSpec {
        image_offset,
        chunks: digests.iter().map(|digest| (10, Digest([*digest; 32]))).collect(),
        derived_bytes,
    };
    ChunkList::new(spec(BOOT_AT, boot, 0), spec(OS_AT, os, derived_bytes)).unwrap()
}

/// Operations as first byte, number of bytes and source, without those of the boot part.
fn os(plan: &Plan) -> Vec<(u64, u64, Source)> {
    let operations = plan.operations.iter().filter(|operation| operation.part == Part::Os);
    operations.map(|operation| (operation.offset, operation.bytes, operation.source)).collect()
}

fn image(offset: u64) -> Source {
    Source::Image { offset: OS_AT + offset }
}

fn copy(origin: Origin, part: Part, offset: u64) -> Source {
    Source::Copy(Place { origin, part, offset })
}

#[test]
fn without_seeds_each_chunk_is_fetched_once() {
    let list = list(&[1], &[2, 3, 0, 2, 3, 1, 4], 96);
    let plan = plan(&list, &Seeds::new(), &CHEAP);
    let target = |part, offset| copy(Origin::Target, part, offset);
    let expected = [
        (0, 20, image(0)),
        (20, 10, Source::Zeros),
        (30, 20, target(Part::Os, 0)),
        (50, 10, target(Part::Boot, 0)),
        (60, 10, image(60)),
        (70, 96, Source::Derived),
    ];
    assert_eq!(os(&plan), expected);
    let cost = Cost {
        requests: 3,
        fetched_bytes: 40,
        copied_bytes: 30,
        zero_bytes: 10,
        derived_bytes: 96,
        ..Cost::default()
    };
    assert_eq!((plan.cost, plan.cost.written_bytes(), plan.is_full), (cost, 176, false));
}

#[test]
fn a_chunk_that_comes_again_and_again_is_copied_from_the_first() {
    let plan = plan(&list(&[1], &[2, 3, 3, 3], 0), &Seeds::new(), &CHEAP);
    let target = |offset| copy(Origin::Target, Part::Os, offset);
    assert_eq!(os(&plan), [(0, 20, image(0)), (20, 10, target(10)), (30, 10, target(10))]);
}

#[test]
fn what_lies_in_a_seed_in_one_piece_is_copied_in_one() {
    let new = list(&[1], &[2, 3, 4, 5, 6], 0);
    let mut seeds = Seeds::new();
    seeds.add(Origin::Seed(0), &list(&[5], &[9, 2, 3, 6, 4], 7));
    seeds.add(Origin::Seed(1), &list(&[4], &[2, 7], 7));
    let plan = plan(&new, &seeds, &CHEAP);
    let seed = |part, offset| copy(Origin::Seed(0), part, offset);
    let expected = [
        (0, 20, seed(Part::Os, 10)),
        (20, 10, seed(Part::Os, 40)),
        (30, 10, seed(Part::Boot, 0)),
        (40, 10, seed(Part::Os, 30)),
    ];
    assert_eq!(os(&plan), expected);
    assert_eq!((plan.cost.fetched_bytes, plan.cost.copied_bytes), (10, 50));
}

#[test]
fn gaps_are_fetched_up_to_their_limit() {
    let new = list(&[1], &[2, 7, 7, 3, 7, 4, 7], 0);
    let mut seeds = Seeds::new();
    seeds.add(Origin::Seed(0), &list(&[7], &[9], 0));
    let ranges = |gap_bytes| {
        let plan = plan(&new, &seeds, &Options { gap_bytes, request_bytes: 0 });
        let fetched = os(&plan).into_iter().filter(|o| matches!(o.2, Source::Image { .. }));
        (fetched.map(|o| (o.0, o.1)).collect::<Vec<_>>(), plan.cost.wasted_bytes)
    };
    assert_eq!(ranges(0), (vec![(0, 10), (30, 10), (50, 10)], 0));
    assert_eq!(ranges(9), (vec![(0, 10), (30, 10), (50, 10)], 0));
    assert_eq!(ranges(10), (vec![(0, 10), (30, 30)], 10));
    assert_eq!(ranges(19), (vec![(0, 10), (30, 30)], 10));
    assert_eq!(ranges(20), (vec![(0, 60)], 30));
    assert_eq!(ranges(u64::MAX), (vec![(0, 60)], 30));
}

#[test]
fn what_an_interrupted_update_wrote_is_kept() {
    let new = list(&[1], &[2, 3, 0, 4, 5], 0);
    let mut seeds = Seeds::new();
    seeds.add_range(Origin::Target, &new, Part::Os, 0..40);
    let expected = [
        (0, 20, Source::Kept),
        (20, 10, Source::Zeros),
        (30, 10, Source::Kept),
        (40, 10, image(40)),
    ];
    let plan = plan(&new, &seeds, &CHEAP);
    assert_eq!((os(&plan), plan.cost.kept_bytes), (expected.to_vec(), 30));
}

#[test]
fn the_old_content_of_the_target_is_used_before_it_is_overwritten() {
    let new = list(&[8, 2], &[3, 4, 5, 6, 4], 0);
    let mut seeds = Seeds::new();
    seeds.add(Origin::Target, &list(&[2, 6], &[5, 3, 9, 4, 9], 0));
    let plan = plan(&new, &seeds, &CHEAP);
    let target = |offset| copy(Origin::Target, Part::Os, offset);
    // 2 and 6 lay in the boot part, and 5 before its new place.
    let expected =
        [(0, 10, target(10)), (10, 10, target(30)), (20, 20, image(20)), (40, 10, target(10))];
    assert_eq!(os(&plan), expected);
    assert_eq!(plan.operations[0].source, Source::Image { offset: BOOT_AT });
    assert_eq!(plan.operations[0].bytes, 20);
}

#[test]
fn everything_is_fetched_when_that_costs_less() {
    let new = list(&[1], &[2, 7, 3, 7, 4, 7, 5], 32);
    let mut seeds = Seeds::new();
    seeds.add(Origin::Seed(0), &list(&[7], &[9], 0));
    // Five requests and 50 bytes, or two requests and 80 bytes.
    let with = |request_bytes| plan(&new, &seeds, &Options { gap_bytes: 0, request_bytes });
    let differential = with(10);
    assert_eq!((differential.cost.requests, differential.cost.fetched_bytes), (5, 50));
    assert!(!differential.is_full);
    let full = with(11);
    assert!(full.is_full);
    assert_eq!(os(&full), [(0, 70, image(0)), (70, 32, Source::Derived)]);
    let cost = Cost { requests: 2, fetched_bytes: 80, derived_bytes: 32, ..Cost::default() };
    assert_eq!(full.cost, cost);
}
