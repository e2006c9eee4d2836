use super::*;
use crate::PartSpec;

/// A part at byte 100 of the image: chunks of these bytes.
fn sample() -> (ChunkList, Vec<u8>) {
    let chunks: [&[u8]; 4] = [b"one", b"\0\0\0\0\0", b"three", b"4"];
    let spec = |image_offset, chunks: &[&[u8]]| PartSpec {
        image_offset,
        chunks: chunks.iter().map(|bytes| (bytes.len() as u32, Digest::of(bytes))).collect(),
        derived_bytes: 0,
    };
    let list = ChunkList::new(spec(0, &[b"boot"]), spec(100, &chunks)).unwrap();
    (list, chunks.concat())
}

/// First bytes and contents of chunks.
type Out = Vec<(u64, Vec<u8>)>;

/// What comes out when `bytes` go in, `step` at a time.
fn split(splitter: &mut Splitter<'_>, bytes: &[u8], step: usize) -> (Out, Result<(), SplitError>) {
    let mut out = Vec::new();
    let mut take = |part, chunk: &Chunk, bytes: &[u8]| {
        assert_eq!((part, wide(bytes.len())), (Part::Os, u64::from(chunk.bytes)));
        out.push((chunk.offset, bytes.to_vec()));
        Ok(())
    };
    let result = bytes.chunks(step).try_for_each(|bytes| splitter.push(bytes, &mut take));
    (out, result)
}

#[test]
fn chunks_come_out_whole_whatever_the_pieces() {
    let (list, bytes) = sample();
    for step in 1..=bytes.len() {
        let mut splitter = Splitter::of_image(&list, &(100..114)).unwrap();
        let (out, result) = split(&mut splitter, &bytes, step);
        assert_eq!(result, Ok(()));
        let expected: [(u64, &[u8]); 4] = [(0, b"one"), (3, &[0; 5]), (8, b"three"), (13, b"4")];
        assert_eq!(out, expected.map(|(offset, bytes)| (offset, bytes.to_vec())));
        assert_eq!(splitter.rest(), 14..14);
        assert_eq!(splitter.finish(), Ok(()));
    }
}

#[test]
fn a_range_in_the_middle_has_its_chunks_only() {
    let (list, bytes) = sample();
    let mut splitter = Splitter::of_part(&list, Part::Os, &(3..13)).unwrap();
    let (out, result) = split(&mut splitter, &bytes[3..], 64);
    assert_eq!(out.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [3, 8]);
    assert_eq!(result, Err(SplitError::TooMany { part: Part::Os, end: 13, found: 1 }));
    for bad in [100..102, 101..103, 103..115, 99..103, 0..114, 4..4] {
        let error = Splitter::of_image(&list, &bad).unwrap_err();
        assert_eq!(error, SplitError::NoChunks { start: bad.start, end: bad.end });
    }
}

#[test]
fn another_byte_is_noticed_before_the_chunk_comes_out() {
    let (list, good) = sample();
    for (at, chunk, before) in [(0, 0, 0), (7, 3, 1), (8, 8, 2), (13, 13, 3)] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        for step in [1, 4, 14] {
            let mut splitter = Splitter::of_image(&list, &(100..114)).unwrap();
            let (out, result) = split(&mut splitter, &bad, step);
            let Err(SplitError::Digest { offset, .. }) = result else { panic!("{result:?}") };
            assert_eq!((offset, out.len()), (chunk, before));
            // From the bad chunk on it goes on when the right bytes come.
            let rest = splitter.rest();
            assert_eq!(rest, chunk..14);
            let (out, result) = split(&mut splitter, &good[rest.start as usize..], step);
            assert_eq!((out.len(), result), (4 - before, Ok(())));
            assert_eq!(splitter.finish(), Ok(()));
        }
    }
}

#[test]
fn what_was_refused_has_not_come_out() {
    let (list, bytes) = sample();
    let mut splitter = Splitter::of_image(&list, &(100..114)).unwrap();
    let mut seen = 0;
    let full = SplitError::NoChunks { start: 1, end: 2 };
    let result = splitter.push(&bytes, |_, _, _| {
        seen += 1;
        if seen == 3 { Err(full.clone()) } else { Ok(()) }
    });
    assert_eq!((result, splitter.rest()), (Err(full), 8..14));
    assert_eq!(splitter.finish(), Err(SplitError::TooFew { part: Part::Os, offset: 8 }));
}

#[test]
fn a_connection_that_ends_early_leaves_whole_chunks() {
    let (list, bytes) = sample();
    let mut splitter = Splitter::of_image(&list, &(100..114)).unwrap();
    let (out, result) = split(&mut splitter, &bytes[..10], 6);
    assert_eq!((out.len(), result), (2, Ok(())));
    assert_eq!(splitter.rest(), 8..14);
    assert_eq!(splitter.finish(), Err(SplitError::TooFew { part: Part::Os, offset: 8 }));
}
