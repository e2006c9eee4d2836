//! The QEMU Machine Protocol: commands, answers and events as lines of JSON.
//!
//! Reference: "QEMU Machine Protocol Specification" and "QEMU QMP Reference Manual", version 7.2.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

use serde_json::{Value, json};

use crate::Failure;
use crate::deadline::Deadline;

/// Seconds within which QEMU answers a command.
const ANSWER_SECONDS: u64 = 30;

/// Something that happened in the machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its name, such as `DEVICE_DELETED`.
    pub name: String,
    /// What QEMU says about it; null when nothing.
    pub data: Value,
}

/// A control connection.
#[derive(Debug)]
pub struct Qmp {
    stream: UnixStream,
    messages: Receiver<Value>,
    /// Events that came while something else was waited for.
    events: VecDeque<Event>,
    last_id: u64,
}

impl Qmp {
    /// Takes the greeting and leaves capabilities negotiation.
    ///
    /// # Errors
    ///
    /// When the peer is not a QMP server or does not answer.
    pub fn new(stream: UnixStream) -> Result<Self, Failure> {
        let input = stream.try_clone().map_err(Failure::file("clone", "the QMP socket"))?;
        let (sender, messages) = channel();
        std::thread::spawn(move || forward(input, &sender));
        let mut qmp = Self { stream, messages, events: VecDeque::new(), last_id: 0 };
        let greeting = qmp.receive("greeting", &Deadline::after(ANSWER_SECONDS)?)?;
        if greeting.get("QMP").is_none() {
            return Err(refused("greeting", &greeting));
        }
        qmp.execute("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Executes `command` and returns what it returns.
    ///
    /// # Errors
    ///
    /// When QEMU refuses it, ends, or does not answer.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, Failure> {
        let deadline = Deadline::after(ANSWER_SECONDS)?;
        self.last_id += 1;
        let message = json!({ "execute": command, "arguments": arguments, "id": self.last_id });
        writeln!(self.stream, "{message}").map_err(|error| refused(command, error))?;
        loop {
            let mut answer = self.receive(command, &deadline)?;
            if self.keep_event(&answer) || answer.get("id") != Some(&json!(self.last_id)) {
                continue;
            }
            return match answer.get_mut("return") {
                Some(value) => Ok(value.take()),
                None => Err(refused(command, &answer["error"])),
            };
        }
    }

    /// Waits for the event `name` of which `wanted` holds, also if it has already come.
    ///
    /// # Errors
    ///
    /// When QEMU ends or the deadline passes without one.
    pub fn wait_event(
        &mut self,
        name: &str,
        wanted: impl Fn(&Value) -> bool,
        deadline: &Deadline,
    ) -> Result<Event, Failure> {
        loop {
            let matches = |event: &Event| event.name == name && wanted(&event.data);
            if let Some(at) = self.events.iter().position(matches) {
                // The position is in the queue.
                return self.events.remove(at).ok_or_else(|| refused(name, "lost"));
            }
            let message = self.receive(name, deadline)?;
            self.keep_event(&message);
        }
    }

    /// Unplugs the device `id` and waits until the guest has let go of it.
    ///
    /// # Errors
    ///
    /// When there is no such device, or the guest does not let go in time.
    pub fn unplug(&mut self, id: &str, deadline: &Deadline) -> Result<(), Failure> {
        self.execute("device_del", json!({ "id": id }))?;
        self.wait_event("DEVICE_DELETED", |data| data["device"] == id, deadline)?;
        Ok(())
    }

    fn keep_event(&mut self, message: &Value) -> bool {
        let Some(name) = message["event"].as_str() else {
            return false;
        };
        self.events.push_back(Event { name: name.into(), data: message["data"].clone() });
        true
    }

    fn receive(&self, what: &str, deadline: &Deadline) -> Result<Value, Failure> {
        let left = deadline.left().unwrap_or_default();
        self.messages.recv_timeout(left).map_err(|error| match error {
            RecvTimeoutError::Timeout => {
                refused(what, format!("nothing within {} s", deadline.seconds()))
            }
            RecvTimeoutError::Disconnected => refused(what, "QEMU closed the connection"),
        })
    }
}

fn forward(input: UnixStream, sender: &Sender<Value>) {
    for line in BufReader::new(input).lines().map_while(Result::ok) {
        let message = serde_json::from_str(&line).unwrap_or(Value::String(line));
        if sender.send(message).is_err() {
            return;
        }
    }
}

fn refused(command: &str, reason: impl ToString) -> Failure {
    Failure::Qmp { command: command.into(), reason: reason.to_string() }
}
