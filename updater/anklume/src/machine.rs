//! The machine that the program runs on.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anklume_history::Moment;
use anklume_host::console::Consoles;
use anklume_host::interrupt::interrupted;
use anklume_host::reboot::restart_without_writing;
use anklume_layout::Slot;
use anklume_layout::report::{self, BootReport};
use anklume_ramcrypt::RamEncryption;

use crate::paths::Paths;
use crate::ram;
use crate::store::{self, RecordStore, StoreError};
use anklume_failure::{Context, Failure, Kind};

/// The longest file of `/run`, `/proc` or `/etc` that is read, in bytes.
const MAX_TEXT: u64 = 1 << 20;

/// Opens the medium of a boot report.
pub(crate) type Open = Box<dyn Fn(&BootReport) -> Result<Box<dyn RecordStore>, StoreError>>;

/// Paths, the boot medium, and what else is not data.
pub(crate) struct Machine {
    pub(crate) paths: Paths,
    pub(crate) open: Open,
    /// Seconds since 1970.
    pub(crate) clock: fn() -> u64,
    pub(crate) pause: fn(Duration),
    pub(crate) consoles: fn() -> Consoles,
    /// Whether the memory of the machine with this root folder is encrypted.
    pub(crate) ram_encryption: fn(&Path) -> RamEncryption,
    /// Restarts the machine at once; it returns only when that fails.
    pub(crate) last_resort: fn() -> io::Error,
}

/// The boot that is running, from a slot whose boots are recorded.
pub(crate) struct Boot {
    pub(crate) report: BootReport,
    pub(crate) slot: Slot,
    /// The kernel's ID of it.
    pub(crate) id: String,
}

impl Machine {
    /// This one.
    pub(crate) fn here() -> Self {
        Self {
            paths: Paths::default(),
            open: Box::new(store::open),
            clock: seconds_since_1970,
            pause,
            consoles: Consoles::open,
            ram_encryption: ram::encryption,
            last_resort: restart_without_writing,
        }
    }

    /// The initramfs's report; none if another one started this OS.
    pub(crate) fn report(&self) -> Result<Option<BootReport>, Failure> {
        let path = &self.paths.report;
        let Some(text) = text(path).context(path.display())? else { return Ok(None) };
        let damaged = |why: &dyn std::fmt::Display| {
            Failure::new(Kind::Damaged, format!("{}: {why}", path.display()))
                .hint("restart the machine; the report is made at every boot")
        };
        let report: BootReport = serde_json::from_str(&text).map_err(|error| damaged(&error))?;
        let (expected, found) = (report::VERSION, report.report_version);
        if found != expected {
            return Err(damaged(&format!("expected version {expected}, found {found}")));
        }
        Ok(Some(report))
    }

    /// The running boot, or why no record of it is kept.
    pub(crate) fn boot(&self) -> Result<Result<Boot, String>, Failure> {
        let report = match self.report()? {
            None => return Ok(Err(format!("there is no {}", self.paths.report.display()))),
            Some(report) => report,
        };
        Ok(match recorded_slot(&report) {
            Ok(slot) => Ok(Boot { slot, id: self.boot_id()?, report }),
            Err(why) => Err(why.to_owned()),
        })
    }

    /// As [`Machine::boot`], for commands that a person gave.
    pub(crate) fn boot_or_refuse(&self) -> Result<Boot, Failure> {
        self.boot()?.map_err(|why| {
            Failure::refused(why).hint("only a writable medium with slots keeps a boot record")
        })
    }

    /// The boot medium.
    pub(crate) fn store(&self, report: &BootReport) -> Result<Box<dyn RecordStore>, StoreError> {
        (self.open)(report)
    }

    /// The kernel's ID of this boot.
    pub(crate) fn boot_id(&self) -> Result<String, Failure> {
        let path = self.paths.proc.join("sys/kernel/random/boot_id");
        let text = text(&path).context(path.display())?.unwrap_or_default();
        Ok(text.trim().to_owned())
    }

    /// Time since the initramfs handed over: how long a slow medium took to be copied says nothing about
    /// the OS.
    pub(crate) fn since_handover(&self) -> Result<Duration, Failure> {
        let handover = self.report()?.map_or(0, |report| report.handover_ms);
        Ok(self.uptime()?.saturating_sub(Duration::from_millis(handover)))
    }

    /// Time since the kernel's start.
    fn uptime(&self) -> Result<Duration, Failure> {
        let path = self.paths.proc.join("uptime");
        let text = text(&path).context(path.display())?.unwrap_or_default();
        let seconds = text.split_whitespace().next().and_then(|word| word.parse().ok());
        seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or_else(|| Failure::failed(format!("{}: no number of seconds", path.display())))
    }

    /// The kernel command line.
    pub(crate) fn command_line(&self) -> String {
        text(&self.paths.proc.join("cmdline")).ok().flatten().unwrap_or_default()
    }

    /// The time by the machine's clock.
    pub(crate) fn now(&self) -> Moment {
        Moment::new((self.clock)())
    }
}

fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Waits, unless the program is asked to stop.
fn pause(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time && !interrupted() {
        std::thread::sleep(Duration::from_millis(100).min(time));
    }
}

/// The slot of a boot that is recorded, or why it is not.
pub(crate) fn recorded_slot(report: &BootReport) -> Result<Slot, &'static str> {
    match report.slot {
        None => Err("the OS did not boot from a slot: no boot record"),
        Some(_) if report.medium.kind != "partition" => {
            Err("the OS did not boot from a partition: no boot record")
        }
        Some(_) if !report.medium.writable => {
            Err("the boot medium cannot be written: no boot record")
        }
        Some(slot) => Ok(slot),
    }
}

/// The text of a file; none if there is no file. What is not UTF-8 is replaced.
pub(crate) fn text(path: &Path) -> io::Result<Option<String>> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_TEXT).read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}
