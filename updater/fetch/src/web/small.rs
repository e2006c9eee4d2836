//! Small files, whole.

use std::io::Read;
use std::sync::Arc;

use super::fault::{Fault, Tries};
use super::pace::Pace;
use super::{Call, PIECE_BYTES, count};
use crate::error::{AnswerFault, Error};

/// Fetches a file of at most `limit` bytes. `None` when there is none.
pub(super) fn fetch(call: &Arc<Call>, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let receiver = call.spawn(1, move |call, sender| {
        // Nobody receives it when the caller was cancelled.
        let _ = sender.send(fetch_here(&call, limit));
    })?;
    match call.receive(&receiver)? {
        Err(Error::NotFound { .. }) => Ok(None),
        result => result.map(Some),
    }
}

fn fetch_here(call: &Call, limit: u64) -> Result<Vec<u8>, Error> {
    let mut tries = Tries::default();
    loop {
        let fault = match try_once(call, limit) {
            Ok(bytes) => return Ok(bytes),
            Err(fault) => fault,
        };
        // What came before it broke off does not count: it is fetched anew.
        let (why, wait) = tries.after(fault, &call.settings)?;
        call.settings.pause.before_retry(&why, wait, &|| call.is_over());
        if call.is_over() {
            return Err(Error::Cancelled);
        }
        count(&call.counters.retries, 1);
    }
}

fn try_once(call: &Call, limit: u64) -> Result<Vec<u8>, Fault> {
    let reply = call.get(&call.url, &[])?;
    if reply.status != 200 {
        return Err(Fault::answer(&reply.url, AnswerFault::Status(reply.status.as_u16())));
    }
    let url = reply.url.clone();
    let length = reply.length();
    let too_long = |found| {
        Err(Fault::lasting(Error::TooLong { object: url.to_string(), expected: limit, found }))
    };
    if length.is_some_and(|length| length > limit) {
        return too_long(length);
    }
    let mut body = reply.body();
    let mut pace = Pace::new(&call.settings);
    let mut whole = Vec::new();
    let mut buffer = vec![0; call.limiter.piece(PIECE_BYTES)];
    loop {
        let read = body.read(&mut buffer);
        let count_read = match read {
            Err(error) if is_early_end(&error) => 0,
            read => read.map_err(|error| {
                Fault::of(ureq::Error::from(error), &url, &call.settings.timeouts)
            })?,
        };
        if call.is_over() {
            return Err(Fault::lasting(Error::Cancelled));
        }
        if count_read == 0 {
            break;
        }
        count(&call.counters.bytes, count_read);
        pace.brought(count_read, &url)?;
        whole.extend_from_slice(&buffer[..count_read]);
        let found = u64::try_from(whole.len()).unwrap_or(u64::MAX);
        if found > limit {
            return too_long(None);
        }
        call.limiter.spend(count_read, &*call.settings.pause, &|| call.is_over());
    }
    let found = u64::try_from(whole.len()).unwrap_or(u64::MAX);
    match length {
        Some(expected) if found < expected => {
            Err(Fault::passing(Error::Truncated { object: url.to_string(), expected, found }))
        }
        _ => Ok(whole),
    }
}

/// Whether the other side ended a body that should go on.
pub(super) fn is_early_end(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::UnexpectedEof
}
