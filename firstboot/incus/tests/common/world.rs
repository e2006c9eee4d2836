//! The objects of the fake, and what requests do to them.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::http::Incoming;

/// What goes wrong with a request.
#[derive(Clone)]
pub(crate) enum Fault {
    /// The connection breaks before anything is done.
    BreakBefore,
    /// It breaks after all is done.
    BreakAfter,
    /// The answer breaks off.
    Half,
    /// The answer comes in pieces.
    Chunked,
    /// The answer has no end.
    Endless,
    /// These bytes are the answer.
    Raw(Vec<u8>),
    /// There is no answer. Called when the request has come.
    Silent(fn()),
    /// An error that does not wait for the body.
    RefuseUnread(u16),
}

/// How operations go.
#[derive(Clone, Default)]
pub(crate) struct Course {
    /// So often the time of a wait is up before it ends.
    pub(crate) looks: usize,
    /// It fails with these words.
    pub(crate) fails: Option<String>,
    /// It is forgotten when it is asked for the first time.
    pub(crate) is_forgotten: bool,
    pub(crate) may_cancel: bool,
}

#[derive(Default)]
pub(crate) struct World {
    pub(crate) pools: BTreeMap<String, Value>,
    pub(crate) networks: BTreeMap<String, Value>,
    /// Those of the default profile.
    pub(crate) devices: Map<String, Value>,
    /// Its settings.
    pub(crate) config: Map<String, Value>,
    /// Profiles that were made.
    pub(crate) profiles: BTreeMap<String, Value>,
    pub(crate) images: BTreeMap<String, Vec<u8>>,
    pub(crate) aliases: BTreeMap<String, String>,
    pub(crate) instances: BTreeMap<String, Value>,
    pub(crate) operations: BTreeMap<String, (Course, Value)>,
    /// What the next operations do.
    pub(crate) course: Course,
    /// What commands write and return.
    pub(crate) outcome: (i64, String, String),
    pub(crate) logs: BTreeMap<String, String>,
    pub(crate) version: String,
    pub(crate) log: Vec<String>,
    /// A request that contains the text goes wrong, once.
    pub(crate) faults: Vec<(String, Fault)>,
    /// After so many changes the machine is off.
    pub(crate) cut: Option<usize>,
    /// Whether a pool or network at the cut was begun and not finished.
    pub(crate) is_cut_within: bool,
    pub(crate) changes: usize,
    /// Where pools are mounted.
    pub(crate) mounts: PathBuf,
}

type Answer = (u16, String, Option<String>);

pub(crate) fn sync(metadata: &Value) -> Answer {
    let text = json!({ "type": "sync", "status": "Success", "status_code": 200, "operation": "",
        "error_code": 0, "error": "", "metadata": metadata });
    (200, text.to_string(), None)
}

pub(crate) fn error(code: u16, text: &str) -> Answer {
    let text = json!({ "type": "error", "status": "", "status_code": 0, "operation": "",
        "error_code": code, "error": text, "metadata": null });
    (code, text.to_string(), None)
}

fn found(value: &Value) -> Answer {
    let mut hasher = DefaultHasher::new();
    value.to_string().hash(&mut hasher);
    let (code, text, _) = sync(value);
    (code, text, Some(format!("{:x}", hasher.finish())))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

impl World {
    /// What goes wrong with this request.
    pub(crate) fn fault(&mut self, line: &str) -> Option<Fault> {
        if self.cut.is_some_and(|cut| self.changes >= cut) {
            return Some(Fault::BreakBefore);
        }
        let index = self.faults.iter().position(|(part, _)| line.contains(part))?;
        Some(self.faults.remove(index).1)
    }

    pub(crate) fn break_once(&mut self, part: &str, fault: Fault) {
        self.faults.push((part.to_owned(), fault));
    }

    pub(crate) fn handle(&mut self, request: &Incoming) -> Answer {
        self.log.push(request.line());
        if request.method != "GET" {
            self.changes += 1;
        }
        let path: Vec<_> = request.path.trim_matches('/').split('/').collect();
        let body = request.json();
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["1.0"]) => sync(&json!({ "api_extensions": ["etag"], "environment": {
                "server_version": self.version, "storage_supported_drivers": [{ "Name": "dir" }] } })),
            (_, ["1.0", "storage-pools" | "networks", ..]) => {
                self.storage_or_network(request, &path[1..])
            }
            ("GET", ["1.0", "profiles", "default"]) => found(&self.profile()),
            ("PATCH", ["1.0", "profiles", "default"]) => {
                let etag = found(&self.profile()).2;
                if request.headers.get("if-match").map(|tag| tag.trim_matches('"'))
                    != etag.as_deref()
                {
                    return error(412, "ETag doesn't match");
                }
                self.devices.extend(body["devices"].as_object().cloned().unwrap_or_default());
                self.config.extend(body["config"].as_object().cloned().unwrap_or_default());
                sync(&json!({}))
            }
            ("GET", ["1.0", "profiles", name]) => {
                self.profiles.get(*name).map_or_else(|| error(404, "Profile not found"), found)
            }
            ("POST", ["1.0", "profiles"]) => {
                self.profiles.insert(text(&body, "name").to_owned(), body);
                (201, sync(&Value::Null).1, None)
            }
            (_, ["1.0", "images", rest @ ..]) => self.image(request, rest, &body),
            (_, ["1.0", "instances", rest @ ..]) => self.instance(request, rest, &body),
            (method, ["1.0", "operations", id, ..]) => self.operation(method, id, request),
            ("POST", ["internal", "recover", "validate"]) => sync(&json!({
                "UnknownVolumes": [{ "name": "c1", "type": "container", "snapshotCount": 2,
                    "project": "default", "pool": body["pools"][0]["name"] }],
                "DependencyErrors": null })),
            ("POST", ["internal", "recover", "import"]) => sync(&json!({})),
            _ => error(404, "not found"),
        }
    }

    fn profile(&self) -> Value {
        json!({ "name": "default", "config": self.config, "description": "Default Incus profile",
            "devices": self.devices, "used_by": [] })
    }

    fn storage_or_network(&mut self, request: &Incoming, path: &[&str]) -> Answer {
        let is_last = self.cut == Some(self.changes);
        let is_pool = path[0] == "storage-pools";
        let (kind, objects) = match is_pool {
            true => ("Storage pool", &mut self.pools),
            false => ("Network", &mut self.networks),
        };
        let mut body = request.json();
        match (request.method.as_str(), path) {
            ("GET", [_]) if objects.is_empty() => sync(&Value::Null),
            ("GET", [_]) => sync(&objects.values().cloned().collect()),
            ("GET", [_, name]) => {
                objects.get(*name).map_or_else(|| error(404, &format!("{kind} not found")), found)
            }
            ("POST", [_]) => {
                let name = text(&body, "name").to_owned();
                if objects.contains_key(&name) {
                    return error(409, &format!("{kind} already exists"));
                }
                if is_pool && text(&body["config"], "source").ends_with("full") {
                    return error(500, "Source path '/srv/full' isn't empty");
                }
                // Its folder is made first, and left behind by a cut.
                if is_pool {
                    fs::create_dir_all(&self.mounts).unwrap();
                    if fs::create_dir(self.mounts.join(&name)).is_err() {
                        return error(500, "Storage pool directory \"default\" already exists");
                    }
                }
                let is_begun = is_last && self.is_cut_within;
                body["status"] = if is_begun { "Pending" } else { "Created" }.into();
                body["managed"] = true.into();
                body["used_by"] = json!([]);
                objects.insert(name, body);
                (201, sync(&Value::Null).1, None)
            }
            ("PATCH", [_, name]) => {
                let Some(object) = objects.get_mut(*name) else { return error(404, "not found") };
                let config = body["config"].as_object().cloned().unwrap_or_default();
                object["config"].as_object_mut().unwrap().extend(config);
                sync(&json!({}))
            }
            ("DELETE", [_, name]) => match objects.remove(*name) {
                Some(_) => sync(&json!({})),
                None => error(404, "not found"),
            },
            _ => error(404, "not found"),
        }
    }

    fn start(&mut self, metadata: Value) -> Answer {
        let id = format!("op{}", self.operations.len());
        let course = self.course.clone();
        let operation = json!({ "id": id, "class": "task", "description": "Doing it", "status_code": 103,
            "resources": {}, "metadata": {}, "may_cancel": course.may_cancel, "err": "" });
        let text = json!({ "type": "async", "status": "Operation created", "status_code": 100,
            "operation": format!("/1.0/operations/{id}"), "metadata": operation });
        let mut ended = operation;
        let code = if course.fails.is_some() { 400 } else { 200 };
        ended["status_code"] = code.into();
        ended["err"] = course.fails.clone().unwrap_or_default().into();
        ended["metadata"] = metadata;
        self.operations.insert(id, (course, ended));
        (202, text.to_string(), None)
    }

    fn operation(&mut self, method: &str, id: &str, request: &Incoming) -> Answer {
        let Some((course, ended)) = self.operations.get_mut(id) else {
            return error(404, "Operation not found");
        };
        if course.is_forgotten {
            self.operations.remove(id);
            return error(404, "Operation not found");
        }
        if method == "DELETE" {
            return sync(&json!({}));
        }
        let is_wait = request.path.ends_with("/wait");
        if course.looks > 0 {
            if is_wait {
                return error(500, "context deadline exceeded");
            }
            course.looks -= 1;
            let mut running = ended.clone();
            running["status_code"] = 103.into();
            running["err"] = "".into();
            running["metadata"] = json!({ "progress": { "percent": "50", "stage": "unpack" },
                "unpack_progress": "Unpack: 50%" });
            return sync(&running);
        }
        match &course.fails {
            Some(words) if is_wait => error(500, words),
            _ => sync(ended),
        }
    }

    fn image(&mut self, request: &Incoming, path: &[&str], body: &Value) -> Answer {
        match (request.method.as_str(), path) {
            ("GET", []) => {
                sync(&self.images.keys().map(|name| json!({ "fingerprint": name })).collect())
            }
            ("POST", []) => {
                let content = content(request);
                let hash = Sha256::digest(&content);
                let name =
                    hash.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
                let expected = request.headers.get("x-incus-fingerprint");
                if expected.is_some_and(|expected| *expected != name) {
                    self.course.fails = Some("fingerprints don't match".to_owned());
                } else if self.images.insert(name.clone(), content).is_some() {
                    self.course.fails =
                        Some("Image with same fingerprint already exists".to_owned());
                }
                let answer = self.start(json!({ "fingerprint": name }));
                self.course.fails = None;
                answer
            }
            ("GET", ["aliases", name]) => match self.aliases.get(&name.replace("%2F", "/")) {
                Some(target) => found(&json!({ "name": name, "target": target })),
                None => error(404, "Image alias not found"),
            },
            ("POST", ["aliases"]) => {
                self.aliases.insert(text(body, "name").to_owned(), text(body, "target").to_owned());
                (201, sync(&Value::Null).1, None)
            }
            ("PUT", ["aliases", name]) => {
                self.aliases.insert(name.replace("%2F", "/"), text(body, "target").to_owned());
                sync(&json!({}))
            }
            ("GET", [name]) if self.images.contains_key(*name) => {
                found(&json!({ "fingerprint": name }))
            }
            _ => error(404, "Image not found"),
        }
    }

    fn instance(&mut self, request: &Incoming, path: &[&str], body: &Value) -> Answer {
        match (request.method.as_str(), path) {
            ("GET", []) => sync(&self.instances.values().cloned().collect()),
            ("GET", [name]) => {
                self.instances.get(*name).map_or_else(|| error(404, "Instance not found"), found)
            }
            ("POST", []) => {
                let name = text(body, "name");
                let status = if body["start"] == true { "Running" } else { "Stopped" };
                let instance = json!({ "name": name, "status": status, "project": "default",
                    "config": { "volatile.base_image": body["source"]["fingerprint"] } });
                self.instances.insert(name.to_owned(), instance);
                self.start(json!({}))
            }
            ("PUT", [name, "state"]) => self.turn(name, body),
            ("POST", [name, "exec"]) => {
                let (code, out, err) = self.outcome.clone();
                let stem = format!("/1.0/instances/{name}/logs/exec-output/exec_1");
                self.logs.insert(format!("{stem}.stdout"), out);
                self.logs.insert(format!("{stem}.stderr"), err);
                let output =
                    json!({ "1": format!("{stem}.stdout"), "2": format!("{stem}.stderr") });
                self.start(json!({ "return": code, "output": output }))
            }
            ("GET", [_, "logs", ..]) => match self.logs.get(&request.path) {
                Some(log) => (200, log.clone(), None),
                None => error(404, "not found"),
            },
            ("DELETE", [_, "logs", ..]) => {
                self.logs.remove(&request.path);
                sync(&json!({}))
            }
            _ => error(404, "not found"),
        }
    }

    fn turn(&mut self, name: &str, body: &Value) -> Answer {
        let Some(instance) = self.instances.get_mut(name) else { return error(404, "not found") };
        let is_on = body["action"] == "start";
        let status = if is_on { "Running" } else { "Stopped" };
        let mut course = Course::default();
        if instance["status"] == status {
            let words = if is_on { "already running" } else { "already stopped" };
            course.fails = Some(format!("The instance is {words}"));
        } else if !is_on && instance["is_stubborn"] == true && body["force"] == false {
            course.fails = Some("Failed shutting down instance: timed out".to_owned());
        } else if !is_on && instance["is_immortal"] == true {
            course.fails = Some("Failed to kill".to_owned());
        } else {
            instance["status"] = status.into();
        }
        let course = std::mem::replace(&mut self.course, course);
        let answer = self.start(json!({}));
        self.course = course;
        answer
    }
}

/// The files of an upload in a row, as Incus takes them out of a form.
fn content(request: &Incoming) -> Vec<u8> {
    let kind = &request.headers["content-type"];
    let Some(boundary) = kind.strip_prefix("multipart/form-data; boundary=") else {
        return request.body.clone();
    };
    // One byte is one character, so files of any bytes can be split as text.
    let form: String = request.body.iter().map(|byte| char::from(*byte)).collect();
    let (mut fields, mut content) = (Vec::new(), String::new());
    for part in form.split(&format!("--{boundary}")) {
        let Some((head, file)) = part.split_once("\r\n\r\n") else { continue };
        fields.push(head.split('"').nth(1).unwrap().to_owned());
        content.push_str(file.strip_suffix("\r\n").unwrap());
    }
    assert_eq!(fields[0], "metadata");
    assert!(matches!(fields[1].as_str(), "rootfs" | "rootfs.img"));
    content.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}
