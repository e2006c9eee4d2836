use std::collections::BTreeMap;
use std::sync::Mutex;

use anklume_verity::{Builder, Params};

use super::*;

const BLOCK: usize = 4096;
/// First byte on the imagined disk.
const START: u64 = 1 << 30;

/// What a read of a place gives the next few times.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    Fails,
    /// Another byte.
    Lies,
}

/// A medium with trouble at certain bytes, for as many reads as are told. A read that does not come
/// after [`Source::forget`] gets what the read before it got.
struct Flaky {
    bytes: Vec<u8>,
    troubles: Mutex<BTreeMap<usize, (Trouble, u32)>>,
    forgotten: Mutex<Vec<(u64, u64)>>,
}

impl ReadAt for Flaky {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.bytes.read_at(offset, buffer)?;
        let length = to_u64(buffer.len());
        let start = usize::try_from(offset).unwrap();
        let mut troubles = self.troubles.lock().unwrap();
        for (at, (trouble, times)) in troubles.range_mut(start..start + buffer.len()) {
            if *times == 0 {
                continue;
            }
            *times -= 1;
            if *trouble == Trouble::Fails {
                let source = io::Error::other("a scratch");
                return Err(ReadError::Io { offset: START + offset, length, source });
            }
            buffer[at - start] ^= 1;
        }
        Ok(())
    }
}

impl Source for Flaky {
    fn name(&self) -> String {
        "sdx4".to_owned()
    }

    fn start(&self) -> u64 {
        START
    }

    fn forget(&self, offset: u64, bytes: u64) {
        self.forgotten.lock().unwrap().push((offset, bytes));
    }
}

/// An image with `blocks` blocks of data.
fn image(blocks: usize) -> (Image, Vec<u8>) {
    let mut bytes: Vec<u8> =
        (0..blocks * BLOCK).map(|i| (i / BLOCK * 31 + i % 253) as u8).collect();
    let data_bytes = to_u64(bytes.len());
    let params = Params { salt: vec![5; 32], uuid: [2; 16] };
    let mut builder = Builder::new(params, data_bytes).unwrap();
    builder.update(&bytes).unwrap();
    let tree = builder.finish().unwrap();
    bytes.extend(&tree.bytes);
    (Image { data_bytes, bytes: to_u64(bytes.len()), root_hash: tree.root_hash }, bytes)
}

struct Outcome {
    result: Result<(), Error>,
    copied: bool,
    again: Vec<String>,
    forgotten: Vec<(u64, u64)>,
}

/// Copies an image of `blocks` blocks with `trouble` at byte `at` for so many reads.
fn copied(blocks: usize, at: usize, trouble: Trouble, times: u32) -> Outcome {
    let (image, bytes) = image(blocks);
    let troubles = Mutex::new(BTreeMap::from([(at, (trouble, times))]));
    let source = Flaky { bytes, troubles, forgotten: Mutex::default() };
    let (mut target, mut again, mut done) = (Vec::new(), Vec::new(), 0);
    let result = copy(&image, &source, &mut target, &mut |event| match event {
        Event::Copied(bytes) => {
            assert!(bytes > done);
            done = bytes;
        }
        Event::Again { name, fault } => again.push(format!("{name}: {fault}")),
    });
    assert!(result.is_err() || done == image.bytes);
    // What is there is right: a bad piece is never written.
    assert!(source.bytes.starts_with(&target));
    let copied = target == source.bytes;
    Outcome { result, copied, again, forgotten: source.forgotten.into_inner().unwrap() }
}

#[test]
fn a_sound_image_is_copied_to_the_byte() {
    // One block, pieces that end in the middle, and a whole number of them.
    for blocks in [1, 3, 300, 1001] {
        let outcome = copied(blocks, 0, Trouble::Lies, 0);
        outcome.result.unwrap();
        assert!(outcome.copied && outcome.again.is_empty() && outcome.forgotten.is_empty());
    }
}

#[test]
fn trouble_that_goes_away_costs_a_second_read() {
    // Data, the top of the tree, and its second piece.
    for (at, piece) in [(302, 300), (1001, 1000), (1007, 1004)] {
        let at = at * BLOCK + 7;
        for trouble in [Trouble::Fails, Trouble::Lies] {
            let outcome = copied(1000, at, trouble, 1);
            outcome.result.unwrap();
            assert!(outcome.copied);
            assert_eq!(outcome.again.len(), 1, "{:?}", outcome.again);
            assert!(outcome.again[0].starts_with("sdx4: "));
            let offsets: Vec<_> = outcome.forgotten.iter().map(|(offset, _)| *offset).collect();
            assert_eq!(offsets, [piece * 4096]);
        }
    }
}

#[test]
fn trouble_that_stays_ends_the_copy() {
    let wanted = [Trouble::Fails, Trouble::Lies].into_iter().flat_map(|trouble| {
        [0, BLOCK * 302 + 7, BLOCK * 1001, BLOCK * 1007].map(|at| (trouble, at))
    });
    for (trouble, at) in wanted {
        let outcome = copied(1000, at, trouble, 2);
        assert!(!outcome.copied);
        assert_eq!(outcome.again.len(), 1);
        let Err(Error::Bad { name, fault }) = outcome.result else {
            panic!("{:?}", outcome.result)
        };
        assert_eq!(name, "sdx4");
        match (trouble, fault) {
            (Trouble::Fails, Fault::Read(ReadError::Io { .. })) => {}
            (Trouble::Lies, Fault::Content(anklume_verity::Error::Mismatch(mismatch))) => {
                let block = to_u64(at / BLOCK * BLOCK);
                assert_eq!(mismatch.block.offset, START + block);
                assert_ne!(mismatch.expected, mismatch.found);
            }
            (_, fault) => panic!("{fault}"),
        }
    }
}

#[test]
fn a_bad_superblock_is_read_again_too() {
    let outcome = copied(300, BLOCK * 300, Trouble::Lies, 1);
    outcome.result.unwrap();
    assert_eq!((outcome.copied, outcome.again.len()), (true, 1));
    let outcome = copied(300, BLOCK * 300, Trouble::Lies, 2);
    assert!(matches!(outcome.result, Err(Error::Bad { .. })), "{:?}", outcome.result);
}

#[test]
fn a_piece_that_failed_and_then_lies_is_not_read_a_third_time() {
    for at in [BLOCK * 10, BLOCK * 1001, BLOCK * 1007] {
        let (image, bytes) = image(1000);
        // The first read fails before it gets to the lie.
        let troubles = [(at, (Trouble::Fails, 1)), (at + 1, (Trouble::Lies, 1))];
        let troubles = Mutex::new(BTreeMap::from(troubles));
        let source = Flaky { bytes, troubles, forgotten: Mutex::default() };
        let result = copy(&image, &source, &mut Vec::new(), &mut |_| {});
        assert!(matches!(result, Err(Error::Bad { .. })), "{result:?}");
        assert_eq!(source.forgotten.into_inner().unwrap().len(), 1);
    }
}

#[test]
fn an_image_of_another_version_is_not_copied() {
    let (mut image, bytes) = image(300);
    image.root_hash = RootHash([3; 32]);
    let (troubles, forgotten) = (Mutex::default(), Mutex::default());
    let mut target = Vec::new();
    let result = copy(&image, &Flaky { bytes, troubles, forgotten }, &mut target, &mut |_| {});
    assert!(matches!(result, Err(Error::Bad { .. })) && target.is_empty());
}

#[test]
fn a_full_target_is_told() {
    let (image, bytes) = image(300);
    let (troubles, forgotten) = (Mutex::default(), Mutex::default());
    let mut room = vec![0; BLOCK * 260];
    let source = Flaky { bytes, troubles, forgotten };
    let result = copy(&image, &source, &mut room.as_mut_slice(), &mut |_| {});
    assert!(matches!(result, Err(Error::Target(_))), "{result:?}");
}
