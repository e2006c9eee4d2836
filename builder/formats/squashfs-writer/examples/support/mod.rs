//! A file that receives an image.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use anklume_bytes::{ReadAt, ReadError};
use anklume_squashfs_writer::Image;

pub(crate) struct ImageFile(pub(crate) File);

impl ReadAt for ImageFile {
    fn size(&self) -> u64 {
        self.0.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = buffer.len() as u64;
        let wrong = |source| ReadError::Io { offset, length, source };
        self.0.read_exact_at(buffer, offset).map_err(wrong)
    }
}

impl Image for ImageFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }
}
