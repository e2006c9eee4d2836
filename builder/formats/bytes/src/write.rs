//! Writing to a disk, and what a disk promises about it.

use crate::ReadAt;

/// Bytes that can be written at any offset: a disk, or a file in its place.
///
/// # What is durable
/// A write that returned is seen by every later read, but is **durable only after a later
/// [`WriteAt::flush`] that returned `Ok`**. When the power is cut before that, each sector of 512
/// bytes that was written since the last flush holds its old or its new bytes, independently of
/// every other sector and of the order of the writes; a sector that was being written may also be
/// torn, that is, be new up to some byte and old from there on or the reverse. After a flush that
/// failed nothing is known about the writes before it: read them back or give up.
pub trait WriteAt: ReadAt {
    /// Writes `bytes` at `offset` (in bytes). Callers write whole sectors; a device may refuse
    /// anything else.
    ///
    /// # Errors
    /// [`WriteError::OutOfBounds`] when the range does not lie within [`ReadAt::size`]; nothing is
    /// written then. [`WriteError::Io`] when the device fails; the range is then unspecified.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), WriteError>;

    /// Makes every write before it durable, through the caches of the system and of the device.
    ///
    /// # Errors
    /// [`WriteError::Flush`] when the device fails.
    fn flush(&mut self) -> Result<(), WriteError>;
}

/// A write that did not happen, or not for certain.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The range ends behind the end of the disk.
    #[error("{length} bytes at byte {offset} end behind the end of the disk at byte {size}")]
    OutOfBounds {
        /// First byte of the range.
        offset: u64,
        /// Length of the range in bytes.
        length: u64,
        /// Length of the disk in bytes.
        size: u64,
    },
    /// The device or file failed.
    #[error("writing {length} bytes at byte {offset}: {source}")]
    Io {
        /// First byte of the range.
        offset: u64,
        /// Length of the range in bytes.
        length: u64,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The device or file could not be flushed.
    #[error("flushing: {source}")]
    Flush {
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl WriteAt for Vec<u8> {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), WriteError> {
        let size = self.size();
        let range = usize::try_from(offset)
            .ok()
            .and_then(|start| Some(start..start.checked_add(bytes.len())?))
            .and_then(|range| self.get_mut(range));
        let Some(range) = range else {
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            return Err(WriteError::OutOfBounds { offset, length, size });
        };
        range.copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        Ok(())
    }
}

impl<T: WriteAt + ?Sized> WriteAt for &mut T {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), WriteError> {
        (**self).write_at(offset, bytes)
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        (**self).flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_inside_and_nothing_outside() {
        let mut data = vec![0_u8; 4];
        data.write_at(1, &[7, 8]).unwrap();
        assert_eq!(data, [0, 7, 8, 0]);
        for offset in [3, u64::MAX] {
            let error = data.write_at(offset, &[9, 9]).unwrap_err();
            assert!(matches!(error, WriteError::OutOfBounds { length: 2, size: 4, .. }));
        }
        assert_eq!(data, [0, 7, 8, 0]);
    }
}
