use std::ops::Range;

use anklume_bytes::{ReadAt, ReadError, WriteError};

use super::*;

/// Remembers what is written.
struct Disk {
    bytes: Vec<u8>,
    writes: Vec<Range<u64>>,
}

impl ReadAt for Disk {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.bytes.read_at(offset, buffer)
    }
}

impl WriteAt for Disk {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), WriteError> {
        self.writes.push(offset..offset + bytes.len() as u64);
        self.bytes.write_at(offset, bytes)
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        Ok(())
    }
}

const MIB: u64 = WRITE_BYTES;

fn disk(bytes: u64) -> Disk {
    Disk { bytes: vec![1; bytes as usize], writes: Vec::new() }
}

#[test]
fn writes_are_large_and_begin_at_their_multiples() {
    let mut disk = disk(4 * MIB);
    let mut writer = Writer::new(&mut disk, Part::Boot, None);
    let new: Vec<u8> = (0..3 * MIB + 1536).map(|at| (at % 251) as u8).collect();
    for piece in new.chunks(70_001) {
        writer.push(piece, false).unwrap();
    }
    assert_eq!(writer.at(), new.len() as u64);
    writer.finish().unwrap();
    assert_eq!(disk.writes, [0..MIB, MIB..2 * MIB, 2 * MIB..3 * MIB, 3 * MIB..3 * MIB + 1536]);
    assert!(disk.bytes.starts_with(&new) && disk.bytes[new.len()..].iter().all(|byte| *byte == 1));
}

#[test]
fn what_is_there_is_not_written() {
    let mut disk = disk(4 * MIB);
    let mut writer = Writer::new(&mut disk, Part::Boot, None);
    let kept = vec![1; MIB as usize + 5000];
    writer.push(&kept, true).unwrap();
    writer.push(&[2; 100], false).unwrap();
    writer.push(&kept, true).unwrap();
    writer.finish().unwrap();
    // The new bytes, and what shares a block with them.
    assert_eq!((disk.writes.len(), &disk.writes[0]), (1, &(MIB + 4096..MIB + 8192)));
    assert_eq!(disk.bytes.iter().filter(|byte| **byte == 2).count(), 100);
    assert_eq!(disk.bytes[MIB as usize + 5000..][..100], [2; 100]);
}

#[test]
fn what_ends_early_is_saved_in_whole_blocks() {
    let mut disk = disk(2 * MIB);
    let mut writer = Writer::new(&mut disk, Part::Boot, None);
    writer.push(&[2; 9000], false).unwrap();
    writer.save().unwrap();
    assert_eq!((disk.writes.len(), &disk.writes[0]), (1, &(0..8192)));
    let mut writer = Writer::new(&mut disk, Part::Boot, None);
    writer.push(&[2; 4000], false).unwrap();
    writer.save().unwrap();
    assert_eq!(disk.writes.len(), 1);
}

#[test]
fn what_was_pushed_is_read_whether_it_was_written_or_not() {
    let mut disk = disk(2 * MIB);
    let mut writer = Writer::new(&mut disk, Part::Boot, None);
    writer.push(&vec![2; MIB as usize], false).unwrap();
    writer.push(&[3; 100], false).unwrap();
    let mut bytes = [0; 300];
    writer.read(MIB - 100, &mut bytes).unwrap();
    assert_eq!(bytes, [[2; 100], [3; 100], [1; 100]].concat()[..]);
    let mut bytes = [0; 10];
    writer.read(MIB + 5, &mut bytes).unwrap();
    assert_eq!(bytes, [3; 10]);
    assert!(writer.read(2 * MIB, &mut bytes).is_err());
}

#[test]
fn the_mark_is_held_back_and_read_as_it_will_be() {
    // Data of 300 blocks: more than one write.
    let data: Vec<u8> = (0..300 * 4096).map(|at| (at / 4096 * 7 + at % 250) as u8).collect();
    let data_bytes = data.len() as u64;
    let params = || anklume_verity::Params { salt: vec![1], uuid: [0; 16] };
    let mut builder = Builder::new(params(), data_bytes).unwrap();
    builder.update(&data).unwrap();
    let expected = builder.finish().unwrap();
    let builder = Builder::new(params(), data_bytes).unwrap();
    let withheld = data_bytes..data_bytes + 4096;
    let hashing = Hashing { builder, done: 0, withheld, mark: Vec::new() };
    let mut disk = disk(2 * MIB);
    let mut writer = Writer::new(&mut disk, Part::Os, Some(hashing));
    let all = [&data[..], &[9; 4096]].concat();
    for piece in all.chunks(1001) {
        writer.push(piece, false).unwrap();
    }
    let mut bytes = [0; 200];
    writer.read(data_bytes - 100, &mut bytes).unwrap();
    assert_eq!(bytes[..100], data[data.len() - 100..]);
    assert_eq!(bytes[100..], [9; 100]);
    let (tree, mark) = writer.tree().unwrap().unwrap();
    assert_eq!((tree.root_hash, mark), (expected.root_hash, vec![9; 4096]));
    writer.push(&[5; 4096], false).unwrap();
    writer.finish().unwrap();
    assert_eq!(disk.bytes[data.len()..][..4096], [0; 4096]);
    assert_eq!(disk.bytes[data.len() + 4096..][..4096], [5; 4096]);
}
