//! Where the image goes.

use std::io;

use anklume_bytes::{ReadAt, ReadError};

use crate::Error;
use crate::layout::wide;

/// The file, or the part of a file, that receives the image.
///
/// What was written is read back when duplicates are compared byte by byte. Everything is called
/// from the thread that called [`crate::write()`].
pub trait Image: ReadAt {
    /// Writes `bytes` at `offset`, growing the image where it ends earlier. Whatever stood there
    /// before does not matter.
    ///
    /// # Errors
    /// What the device or file says; the writer gives up then.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
}

impl<T: Image + ?Sized> Image for &T {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        (**self).write_at(offset, bytes)
    }
}

/// Bytes gathered before they are written, so that small files do not cost a system call each.
const GATHERED_BYTES: usize = 1 << 20;
/// Bytes compared at a time.
const COMPARED_BYTES: usize = 64 << 10;

/// Writes one byte after the other; can take back what came last.
pub(crate) struct Appender<'a> {
    image: &'a dyn Image,
    /// Bytes that are in the image.
    flushed: u64,
    /// What follows them.
    pending: Vec<u8>,
    /// The most that [`Appender::flushed`] ever was: up to there, the image may hold bytes that
    /// were taken back.
    touched: u64,
}

impl<'a> Appender<'a> {
    pub(crate) fn new(image: &'a dyn Image) -> Self {
        let pending = Vec::with_capacity(GATHERED_BYTES.saturating_mul(2));
        Self { image, flushed: 0, pending, touched: 0 }
    }

    /// Where the next byte goes.
    pub(crate) fn position(&self) -> u64 {
        self.flushed.saturating_add(wide(self.pending.len()))
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.pending.extend_from_slice(bytes);
        match self.pending.len() >= GATHERED_BYTES {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Forgets everything from `position` on.
    pub(crate) fn rewind(&mut self, position: u64) {
        let kept = position.checked_sub(self.flushed).and_then(|kept| usize::try_from(kept).ok());
        self.pending.truncate(kept.unwrap_or(0));
        self.flushed = self.flushed.min(position);
    }

    /// Whether the `length` bytes at `left` and at `right` are the same.
    pub(crate) fn same(&self, left: u64, right: u64, length: u64) -> Result<bool, Error> {
        let (mut a, mut b) = (vec![0; COMPARED_BYTES], vec![0; COMPARED_BYTES]);
        let mut done = 0_u64;
        while done < length {
            let part = usize::try_from(length.saturating_sub(done)).unwrap_or(usize::MAX);
            let part = part.min(COMPARED_BYTES);
            let (Some(a), Some(b)) = (a.get_mut(..part), b.get_mut(..part)) else { break };
            self.read(left.saturating_add(done), a)?;
            self.read(right.saturating_add(done), b)?;
            if a != b {
                return Ok(false);
            }
            done = done.saturating_add(wide(part));
        }
        Ok(true)
    }

    /// Reads what was appended, whether it has reached the image or not.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), Error> {
        let in_image = usize::try_from(self.flushed.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (old, new) = buffer.split_at_mut(in_image.min(buffer.len()));
        if !old.is_empty() {
            self.image.read_at(offset, old)?;
        }
        if new.is_empty() {
            return Ok(());
        }
        let from = usize::try_from(offset.saturating_sub(self.flushed)).unwrap_or(usize::MAX);
        let held = self.pending.get(from..).and_then(|rest| rest.get(..new.len()));
        let Some(held) = held else {
            let (length, size) = (wide(new.len()), self.position());
            return Err(ReadError::OutOfBounds { offset, length, size }.into());
        };
        new.copy_from_slice(held);
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        write_at(self.image, self.flushed, &self.pending)?;
        self.flushed = self.position();
        self.touched = self.touched.max(self.flushed);
        self.pending.clear();
        Ok(())
    }

    /// Writes what is pending, overwrites with zeros what was taken back and not replaced, and puts
    /// `head` at the start.
    pub(crate) fn finish(mut self, head: &[u8]) -> Result<(), Error> {
        self.flush()?;
        let zeros = vec![0; COMPARED_BYTES];
        let mut at = self.flushed;
        while at < self.touched {
            let rest = usize::try_from(self.touched.saturating_sub(at)).unwrap_or(usize::MAX);
            let part = zeros.get(..rest).unwrap_or(&zeros);
            write_at(self.image, at, part)?;
            at = at.saturating_add(wide(part.len()));
        }
        write_at(self.image, 0, head)
    }
}

fn write_at(image: &dyn Image, offset: u64, bytes: &[u8]) -> Result<(), Error> {
    let length = wide(bytes.len());
    image.write_at(offset, bytes).map_err(|source| Error::Write { offset, length, source })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::RefCell;

    /// An image in memory.
    #[derive(Default)]
    pub(crate) struct Memory(pub(crate) RefCell<Vec<u8>>);

    impl ReadAt for Memory {
        fn size(&self) -> u64 {
            self.0.borrow().size()
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
            self.0.borrow().read_at(offset, buffer)
        }
    }

    impl Image for Memory {
        fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            let (mut image, start) = (self.0.borrow_mut(), offset as usize);
            let end = start + bytes.len();
            if image.len() < end {
                image.resize(end, 0xee);
            }
            image[start..end].copy_from_slice(bytes);
            Ok(())
        }
    }

    #[test]
    fn what_is_appended_can_be_read_wherever_it_is() {
        let memory = Memory::default();
        let mut appender = Appender::new(&memory);
        appender.append(&vec![1; GATHERED_BYTES]).unwrap();
        appender.append(&[2; 10]).unwrap();
        assert_eq!(appender.flushed, GATHERED_BYTES as u64);
        let mut both = [0; 4];
        appender.read(GATHERED_BYTES as u64 - 2, &mut both).unwrap();
        assert_eq!(both, [1, 1, 2, 2]);
        assert!(appender.read(GATHERED_BYTES as u64 + 9, &mut both).is_err());
        assert!(appender.same(0, 1000, 100_000).unwrap());
        assert!(!appender.same(0, GATHERED_BYTES as u64 - 99_999, 100_000).unwrap());
    }

    #[test]
    fn what_is_taken_back_leaves_zeros() {
        let memory = Memory::default();
        let mut appender = Appender::new(&memory);
        appender.append(&[1; 100]).unwrap();
        appender.append(&vec![2; GATHERED_BYTES]).unwrap();
        appender.append(&[3; 10]).unwrap();
        appender.rewind(100 + GATHERED_BYTES as u64 + 5);
        assert_eq!(appender.position(), 100 + GATHERED_BYTES as u64 + 5);
        appender.rewind(100);
        assert_eq!(appender.position(), 100);
        appender.append(&[4; 5]).unwrap();
        appender.finish(&[9; 2]).unwrap();
        let image = memory.0.borrow();
        assert_eq!(image[..106], [[9; 2].as_slice(), &[1; 98], &[4; 5], &[0]].concat());
        assert_eq!(image.len(), 100 + GATHERED_BYTES);
        assert!(image[105..].iter().all(|byte| *byte == 0));
    }
}
