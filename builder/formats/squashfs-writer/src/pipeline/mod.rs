//! Blocks on their way through the threads that compress.

mod worker;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};

use crate::Error;
pub(crate) use worker::Worker;

/// Content of a block. Shared with those who compare with it while it is on its way.
pub(crate) type Content = Arc<Vec<u8>>;

/// A block to compress.
#[derive(Debug)]
pub(crate) struct Job {
    sequence: u64,
    content: Content,
    /// An empty buffer for the result.
    stored: Vec<u8>,
}

/// A block that was compressed.
#[derive(Debug)]
pub(crate) struct Done {
    sequence: u64,
    pub(crate) content: Content,
    /// The compressed form; empty when it is not shorter than the content.
    pub(crate) stored: Vec<u8>,
    pub(crate) compressed: bool,
    /// SHA-256 of the content.
    pub(crate) hash: [u8; 32],
}

impl Done {
    /// The bytes that go into the image.
    pub(crate) fn form(&self) -> &[u8] {
        if self.compressed { &self.stored } else { &self.content }
    }
}

/// What a thread answers; `None` when it ends in a panic.
pub(crate) type Answer = Option<io::Result<Done>>;

/// Hands blocks to threads and gives the results back in the same order. Buffers are used again, so
/// their number is that of the blocks in flight.
pub(crate) struct Pipeline {
    jobs: Sender<Job>,
    answers: Receiver<Answer>,
    /// Results from the oldest block on; `None` for those not there yet.
    ready: VecDeque<Option<Done>>,
    /// Sequence number of the oldest block in flight.
    oldest: u64,
    limit: usize,
    block_bytes: usize,
    free_contents: Vec<Content>,
    free_forms: Vec<Vec<u8>>,
}

impl Pipeline {
    /// `limit` is the most blocks in flight.
    pub(crate) fn new(
        jobs: Sender<Job>,
        answers: Receiver<Answer>,
        limit: usize,
        block_bytes: usize,
    ) -> Self {
        let (ready, oldest) = (VecDeque::with_capacity(limit), 0);
        let (free_contents, free_forms) = (Vec::new(), Vec::new());
        Self { jobs, answers, ready, oldest, limit, block_bytes, free_contents, free_forms }
    }

    /// Whether no further block may be submitted before a result was taken.
    pub(crate) fn is_full(&self) -> bool {
        self.ready.len() >= self.limit
    }

    /// A buffer with room for a block, and with anything in it: what is overwritten need not be
    /// cleared first. Nobody else holds it.
    pub(crate) fn buffer(&mut self) -> Content {
        while let Some(mut buffer) = self.free_contents.pop() {
            if Arc::get_mut(&mut buffer).is_some() {
                return buffer;
            }
        }
        Arc::new(Vec::with_capacity(self.block_bytes))
    }

    /// Takes a buffer back.
    pub(crate) fn recycle(&mut self, buffer: Content) {
        if self.free_contents.len() < self.limit {
            self.free_contents.push(buffer);
        }
    }

    pub(crate) fn submit(&mut self, content: Content) -> Result<(), Error> {
        let stored = self.free_forms.pop().unwrap_or_default();
        let waiting = u64::try_from(self.ready.len()).unwrap_or(u64::MAX);
        let sequence = self.oldest.saturating_add(waiting);
        self.ready.push_back(None);
        self.jobs.send(Job { sequence, content, stored }).map_err(|_| Error::ThreadEnded)
    }

    /// The result of the oldest block. `None` when it is not there yet and `wait` is not set, and
    /// when no block is in flight.
    pub(crate) fn oldest(&mut self, wait: bool) -> Result<Option<Done>, Error> {
        loop {
            match self.ready.front_mut() {
                None => return Ok(None),
                Some(Some(_)) => break,
                Some(None) => {}
            }
            let answer = match wait {
                true => self.answers.recv().map_err(|_| Error::ThreadEnded)?,
                false => match self.answers.try_recv() {
                    Ok(answer) => answer,
                    Err(TryRecvError::Empty) => return Ok(None),
                    Err(TryRecvError::Disconnected) => return Err(Error::ThreadEnded),
                },
            };
            self.keep(answer.ok_or(Error::ThreadEnded)?.map_err(Error::Compress)?);
        }
        self.oldest = self.oldest.saturating_add(1);
        Ok(self.ready.pop_front().flatten())
    }

    /// Takes the buffers of a result back.
    pub(crate) fn release(&mut self, done: Done) {
        self.free_forms.push(done.stored);
        self.recycle(done.content);
    }

    fn keep(&mut self, done: Done) {
        let place = done.sequence.checked_sub(self.oldest).and_then(|at| usize::try_from(at).ok());
        if let Some(slot) = place.and_then(|at| self.ready.get_mut(at)) {
            *slot = Some(done);
        }
    }
}
