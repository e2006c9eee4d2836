//! A part of something readable.

use crate::{ReadAt, ReadError};

/// A byte range of another [`ReadAt`], itself readable: a partition of a disk.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a, R: ?Sized> {
    inner: &'a R,
    start: u64,
    length: u64,
}

impl<'a, R: ReadAt + ?Sized> Window<'a, R> {
    /// The `length` bytes of `inner` from byte `start` on.
    ///
    /// # Errors
    /// [`ReadError::OutOfBounds`] when the range does not lie within `inner`.
    pub fn new(inner: &'a R, start: u64, length: u64) -> Result<Self, ReadError> {
        let size = inner.size();
        if start.checked_add(length).is_none_or(|end| end > size) {
            return Err(ReadError::OutOfBounds { offset: start, length, size });
        }
        Ok(Self { inner, start, length })
    }
}

impl<R: ReadAt + ?Sized> ReadAt for Window<'_, R> {
    fn size(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        let inside = offset.checked_add(length).is_some_and(|end| end <= self.length);
        match self.start.checked_add(offset) {
            Some(at) if inside => self.inner.read_at(at, buffer),
            _ => Err(ReadError::OutOfBounds { offset, length, size: self.length }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_reads_its_part_and_no_byte_more() {
        let data: Vec<u8> = (0..16).collect();
        let window = Window::new(&data, 4, 8).unwrap();
        let mut buffer = [0; 8];
        window.read_at(0, &mut buffer).unwrap();
        assert_eq!(buffer, [4, 5, 6, 7, 8, 9, 10, 11]);
        assert!(window.read_at(1, &mut buffer).is_err());
        assert!(window.read_at(u64::MAX, &mut buffer).is_err());
        assert!(Window::new(&data, 9, 8).is_err());
    }
}
