//! Instances: containers and virtual machines.

use std::collections::BTreeMap;
use std::time::Duration;

use anklume_layout::text::printable;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Client, Reply};
use crate::error::{AnswerFault, Error};
use crate::names::{AliasName, Fingerprint, InstanceName};
use crate::operation::{Operation, Progress, null_is_empty};
use crate::request::{Method, Request};

/// An instance that is there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// `Running`, `Stopped`, `Frozen` or `Error`.
    pub status: String,
    /// `container` or `virtual-machine`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The project that it belongs to.
    #[serde(default)]
    pub project: String,
    /// Its own settings.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub config: BTreeMap<String, String>,
}

impl Instance {
    /// Whether something of it runs, also when it is frozen.
    #[must_use]
    pub fn is_up(&self) -> bool {
        !matches!(self.status.as_str(), "Stopped" | "Error")
    }
}

/// A new instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Its name.
    pub name: InstanceName,
    /// The image that it is made from.
    pub image: Fingerprint,
    /// Its profiles, the last one wins.
    pub profiles: Vec<String>,
    /// Its own settings.
    pub config: BTreeMap<String, String>,
    /// Its own devices.
    pub devices: BTreeMap<String, BTreeMap<String, String>>,
    /// Whether it is started.
    pub is_started: bool,
}

impl Launch {
    /// With the default profile, to be started.
    #[must_use]
    pub fn new(name: InstanceName, image: Fingerprint) -> Self {
        let profiles = vec![crate::plan::PROFILE.to_owned()];
        let (config, devices) = (BTreeMap::new(), BTreeMap::new());
        Self { name, image, profiles, config, devices, is_started: true }
    }
}

/// What an instance is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Start.
    On,
    /// Shut down, and fail when that takes longer.
    Off(Duration),
    /// Stop at once, whatever runs in it.
    Kill,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// Its exit code; 128 and more for signals, as shells have it.
    pub code: i64,
    /// What it wrote to its standard output.
    pub stdout: Output,
    /// What it wrote to its standard error.
    pub stderr: Output,
}

/// What a command wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether there were more.
    pub is_cut: bool,
}

/// How all instances were stopped. Names have the project in front: `default/web`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stopped {
    /// Those that shut down by themselves.
    pub clean: Vec<String>,
    /// Those that were stopped, with what Incus said before.
    pub killed: Vec<(String, String)>,
    /// Those that may still run, with what Incus says.
    pub left: Vec<(String, String)>,
}

/// Incus's answer to stopping what is stopped.
const IS_STOPPED: &str = "already stopped";

impl Client {
    /// The instances of all projects.
    ///
    /// # Errors
    /// As [`Client::read`].
    pub fn instances(&self) -> Result<Vec<Instance>, Error> {
        let request = Request::get(&["instances"]).query("recursion", "1");
        let (instances, _): (Option<Vec<Instance>>, _) =
            self.read(&request.query("all-projects", "true"))?;
        Ok(instances.unwrap_or_default())
    }

    /// An instance of the default project.
    ///
    /// # Errors
    /// As [`Client::read`].
    pub fn instance(&self, name: &InstanceName) -> Result<Option<Instance>, Error> {
        let request = Request::get(&["instances", name.as_str()]);
        Ok(self.find(&request)?.map(|(instance, _)| instance))
    }

    /// Makes an instance and starts it.
    ///
    /// # Errors
    /// [`Error::Exists`], and as [`Client::wait`]. An instance that does not start is there nevertheless.
    pub fn launch(&self, new: &Launch, progress: &mut dyn FnMut(&Progress)) -> Result<(), Error> {
        // Incus notices it late, and says it in words of its database.
        if self.instance(&new.name)?.is_some() {
            return Err(Error::Exists { name: new.name.to_string() });
        }
        let body = json!({
            "name": new.name, "type": "container",
            "source": { "type": "image", "fingerprint": new.image },
            "profiles": new.profiles, "config": new.config, "devices": new.devices,
            // An extension of Incus (`instance_create_start`), in all of its versions.
            "start": new.is_started,
        });
        let request = Request::of(Method::Post, &["instances"]).body(body);
        self.carry_out(&request, progress).map(drop)
    }

    /// Makes an instance from the image that an alias means now.
    ///
    /// # Errors
    /// As [`Self::launch`]; a missing alias is an image that Incus does not find.
    pub fn launch_alias(
        &self,
        name: InstanceName,
        alias: &AliasName,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<(), Error> {
        let request = Request::get(&["images", "aliases", alias.as_str()]);
        let missing = || Error::Refused {
            request: request.to_string(),
            code: 404,
            text: "no such alias".to_owned(),
        };
        let image = self.image_of(alias)?.ok_or_else(missing)?;
        self.launch(&Launch::new(name, image), progress)
    }

    /// Starts or stops an instance. One that is already as it should be is left alone.
    ///
    /// # Errors
    /// As [`Client::wait`].
    pub fn turn(&self, name: &InstanceName, turn: Turn) -> Result<(), Error> {
        let request = state_request("", name.as_str(), turn);
        match self.carry_out(&request, &mut |_| {}) {
            Ok(_) => Ok(()),
            Err(error) => match self.is_turned(name, turn) {
                Ok(true) => Ok(()),
                _ => Err(error),
            },
        }
    }

    fn is_turned(&self, name: &InstanceName, turn: Turn) -> Result<bool, Error> {
        let status = self.instance(name)?.map(|instance| instance.status);
        let expected = if turn == Turn::On { "Running" } else { "Stopped" };
        Ok(status.as_deref() == Some(expected))
    }

    /// Runs a command in an instance that runs, and returns what it wrote, at most `limit` bytes of each
    /// stream. Incus has no way to end it: one that does not end goes on after an error.
    ///
    /// # Errors
    /// When it cannot be started, and as [`Client::wait`]. An exit code is no error.
    pub fn exec(
        &self,
        name: &InstanceName,
        command: &[&str],
        limit: u64,
    ) -> Result<Executed, Error> {
        let body = json!({
            "command": command, "environment": {}, "interactive": false,
            "wait-for-websocket": false, "record-output": true,
        });
        let request = Request::of(Method::Post, &["instances", name.as_str(), "exec"]).body(body);
        let shape = |found| {
            let fault = AnswerFault::Kind { expected: "a command's exit code and output", found };
            Error::Answer { request: request.to_string(), fault }
        };
        let done = self.carry_out(&request, &mut |_| {})?.ok_or_else(|| shape("sync"))?;
        let code = done.metadata.get("return").and_then(Value::as_i64);
        let code = code.ok_or_else(|| shape("without exit code"))?;
        let [stdout, stderr] = ["1", "2"].map(|stream| self.output(name, &done, stream, limit));
        Ok(Executed { code, stdout: stdout?, stderr: stderr? })
    }

    /// Fetches one stream of a command, and removes Incus's record of it.
    fn output(
        &self,
        name: &InstanceName,
        done: &Operation,
        stream: &str,
        limit: u64,
    ) -> Result<Output, Error> {
        let path = done.metadata.get("output").and_then(|output| output.get(stream));
        let Some(path) = path.and_then(Value::as_str) else { return Ok(Output::default()) };
        let folder = Request::get(&["instances", name.as_str(), "logs", "exec-output"]);
        let file = path.rsplit_once('/').map(|(_, file)| file).unwrap_or_default();
        let is_own = path.strip_suffix(file) == Some(&format!("{}/", folder.path));
        if !is_own || file.is_empty() {
            let fault = AnswerFault::Path(printable(path, 200));
            return Err(Error::Answer { request: folder.to_string(), fault });
        }
        let log = ["instances", name.as_str(), "logs", "exec-output", file];
        let (bytes, is_all) = self.read_file(&Request::get(&log), limit)?;
        // What cannot be removed now is removed with the instance.
        drop(self.send(&Request::of(Method::Delete, &log)));
        Ok(Output { bytes, is_cut: !is_all })
    }

    /// Shuts all instances down at the same time, and stops those that are not done in time.
    ///
    /// # Errors
    /// When Incus does not tell what runs. What happens to a single one is in the result.
    pub fn stop_all(&self, patience: Duration) -> Result<Stopped, Error> {
        let running: Vec<_> = self.instances()?.into_iter().filter(Instance::is_up).collect();
        let mut stopped = Stopped::default();
        for (instance, result) in self.turn_many(&running, Turn::Off(patience)) {
            let Err(error) = result else {
                stopped.clean.push(full_name(instance));
                continue;
            };
            if matches!(error, Error::Interrupted { .. }) {
                return Err(error);
            }
            let kill = self.turn_many(std::slice::from_ref(instance), Turn::Kill);
            match kill.into_iter().find_map(|(_, result)| result.err()) {
                Some(again) => stopped.left.push((full_name(instance), again.to_string())),
                None => stopped.killed.push((full_name(instance), error.to_string())),
            }
        }
        Ok(stopped)
    }

    /// Tells all of them first, and waits for each then.
    fn turn_many<'a>(
        &self,
        instances: &'a [Instance],
        turn: Turn,
    ) -> Vec<(&'a Instance, Result<(), Error>)> {
        let start = |instance: &'a Instance| {
            let request = state_request(&instance.project, &instance.name, turn);
            (instance, self.send(&request), request)
        };
        let started: Vec<_> = instances.iter().map(start).collect();
        let finish = |(instance, sent, request): (_, Result<Reply, Error>, Request)| {
            let done = match sent {
                Ok(Reply::Started(operation)) => {
                    self.wait(&request, operation, &mut |_| {}).map(drop)
                }
                Ok(Reply::Done { .. }) => Ok(()),
                Err(error) => Err(error),
            };
            let done = match done {
                Err(Error::Failed { text, .. }) if text.contains(IS_STOPPED) => Ok(()),
                done => done,
            };
            (instance, done)
        };
        started.into_iter().map(finish).collect()
    }
}

fn full_name(instance: &Instance) -> String {
    let project = if instance.project.is_empty() { "default" } else { &instance.project };
    printable(&format!("{project}/{}", instance.name), 200)
}

fn state_request(project: &str, name: &str, turn: Turn) -> Request {
    let body = match turn {
        Turn::On => json!({ "action": "start", "timeout": -1, "force": false }),
        Turn::Off(patience) => {
            json!({ "action": "stop", "timeout": patience.as_secs().max(1), "force": false })
        }
        Turn::Kill => json!({ "action": "stop", "timeout": -1, "force": true }),
    };
    let request = Request::of(Method::Put, &["instances", name, "state"]);
    let request = if project.is_empty() { request } else { request.query("project", project) };
    request.body(body)
}
