//! Prepares an update on a medium in a file, as a machine that runs from its slot A would: for measuring.
//!
//! `anklume-update-prepare MEDIUM ROOT_FILE SOURCE CHANNEL`: the medium is a disk with both slots, such as
//! an image of format raw that was given a GUID of its own. Prints what it took as JSON, with the most
//! memory that this program had in `peak-bytes` and the seconds of each phase in `phases`. The medium is
//! written.
#![expect(clippy::print_stdout, reason = "prints what it found")]

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anklume_bus::{Engine, Order, Progress, Verb, Watch};
use anklume_layout::Slot;
use anklume_layout::report::{BootReport, PersistState};
use anklume_medium::Medium;
use anklume_slots::Record;
use anklume_update::{Folder, Site, Updates};

type Trouble = Box<dyn std::error::Error>;

/// When each phase began.
#[derive(Default)]
struct Phases(Mutex<Vec<(String, Instant)>>);

impl Watch for Phases {
    fn progress(&self, progress: &Progress) {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.last().is_none_or(|(phase, _)| *phase != progress.phase) {
            begun.push((progress.phase.clone(), Instant::now()));
        }
    }

    fn cancelled(&self) -> bool {
        false
    }
}

impl Phases {
    /// The seconds of each, in their order; the last one ends now.
    fn seconds(self) -> Vec<(String, f64)> {
        let begun = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let ends = begun.iter().skip(1).map(|(_, at)| *at).chain([Instant::now()]);
        let pairs = begun.iter().zip(ends);
        pairs.map(|((phase, at), end)| (phase.clone(), (end - *at).as_secs_f64())).collect()
    }
}

fn main() -> Result<(), Trouble> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [medium, root_file, source, channel] = words.as_slice() else {
        return Err("usage: anklume-update-prepare MEDIUM ROOT_FILE SOURCE CHANNEL".into());
    };
    let root = std::env::temp_dir().join(format!("anklume-prepare-{}", std::process::id()));
    let anchor = root.join(anklume_release::names::TRUST_ANCHOR.trim_start_matches('/'));
    std::fs::create_dir_all(anchor.parent().unwrap_or(Path::new("/")))?;
    std::fs::copy(root_file, &anchor)?;
    let found = run(Path::new(medium), &root, source, channel);
    std::fs::remove_dir_all(&root)?;
    println!("{}", found?);
    Ok(())
}

fn run(path: &Path, root: &Path, source: &str, channel: &str) -> Result<String, Trouble> {
    let medium = Medium::at(path)?;
    let good = |_| Ok::<_, std::convert::Infallible>(Record::new().mark_good(Slot::A));
    medium.update(good).map_err(|error| format!("{error:?}"))?;
    let updates = Updates::new(site(path.to_owned(), root, &medium));
    let mut order = Order::new(Verb::Prepare);
    order.options.source = Some(source.to_owned());
    order.options.channel = Some(channel.to_owned());
    let phases = Phases::default();
    let mut done = updates.run(&order, &phases).map_err(|failure| failure.to_text())?;
    done.insert("phases".to_owned(), serde_json::to_value(phases.seconds())?);
    done.insert("peak-bytes".to_owned(), peak_bytes()?.into());
    Ok(serde_json::Value::Object(done).to_string())
}

/// The most memory that this program had at a time, by proc_pid_status(5).
fn peak_bytes() -> Result<u64, Trouble> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = line.and_then(|line| line.split_whitespace().next()).unwrap_or("").parse()?;
    Ok(kib << 10)
}

fn site(path: PathBuf, root: &Path, medium: &Medium) -> Site {
    let mut report = BootReport::uneventful(Slot::A, "", String::new(), medium.bytes());
    report.medium.disk_guid = Some(medium.disk_guid().to_string());
    report.persist.state = PersistState::Volatile;
    let now = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.unwrap_or_default().as_secs()
    };
    Site {
        root: root.to_owned(),
        report,
        keep: Box::new(Folder(root.join("keep"))),
        now,
        open: Box::new(move |_| Medium::at(&path)),
        fetch: Box::new(anklume_fetch::Settings::default),
        roll_back: Box::new(|| {
            Err(anklume_bus::Failure::new(anklume_bus::Kind::Refused, "there is no machine"))
        }),
    }
}
