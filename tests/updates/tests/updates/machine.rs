//! A machine: its folders, its medium, and what must not change on it.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use anklume_bus::{Dict, Engine, Failure, Kind, Order, Progress, Verb, Watch};
use anklume_fetch::{Pause, Proxies, Settings, Timeouts};
use anklume_gpt::Piece;
use anklume_growth::{Decision, Facts};
use anklume_layout::report::BootReport;
use anklume_layout::sizes::SizePolicy;
use anklume_layout::{Role, SECTOR_BYTES, Slot, files};
use anklume_medium::Medium;
use anklume_slots::{Record, State as SlotState};
use anklume_update::{Folder, Site, State, Updates};

use crate::disk::Disk;
use crate::sample::Sample;
use crate::shelf::{START, shelf};

const MIB: u64 = 1 << 20;
/// The whole medium.
pub(crate) const DISK_BYTES: u64 = 48 * MIB;

/// A medium with both slots: A holds 1.0 and is good, B is empty.
pub(crate) struct Template {
    disk: Disk,
    records: [Range<u64>; 2],
}

impl Template {
    /// Does what the first boot does, on a medium of so many bytes.
    pub(crate) fn grown(sample: &Sample, disk_bytes: u64) -> Self {
        let mut disk = sample.whole();
        disk.resize(disk_bytes as usize, 0);
        let facts = Facts { read_only: false, block_bytes: 512, partitions: Vec::new() };
        let policy = SizePolicy { minimum_boot: MIB, minimum_os: 8 * MIB, persist: 2 * MIB };
        let mut seed = 0_u8;
        let mut random = || {
            seed += 1;
            [seed; 16]
        };
        let plan = match anklume_growth::plan(&disk, &facts, &policy, &mut random).unwrap() {
            Decision::Grow(plan) => plan,
            other => panic!("{other:?}"),
        };
        let persist = [Piece { offset: 0, bytes: vec![0; 4096] }];
        anklume_growth::execute(&plan, &mut disk, &persist, &mut |_, _| ()).unwrap();
        let record = Record::new().mark_good(Slot::A).encode().unwrap();
        let records = files::BOOT_RECORDS.map(|path| {
            let start = sample.area(path).offset;
            start..start + SECTOR_BYTES
        });
        for place in &records {
            disk[span(place)].copy_from_slice(&record);
        }
        Self { disk: Disk::of_bytes(&disk), records }
    }

    /// Makes a file of it.
    pub(crate) fn write(&self, path: &Path) {
        self.disk.write(path);
    }
}

/// A range as one of a slice.
fn span(range: &Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// A machine on which 1.0 runs from slot A.
pub(crate) struct Machine {
    folder: tempfile::TempDir,
}

/// Nothing is waited for.
#[derive(Debug)]
struct NoPause;

impl Pause for NoPause {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wait(&self, _: Duration, _: &dyn Fn() -> bool) {}

    fn chance(&self) -> u64 {
        0
    }
}

/// How files are fetched: quickly given up, but for silence, which is loud on a busy machine.
pub(crate) fn fetch() -> Settings {
    let timeouts = Duration::from_secs(20);
    Settings {
        connections: 2,
        tries: 3,
        timeouts: Timeouts {
            resolve: timeouts,
            connect: timeouts,
            answer: timeouts,
            stall: timeouts,
        },
        proxies: Proxies::default(),
        pause: Arc::new(NoPause),
        ..Settings::default()
    }
}

/// Gives up soon when nothing comes.
pub(crate) fn impatient() -> Settings {
    let short = Duration::from_millis(150);
    let timeouts = Timeouts { resolve: short, connect: short, answer: short, stall: short };
    Settings { tries: 2, timeouts, ..fetch() }
}

/// Listens to everything, and may ask for an end.
#[derive(Default)]
pub(crate) struct Ear {
    heard: Mutex<Vec<Progress>>,
    /// Asks for an end once so many reports came.
    end_after: Option<usize>,
}

impl Watch for Ear {
    fn progress(&self, progress: &Progress) {
        self.heard.lock().unwrap().push(progress.clone());
    }

    fn cancelled(&self) -> bool {
        self.end_after.is_some_and(|end| self.heard.lock().unwrap().len() >= end)
    }
}

impl Ear {
    /// Asks for an end once so many reports came.
    pub(crate) fn until(end: usize) -> Self {
        Self { end_after: Some(end), ..Self::default() }
    }

    pub(crate) fn heard(&self) -> Vec<Progress> {
        self.heard.lock().unwrap().clone()
    }
}

/// The order to update from a source.
pub(crate) fn order(verb: Verb, source: &str) -> Order {
    let mut order = Order::new(verb);
    order.options.source = Some(source.to_owned());
    order
}

pub(crate) fn update(source: &str) -> Order {
    order(Verb::Update, source)
}

/// Half an hour after 2.0 was published.
pub(crate) fn in_time() -> u64 {
    START + 1800
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self::running("1.0")
    }

    /// A machine on which that version runs.
    pub(crate) fn running(version: &str) -> Self {
        // In memory, where there is such a folder: a disk that is slow to flush shows nothing more.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let machine = Self { folder };
        shelf().template(version).write(&machine.disk_path());
        machine.trust("keys");
        fs::create_dir_all(machine.path("etc")).unwrap();
        machine
    }

    /// A path below the root folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn disk_path(&self) -> PathBuf {
        self.path("disk")
    }

    pub(crate) fn disk(&self) -> Disk {
        Disk::read(&self.disk_path())
    }

    /// Flips a bit of a byte of a partition.
    pub(crate) fn flip(&self, role: Role, byte: u64) {
        let at = self.place(role).start + byte;
        let disk = File::options().read(true).write(true).open(self.disk_path()).unwrap();
        let mut found = [0];
        disk.read_exact_at(&mut found, at).unwrap();
        disk.write_all_at(&[found[0] ^ 1], at).unwrap();
    }

    /// The OS trusts the root file in that folder of the shelf, and was built when it was signed.
    pub(crate) fn trust(&self, keys: &str) {
        let path = self.path("usr/lib/anklume/update/root.json");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, shelf().read(&format!("{keys}/1.root.json"))).unwrap();
        let built = SystemTime::UNIX_EPOCH + Duration::from_secs(START);
        File::options().write(true).open(&path).unwrap().set_modified(built).unwrap();
    }

    /// Settings of the machine.
    pub(crate) fn set(&self, text: &str) {
        fs::create_dir_all(self.path("etc/anklume")).unwrap();
        fs::write(self.path("etc/anklume/update.conf"), text).unwrap();
    }

    pub(crate) fn keep(&self) -> Folder {
        Folder(self.path("persist/update"))
    }

    pub(crate) fn state(&self) -> State {
        let (state, damage) = State::load(&self.keep());
        assert_eq!(damage, None);
        state
    }

    /// Changes what is remembered.
    pub(crate) fn remember(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        state.store(&self.keep()).unwrap();
    }

    pub(crate) fn site(&self) -> Site {
        let disk = self.disk_path();
        Site {
            root: self.folder.path().to_owned(),
            report: report(),
            keep: Box::new(self.keep()),
            now: in_time,
            open: Box::new(move |_| Medium::at(&disk)),
            fetch: Box::new(fetch),
            roll_back: Box::new(|| Err(Failure::new(Kind::Failed, "not here"))),
        }
    }

    pub(crate) fn run(&self, order: &Order) -> Result<Dict, Failure> {
        Updates::new(self.site()).run(order, &Ear::default())
    }

    pub(crate) fn record(&self) -> Record {
        Medium::at(&self.disk_path()).unwrap().copies().unwrap().record().unwrap()
    }

    /// Where a partition lies.
    pub(crate) fn place(&self, role: Role) -> Range<u64> {
        let place = Medium::at(&self.disk_path()).unwrap().partition(role).unwrap();
        place.offset..place.offset + place.bytes
    }

    /// What may change: the slot that does not run, and both copies of the boot record.
    fn may_change(&self) -> Vec<Range<u64>> {
        let slot = [Role::Boot(Slot::B), Role::Os(Slot::B)].map(|role| self.place(role));
        slot.into_iter().chain(shelf().template("1.0").records.clone()).collect()
    }

    /// Nothing changed but what may.
    pub(crate) fn assert_kept(&self, before: &Disk) {
        let difference = self.disk().difference(before, &self.may_change());
        assert_eq!(difference, None, "something changed there on the disk");
    }

    /// Slot B holds that version, and boots next, on trial.
    pub(crate) fn assert_updated(&self, version: &str) {
        self.assert_holds(version);
        assert_eq!((self.record().state(Slot::B), self.record().left()), (SlotState::Trial, 3));
        assert_eq!(self.state().pending.map(|pending| pending.version).as_deref(), Some(version));
    }

    /// Slot B holds that version.
    pub(crate) fn assert_holds(&self, version: &str) {
        let (release, image) = (shelf().release(version), shelf().image(version));
        let disk = File::open(self.disk_path()).unwrap();
        let parts = [(Role::Boot(Slot::B), release.boot), (Role::Os(Slot::B), release.os)];
        for (role, extent) in parts {
            let mut found = vec![0; extent.bytes as usize];
            disk.read_exact_at(&mut found, self.place(role).start).unwrap();
            let same = found == image[span(&(extent.offset..extent.end()))];
            assert!(same, "{} does not hold {version}", role.label());
        }
    }

    /// Slot A is whole, and is what boots if the other one does not.
    pub(crate) fn assert_falls_back(&self) {
        let record = self.record();
        assert_eq!((record.good(), record.state(Slot::A)), (Some(Slot::A), SlotState::Good));
    }

    /// An order that must be refused with one clear error, and change nothing but the slot that does
    /// not run.
    pub(crate) fn refused_by(&self, site: Site, order: &Order, kind: Kind, says: &str) -> Failure {
        let before = self.disk();
        let failure = self.failed(site, order, kind, says);
        self.assert_kept(&before);
        failure
    }

    pub(crate) fn refused(&self, order: &Order, kind: Kind, says: &str) -> Failure {
        self.refused_by(self.site(), order, kind, says)
    }

    /// The same, and not even the other slot changes.
    pub(crate) fn untouched(&self, order: &Order, kind: Kind, says: &str) -> Failure {
        let before = self.disk();
        let failure = self.failed(self.site(), order, kind, says);
        assert!(self.disk() == before, "something was written: {}", failure.to_text());
        failure
    }

    fn failed(&self, site: Site, order: &Order, kind: Kind, says: &str) -> Failure {
        let failure = Updates::new(site).run(order, &Ear::default()).unwrap_err();
        assert_eq!(failure.kind(), kind, "{}", failure.to_text());
        assert!(failure.message().contains(says), "`{says}` is not in {}", failure.to_text());
        assert!(failure.the_hint().is_some(), "{}", failure.to_text());
        self.assert_falls_back();
        assert_ne!(self.record().state(Slot::B), SlotState::Trial);
        failure
    }

    /// An update that must turn out well, and be to that version.
    pub(crate) fn updates(&self, order: &Order, version: &str) -> Dict {
        let before = self.disk();
        let answer = self.run(order).unwrap_or_else(|failure| panic!("{}", failure.to_text()));
        assert_eq!(answer.get("version").and_then(|v| v.as_str()), Some(version), "{answer:?}");
        assert_eq!(answer.get("restart-needed"), Some(&true.into()), "{answer:?}");
        self.assert_kept(&before);
        self.assert_falls_back();
        self.assert_updated(version);
        answer
    }

    /// The machine was restarted, and what is on trial came up, or did not; what became of it.
    pub(crate) fn restarted(&self, is_good: bool) -> Option<anklume_update::Verdict> {
        let medium = Medium::at(&self.disk_path()).unwrap();
        let change = |record: Option<Record>| match is_good {
            true => Ok(record.unwrap().mark_good(Slot::B)),
            false => record.unwrap().mark_bad(Slot::B),
        };
        medium.update(change).unwrap();
        let pending = self.state().pending.unwrap();
        let record = self.record();
        let (version, root_hash) = match is_good {
            true => (pending.version.as_str(), pending.root_hash.as_str()),
            false => ("1.0", "00"),
        };
        let boot = anklume_update::Boot {
            version,
            root_hash,
            is_good: true,
            slot_state: &|slot| Some(record.state(slot)),
            version_in: &|_| None,
            reason: &|_, _| Some("no picture".to_owned()),
        };
        anklume_update::note_boot(&self.keep(), &self.path(""), in_time(), &boot).unwrap()
    }
}

fn report() -> BootReport {
    let root_hash = shelf().release("1.0").root_hash.to_string();
    BootReport::uneventful(Slot::A, "1.0", root_hash, DISK_BYTES)
}
