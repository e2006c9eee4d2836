//! The machine that an update is made on.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anklume_bus::{Dict, Failure, Kind};
use anklume_fetch::{Location, Settings as FetchSettings, Source};
use anklume_host::lock::Lock;
use anklume_layout::manifest::Manifest;
use anklume_layout::report::BootReport;
use anklume_layout::{Role, Slot};
use anklume_medium::{Medium, SlotContent};
use anklume_release::{MAX_SETTINGS_BYTES, Settings, names};
use anklume_slots::Record;

use crate::failure::{of_medium, of_source};
use crate::keep::Keep;

/// Opens the medium that the OS was booted from.
pub type Open = Box<dyn Fn(&BootReport) -> Result<Medium, anklume_medium::Error> + Send + Sync>;
/// Makes the other slot the one that boots, and says what that means.
pub type RollBack = Box<dyn Fn() -> Result<Dict, Failure> + Send + Sync>;

/// The lock of whoever changes a slot, below the root folder.
const LOCK: &str = "run/anklume/update.lock";
/// Where lists of what slots hold are kept until the machine restarts, below the root folder.
const LISTS: &str = "run/anklume/update";

/// Everything that is not decided here.
pub struct Site {
    /// The root folder.
    pub root: PathBuf,
    /// What the initramfs found.
    pub report: BootReport,
    /// The persistent partition's folder for updates.
    pub keep: Box<dyn Keep + Send + Sync>,
    /// Seconds since 1970, by the machine's clock.
    pub now: fn() -> u64,
    /// Opens the boot medium.
    pub open: Open,
    /// How files are fetched.
    pub fetch: Box<dyn Fn() -> FetchSettings + Send + Sync>,
    /// Goes back to the other slot.
    pub roll_back: RollBack,
}

/// The boot medium, and what runs from it.
pub(crate) struct Here {
    pub(crate) medium: Medium,
    /// The slot that runs.
    pub(crate) slot: Slot,
    /// What is in it.
    pub(crate) manifest: Manifest,
    /// The boot record, if there is one.
    pub(crate) record: Option<Record>,
}

impl Here {
    /// The slot that an update is written to.
    pub(crate) fn target(&self) -> Slot {
        self.slot.other()
    }

    /// What the other slot holds, if that is whole as far as a look tells.
    pub(crate) fn other(&self) -> Option<Manifest> {
        let SlotContent::Described { manifest, os: Ok(_) } = self.medium.slot(self.target()) else {
            return None;
        };
        Some(*manifest)
    }

    /// Whether the first boot has made both slots.
    pub(crate) fn is_grown(&self) -> bool {
        // An image's GUID is derived from its content, until its first boot is finished.
        let is_image = self.medium.disk_guid().version() == Some(8);
        let roles = [Role::Boot(self.target()), Role::Os(self.target())];
        !is_image && roles.iter().all(|role| self.medium.partition(*role).is_some())
    }
}

impl Site {
    /// A path below the root folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The slot that runs, and its medium.
    pub(crate) fn here(&self) -> Result<Here, Failure> {
        let slot = self.report.slot.ok_or_else(|| {
            Failure::new(Kind::Refused, "this OS did not start from a slot, so there is no other one")
                .hint("only a medium with both slots can be updated: flash the image to a stick or a disk")
        })?;
        if !self.report.medium.writable {
            return Err(Failure::new(Kind::Refused, "the boot medium cannot be written")
                .hint("a switch on the stick, or a CD? Flash the new image to another medium"));
        }
        let medium = (self.open)(&self.report).map_err(|error| of_medium(&error))?;
        let manifest = match medium.slot(slot) {
            SlotContent::Described { manifest, .. } => *manifest,
            SlotContent::Unreadable(error) => return Err(of_medium(&error)),
            SlotContent::Absent | SlotContent::Empty => {
                return Err(Failure::new(
                    Kind::Damaged,
                    format_args!("slot {slot}, which runs, is empty"),
                )
                .hint("is it the medium that this machine started from?"));
            }
        };
        let record = medium.copies().map_err(|error| of_medium(&error))?.record();
        Ok(Here { medium, slot, manifest, record })
    }

    /// The settings of the machine before those of the image.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let own = self.settings_of(names::SETTINGS)?;
        Ok(own.or(self.settings_of(names::DEFAULT_SETTINGS)?))
    }

    fn settings_of(&self, path: &str) -> Result<Settings, Failure> {
        let limit = u64::try_from(MAX_SETTINGS_BYTES).unwrap_or(u64::MAX);
        let damaged = |error: &dyn std::fmt::Display| Failure::new(Kind::Damaged, error);
        let text = match read_text(&self.path(path), limit) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Settings::default()),
            read => read.map_err(|error| damaged(&format_args!("{path}: {error}")))?,
        };
        Settings::parse(&text, path).map_err(|error| damaged(&error).hint(error.hint()))
    }

    /// Opens a source.
    pub(crate) fn source(&self, location: &str, fetch: FetchSettings) -> Result<Source, Failure> {
        let location = Location::parse(location).map_err(|error| of_source(&error))?;
        Source::open(&location, fetch).map_err(|error| of_source(&error))
    }

    /// Keeps every other program from changing a slot.
    pub(crate) fn lock(&self) -> Result<Lock, Failure> {
        let path = self.path(LOCK);
        Lock::make(&path, Duration::ZERO).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => {
                Failure::new(Kind::Busy, "another program is updating this machine")
                    .hint("wait until it is done; `anklume status` shows the slots")
            }
            io::ErrorKind::PermissionDenied => {
                Failure::new(Kind::Denied, "only root may update this machine")
                    .hint("run it as root")
            }
            _ => Failure::new(Kind::Failed, format_args!("{}: {error}", path.display())),
        })
    }

    /// The list of the version with this root hash, if it was made since the machine started.
    pub(crate) fn known_list(&self, root_hash: &str) -> Option<Vec<u8>> {
        std::fs::read(self.list_path(root_hash)?).ok()
    }

    /// Keeps a list until the machine restarts. It only saves time.
    pub(crate) fn keep_list(&self, root_hash: &str, bytes: &[u8]) {
        if let Some(path) = self.list_path(root_hash)
            && let Some(folder) = path.parent()
        {
            let _ = std::fs::create_dir_all(folder)
                .and_then(|()| anklume_host::file::replace(&path, bytes));
        }
    }

    fn list_path(&self, root_hash: &str) -> Option<PathBuf> {
        let is_hash = root_hash.len() == 64 && root_hash.bytes().all(|b| b.is_ascii_hexdigit());
        is_hash.then(|| self.root.join(LISTS).join(format!("{root_hash}.chunks")))
    }
}

fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)?.take(limit.saturating_add(1)).read_to_string(&mut text)?;
    Ok(text)
}
