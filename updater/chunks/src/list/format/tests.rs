use super::*;
use crate::{CHUNK_BYTES_MAX, Chunk};

const IMAGE_BYTES: u64 = 10_000;

fn spec(image_offset: u64, chunks: &[(u32, u8)], derived_bytes: u64) -> PartSpec {
    let chunks = chunks.iter().map(|(bytes, digest)| (*bytes, Digest([*digest; 32]))).collect();
    PartSpec { image_offset, chunks, derived_bytes }
}

fn sample() -> ChunkList {
    let boot = spec(2048, &[(512, 1), (100, 0)], 0);
    ChunkList::new(boot, spec(4096, &[(1, 2), (4095, 3), (512, 4)], 8192)).unwrap()
}

/// The field that is refused, and its place, with `value` at byte `offset` of the sample.
fn refused(offset: usize, value: &[u8]) -> (&'static str, u64) {
    let mut bytes = sample().encode();
    bytes[offset..offset + value.len()].copy_from_slice(value);
    match ChunkList::parse(&bytes, IMAGE_BYTES) {
        Err(ListError::Field { field, offset, .. }) => (field, offset),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_list_has_the_bytes_of_the_table() {
    let bytes = sample().encode();
    assert_eq!(bytes.len(), 80 + 5 * 36);
    assert_eq!(&bytes[..16], b"anklchnk\x01\0\0\0\0\0\0\0");
    let header: Vec<_> = (2..10).map(|at| le_u64(&bytes, at * 8).unwrap()).collect();
    assert_eq!(header, [2048, 612, 0, 2, 4096, 4608, 8192, 3]);
    assert_eq!(&bytes[80..116], [&[0, 2, 0, 0][..], &[1; 32]].concat());
    assert_eq!(&bytes[116..152], [&[100, 0, 0, 0][..], &[0; 32]].concat());
    assert_eq!(&bytes[152..188], [&[1, 0, 0, 0][..], &[2; 32]].concat());
}

#[test]
fn a_list_is_read_as_it_was_written() {
    let list = ChunkList::parse(&sample().encode(), IMAGE_BYTES).unwrap();
    assert_eq!(list, sample());
    let os = list.part(Part::Os);
    assert_eq!((os.chunk_bytes(), os.derived_bytes(), os.total_bytes()), (4608, 8192, 12800));
    assert_eq!((os.image_range(), os.image_offset(512)), (4096..8704, 4608));
    assert_eq!(os.chunks()[1], Chunk { offset: 1, bytes: 4095, digest: Digest([3; 32]) });
    assert!(list.part(Part::Boot).chunks()[1].digest.is_zeros());
}

#[test]
fn every_other_length_is_refused() {
    let mut bytes = sample().encode();
    for length in 0..bytes.len() {
        let error = ChunkList::parse(&bytes[..length], IMAGE_BYTES).unwrap_err();
        let expected = if length < 80 { 80 } else { 260 };
        assert_eq!(error, ListError::Length { expected, found: length as u64 });
    }
    bytes.push(0);
    let error = ChunkList::parse(&bytes, IMAGE_BYTES).unwrap_err();
    assert_eq!(error, ListError::Length { expected: 260, found: 261 });
    bytes.pop();
    for count in [[0xff; 8], (u64::MAX / 36).to_le_bytes(), (1_u64 << 60).to_le_bytes()] {
        bytes[40..48].copy_from_slice(&count);
        let error = ChunkList::parse(&bytes, IMAGE_BYTES).unwrap_err();
        assert!(matches!(error, ListError::Length { found: 260, .. }), "{error}");
    }
}

#[test]
fn fields_that_no_list_has_are_refused() {
    assert_eq!(refused(0, b"x"), ("magic", 0));
    assert_eq!(refused(15, &[1]), ("reserved field", 12));
    let mut version = sample().encode();
    version[8] = 2;
    let error = ChunkList::parse(&version, IMAGE_BYTES).unwrap_err();
    assert_eq!(error, ListError::Version { expected: 1, found: 2 });
    assert_eq!(refused(24, &[0]), ("bytes of all chunks", 24));
    assert_eq!(refused(63, &[1]), ("bytes of all chunks", 56));
    assert_eq!(refused(32, &[1]), ("bytes that are computed", 32));
    assert_eq!(refused(64, &[0xff; 8]), ("bytes that are computed", 64));
    assert_eq!(refused(16, &[0xff; 8]), ("place in the image file", 16));
}

#[test]
fn counts_and_sums_belong_together() {
    let mut bytes = sample().encode();
    (bytes[40], bytes[72]) = (3, 2);
    let error = ChunkList::parse(&bytes, IMAGE_BYTES).unwrap_err();
    let expected = "613, as the chunks say".to_owned();
    let (field, offset, found) = ("bytes of all chunks", 24, 612);
    assert_eq!(error, ListError::Field { field, offset, expected, found });
    (bytes[40], bytes[72]) = (5, 0);
    let error = ChunkList::parse(&bytes, IMAGE_BYTES).unwrap_err();
    assert!(matches!(error, ListError::Field { offset: 72, .. }), "{error}");
    (bytes[40], bytes[72]) = (0, 5);
    let error = ChunkList::parse(&bytes, IMAGE_BYTES).unwrap_err();
    assert!(matches!(error, ListError::Field { offset: 40, .. }), "{error}");
}

#[test]
fn chunks_keep_their_bounds() {
    for (number, at) in [(0, 80), (2, 152), (4, 224)] {
        for value in [0, CHUNK_BYTES_MAX + 1, u32::MAX] {
            let found = refused(at, &value.to_le_bytes());
            assert_eq!(found, ("bytes of a chunk", at as u64), "{number}");
        }
    }
    let most = spec(0, &[(CHUNK_BYTES_MAX, 1)], 0);
    ChunkList::new(most, spec(CHUNK_BYTES_MAX.into(), &[(1, 1)], 0)).unwrap();
}

#[test]
fn parts_lie_in_the_image_and_apart() {
    let bytes = sample().encode();
    ChunkList::parse(&bytes, 8704).unwrap();
    let error = ChunkList::parse(&bytes, 8703).unwrap_err();
    assert!(matches!(error, ListError::Field { offset: 48, found: 8704, .. }), "{error}");
    // The boot part behind the OS part, and in it.
    let mut moved = bytes.clone();
    moved[16..24].copy_from_slice(&8704_u64.to_le_bytes());
    ChunkList::parse(&moved, 8704 + 612).unwrap();
    let error = ChunkList::parse(&moved, 8704 + 611).unwrap_err();
    assert!(matches!(error, ListError::Field { offset: 16, .. }), "{error}");
    for at in [4096 - 611, 5000, 8703_u64] {
        assert_eq!(refused(16, &at.to_le_bytes()), ("place in the image file", 48), "{at}");
    }
}

#[test]
fn a_range_belongs_to_a_part_and_its_chunks() {
    let list = sample();
    assert_eq!(list.locate(&(2048..2660)), Some((Part::Boot, 0..612)));
    assert_eq!(list.locate(&(4097..4100)), Some((Part::Os, 1..4)));
    for nowhere in [2047..2100, 2600..2661, 4095..4097, 8703..8705, 4100..4100, 0..u64::MAX] {
        assert_eq!(list.locate(&nowhere), None, "{nowhere:?}");
    }
    let os = list.part(Part::Os);
    assert_eq!(os.covering(&(1..4608)), Some(&os.chunks()[1..]));
    assert_eq!(os.covering(&(0..1)), Some(&os.chunks()[..1]));
    for none in [0..2, 2..4096, 1..1, 0..0, 4608..4608, 0..4609] {
        assert_eq!(os.covering(&none), None, "{none:?}");
    }
}
