//! Inodes that wait for the end of the image.
//!
//! How many names a file has is known only when the last entry has come, and directories name
//! inodes by their place in the compressed table. So inodes are noted here, compressed, and put
//! into tables at the end.

use std::io::{self, BufReader, Read, Write};

use zstd::stream::{read::Decoder, write::Encoder};

use super::Segments;
use super::segments::SegmentsReader;
use crate::Error;
use crate::layout::InodeType;

/// A fast level: the log is written once and read once.
const LEVEL: i32 = 1;

/// What all inodes have (`struct squashfs_base_inode`, with the number of the attributes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: InodeType,
    pub(crate) mode: u16,
    /// Places of owner and group in the ID table.
    pub(crate) uid: u16,
    pub(crate) gid: u16,
    pub(crate) mtime: u32,
    pub(crate) number: u32,
    /// Number of the attributes, [`crate::layout::NO_XATTR`] for none.
    pub(crate) xattr: u32,
}

impl Head {
    /// The head as bytes of a record; what the inode has besides follows.
    pub(crate) fn record(&self) -> Vec<u8> {
        let mut record = vec![self.kind.id()];
        for half in [self.mode, self.uid, self.gid] {
            record.extend(half.to_le_bytes());
        }
        for word in [self.mtime, self.number, self.xattr] {
            record.extend(word.to_le_bytes());
        }
        record
    }
}

/// Writes records.
pub(crate) struct Log(Encoder<'static, Segments>);

impl Log {
    pub(crate) fn new() -> Result<Self, Error> {
        Encoder::new(Segments::default(), LEVEL).map(Self).map_err(Error::Compress)
    }

    pub(crate) fn push(&mut self, record: &[u8]) -> Result<(), Error> {
        self.0.write_all(record).map_err(Error::Compress)
    }

    pub(crate) fn into_reader(self) -> Result<LogReader, Error> {
        let segments = self.0.finish().map_err(Error::Compress)?;
        Decoder::new(segments.into_reader()).map(LogReader).map_err(Error::Compress)
    }
}

/// Reads records back.
pub(crate) struct LogReader(Decoder<'static, BufReader<SegmentsReader>>);

impl LogReader {
    /// The next head, `None` at the end.
    pub(crate) fn head(&mut self) -> Result<Option<Head>, Error> {
        let mut kind = [0];
        if self.0.read(&mut kind).map_err(Error::Compress)? == 0 {
            return Ok(None);
        }
        let [kind] = kind;
        let kind = InodeType::from_id(kind).ok_or(Error::Inconsistent { object: "inode log" })?;
        Ok(Some(Head {
            kind,
            mode: self.half()?,
            uid: self.half()?,
            gid: self.half()?,
            mtime: self.word()?,
            number: self.word()?,
            xattr: self.word()?,
        }))
    }

    pub(crate) fn half(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn word(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn long(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn bytes(&mut self, length: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let found = (&mut self.0).take(length).read_to_end(&mut bytes).map_err(Error::Compress)?;
        match u64::try_from(found) == Ok(length) {
            true => Ok(bytes),
            false => Err(Error::Inconsistent { object: "inode log" }),
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::Inconsistent { object: "inode log" },
            _ => Error::Compress(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back() {
        let mut log = Log::new().unwrap();
        let head = |number| Head {
            kind: InodeType::Fifo,
            mode: 0o644,
            uid: 1,
            gid: 2,
            mtime: 3,
            number,
            xattr: u32::MAX,
        };
        for number in 0..1000 {
            log.push(&head(number).record()).unwrap();
            log.push(&[7; 3]).unwrap();
        }
        let mut reader = log.into_reader().unwrap();
        for number in 0..1000 {
            assert_eq!(reader.head().unwrap().unwrap(), head(number));
            assert_eq!(reader.bytes(3).unwrap(), [7; 3]);
        }
        assert!(reader.head().unwrap().is_none());
        assert!(reader.half().is_err());
        assert!(reader.bytes(1).is_err());
    }
}
