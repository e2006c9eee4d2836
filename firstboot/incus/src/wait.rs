//! Waiting for the end of an operation.

use std::thread;
use std::time::Instant;

use crate::client::{Client, Reply};
use crate::error::{AnswerFault, Error};
use crate::operation::{Operation, Progress, State};
use crate::request::Request;

/// So often may the connection break while an operation is waited for.
const TRIES: u32 = 3;

impl Client {
    /// Sends a request, and waits for the operation if it starts one. What Incus says at the end.
    ///
    /// # Errors
    /// As [`Client::send`] and [`Client::wait`].
    pub fn carry_out(
        &self,
        request: &Request,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Option<Operation>, Error> {
        match self.send(request)? {
            Reply::Done { .. } => Ok(None),
            Reply::Started(operation) => self.wait(request, operation, progress).map(Some),
        }
    }

    /// Waits for the end of an operation that `request` started. When the program is asked to stop, or
    /// time is up, the operation is cancelled if it can be; others go on.
    ///
    /// # Errors
    /// When it fails, its end is unknown, it takes too long, or the program is asked to stop.
    pub fn wait(
        &self,
        request: &Request,
        started: Operation,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Operation, Error> {
        let began = Instant::now();
        let mut breaks = 0;
        loop {
            let looked = Instant::now();
            match self.look(request, &started) {
                Ok(Some(operation)) if operation.state() == State::Runs => {
                    progress(&operation.progress());
                }
                Ok(Some(operation)) => return finished(request, operation),
                Ok(None) => {}
                Err(Error::Broken { .. }) if breaks < TRIES => breaks += 1,
                Err(error) => {
                    if matches!(error, Error::Interrupted { .. }) {
                        self.cancel(&started);
                    }
                    return Err(error);
                }
            }
            let limit = self.limits().operation;
            if began.elapsed() >= limit {
                self.cancel(&started);
                return Err(Error::Timeout { request: request.to_string(), after: limit });
            }
            // Incus has waited for us, unless something is wrong with it.
            let short = self.limits().look.checked_div(2).unwrap_or_default();
            if looked.elapsed() < short {
                thread::sleep(short);
            }
        }
    }

    /// Waits for a while. The operation as it is then, or `None` when that is to be asked again.
    fn look(&self, request: &Request, started: &Operation) -> Result<Option<Operation>, Error> {
        let object = Request::get(&["operations", &started.id]);
        let seconds = self.limits().look.as_secs().to_string();
        let wait = Request::get(&["operations", &started.id, "wait"]).query("timeout", &seconds);
        let said = match self.read::<Operation>(&wait) {
            Ok((operation, _)) => return belongs(&wait, started, operation).map(Some),
            Err(Error::Refused { code, text, .. }) => (code, text),
            // Incus may be slow to say that time is up.
            Err(Error::Timeout { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        // Either the operation has failed with these words, or it goes on and only the time is up.
        match self.find::<Operation>(&object)? {
            Some((operation, _)) => belongs(&object, started, operation).map(|operation| {
                let err = if operation.err.is_empty() { said.1 } else { operation.err.clone() };
                Some(Operation { err, ..operation })
            }),
            None if said.0 == 404 => {
                Err(Error::Lost { request: request.to_string(), operation: started.id.clone() })
            }
            None => Err(Error::Failed { request: request.to_string(), text: said.1 }),
        }
    }
}

fn belongs(asked: &Request, started: &Operation, found: Operation) -> Result<Operation, Error> {
    if found.id == started.id {
        return Ok(found);
    }
    let fault = AnswerFault::Path(anklume_layout::text::printable(&found.id, 80));
    Err(Error::Answer { request: asked.to_string(), fault })
}

fn finished(request: &Request, operation: Operation) -> Result<Operation, Error> {
    if operation.state() == State::Succeeded {
        return Ok(operation);
    }
    let text = anklume_layout::text::printable(&operation.err, crate::operation::MAX_TEXT);
    Err(Error::Failed { request: request.to_string(), text })
}
