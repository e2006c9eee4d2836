//! A map from 64 bits of a hash to small records.

/// Records of a piece.
const PIECE_RECORDS: usize = 4096;

/// A hash table with open addressing whose records never move: with a million records it takes 8
/// MiB and the records themselves, also while it grows. The keys are taken from a cryptographic
/// hash, so they are as random as a hash table wants them. Records with the same key may be there
/// side by side.
#[derive(Debug)]
pub(crate) struct Index<V> {
    /// Record number plus one, or 0; as many as a power of two, at most half of them used.
    slots: Vec<u32>,
    /// In pieces of [`PIECE_RECORDS`].
    records: Vec<Vec<(u64, V)>>,
    count: usize,
}

impl<V: Copy> Index<V> {
    pub(crate) fn new() -> Self {
        Self { slots: vec![0; 1024], records: Vec::new(), count: 0 }
    }

    /// The first record with this key that `fits`.
    pub(crate) fn find(&self, key: u64, fits: impl Fn(&V) -> bool) -> Option<V> {
        let mut slot = self.first_slot(key);
        loop {
            let record = self.record(*self.slots.get(slot)?)?;
            if record.0 == key && fits(&record.1) {
                return Some(record.1);
            }
            slot = self.next_slot(slot);
        }
    }

    /// Adds a record; `None` when there are 2³¹ already.
    #[must_use]
    pub(crate) fn insert(&mut self, key: u64, value: V) -> Option<()> {
        if self.count.saturating_mul(2) >= self.slots.len() {
            self.grow();
        }
        let number = u32::try_from(self.count.checked_add(1)?).ok()?;
        match self.records.last_mut() {
            Some(piece) if piece.len() < PIECE_RECORDS => piece.push((key, value)),
            _ => {
                let mut piece = Vec::with_capacity(PIECE_RECORDS);
                piece.push((key, value));
                self.records.push(piece);
            }
        }
        self.count = self.count.saturating_add(1);
        self.occupy(key, number);
        Some(())
    }

    fn occupy(&mut self, key: u64, number: u32) {
        let mut slot = self.first_slot(key);
        while self.slots.get(slot).is_some_and(|used| *used != 0) {
            slot = self.next_slot(slot);
        }
        if let Some(free) = self.slots.get_mut(slot) {
            *free = number;
        }
    }

    fn grow(&mut self) {
        let length = self.slots.len().saturating_mul(2);
        self.slots = Vec::new();
        self.slots = vec![0; length];
        let records = std::mem::take(&mut self.records);
        let mut number = 0_u32;
        for (key, _) in records.iter().flatten() {
            number = number.saturating_add(1);
            self.occupy(*key, number);
        }
        self.records = records;
    }

    fn record(&self, number: u32) -> Option<&(u64, V)> {
        let at = usize::try_from(number.checked_sub(1)?).ok()?;
        let piece = self.records.get(at.div_euclid(PIECE_RECORDS))?;
        piece.get(at.rem_euclid(PIECE_RECORDS))
    }

    fn first_slot(&self, key: u64) -> usize {
        usize::try_from(key & u64::from(u32::MAX)).unwrap_or(0) & self.slots.len().saturating_sub(1)
    }

    fn next_slot(&self, slot: usize) -> usize {
        slot.wrapping_add(1) & self.slots.len().saturating_sub(1)
    }
}

/// The first eight bytes of a hash, as a key.
pub(crate) fn key_of(hash: &[u8; 32]) -> u64 {
    anklume_bytes::le_u64(hash, 0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_after_growing() {
        let mut index = Index::new();
        // Many keys share their lower bits, so that slots collide.
        let key = |i: u64| (i % 10) | (i << 32);
        for i in 0..20_000 {
            index.insert(key(i), i).unwrap();
        }
        for i in 0..20_000 {
            assert_eq!(index.find(key(i), |_| true), Some(i));
        }
        assert_eq!(index.find(key(20_000), |_| true), None);
        assert_eq!(index.find(key(5), |_| false), None);
    }

    #[test]
    fn records_with_the_same_key_are_told_apart() {
        let mut index = Index::new();
        for value in 1..4_u32 {
            index.insert(7, value).unwrap();
        }
        assert_eq!(index.find(7, |_| true), Some(1));
        assert_eq!(index.find(7, |value| *value == 3), Some(3));
    }
}
