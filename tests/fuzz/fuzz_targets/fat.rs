//! Reading any bytes as a FAT file system ends without a panic; extents lie within it and add up to
//! the size of their file; and a file system without a problem can be listed and read in full.
//!
//! Zeros follow the input, so that a few bytes can be a large file system.
#![no_main]

use anklume_bytes::{ReadAt, ReadError};
use anklume_fat::FileSystem;
use libfuzzer_sys::fuzz_target;

const SIZE: u64 = 8 << 20;

struct Padded<'a>(&'a [u8]);

impl ReadAt for Padded<'_> {
    fn size(&self) -> u64 {
        SIZE
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = buffer.len() as u64;
        if offset.checked_add(length).is_none_or(|end| end > SIZE) {
            return Err(ReadError::OutOfBounds { offset, length, size: SIZE });
        }
        buffer.fill(0);
        let rest = self.0.get(offset as usize..).unwrap_or_default();
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(())
    }
}

fuzz_target!(|data: &[u8]| {
    let disk = Padded(data);
    let Ok(file_system) = FileSystem::open(&disk) else { return };
    let is_sound = file_system.check().is_ok_and(|problems| problems.is_empty());
    let list = file_system.list();
    assert!(list.is_ok() || !is_sound);
    for entry in list.iter().flatten().take(100) {
        let Ok(extents) = file_system.extents(entry) else {
            assert!(!is_sound);
            continue;
        };
        assert!(extents.iter().all(|extent| extent.offset + extent.length <= SIZE));
        if !entry.is_directory {
            assert_eq!(extents.iter().map(|extent| extent.length).sum::<u64>(), entry.size);
            let content = file_system.read(entry, SIZE).expect("its extents are readable");
            assert_eq!(content.len() as u64, entry.size);
        }
    }
});
