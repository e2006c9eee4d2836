//! The writes of a change, on disks that fail and on disks whose power is cut.

use std::convert::Infallible;

use anklume_bytes::WriteError;
use anklume_crash::{Entry, RecordingDisk, WithoutFlush, crash_states};
use anklume_slots::Slot;

use super::*;

const PLACES: [Option<u64>; 2] = [Some(512), Some(4096)];
const OLD: Record = Record::new();

fn new() -> Record {
    OLD.mark_good(Slot::A)
}

fn bytes(record: &Record) -> Vec<u8> {
    record.encode().unwrap()
}

/// A copy with a higher `seq` than [`OLD`], that says the same.
fn later() -> Vec<u8> {
    let [write, _] = Copies::parse([&bytes(&OLD), &[]]).update(&OLD).unwrap();
    write.bytes
}

fn junk() -> Vec<u8> {
    vec![0x55; 512]
}

/// Every pair of copies that says [`OLD`].
fn starts() -> [[Vec<u8>; 2]; 5] {
    let old = || bytes(&OLD);
    [[old(), old()], [old(), junk()], [junk(), old()], [old(), later()], [later(), old()]]
}

fn mark_good(record: Option<Record>) -> Result<Record, Infallible> {
    Ok(record.unwrap_or_default().mark_good(Slot::A))
}

fn writes(blocks: &[Vec<u8>; 2]) -> [Write; 2] {
    let copies = Copies::parse(blocks.each_ref().map(Vec::as_slice));
    prepare(&copies, mark_good).unwrap().1.unwrap()
}

/// Two copies in memory, one of which may be broken.
struct Fake {
    blocks: [Vec<u8>; 2],
    /// This copy refuses to be written, and holds half of the new bytes then.
    refuses: Option<usize>,
    /// This copy says that it was written, and holds half of the new bytes.
    lies: Option<usize>,
    /// This copy cannot be read.
    unreadable: Option<usize>,
    /// Copies that were written, in order.
    log: Vec<usize>,
}

impl Fake {
    fn new(blocks: [Vec<u8>; 2]) -> Self {
        Self { blocks, refuses: None, lies: None, unreadable: None, log: Vec::new() }
    }

    fn counts(&self) -> Option<Record> {
        Copies::parse(self.blocks.each_ref().map(Vec::as_slice)).record()
    }
}

impl Pair for Fake {
    fn has(&self, copy: usize) -> bool {
        !self.blocks[copy].is_empty()
    }

    fn write(&mut self, copy: usize, bytes: &[u8]) -> Result<(), WriteFault> {
        self.log.push(copy);
        let broken = [self.refuses, self.lies].contains(&Some(copy));
        let length = if broken { 60 } else { bytes.len() };
        self.blocks[copy][..length].copy_from_slice(&bytes[..length]);
        if self.refuses == Some(copy) {
            return Err(WriteError::Flush { source: std::io::Error::other("broken") }.into());
        }
        Ok(())
    }

    fn read(&mut self, copy: usize) -> Result<Vec<u8>, WriteFault> {
        if self.unreadable == Some(copy) {
            return Err(
                anklume_bytes::ReadError::OutOfBounds { offset: 0, length: 1, size: 0 }.into()
            );
        }
        Ok(self.blocks[copy].clone())
    }
}

#[test]
fn both_copies_are_written_the_one_that_counts_last() {
    for blocks in starts() {
        let order = Copies::parse(blocks.each_ref().map(Vec::as_slice)).order();
        let mut pair = Fake::new(blocks.clone());
        assert!(carry_out(&mut pair, &writes(&blocks)).unwrap().is_none());
        assert_eq!(pair.log, order);
        assert!(pair.counts().unwrap().says_the_same(&new()));
        assert_eq!(pair.blocks[0], pair.blocks[1]);
    }
}

#[test]
fn after_a_first_write_that_failed_the_other_copy_is_left_alone() {
    for blocks in starts() {
        let writes = writes(&blocks);
        let [first, second] = [writes[0].copy, writes[1].copy];
        let broken: [fn(&mut Fake, usize); 3] = [
            |pair, copy| pair.refuses = Some(copy),
            |pair, copy| pair.lies = Some(copy),
            |pair, copy| pair.unreadable = Some(copy),
        ];
        for (number, breaks) in broken.into_iter().enumerate() {
            let mut pair = Fake::new(blocks.clone());
            breaks(&mut pair, first);
            let (copy, fault) = carry_out(&mut pair, &writes).unwrap_err();
            assert_eq!((copy, pair.log.as_slice()), (first, [first].as_slice()));
            assert_eq!(pair.blocks[second], blocks[second]);
            assert!(pair.counts().is_some());
            let expected = match number {
                0 => matches!(fault, WriteFault::Write(_)),
                1 => matches!(fault, WriteFault::Differs(60..)),
                _ => matches!(fault, WriteFault::Read(_)),
            };
            assert!(expected, "{fault}");
        }
    }
}

#[test]
fn after_a_second_write_that_failed_the_change_is_made_with_a_warning() {
    for blocks in starts() {
        let writes = writes(&blocks);
        let second = writes[1].copy;
        let broken: [fn(&mut Fake, usize); 3] = [
            |pair, copy| pair.refuses = Some(copy),
            |pair, copy| pair.lies = Some(copy),
            |pair, copy| pair.unreadable = Some(copy),
        ];
        for breaks in broken {
            let mut pair = Fake::new(blocks.clone());
            breaks(&mut pair, second);
            let (copy, _) = carry_out(&mut pair, &writes).unwrap().unwrap();
            assert_eq!(copy, second);
            assert!(pair.counts().unwrap().says_the_same(&new()));
        }
    }
}

#[test]
fn without_a_file_the_other_copy_is_written() {
    for [first, second] in starts() {
        for blocks in [[first, Vec::new()], [Vec::new(), second]] {
            let mut pair = Fake::new(blocks.clone());
            assert!(carry_out(&mut pair, &writes(&blocks)).unwrap().is_none());
            assert!(pair.counts().unwrap().says_the_same(&new()));
            let there = usize::from(blocks[0].is_empty());
            assert_eq!(pair.log, [there]);
            pair = Fake::new(blocks.clone());
            pair.refuses = Some(there);
            assert_eq!(carry_out(&mut pair, &writes(&blocks)).unwrap_err().0, there);
        }
    }
}

#[test]
fn a_change_that_does_not_count_is_not_made() {
    // The last number: the new record has the first one again.
    let text = String::from_utf8(bytes(&OLD)).unwrap();
    let last = text.replace("100000000\n", "999999999\n").replace("1000000000", "9999999990");
    let blocks = [last.clone().into_bytes(), last.into_bytes()];
    let writes = writes(&blocks);
    /// A disk that does not write the second copy, and keeps what was there.
    struct Stubborn(Fake);
    impl Pair for Stubborn {
        fn has(&self, _copy: usize) -> bool {
            true
        }
        fn write(&mut self, copy: usize, bytes: &[u8]) -> Result<(), WriteFault> {
            if self.0.log.is_empty() { self.0.write(copy, bytes) } else { Ok(()) }
        }
        fn read(&mut self, copy: usize) -> Result<Vec<u8>, WriteFault> {
            self.0.read(copy)
        }
    }
    let mut pair = Stubborn(Fake::new(blocks));
    let (_, fault) = carry_out(&mut pair, &writes).unwrap_err();
    assert!(matches!(fault, WriteFault::Differs(_)), "{fault}");
    assert!(pair.0.counts().unwrap().says_the_same(&OLD));
}

#[test]
fn what_is_said_already_is_not_written_unless_a_copy_is_missing() {
    let same = |record: Option<Record>| Ok::<_, Infallible>(record.unwrap_or_default());
    let [both, damaged, ..] = starts();
    for (blocks, expected) in [(both, false), (damaged, true)] {
        let copies = Copies::parse(blocks.each_ref().map(Vec::as_slice));
        let (record, writes) = prepare(&copies, same).unwrap();
        assert_eq!(writes.is_some(), expected);
        assert!(record.says_the_same(&OLD));
    }
    let lost = prepare(&Copies::default(), same).unwrap();
    assert!(lost.1.is_some());
}

#[test]
fn the_record_that_is_returned_is_the_one_that_was_written() {
    for blocks in starts() {
        let copies = Copies::parse(blocks.each_ref().map(Vec::as_slice));
        let (record, writes) = prepare(&copies, mark_good).unwrap();
        let mut pair = Fake::new(blocks);
        carry_out(&mut pair, &writes.unwrap()).unwrap();
        assert_eq!(pair.counts(), Some(record));
        assert!(record.seq() > copies.record().unwrap().seq());
    }
}

/// A disk with two copies.
fn disk(blocks: &[Vec<u8>; 2]) -> Vec<u8> {
    let mut disk = vec![0xee; 8192];
    for (place, block) in PLACES.into_iter().flatten().zip(blocks) {
        let place = usize::try_from(place).unwrap();
        disk[place..place + 512].copy_from_slice(block);
    }
    disk
}

/// Makes the change on `disk`, as [`Medium::update`] does.
fn run<D: WriteAt>(disk: D) -> D {
    let (_, writes) = prepare(&copies(&disk, PLACES).unwrap(), mark_good).unwrap();
    let mut pair = OnDisk { disk, places: PLACES };
    assert!(carry_out(&mut pair, &writes.unwrap()).unwrap().is_none());
    pair.disk
}

/// A state after a power cut in which neither the old nor the new record counts, or after the end
/// of which not everything is durable.
fn wrong_state(base: &Vec<u8>, log: &[Entry]) -> Option<String> {
    let is_wrong = |found: &Copies, is_after_the_end| match found.record() {
        Some(record) if is_after_the_end => !record.says_the_same(&new()) || !found.agree(),
        Some(record) => !record.says_the_same(&OLD) && !record.says_the_same(&new()),
        None => true,
    };
    let mut states = crash_states(base, log);
    let wrong = states
        .find(|state| is_wrong(&copies(state, PLACES).unwrap(), state.cut.is_after_the_end()));
    wrong.map(|state| state.cut.to_string())
}

#[test]
fn a_power_cut_leaves_the_old_record_or_the_new_one() {
    for blocks in starts() {
        let base = disk(&blocks);
        let done = run(RecordingDisk::over(&base));
        assert_eq!(wrong_state(&base, done.log()), None);
        let writes = done.log().iter().filter(|entry| matches!(entry, Entry::Write { .. }));
        assert_eq!(writes.count(), 2);
    }
}

#[test]
fn every_flush_is_needed() {
    for nth in 0..2 {
        let wrong = starts().iter().any(|blocks| {
            let base = disk(blocks);
            let done = run(WithoutFlush::new(RecordingDisk::over(&base), nth));
            assert!(done.left_one_out());
            wrong_state(&base, done.into_inner().log()).is_some()
        });
        assert!(wrong, "flush {nth}");
    }
}

#[test]
fn a_file_is_durable_when_it_was_written() {
    let base = vec![0; 8192];
    let mut disk = RecordingDisk::over(&base);
    put_at(&mut disk, 4096, &[7; 4096]).unwrap();
    let ends = crash_states(&base, disk.log()).filter(|state| state.cut.is_after_the_end());
    let mut count = 0;
    for state in ends {
        assert_eq!(state.read_vec(4096, 4096, 4096).unwrap(), [7; 4096]);
        count += 1;
    }
    assert!(count > 0);
}
