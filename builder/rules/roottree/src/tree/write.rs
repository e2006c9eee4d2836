//! Pieces, written as an archive.

use super::Piece;
use crate::error::Error;
use anklume_bytes::ReadAt;
use std::io::{self, Read, Write};

/// Opens the content of an added file by the key of its [`super::Content::Source`].
pub type Sources<'a> = &'a dyn Fn(&str) -> io::Result<Box<dyn Read>>;

/// Bytes read and written at once.
const BUFFER_BYTES: usize = 1 << 20;
/// [`BUFFER_BYTES`], as a length in the archive.
const BUFFER: u64 = 1 << 20;

/// Writes the archive of `pieces` to `out`. `tar` is the archive of the index that they were made
/// from; `progress` gets the bytes written so far. Returns their number in the end.
///
/// Members that lie close together in `tar` are read in one go.
///
/// # Errors
/// [`Error::Read`], [`Error::Write`], [`Error::Source`], and [`Error::SourceLength`] for an added
/// file that is not as long as its piece.
pub fn write<R: ReadAt + ?Sized>(
    pieces: &[Piece],
    tar: &R,
    sources: Sources<'_>,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, Error> {
    let buffer = Vec::with_capacity(BUFFER_BYTES);
    let mut sink = Sink { out, buffer, written: 0, progress };
    let mut window = Window { tar, bytes: Vec::new(), start: 0 };
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => sink.push(bytes)?,
            Piece::CopyRange { start, length } => window.copy(*start, *length, &mut sink)?,
            Piece::Source { key, length } => source(sources, key, *length, &mut sink)?,
        }
    }
    sink.flush()?;
    sink.out.flush().map_err(Error::Write)?;
    Ok(sink.written)
}

struct Sink<'a> {
    out: &'a mut dyn Write,
    buffer: Vec<u8>,
    written: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl Sink<'_> {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.buffer.len().saturating_add(bytes.len()) > BUFFER_BYTES {
            self.flush()?;
        }
        if bytes.len() >= BUFFER_BYTES {
            return self.write(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let result = self.write(&buffer);
        buffer.clear();
        self.buffer = buffer;
        result
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.write_all(bytes).map_err(Error::Write)?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.written = self.written.saturating_add(length);
        (self.progress)(self.written);
        Ok(())
    }
}

/// The part of the old archive that is in memory.
struct Window<'a, R: ?Sized> {
    tar: &'a R,
    bytes: Vec<u8>,
    start: u64,
}

impl<R: ReadAt + ?Sized> Window<'_, R> {
    fn copy(&mut self, start: u64, length: u64, sink: &mut Sink<'_>) -> Result<(), Error> {
        let (mut at, mut left) = (start, length);
        while left > 0 {
            let part = left.min(BUFFER);
            if self.held(at, part).is_none() {
                self.fill(at, part)?;
            }
            let out_of_bounds = || anklume_bytes::ReadError::OutOfBounds {
                offset: at,
                length: part,
                size: self.tar.size(),
            };
            sink.push(self.held(at, part).ok_or_else(out_of_bounds)?)?;
            at = at.saturating_add(part);
            left = left.saturating_sub(part);
        }
        Ok(())
    }

    fn held(&self, at: u64, length: u64) -> Option<&[u8]> {
        let from = usize::try_from(at.checked_sub(self.start)?).ok()?;
        let to = from.checked_add(usize::try_from(length).ok()?)?;
        self.bytes.get(from..to)
    }

    /// Reads on from `at`: a whole buffer where the last one ended shortly before, otherwise only
    /// what is needed, since the members of an unsorted archive are far from each other.
    fn fill(&mut self, at: u64, needed: u64) -> Result<(), Error> {
        let end = self.start.saturating_add(u64::try_from(self.bytes.len()).unwrap_or(u64::MAX));
        let goes_on = at >= self.start && at <= end.saturating_add(BUFFER);
        let rest = self.tar.size().saturating_sub(at);
        let length = if goes_on { BUFFER.min(rest).max(needed) } else { needed };
        let length = usize::try_from(length).unwrap_or(BUFFER_BYTES).min(BUFFER_BYTES);
        self.bytes.resize(length, 0);
        self.start = at;
        if let Err(error) = self.tar.read_at(at, &mut self.bytes) {
            self.bytes.clear();
            return Err(error.into());
        }
        Ok(())
    }
}

/// Copies exactly `length` bytes and makes sure that no more would come.
fn source(sources: Sources<'_>, key: &str, length: u64, sink: &mut Sink<'_>) -> Result<(), Error> {
    let wrong = |source| Error::Source { key: key.to_owned(), source };
    let reader = sources(key).map_err(wrong)?;
    let mut reader = reader.take(length.saturating_add(1));
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut found = 0_u64;
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(wrong(error)),
        };
        found = found.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        if found > length {
            break;
        }
        sink.push(buffer.get(..count).unwrap_or_default())?;
    }
    if found != length {
        return Err(Error::SourceLength { key: key.to_owned(), expected: length, found });
    }
    Ok(())
}
