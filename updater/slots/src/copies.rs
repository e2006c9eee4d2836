//! Two copies: which one counts, and in which order they are written.

use anklume_grubenv::Error;

use crate::record::Record;

/// Bytes of a copy: what a disk writes whole or not at all.
pub const SECTOR_BYTES: usize = 512;

/// The two copies as they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copies([Option<Record>; 2]);

/// A copy to be written in place, and made durable before the next one is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Which copy: 0 or 1.
    pub copy: usize,
    /// [`SECTOR_BYTES`] bytes.
    pub bytes: Vec<u8>,
}

impl Copies {
    /// Reads both copies. One that cannot be read is an empty slice.
    #[must_use]
    pub fn parse(blocks: [&[u8]; 2]) -> Self {
        Self(blocks.map(Record::parse))
    }

    /// The record that counts.
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        match self.0 {
            [Some(first), Some(second)] if second.seq > first.seq => Some(second),
            [Some(first), _] => Some(first),
            [None, second] => second,
        }
    }

    /// The order in which the copies are written: the one that counts comes last.
    #[must_use]
    pub fn order(&self) -> [usize; 2] {
        let [first, _] = self.0;
        if first.is_some() && self.record() == first { [1, 0] } else { [0, 1] }
    }

    /// Whether both are valid and say the same.
    #[must_use]
    pub fn agree(&self) -> bool {
        let [first, second] = self.0;
        first.is_some() && first == second
    }

    /// The writes that make both copies say what `record` says, in [`Copies::order`].
    ///
    /// # Errors
    /// None that happens, see [`Record::encode`].
    pub fn update(&self, record: &Record) -> Result<[Write; 2], Error> {
        let counts = self.record();
        let seq = counts.map_or(record.seq, |counts| counts.seq);
        let bytes = Record { seq, turn: false, ..*record }.next().encode()?;
        Ok(self.order().map(|copy| Write { copy, bytes: bytes.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Slot, decide};

    fn bytes(record: Record) -> Vec<u8> {
        record.encode().unwrap()
    }

    #[test]
    fn the_later_copy_counts_and_of_equal_ones_the_first() {
        let old = Record::new();
        let new = Record { left: 1, ..old.next() };
        let record = |first: &[u8], second: &[u8]| Copies::parse([first, second]).record();
        assert_eq!(record(&bytes(old), &bytes(new)), Some(new));
        assert_eq!(record(&bytes(new), &bytes(old)), Some(new));
        assert_eq!(record(&bytes(old), &[0; 512]), Some(old));
        assert_eq!(record(b"", &bytes(old)), Some(old));
        assert_eq!(record(b"", b""), None);
        // GRUB wrote the first one and not the second.
        let counted = decide(&old).record;
        assert_eq!(record(&bytes(counted), &bytes(old)), Some(counted));
        assert!(!Copies::parse([&bytes(counted), &bytes(old)]).agree());
        assert!(Copies::parse([&bytes(old), &bytes(old)]).agree());
        assert!(!Copies::default().agree());
    }

    #[test]
    fn what_counts_is_overwritten_last() {
        let (old, new) = (Record::new(), Record::new().mark_good(Slot::A));
        for (first, second, order) in [
            (bytes(old), bytes(old), [1, 0]),
            (bytes(old), vec![], [1, 0]),
            (vec![], bytes(old), [0, 1]),
            (bytes(old), bytes(old.next()), [0, 1]),
        ] {
            let copies = Copies::parse([&first, &second]);
            let writes = copies.update(&new).unwrap();
            assert_eq!(writes.each_ref().map(|write| write.copy), order);
            let mut blocks = [first, second];
            for write in writes {
                blocks[write.copy] = write.bytes;
                let found = Copies::parse([&blocks[0], &blocks[1]]).record().unwrap();
                assert!(found.says_the_same(&new), "after the first write it counts");
            }
            assert!(Copies::parse([&blocks[0], &blocks[1]]).agree());
        }
    }

    #[test]
    fn numbers_begin_anew_when_they_are_used_up() {
        let last = Record { seq: 999_999_999, ..Record::new() };
        let copies = Copies::parse([&bytes(last), &bytes(last)]);
        let new = Record::new().mark_good(Slot::A);
        let mut blocks = [bytes(last), bytes(last)];
        for write in copies.update(&new).unwrap() {
            blocks[write.copy] = write.bytes;
            assert!(Copies::parse([&blocks[0], &blocks[1]]).record().is_some());
        }
        let record = Copies::parse([&blocks[0], &blocks[1]]).record().unwrap();
        assert_eq!((record.seq, record.good), (100_000_000, Some(Slot::A)));
    }
}
