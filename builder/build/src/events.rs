//! Progress: events first, then bars on a terminal, plain lines elsewhere, JSON for machines.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anklume_compare::{AreaDifference, Rebuild};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

/// Something that happened. Sizes are in bytes, times in seconds.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event<'a> {
    /// A step began.
    Started {
        /// What it does.
        step: &'a str,
    },
    /// A step got on.
    Progress {
        /// What it does.
        step: &'a str,
        /// Bytes done.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// A step ended well.
    Finished {
        /// What it did.
        step: &'a str,
        /// How long it took.
        seconds: f64,
        /// What came of it, for people.
        result: &'a str,
    },
    /// Something the user should know.
    Note {
        /// The text.
        text: &'a str,
    },
    /// The program ends with an error.
    Failed {
        /// What happened.
        error: &'a str,
        /// What to do about it.
        hint: Option<&'a str>,
    },
    /// The image is finished.
    Built(&'a Built),
    /// A lock was made.
    Locked(&'a Locked),
    /// An image was compared with its rebuild.
    Compared(&'a Compared),
    /// Something was published.
    Published(&'a Published),
}

/// What was published.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Published {
    pub(crate) repository: String,
    /// The image in the repository; absent when only signatures were made anew, as what follows.
    pub(crate) image: Option<String>,
    pub(crate) channel: Option<String>,
    pub(crate) compatible: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) rollout_hours: Option<u32>,
    /// Version of the root file.
    pub(crate) root: u64,
    /// Until when the repository must be signed anew.
    pub(crate) expires: String,
    /// Until when that takes more than the keys of timestamp and snapshot.
    pub(crate) targets_expire: String,
}

/// An image beside its rebuild.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Compared {
    pub(crate) image: String,
    /// Whether every byte is the same.
    pub(crate) same: bool,
    /// Whether nothing differs that is read.
    pub(crate) only_padding: bool,
    pub(crate) definition: String,
    /// The lock that said which packages were taken.
    pub(crate) lock: Option<String>,
    pub(crate) profile: String,
    /// Whether only downloaded packages came from the cache.
    pub(crate) cold: bool,
    /// Where the rebuilt image is, if it was to be kept.
    pub(crate) kept: Option<String>,
    pub(crate) bytes: u64,
    pub(crate) rebuilt_bytes: u64,
    pub(crate) sha256: String,
    pub(crate) rebuilt_sha256: String,
    /// The time of the packages in seconds since 1970.
    pub(crate) epoch: u64,
    pub(crate) rebuilt_epoch: u64,
    /// Where bytes differ.
    pub(crate) areas: Vec<AreaDifference>,
    /// What differs, if anything that is read does.
    pub(crate) rebuild: Option<Rebuild>,
    /// Why it is not known what differs, if so.
    pub(crate) unread: Option<String>,
}

/// A lock that was made, and how it differs from the one before.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Locked {
    pub(crate) lock: String,
    /// Whether the file was written: not with `--dry-run`, and not when nothing changed.
    pub(crate) written: bool,
    /// Whether there was a lock before.
    pub(crate) update: bool,
    pub(crate) epoch: u64,
    /// Packages of the root tree.
    pub(crate) root: usize,
    /// Packages of the tool tree.
    pub(crate) tools: usize,
    /// Packages of the container; 0 without one.
    pub(crate) container: usize,
    /// Packages of the tree that kernel modules are built in; 0 without modules.
    pub(crate) modules: usize,
    /// Bytes of all package files.
    pub(crate) bytes: u64,
    pub(crate) changes: Vec<LockChange>,
}

/// A package that is another one than in the lock before.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct LockChange {
    pub(crate) change: &'static str,
    pub(crate) tree: &'static str,
    pub(crate) name: String,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    /// For people.
    #[serde(skip)]
    pub(crate) line: String,
}

/// What was built.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Built {
    pub(crate) image: String,
    pub(crate) bytes: u64,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) format: String,
    pub(crate) kernel: String,
    pub(crate) root_hash: String,
    pub(crate) packages: usize,
    /// Files about the image: bills of materials, manifest, report.
    pub(crate) beside: Vec<String>,
    pub(crate) steps: Vec<StepTime>,
    /// Whether all of it was there already.
    pub(crate) unchanged: bool,
}

/// How long a step took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StepTime {
    pub(crate) step: String,
    /// When it began, counted from the program's start.
    pub(crate) start_seconds: f64,
    pub(crate) seconds: f64,
    /// What came of it.
    pub(crate) result: String,
}

/// How events are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Face {
    Bars,
    Lines,
    Json,
}

/// Shows events and remembers how long steps took.
#[derive(Debug)]
pub(crate) struct Reporter {
    face: Face,
    started: Instant,
    steps: Mutex<Vec<StepTime>>,
    /// The first event that standard output did not take.
    lost: Mutex<Option<std::io::Error>>,
}

impl Reporter {
    /// JSON lines on standard output if `json`; else bars if standard error is a terminal.
    pub(crate) fn new(json: bool) -> Self {
        let face = match (json, std::io::stderr().is_terminal()) {
            (true, _) => Face::Json,
            (false, true) => Face::Bars,
            (false, false) => Face::Lines,
        };
        Self { face, started: Instant::now(), steps: Mutex::default(), lost: Mutex::default() }
    }

    /// Begins a step.
    pub(crate) fn step(&self, step: &str) -> Step<'_> {
        let bar = (self.face == Face::Bars).then(|| {
            let bar = ProgressBar::new_spinner().with_message(step.to_owned());
            bar.set_style(spinner_style());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if self.face == Face::Json {
            self.json(&Event::Started { step });
        }
        Step { reporter: self, name: step.to_owned(), start: Instant::now(), bar, last: None }
    }

    /// Tells the user something.
    pub(crate) fn note(&self, text: &str) {
        match self.face {
            Face::Json => self.json(&Event::Note { text }),
            Face::Bars | Face::Lines => self.line(&format!("note: {text}")),
        }
    }

    /// Says why the program ends.
    pub(crate) fn failed(&self, failure: &crate::failure::Failure) {
        if self.face == Face::Json {
            self.failed_event(failure);
        }
        self.line(&failure.to_string());
    }

    /// Says why the program ends as a JSON line, however events are shown: for a command that
    /// prints JSON of its own and could not.
    pub(crate) fn failed_event(&self, failure: &crate::failure::Failure) {
        self.json(&Event::Failed { error: failure.message(), hint: failure.hint_text() });
    }

    /// Whether every event reached standard output: one who follows them must not take silence for
    /// a good end.
    pub(crate) fn told(&self) -> Result<(), crate::failure::Failure> {
        let lost = self.lost.lock().ok().and_then(|mut lost| lost.take());
        crate::print::written(lost.map_or(Ok(()), Err))
    }

    /// Shows the result of a build.
    pub(crate) fn built(&self, built: &Built) {
        if self.face == Face::Json {
            self.json(&Event::Built(built));
        }
    }

    /// Shows the result of `lock`.
    pub(crate) fn locked(&self, locked: &Locked) -> Result<(), crate::failure::Failure> {
        if self.face != Face::Json {
            return crate::print::locked(locked);
        }
        self.json(&Event::Locked(locked));
        Ok(())
    }

    /// Shows the result of `publish`.
    pub(crate) fn published(&self, published: &Published) {
        if self.face == Face::Json {
            self.json(&Event::Published(published));
        }
    }

    /// Shows the result of a rebuild.
    pub(crate) fn compared(&self, compared: &Compared) {
        self.json(&Event::Compared(compared));
    }

    /// The steps so far.
    pub(crate) fn times(&self) -> Vec<StepTime> {
        self.steps.lock().map(|steps| steps.clone()).unwrap_or_default()
    }

    fn json(&self, event: &Event<'_>) {
        if let Ok(line) = serde_json::to_string(event) {
            let written = writeln!(std::io::stdout().lock(), "{line}");
            if let (Err(error), Ok(mut lost)) = (written, self.lost.lock()) {
                lost.get_or_insert(error);
            }
        }
    }

    fn line(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }
}

fn spinner_style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .tick_chars("|/-\\ ")
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .tick_chars("|/-\\ ")
        .progress_chars("=> ")
}

/// A step that is being done. Dropped without [`Step::finish`], it failed.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    reporter: &'a Reporter,
    name: String,
    start: Instant,
    bar: Option<ProgressBar>,
    last: Option<Instant>,
}

impl Step<'_> {
    /// The step, when it began earlier than was said.
    pub(crate) fn since(mut self, start: Instant) -> Self {
        self.start = start;
        self
    }

    /// Says how far the step has got, in bytes.
    pub(crate) fn progress(&mut self, done: u64, total: u64) {
        let now = Instant::now();
        let due = self.last.is_none_or(|last| now - last > Duration::from_millis(200));
        if !due && done < total {
            return;
        }
        self.last = Some(now);
        if let Some(bar) = &self.bar {
            if bar.length() != Some(total) {
                bar.set_length(total);
                bar.set_style(bar_style());
            }
            bar.set_position(done);
        }
        if self.reporter.face == Face::Json {
            self.reporter.json(&Event::Progress { step: &self.name, done, total });
        }
    }

    /// Ends the step well; `result` says what came of it.
    pub(crate) fn finish(self, result: &str) {
        let seconds = self.start.elapsed().as_secs_f64();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        match self.reporter.face {
            Face::Json => {
                self.reporter.json(&Event::Finished { step: &self.name, seconds, result });
            }
            Face::Bars | Face::Lines => {
                self.reporter.line(&format!("{:>7.1} s  {}: {result}", seconds, self.name));
            }
        }
        if let Ok(mut steps) = self.reporter.steps.lock() {
            let start_seconds = (self.start - self.reporter.started).as_secs_f64();
            let (step, result) = (self.name.clone(), result.to_owned());
            steps.push(StepTime { step, start_seconds, seconds, result });
        }
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A number of bytes for people: binary units, as disks and memory are counted here.
pub(crate) fn human_bytes(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}
