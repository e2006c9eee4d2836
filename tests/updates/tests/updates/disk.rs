//! What lies on a disk, without the zeros.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of a piece.
const PIECE: usize = 64 << 10;
static ZEROS: [u8; PIECE] = [0; PIECE];

/// What lies on a disk: the pieces that are not all zeros, by their offsets.
#[derive(PartialEq, Eq)]
pub(crate) struct Disk {
    bytes: u64,
    pieces: BTreeMap<u64, Vec<u8>>,
}

impl Disk {
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        let mut disk = Self { bytes: bytes.len() as u64, pieces: BTreeMap::new() };
        for (number, piece) in bytes.chunks(PIECE).enumerate() {
            disk.add((number * PIECE) as u64, piece);
        }
        disk
    }

    pub(crate) fn read(path: &Path) -> Self {
        let file = File::open(path).unwrap();
        let mut disk = Self { bytes: file.metadata().unwrap().len(), pieces: BTreeMap::new() };
        let mut buffer = vec![0; PIECE];
        for offset in (0..disk.bytes).step_by(PIECE) {
            let piece = &mut buffer[..PIECE.min((disk.bytes - offset) as usize)];
            file.read_exact_at(piece, offset).unwrap();
            disk.add(offset, piece);
        }
        disk
    }

    fn add(&mut self, offset: u64, piece: &[u8]) {
        if *piece != ZEROS[..piece.len()] {
            self.pieces.insert(offset, piece.to_vec());
        }
    }

    /// Makes the file anew.
    pub(crate) fn write(&self, path: &Path) {
        let file = File::create(path).unwrap();
        file.set_len(self.bytes).unwrap();
        for (offset, piece) in &self.pieces {
            file.write_all_at(piece, *offset).unwrap();
        }
    }

    /// The first piece in which both differ outside of `except`.
    pub(crate) fn difference(&self, other: &Self, except: &[Range<u64>]) -> Option<u64> {
        if self.bytes != other.bytes {
            return Some(self.bytes.min(other.bytes));
        }
        let offsets = self.pieces.keys().chain(other.pieces.keys());
        let differs = |offset: &u64| self.piece(*offset, except) != other.piece(*offset, except);
        offsets.copied().find(differs)
    }

    /// A piece, with zeros in place of what is in `except`.
    fn piece(&self, offset: u64, except: &[Range<u64>]) -> Vec<u8> {
        let mut piece = self.pieces.get(&offset).cloned().unwrap_or_else(|| ZEROS.to_vec());
        let end = offset + piece.len() as u64;
        for range in except {
            let (from, to) = (range.start.max(offset), range.end.min(end));
            if from < to {
                piece[(from - offset) as usize..(to - offset) as usize].fill(0);
            }
        }
        piece
    }
}

#[test]
fn a_difference_is_found_and_what_is_excepted_is_not() {
    let mut bytes = vec![0; 3 * PIECE];
    let before = Disk::of_bytes(&bytes);
    bytes[PIECE + 7] = 1;
    let after = Disk::of_bytes(&bytes);
    let at = PIECE as u64;
    assert_eq!(after.difference(&before, &[]), Some(at));
    assert_eq!(before.difference(&after, &[at + 8..at + 99, 0..at + 7]), Some(at));
    assert_eq!(before.difference(&after, &[at + 7..at + 8, 0..1]), None);
    assert_eq!(before.difference(&Disk::of_bytes(&bytes[..at as usize]), &[]), Some(at));
}
