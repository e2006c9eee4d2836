//! Bytes that grow without ever being copied.

use std::io::{self, Read, Write};

/// Bytes of a piece. A vector that doubles would need three times its content while it grows.
const PIECE_BYTES: usize = 256 << 10;

/// A growing sequence of bytes.
#[derive(Debug, Default)]
pub(crate) struct Segments(Vec<Vec<u8>>);

impl Segments {
    pub(crate) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.0.last().map_or(0, |last| PIECE_BYTES.saturating_sub(last.len()));
            if room == 0 {
                self.0.push(Vec::with_capacity(PIECE_BYTES));
            }
            let part = if room == 0 { PIECE_BYTES } else { room };
            let (now, later) = bytes.split_at(part.min(bytes.len()));
            if let Some(last) = self.0.last_mut() {
                last.extend_from_slice(now);
            }
            bytes = later;
        }
    }

    /// The bytes, in pieces.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }

    /// Reads the bytes and lets go of them.
    pub(crate) fn into_reader(self) -> SegmentsReader {
        SegmentsReader { rest: self.0.into_iter(), piece: io::Cursor::default() }
    }
}

impl Write for Segments {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a [`Segments`].
#[derive(Debug)]
pub(crate) struct SegmentsReader {
    rest: std::vec::IntoIter<Vec<u8>>,
    piece: io::Cursor<Vec<u8>>,
}

impl Read for SegmentsReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.piece.read(buffer)?;
            if count != 0 || buffer.is_empty() {
                return Ok(count);
            }
            match self.rest.next() {
                Some(piece) => self.piece = io::Cursor::new(piece),
                None => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_in_order() {
        let all: Vec<u8> = (0..PIECE_BYTES * 2 + 77).map(|i| (i / 13) as u8).collect();
        let mut segments = Segments::default();
        for part in all.chunks(PIECE_BYTES - 100) {
            segments.push(part);
        }
        assert_eq!(segments.pieces().collect::<Vec<_>>().concat(), all);
        assert!(segments.pieces().all(|piece| piece.len() <= PIECE_BYTES));
        let mut read = Vec::new();
        segments.into_reader().read_to_end(&mut read).unwrap();
        assert_eq!(read, all);
    }
}
