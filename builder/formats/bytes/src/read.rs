//! The one I/O trait of the format crates.

/// Bytes that can be read at any offset: a disk, a partition, a file, a vector.
pub trait ReadAt {
    /// Length in bytes.
    fn size(&self) -> u64;

    /// Fills `buffer` from `offset` (in bytes).
    ///
    /// # Errors
    /// [`ReadError::OutOfBounds`] when the range does not lie within [`ReadAt::size`], and
    /// [`ReadError::Io`] when the device fails. The content of `buffer` is then unspecified.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError>;

    /// Reads `length` bytes at `offset` into a new vector.
    ///
    /// The range is checked against [`ReadAt::size`] before anything is allocated, and `length` is
    /// refused above `limit`: a length field of an image never decides how much memory is taken.
    ///
    /// # Errors
    /// As [`ReadAt::read_at`], and [`ReadError::TooLong`] above `limit`.
    fn read_vec(&self, offset: u64, length: u64, limit: u64) -> Result<Vec<u8>, ReadError> {
        if length > limit {
            return Err(ReadError::TooLong { offset, length, limit });
        }
        let size = self.size();
        let end = offset.checked_add(length);
        if end.is_none_or(|end| end > size) {
            return Err(ReadError::OutOfBounds { offset, length, size });
        }
        let capacity =
            usize::try_from(length).map_err(|_| ReadError::TooLong { offset, length, limit })?;
        let mut buffer = vec![0; capacity];
        self.read_at(offset, &mut buffer)?;
        Ok(buffer)
    }
}

/// A read that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The range ends behind the end of the data.
    #[error("{length} bytes at byte {offset} end behind the end of the data at byte {size}")]
    OutOfBounds {
        /// First byte of the range.
        offset: u64,
        /// Length of the range in bytes.
        length: u64,
        /// Length of the data in bytes.
        size: u64,
    },
    /// More bytes than the caller is ready to hold.
    #[error(
        "{length} bytes at byte {offset} are more than the {limit} that this structure may have"
    )]
    TooLong {
        /// First byte of the range.
        offset: u64,
        /// Length of the range in bytes.
        length: u64,
        /// The most that the caller allows, in bytes.
        limit: u64,
    },
    /// The device or file failed.
    #[error("reading {length} bytes at byte {offset}: {source}")]
    Io {
        /// First byte of the range.
        offset: u64,
        /// Length of the range in bytes.
        length: u64,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl ReadAt for [u8] {
    fn size(&self) -> u64 {
        u64::try_from(self.len()).unwrap_or(u64::MAX)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let range = usize::try_from(offset)
            .ok()
            .and_then(|start| Some(start..start.checked_add(buffer.len())?))
            .and_then(|range| self.get(range));
        let Some(bytes) = range else {
            let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
            return Err(ReadError::OutOfBounds { offset, length, size: self.size() });
        };
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn size(&self) -> u64 {
        self.as_slice().size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.as_slice().read_at(offset, buffer)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &mut T {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        (**self).read_at(offset, buffer)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        (**self).read_at(offset, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_inside_and_refuses_outside() {
        let data = vec![1_u8, 2, 3, 4];
        let mut two = [0; 2];
        data.read_at(2, &mut two).unwrap();
        assert_eq!(two, [3, 4]);
        assert!(matches!(data.read_at(3, &mut two), Err(ReadError::OutOfBounds { .. })));
        assert!(matches!(data.read_at(u64::MAX, &mut two), Err(ReadError::OutOfBounds { .. })));
    }

    #[test]
    fn a_length_field_never_decides_the_allocation() {
        let data = vec![0_u8; 16];
        assert!(matches!(data.read_vec(0, u64::MAX, 8), Err(ReadError::TooLong { .. })));
        assert!(matches!(data.read_vec(8, 1 << 60, u64::MAX), Err(ReadError::OutOfBounds { .. })));
        assert_eq!(data.read_vec(8, 8, 8).unwrap().len(), 8);
    }
}
