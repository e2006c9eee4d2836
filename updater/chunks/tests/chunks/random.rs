//! Random versions that share chunks.

use anklume_chunks::{
    CHUNK_BYTES_MAX, ChunkList, Digest, Operation, Options, Origin, Part, PartSpec, Plan, Seeds,
    Source, plan,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::model::{Machine, Slot};

/// A version as chunks: each is the number of its content.
#[derive(Debug, Clone)]
struct Version {
    boot: Vec<u8>,
    os: Vec<u8>,
    derived: usize,
}

/// Few contents, so that versions share many. Some are zeros, some equally long.
fn content(number: u8) -> Vec<u8> {
    match number {
        0 => vec![0; 7],
        1 => vec![0; 1],
        _ => vec![number; usize::from(number) % 5 + 1],
    }
}

fn version() -> impl Strategy<Value = Version> {
    (vec(0_u8..30, 1..20), vec(0_u8..30, 1..60), 0_usize..50)
        .prop_map(|(boot, os, derived)| Version { boot, os, derived })
}

impl Version {
    fn spec(&self, part: Part, image_offset: u64) -> PartSpec {
        let (numbers, derived) = match part {
            Part::Boot => (&self.boot, 0),
            Part::Os => (&self.os, self.derived),
        };
        let contents = numbers.iter().map(|number| content(*number));
        let chunks = contents.map(|bytes| (bytes.len() as u32, Digest::of(&bytes))).collect();
        PartSpec { image_offset, chunks, derived_bytes: derived as u64 }
    }

    fn bytes(&self, part: Part) -> Vec<u8> {
        let numbers = if part == Part::Boot { &self.boot } else { &self.os };
        numbers.iter().flat_map(|number| content(*number)).collect()
    }

    /// Its list, with the boot part at byte 13 of the image and the OS part 5 bytes behind.
    fn list(&self) -> ChunkList {
        let os_at = 13 + self.bytes(Part::Boot).len() as u64 + 5;
        ChunkList::new(self.spec(Part::Boot, 13), self.spec(Part::Os, os_at)).unwrap()
    }

    fn image(&self) -> Vec<u8> {
        let mut image = vec![0xee; 13];
        image.extend(self.bytes(Part::Boot));
        image.extend([0xee; 5]);
        image.extend(self.bytes(Part::Os));
        image
    }

    fn derived(&self) -> Vec<u8> {
        (0..self.derived).map(|at| 0x80 | at as u8).collect()
    }

    fn slot(&self) -> Slot {
        let parts = Part::ALL.map(|part| (part, self.bytes(part)));
        let mut slot = Slot::from(parts);
        slot.get_mut(&Part::Os).unwrap().extend(self.derived());
        slot
    }
}

fn options() -> impl Strategy<Value = Options> {
    let gap = prop_oneof![Just(0), 0_u64..40, Just(u64::MAX)];
    let request = prop_oneof![Just(0), 0_u64..20];
    (gap, request).prop_map(|(gap_bytes, request_bytes)| Options { gap_bytes, request_bytes })
}

/// Bytes of the image file that a plan fetches.
fn fetched(plan: &Plan) -> impl Iterator<Item = &Operation> {
    plan.operations.iter().filter(|operation| matches!(operation.source, Source::Image { .. }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_plan_yields_exactly_the_new_version(
        new in version(),
        seeds in vec(version(), 0..3),
        old in proptest::option::of(version()),
        written in proptest::option::of((any::<prop::sample::Index>(), 0_u64..80)),
        options in options(),
    ) {
        let (list, image, derived) = (new.list(), new.image(), new.derived());
        let slots: Vec<_> = seeds.iter().map(Version::slot).collect();
        let mut known = Seeds::new();
        for (number, seed) in (0..).zip(&seeds) {
            known.add(Origin::Seed(number), &seed.list());
        }
        let mut target = Slot::new();
        if let Some(old) = &old {
            known.add(Origin::Target, &old.list());
            target = old.slot();
        }
        // An interrupted update has written a range of the OS part over it.
        if let Some((start, bytes)) = written {
            let content = new.bytes(Part::Os);
            let start = start.index(content.len()) as u64;
            let end = (start + bytes).min(content.len() as u64);
            let held = target.entry(Part::Os).or_default();
            held.resize(held.len().max(content.len()), 0x33);
            let range = start as usize..end as usize;
            held[range.clone()].copy_from_slice(&content[range]);
            known.forget(Origin::Target, Part::Os, &(start..end));
            known.add_range(Origin::Target, &list, Part::Os, start..end);
        }
        let plan = plan(&list, &known, &options);
        let mut machine = Machine::new(&list, &image, &derived, &slots, &target);
        machine.run(&plan);
        machine.assert_new();
        let full = list.part(Part::Boot).chunk_bytes() + list.part(Part::Os).chunk_bytes();
        prop_assert!(plan.cost.fetched_bytes <= full);
        let price = |requests: u64, bytes| requests * options.request_bytes + bytes;
        let cost = price(plan.cost.requests, plan.cost.fetched_bytes);
        prop_assert!(cost <= price(2, full));
    }

    #[test]
    fn nothing_is_fetched_twice_or_without_need(new in version(), seed in version()) {
        let list = new.list();
        let mut seeds = Seeds::new();
        seeds.add(Origin::Seed(0), &seed.list());
        let plan = plan(&list, &seeds, &Options { gap_bytes: 0, request_bytes: 0 });
        prop_assert_eq!(plan.cost.wasted_bytes, 0);
        let known: Vec<u8> = [&seed.boot[..], &seed.os, &[0, 1]].concat();
        let mut missing: Vec<u8> = [&new.boot[..], &new.os].concat();
        missing.retain(|number| !known.contains(number));
        missing.sort_unstable();
        missing.dedup();
        let bytes: usize = missing.iter().map(|number| content(*number).len()).sum();
        prop_assert_eq!(plan.cost.fetched_bytes, bytes as u64);
        // No two of them could have been one.
        let ranges: Vec<_> = fetched(&plan).map(|operation| (operation.part, operation.range())).collect();
        for pair in ranges.windows(2) {
            prop_assert!(pair[0].0 != pair[1].0 || pair[0].1.end < pair[1].1.start);
        }
    }

    #[test]
    fn larger_gaps_mean_fewer_requests(new in version(), seed in version(), gap in 0_u64..60) {
        let list = new.list();
        let mut seeds = Seeds::new();
        seeds.add(Origin::Seed(0), &seed.list());
        let with = |gap_bytes| plan(&list, &seeds, &Options { gap_bytes, request_bytes: 0 });
        let (least, merged) = (with(0).cost, with(gap).cost);
        prop_assert!(merged.requests <= least.requests);
        prop_assert_eq!(merged.fetched_bytes, least.fetched_bytes + merged.wasted_bytes);
        prop_assert!(merged.wasted_bytes <= gap * (least.requests - merged.requests));
        let kept_apart = with(gap);
        let ranges: Vec<_> = fetched(&kept_apart).map(|o| (o.part, o.range())).collect();
        for pair in ranges.windows(2) {
            prop_assert!(pair[0].0 != pair[1].0 || pair[1].1.start - pair[0].1.end > gap);
        }
    }

    #[test]
    fn what_is_parsed_is_what_was_encoded(new in version()) {
        let (list, image) = (new.list(), new.image());
        let bytes = list.encode();
        prop_assert_eq!(&ChunkList::parse(&bytes, image.len() as u64).unwrap(), &list);
        prop_assert!(ChunkList::parse(&bytes, image.len() as u64 - 1).is_err());
    }

    /// Whatever bytes of a list are others: it is refused, or is what it is read as.
    #[test]
    fn a_damaged_list_is_refused_or_another_one(
        new in version(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = new.list().encode();
        // Half of the damage hits the header.
        for (number, (at, value)) in damage.iter().enumerate() {
            let length = if number % 2 == 0 { 84 } else { bytes.len() };
            bytes[at.index(length)] = *value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let Ok(list) = ChunkList::parse(&bytes, 1 << 40) else { return Ok(()) };
        prop_assert_eq!(list.encode(), bytes);
        for part in Part::ALL.map(|part| list.part(part)) {
            let sizes = part.chunks().iter().map(|chunk| chunk.bytes);
            prop_assert!(sizes.clone().all(|bytes| (1..=CHUNK_BYTES_MAX).contains(&bytes)));
            prop_assert_eq!(sizes.map(u64::from).sum::<u64>(), part.chunk_bytes());
        }
        let mut seeds = Seeds::new();
        seeds.add(Origin::Seed(0), &list);
        let plan = plan(&list, &seeds, &Options::default());
        prop_assert_eq!(plan.cost.fetched_bytes, 0);
    }
}
