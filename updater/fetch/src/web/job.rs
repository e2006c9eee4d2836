//! One thread of a transfer: asks for ranges, one after the other, until it has them.

use std::collections::VecDeque;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use super::client::Reply;
use super::fault::{Fault, Tries};
use super::pace::{Brought, Pace};
use super::small::is_early_end;
use super::{Call, PIECE_BYTES, count, lock};
use crate::error::{AnswerFault, Error};
use crate::header::ContentRange;
use crate::url::Url;

/// What a thread says.
#[derive(Debug)]
pub(super) enum Message {
    /// The server knows ranges; this thread fetches its first one only.
    Ranges,
    /// Bytes, with their offset in the file.
    Piece(u64, Vec<u8>),
    /// The server answers with whole files; this thread has not done all of its work.
    Whole,
    /// All is there.
    Done,
    /// It cannot be had.
    Failed(Error),
}

/// The work of one thread.
pub(super) struct Job {
    pub(super) call: Arc<Call>,
    /// Length of the file.
    pub(super) length: u64,
    /// What is missing, the first one first, in ascending order, none empty.
    pub(super) ranges: VecDeque<Range<u64>>,
    /// It goes alone, to find out whether the server knows ranges, and has all of the work.
    pub(super) is_probe: bool,
    /// What the request in flight has brought.
    pub(super) brought: Brought,
    pub(super) sink: SyncSender<Message>,
    /// Nobody waits for it any more.
    pub(super) stop: Arc<AtomicBool>,
}

/// Why a job comes to an end early.
enum End {
    Fault(Fault),
    Whole,
    Stopped,
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Job {
    /// Fetches everything, with as many tries as it may take.
    pub(super) fn run(mut self) {
        let mut tries = Tries::default();
        let last = loop {
            if self.ranges.is_empty() {
                break Message::Done;
            }
            let end = self.attempt();
            let brought = std::mem::take(&mut self.brought);
            let settings = &self.call.settings;
            let is_enough = tries.brought(brought, settings);
            let fault = match end {
                Err(End::Whole) => break Message::Whole,
                Err(End::Stopped) => return,
                Ok(()) if is_enough || self.ranges.is_empty() => continue,
                Err(End::Fault(fault)) if is_enough || brought.bytes == 0 || !fault.may_pass => {
                    fault
                }
                // Too little once more: that is what is wrong, however it ended.
                Ok(()) | Err(End::Fault(_)) => tries.too_little(&self.call.url),
            };
            let (why, wait) = match tries.after(fault, settings) {
                Ok(again) => again,
                Err(error) => break Message::Failed(error),
            };
            settings.pause.before_retry(&why, wait, &|| self.is_over());
            if self.is_over() {
                return;
            }
            count(&self.call.counters.retries, 1);
        };
        // Nobody receives it when the transfer has ended.
        let _ = self.sink.send(last);
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst) || self.call.is_over()
    }

    /// Sends one request for the first range that is missing, and takes what comes.
    fn attempt(&mut self) -> Result<(), End> {
        let Some(range) = self.ranges.front().cloned() else { return Ok(()) };
        self.brought.asked = range.end.saturating_sub(range.start);
        let address = self.call.address();
        match self.ask(&address, range) {
            Err(End::Fault(fault)) => Err(self.call.forget(&address, fault).into()),
            end => end,
        }
    }

    fn ask(&mut self, address: &Url, range: Range<u64>) -> Result<(), End> {
        let mut headers = vec![("range", format!("bytes={}-{}", range.start, range.end - 1))];
        headers.extend(self.call.if_range(address).map(|own| ("if-range", own)));
        let reply = self.call.get(address, &headers)?;
        match reply.status.as_u16() {
            206 => self.part(reply, range),
            200 => self.whole(reply),
            _ => {
                let found = reply.header("content-range").and_then(ContentRange::parse_unsatisfied);
                let object = reply.url.to_string();
                let (expected, found) = (self.length, found.unwrap_or(range.start));
                Err(Fault::lasting(Error::Truncated { object, expected, found }).into())
            }
        }
    }

    /// Takes a part of the file.
    fn part(&mut self, reply: Reply, asked: Range<u64>) -> Result<(), End> {
        let value = reply.header("content-range").unwrap_or_default().to_owned();
        let got = ContentRange::parse(&value)
            .filter(|got| got.first == asked.start && got.last < asked.end)
            .ok_or_else(|| {
                let (start, end) = (asked.start, asked.end);
                Fault::answer(&reply.url, AnswerFault::Range { start, end, found: value })
            })?;
        if let Some(total) = got.total {
            self.check_total(&reply, total)?;
        }
        let expected = got.last - got.first + 1;
        if let Some(found) = reply.length().filter(|found| *found != expected) {
            return Err(Fault::answer(&reply.url, AnswerFault::Length { expected, found }).into());
        }
        self.accept(&reply)?;
        if std::mem::take(&mut self.is_probe) {
            self.ranges.truncate(1);
            self.send(Message::Ranges)?;
        }
        self.stream(reply, got.first, got.last + 1)
    }

    /// Takes the whole file, if that is this thread's work.
    fn whole(&mut self, reply: Reply) -> Result<(), End> {
        // Before the length is looked at: a file that was replaced has another one.
        self.accept(&reply)?;
        if let Some(total) = reply.length() {
            self.check_total(&reply, total)?;
        }
        if !self.is_probe {
            return Err(End::Whole);
        }
        let end = self.ranges.back().map_or(0, |last| last.end);
        self.stream(reply, 0, end)
    }

    fn check_total(&self, reply: &Reply, found: u64) -> Result<(), Fault> {
        let (object, expected) = (reply.url.to_string(), self.length);
        if found < expected {
            return Err(Fault::passing(Error::Truncated { object, expected, found }));
        }
        if found > expected {
            let found = Some(found);
            return Err(Fault::passing(Error::TooLong { object, expected, found }));
        }
        Ok(())
    }

    /// Compares an answer with the one before it, and stays with whoever gave it.
    fn accept(&self, reply: &Reply) -> Result<(), Fault> {
        if !self.call.agrees(&reply.url, reply.validator()) {
            return Err(Fault::lasting(Error::Changed { object: self.call.url.to_string() }));
        }
        // An address that was asked for itself is known, or was given up meanwhile.
        if reply.was_led {
            *lock(&self.call.target) = Some(reply.url.clone());
        }
        Ok(())
    }

    /// Reads a body that should hold bytes `position` to `end` of the file, and no byte more than that.
    fn stream(&mut self, reply: Reply, position: u64, end: u64) -> Result<(), End> {
        let url = reply.url.clone();
        let is_all_of_it = reply.length() == Some(end - position);
        let mut body = reply.body();
        let mut piece = Piece::default();
        let began = Instant::now();
        let result = self.read(&mut body, &mut piece, position, end, &url);
        self.brought.time = began.elapsed();
        // Also what came before it broke off: it is not asked for again.
        self.flush(&mut piece)?;
        result?;
        if is_all_of_it {
            // Reading to the end, which is known to be here, keeps the connection.
            let _ = body.read(&mut [0]);
        }
        Ok(())
    }

    fn read(
        &mut self,
        body: &mut impl Read,
        piece: &mut Piece,
        mut position: u64,
        end: u64,
        url: &Url,
    ) -> Result<(), End> {
        let mut buffer = vec![0; self.call.limiter.piece(PIECE_BYTES)];
        let mut pace = Pace::new(&self.call.settings);
        while position < end && !self.ranges.is_empty() {
            if self.is_over() {
                return Err(End::Stopped);
            }
            let left = usize::try_from(end - position).unwrap_or(usize::MAX);
            let room = left.min(buffer.len());
            let read = match body.read(&mut buffer[..room]) {
                Err(error) if is_early_end(&error) => 0,
                read => read.map_err(|error| {
                    let error = ureq::Error::from(error);
                    Fault::of(error, url, &self.call.settings.timeouts)
                })?,
            };
            if read == 0 {
                let (object, expected, found) = (url.to_string(), end, position);
                return Err(Fault::passing(Error::Truncated { object, expected, found }).into());
            }
            count(&self.call.counters.bytes, read);
            self.keep(piece, position, &buffer[..read])?;
            position += u64::try_from(read).unwrap_or(u64::MAX);
            pace.brought(read, url)?;
            let call = &self.call;
            call.limiter.spend(read, &*call.settings.pause, &|| self.is_over());
        }
        Ok(())
    }

    /// Takes the wanted ones of the bytes from `position` on.
    fn keep(&mut self, piece: &mut Piece, position: u64, bytes: &[u8]) -> Result<(), End> {
        let end = position + u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        while let Some(range) = self.ranges.front().cloned() {
            let wanted = range.start.max(position)..range.end.min(end);
            if wanted.is_empty() {
                break;
            }
            // Both lie within the bytes.
            let inside = |offset: u64| usize::try_from(offset - position).unwrap_or(usize::MAX);
            let wanted_bytes = &bytes[inside(wanted.start)..inside(wanted.end)];
            self.brought.bytes += wanted.end - wanted.start;
            if piece.bytes.len() + wanted_bytes.len() > PIECE_BYTES || !piece.ends_at(wanted.start)
            {
                self.flush(piece)?;
                piece.start = wanted.start;
            }
            // At once, since growing step by step could take twice as much.
            piece.bytes.reserve_exact(PIECE_BYTES - piece.bytes.len());
            piece.bytes.extend_from_slice(wanted_bytes);
            if wanted.end == range.end {
                self.ranges.pop_front();
            } else if let Some(first) = self.ranges.front_mut() {
                first.start = wanted.end;
            }
        }
        Ok(())
    }

    /// Sends what was collected.
    fn flush(&self, piece: &mut Piece) -> Result<(), End> {
        if piece.bytes.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut piece.bytes);
        self.send(Message::Piece(piece.start, bytes))
    }

    fn send(&self, message: Message) -> Result<(), End> {
        self.sink.send(message).map_err(|_| End::Stopped)
    }
}

/// Bytes on their way to the caller, collected so that few of them are sent at a time.
#[derive(Default)]
struct Piece {
    start: u64,
    bytes: Vec<u8>,
}

impl Piece {
    fn ends_at(&self, offset: u64) -> bool {
        let length = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        length > 0 && self.start.checked_add(length) == Some(offset)
    }
}
