//! A thread that hashes and compresses.

use std::io;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender};

use sha2::{Digest, Sha256};

use super::{Answer, Done, Job};
use crate::cache::BlockCache;
use crate::codec::{Codec, KeyMaker};
use crate::{Compressor, Error};

/// The state of one thread.
pub(crate) struct Worker<'a> {
    codec: Codec,
    keys: KeyMaker,
    cache: Option<&'a dyn BlockCache>,
    answers: Sender<Answer>,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(
        compressor: Compressor,
        cache: Option<&'a dyn BlockCache>,
        answers: Sender<Answer>,
    ) -> Result<Self, Error> {
        let codec = Codec::new(compressor).map_err(Error::Compress)?;
        Ok(Self { codec, keys: KeyMaker::new(compressor), cache, answers })
    }

    /// Works until there is nobody left to work for.
    pub(crate) fn run(mut self, jobs: &Mutex<Receiver<Job>>) {
        let farewell = Farewell(self.answers.clone());
        loop {
            let job = match jobs.lock() {
                Ok(jobs) => jobs.recv(),
                Err(_) => break,
            };
            let Ok(job) = job else { break };
            let result = self.process(job);
            if self.answers.send(Some(result)).is_err() {
                break;
            }
        }
        drop(farewell);
    }

    fn process(&mut self, job: Job) -> io::Result<Done> {
        let Job { sequence, content, mut stored } = job;
        let hash = Sha256::digest(content.as_slice()).into();
        let compressed = match self.cached(&content, &hash, &mut stored) {
            Some(compressed) => compressed,
            None => self.compress(&content, &hash, &mut stored)?,
        };
        Ok(Done { sequence, content, stored, compressed, hash })
    }

    /// Asks the cache, and says whether the form it knows is compressed.
    fn cached(&mut self, content: &[u8], hash: &[u8; 32], stored: &mut Vec<u8>) -> Option<bool> {
        let form = self.cache?.get(&self.keys.key(hash), content.len())?;
        if !self.codec.is_form_of(&form, content) {
            return None;
        }
        stored.clear();
        let compressed = form.len() < content.len();
        if compressed {
            stored.extend_from_slice(&form);
        }
        Some(compressed)
    }

    fn compress(
        &mut self,
        content: &[u8],
        hash: &[u8; 32],
        stored: &mut Vec<u8>,
    ) -> io::Result<bool> {
        let compressed = self.codec.compress(content, stored)?;
        if let Some(cache) = self.cache {
            // What does not compress is worth keeping too: finding that out takes just as long.
            cache.put(&self.keys.key(hash), if compressed { stored } else { content });
        }
        Ok(compressed)
    }
}

/// Says so when the thread ends in a panic, which a cache may cause: without an answer, the caller
/// would wait for ever.
struct Farewell(Sender<Answer>);

impl Drop for Farewell {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nobody listening is as good.
            let _ = self.0.send(None);
        }
    }
}
