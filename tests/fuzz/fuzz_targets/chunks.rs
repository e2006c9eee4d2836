//! Invariant: reading any bytes as a chunk list ends without a panic, and what is accepted is encoded
//! to the same bytes. A plan to get from one such list to another has every byte of both parts in
//! exactly one operation, asks for nothing outside the parts' places in the image file, fetches no
//! more than all of it, and every range is one that chunks come out of, whose bytes are refused when
//! they are others.
//!
//! The first three bytes of the input are the gap in units of 16 bytes, the price of a request, and
//! how much of an interrupted update there is, in units of 16 bytes; two of length and the list that a
//! machine has follow; the rest is the new list.
#![no_main]

use anklume_chunks::{ChunkList, Options, Origin, Part, Seeds, Source, SplitError, Splitter, plan};
use libfuzzer_sys::fuzz_target;

const IMAGE_BYTES: u64 = 1 << 40;

fn parse(bytes: &[u8]) -> Option<ChunkList> {
    let list = ChunkList::parse(bytes, IMAGE_BYTES).ok()?;
    assert!(list.encode() == bytes, "another encoding of the same list");
    Some(list)
}

fuzz_target!(|input: &[u8]| {
    let Some((&[gap, request, written, low, high], rest)) = input.split_first_chunk() else {
        return;
    };
    let length = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
    let (old, new) = rest.split_at(length);
    let (old, new) = (parse(old), parse(new));
    let Some(new) = new else { return };
    let mut seeds = Seeds::new();
    if let Some(old) = &old {
        let origin = if request % 2 == 0 { Origin::Target } else { Origin::Seed(request.into()) };
        seeds.add(origin, old);
    }
    seeds.add_range(Origin::Target, &new, Part::Os, 0..u64::from(written) * 16);
    let options = Options { gap_bytes: u64::from(gap) * 16, request_bytes: request.into() };
    let plan = plan(&new, &seeds, &options);
    let mut next = [0; 2];
    let mut fetched = 0;
    for operation in &plan.operations {
        let listed = new.part(operation.part);
        let next = &mut next[usize::from(operation.part == Part::Os)];
        assert!(operation.offset == *next && operation.bytes > 0);
        *next += operation.bytes;
        if operation.source == Source::Derived {
            assert_eq!((operation.part, operation.offset), (Part::Os, listed.chunk_bytes()));
            continue;
        }
        let mut splitter =
            Splitter::of_part(&new, operation.part, &operation.range()).expect("whole chunks");
        if let Source::Image { offset } = operation.source {
            let range = offset..offset + operation.bytes;
            assert_eq!(new.locate(&range), Some((operation.part, operation.range())));
            splitter = Splitter::of_image(&new, &range).expect("whole chunks");
            fetched += operation.bytes;
        }
        // No digest of the fuzzer's is that of these bytes.
        let chunk = listed.covering(&operation.range()).expect("whole chunks")[0];
        let bytes = vec![0x5a; chunk.bytes as usize];
        let result = splitter.push(&bytes, |_, _, _| Ok::<_, SplitError>(()));
        assert!(matches!(result, Err(SplitError::Digest { .. })));
        assert_eq!(splitter.rest(), operation.range());
    }
    let parts = Part::ALL.map(|part| new.part(part));
    assert_eq!(next, parts.map(|part| part.total_bytes()));
    assert_eq!(fetched, plan.cost.fetched_bytes);
    assert!(fetched <= parts.iter().map(|part| part.chunk_bytes()).sum());
    let all = plan.cost.written_bytes().saturating_add(plan.cost.kept_bytes);
    // The hash tree of a list may be of any size.
    assert_eq!(all, parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.total_bytes())));
});
