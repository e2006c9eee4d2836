//! Waits for the medium.
//!
//! Devices are found by looking at sysfs again and again rather than by listening to the kernel's
//! announcements: a missed or dropped announcement would leave the machine without its medium, a
//! missed look costs a tenth of a second, and the flat lists make a look cheap.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anklume_gpt::Guid;
use anklume_host::sysfs::{BlockDevice, Sysfs};

use crate::error::{Error, at};
use crate::journal::Journal;
use crate::look::{self, Found, Look};
use crate::modules::Loader;
use crate::plan::{self, Seen};
use crate::recognise::FileSystem;
use crate::request::Request;
use crate::{backup, stuck};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);
const SYS: &str = "/sys";

/// In the `modalias` of a PCI device: a USB host controller of any kind (PCI Code and ID Assignment
/// Specification 1.16 section 1.13: base class 0Ch, sub-class 03h).
const USB_CONTROLLER: &str = "bc0Csc03";
/// Drivers of USB sticks and disks.
const USB_STORAGE: [&str; 3] = ["usb-storage", "uas", "sd_mod"];

/// Starts the USB controllers. It takes a second until a stick behind one of them can be read, and
/// nothing needs to wait for it meanwhile; its drivers, too, are there before it is.
pub(crate) fn wake_usb(loader: &mut Loader, journal: &mut Journal) {
    let devices = Sysfs::at(Path::new(SYS)).modaliases().into_iter();
    let controllers = devices.filter(|alias| alias.contains(USB_CONTROLLER)).collect();
    if loader.serve(controllers, journal) {
        loader.load(&USB_STORAGE, journal);
    }
}

/// A device and what is known of it.
struct Entry {
    device: BlockDevice,
    first_seen: Instant,
    state: State,
}

enum State {
    New,
    /// It could not be read, at this time.
    Failed(Instant, String),
    /// It holds the wanted OS.
    Matches,
    /// Looked at. `table` is whether its own partition table was, too.
    Other {
        why: String,
        table: bool,
        file_system: Option<FileSystem>,
    },
    /// Its file system was looked into as well.
    Mounted {
        why: String,
        file_system: FileSystem,
    },
}

/// Name, number and size: another medium in the same drive is another device.
type Key = (String, (u32, u32), u64);

/// What is searched for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) request: &'a Request,
    /// A partition of the disk that the kernel was loaded from, if it is known.
    pub(crate) loader_partition: Option<Guid>,
}

pub(crate) struct Search<'a> {
    request: &'a Request,
    loader_partition: Option<Guid>,
    loader: &'a mut Loader,
    journal: &'a mut Journal,
    sysfs: Sysfs,
    started: Instant,
    entries: BTreeMap<Key, Entry>,
    /// Copies of the wanted OS.
    matches: Vec<Match>,
}

/// A copy of the wanted OS.
struct Match {
    found: Found,
    /// Whether it lies on the disk that the kernel was loaded from, if that is known.
    from_loaders_disk: Option<bool>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        wanted: Wanted<'a>,
        loader: &'a mut Loader,
        journal: &'a mut Journal,
    ) -> Self {
        let Wanted { request, loader_partition } = wanted;
        let sysfs = Sysfs::at(Path::new(SYS));
        let (started, entries) = (Instant::now(), BTreeMap::new());
        let matches = Vec::new();
        Self { request, loader_partition, loader, journal, sysfs, started, entries, matches }
    }

    /// Looks until the wanted OS is found or the time is over.
    pub(crate) fn run(mut self) -> Result<Found, Error> {
        loop {
            // How long to wait is for the command line to say.
            stuck::alive();
            let more = self.loader.serve(self.sysfs.modaliases(), self.journal);
            self.refresh()?;
            self.look_at_devices();
            if let Some(found) = self.take_best().or_else(|| self.look_into_file_systems()) {
                return Ok(found);
            }
            let waited = self.started.elapsed();
            if plan::is_over(self.loaders_disk_failed(), waited, self.request.timeout) {
                let waited = waited.as_secs();
                return Err(Error::NotFound(plan::not_found(self.request, waited, &self.seen())));
            }
            if !more {
                sleep(PAUSE);
            }
        }
    }

    /// Whether the disk that the kernel was loaded from is there, all of it was looked at, and it does
    /// not hold the wanted OS.
    fn loaders_disk_failed(&self) -> bool {
        let Some(guid) = self.loader_partition else { return false };
        let entries: Vec<&Entry> = self.entries.values().collect();
        let Some(disk) = entries
            .iter()
            .map(|entry| &entry.device)
            .find(|device| device.partition.is_none() && look::disk_has(&self.sysfs, device, guid))
        else {
            return false;
        };
        let parts = entries.iter().filter(|entry| entry.device.disk() == disk.name);
        let vain = |entry: &&&Entry| {
            matches!(entry.state, State::Other { .. } | State::Mounted { .. })
                || plan::passed_over(&entry.device).is_some()
        };
        self.request.image_file.is_none() && parts.clone().all(|entry| vain(&entry))
    }

    /// Forgets devices that are gone and notes new ones.
    fn refresh(&mut self) -> Result<(), Error> {
        let devices = self.sysfs.block_devices().map_err(at("reading", Path::new(SYS)))?;
        let mut before = std::mem::take(&mut self.entries);
        for device in devices {
            let key = (device.name.clone(), device.number, device.bytes);
            let entry = before.remove(&key).map(|entry| Entry { device: device.clone(), ..entry });
            let new = || Entry { device, first_seen: Instant::now(), state: State::New };
            self.entries.insert(key, entry.unwrap_or_else(new));
        }
        Ok(())
    }

    /// Looks at what was not looked at.
    fn look_at_devices(&mut self) {
        for entry in self.entries.values_mut() {
            let table = plan::table_expected(&entry.device, entry.first_seen.elapsed());
            if plan::passed_over(&entry.device).is_some() || !entry.wants_a_look(table) {
                continue;
            }
            if table && backup::show_partitions(&entry.device, self.journal) {
                continue;
            }
            entry.state = match look::at_device(&entry.device, self.request.root_hash, table) {
                Look::Found(mut found) => {
                    let slot = self
                        .loader_partition
                        .map(|guid| look::slot_on_disk(&self.sysfs, &entry.device, guid));
                    found.slot = slot.flatten().flatten();
                    let from_loaders_disk = slot.map(|slot| slot.is_some());
                    self.matches.push(Match { found: *found, from_loaders_disk });
                    State::Matches
                }
                Look::Failed(why) => State::Failed(Instant::now(), why),
                Look::Other { why, file_system } => {
                    self.journal.detail(&format!("{}: {why}", entry.device.name));
                    State::Other { why, table, file_system }
                }
            };
        }
    }

    /// Takes the best copy of the wanted OS, unless a better one may still appear.
    fn take_best(&mut self) -> Option<Found> {
        // Devices may be gone again.
        let entries = &self.entries;
        self.matches.retain(|this| {
            entries.values().any(|entry| {
                entry.device.name == this.found.device.name && matches!(entry.state, State::Matches)
            })
        });
        self.matches.sort_by_key(|this| {
            // Both slots may hold the same OS.
            let other_slot = plan::is_other_slot(&this.found.device, this.found.slot);
            (this.from_loaders_disk != Some(true), other_slot, plan::rank(&this.found.device))
        });
        let best = self.matches.first()?;
        let waited = self.started.elapsed();
        if waited < self.request.timeout && !plan::is_final(best.from_loaders_disk, waited) {
            return None;
        }
        if self.matches.len() > 1 {
            let names: Vec<_> =
                self.matches.iter().map(|this| this.found.device.name.as_str()).collect();
            let names = names.join(", ");
            self.journal
                .say(&format!("the OS is on more than one device: {names}; the first is taken"));
        }
        Some(self.matches.swap_remove(0).found)
    }

    /// Looks into file systems, unless there are copies to choose from already.
    fn look_into_file_systems(&mut self) -> Option<Found> {
        if !self.matches.is_empty() {
            return None;
        }
        let waited = self.started.elapsed();
        let mut entries: Vec<_> = self.entries.values_mut().collect();
        entries.sort_by_key(|entry| plan::rank(&entry.device));
        for entry in entries {
            let State::Other { why, file_system: Some(file_system), .. } = &entry.state else {
                continue;
            };
            if !plan::mount_expected(&entry.device, self.request, waited) {
                continue;
            }
            let (before, file_system) = (why.clone(), *file_system);
            if entry.device.partition.is_none()
                && backup::show_partitions(&entry.device, self.journal)
            {
                return None;
            }
            self.loader.load(file_system.modules(), self.journal);
            let image_file = self.request.image_file.as_deref();
            let wanted = self.request.root_hash;
            match look::into_file_system(&entry.device, file_system, image_file, wanted) {
                Ok(found) => return Some(found),
                Err(why) => {
                    self.journal.detail(&format!("{}: {why}", entry.device.name));
                    let why = format!("{before}; {why}");
                    entry.state = State::Mounted { why, file_system };
                }
            }
        }
        None
    }

    fn seen(&self) -> Vec<Seen> {
        self.entries.values().filter_map(Entry::seen).collect()
    }
}

impl Entry {
    fn wants_a_look(&self, table: bool) -> bool {
        match &self.state {
            State::New => true,
            State::Failed(when, _) => when.elapsed() >= plan::RETRY,
            State::Other { table: done, .. } => table && !done,
            State::Matches | State::Mounted { .. } => false,
        }
    }

    fn seen(&self) -> Option<Seen> {
        let (why_not, file_system) = match (plan::passed_over(&self.device), &self.state) {
            (Some(""), _) => return None,
            (Some(why), _) => (why.to_owned(), None),
            (None, State::Matches) => ("the wanted OS".to_owned(), None),
            (None, State::New) => ("not looked at".to_owned(), None),
            (None, State::Failed(_, why)) => (why.clone(), None),
            (None, State::Other { why, file_system, .. }) => (why.clone(), *file_system),
            (None, State::Mounted { why, file_system }) => (why.clone(), Some(*file_system)),
        };
        let file_system = file_system.map(FileSystem::kind);
        Some(Seen { device: self.device.clone(), file_system, why_not })
    }
}
