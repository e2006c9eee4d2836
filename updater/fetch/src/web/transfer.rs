//! A transfer: several requests in flight, their bytes in order.

use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;

use super::job::{Job, Message};
use super::pace::Brought;
use super::{Call, PIECE_BYTES, REQUEST_BYTES};
use crate::error::{AnswerFault, Error};
use crate::source::Take;

/// Messages that a thread may be ahead: all pieces of its request, and what it says besides.
const ROOM: usize = 2 + 32;
const _: () = assert!(REQUEST_BYTES == 32 * PIECE_BYTES as u64);

/// A request in flight.
struct Running {
    messages: Receiver<Message>,
    stop: Arc<AtomicBool>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

struct Transfer<'a> {
    call: &'a Arc<Call>,
    length: u64,
    /// What no thread was told to fetch.
    queue: VecDeque<Range<u64>>,
    /// In the order of their ranges.
    running: VecDeque<Running>,
    /// What the caller does not have yet.
    missing: VecDeque<Range<u64>>,
    /// Whether the server knows ranges.
    has_ranges: bool,
}

/// Fetches ranges. Says whether the caller wanted all of them.
pub(super) fn fetch(
    call: &Arc<Call>,
    length: u64,
    ranges: &[Range<u64>],
    take: Take<'_>,
) -> Result<ControlFlow<()>, Error> {
    let missing: VecDeque<_> = ranges.iter().flat_map(split).collect();
    let queue = VecDeque::new();
    let running = VecDeque::new();
    Transfer { call, length, queue, running, missing, has_ranges: false }.run(take)
}

/// Cuts a range into requests.
fn split(range: &Range<u64>) -> impl Iterator<Item = Range<u64>> + use<> {
    let (mut start, end) = (range.start, range.end);
    std::iter::from_fn(move || {
        let piece = start..end.min(start.saturating_add(REQUEST_BYTES));
        start = piece.end;
        (!piece.is_empty()).then_some(piece)
    })
}

impl Transfer<'_> {
    fn run(mut self, take: Take<'_>) -> Result<ControlFlow<()>, Error> {
        let mut probes = 0;
        while !self.missing.is_empty() {
            // A server that knows ranges now and then could lead in a circle.
            if probes >= self.call.settings.tries.max(2) {
                let url = self.call.url.to_string();
                return Err(Error::Answer { url, fault: AnswerFault::Status(200) });
            }
            probes += 1;
            if self.probe(take)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Begins with a single request, and goes on until all is there or the server does not know ranges
    /// any more.
    fn probe(&mut self, take: Take<'_>) -> Result<ControlFlow<()>, Error> {
        self.has_ranges = false;
        self.running.clear();
        self.queue = self.missing.clone();
        self.start(self.queue.clone(), true)?;
        while let Some(first) = self.running.front() {
            match self.call.receive(&first.messages)? {
                Message::Ranges => {
                    self.has_ranges = true;
                    // It may have been given whole files before.
                    self.queue = self.missing.clone();
                    self.queue.pop_front();
                    self.fill()?;
                }
                Message::Piece(offset, bytes) => {
                    self.note(offset, bytes.len())?;
                    if take(offset, &bytes).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Message::Done => {
                    self.running.pop_front();
                    self.fill()?;
                }
                Message::Whole => return Ok(ControlFlow::Continue(())),
                Message::Failed(error) => return Err(error),
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Sends requests until as many are in flight as may be.
    fn fill(&mut self) -> Result<(), Error> {
        while self.has_ranges && self.running.len() < self.call.settings.connections() {
            let Some(range) = self.queue.pop_front() else { break };
            self.start([range].into(), false)?;
        }
        Ok(())
    }

    fn start(&mut self, ranges: VecDeque<Range<u64>>, is_probe: bool) -> Result<(), Error> {
        let stop = Arc::new(AtomicBool::new(false));
        let (length, own_stop) = (self.length, Arc::clone(&stop));
        let messages = self.call.spawn(ROOM, move |call, sink| {
            let brought = Brought::default();
            Job { call, length, ranges, is_probe, brought, sink, stop: own_stop }.run();
        })?;
        self.running.push_back(Running { messages, stop });
        Ok(())
    }

    /// Takes a piece off what is missing, whose first bytes it must be.
    fn note(&mut self, offset: u64, bytes: usize) -> Result<(), Error> {
        let mut start = offset;
        let end = offset.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        while start < end {
            match self.missing.front_mut().filter(|first| first.start == start) {
                Some(first) if first.end <= end => {
                    start = first.end;
                    self.missing.pop_front();
                }
                Some(first) => {
                    first.start = end;
                    start = end;
                }
                None => {
                    let url = self.call.url.to_string();
                    return Err(Error::Answer { url, fault: AnswerFault::GivenUp });
                }
            }
        }
        Ok(())
    }
}
