//! A source that can lie.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use anklume_install::Image;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source is gone")]
pub(crate) struct Gone;

/// Bytes of the image file, sent in pieces.
#[derive(Clone)]
pub(crate) struct Server {
    bytes: Vec<u8>,
    pub(crate) piece: usize,
    /// Bytes that are wrong, and how often.
    pub(crate) wrong: BTreeMap<u64, usize>,
    /// It is gone after so many bytes.
    pub(crate) gone_after: Option<u64>,
    /// It says that it is done after so many bytes.
    pub(crate) done_after: Option<u64>,
    /// It begins each range so many bytes later.
    pub(crate) shift: u64,
    /// It sends so many bytes behind each range.
    pub(crate) extra: u64,
    /// What it sent.
    pub(crate) sent: u64,
    /// What it was asked for.
    pub(crate) asked: Vec<Range<u64>>,
}

impl Server {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            piece: 5000,
            wrong: BTreeMap::new(),
            gone_after: None,
            done_after: None,
            shift: 0,
            extra: 0,
            sent: 0,
            asked: Vec::new(),
        }
    }

    /// Bytes of a piece, of which some may be wrong.
    fn piece(&mut self, range: &Range<u64>) -> Vec<u8> {
        let mut piece = self.bytes[range.start as usize..range.end as usize].to_vec();
        for (at, left) in self.wrong.range_mut(range.clone()).filter(|(_, left)| **left > 0) {
            *left -= 1;
            piece[(at - range.start) as usize] ^= 1;
        }
        piece
    }
}

impl Image for Server {
    type Error = Gone;

    fn fetch(
        &mut self,
        ranges: &[Range<u64>],
        take: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), Gone> {
        let ends = ranges.windows(2).all(|pair| pair[0].end <= pair[1].start);
        assert!(ends && ranges.iter().all(|range| !range.is_empty()), "{ranges:?}");
        self.asked.extend(ranges.iter().cloned());
        for range in ranges {
            let mut at = range.start + self.shift;
            let end = range.end + self.extra;
            while at < end {
                if self.gone_after.is_some_and(|limit| self.sent >= limit) {
                    return Err(Gone);
                }
                if self.done_after.is_some_and(|limit| self.sent >= limit) {
                    return Ok(());
                }
                let piece = at..end.min(at + self.piece as u64);
                let bytes = self.piece(&piece);
                self.sent += bytes.len() as u64;
                if take(at, &bytes).is_break() {
                    return Ok(());
                }
                at = piece.end;
            }
        }
        Ok(())
    }
}
