//! A machine of files in a temporary folder, with a boot medium in memory.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::{PoisonError, RwLock};

use anklume_history::{Outcome, boots, parse};
use anklume_host::console::Consoles;
use anklume_host::lock::Lock;
use anklume_layout::Slot;
use anklume_layout::report::BootReport;
use anklume_ramcrypt::{OffReason, RamEncryption, Technology};
use anklume_slots::{Copies, Record, decide};
use clap::Parser;

use crate::cli::Cli;
use crate::machine::Machine;
use crate::output::Output;
use crate::paths::Paths;
use crate::store::{Change, Content, LastFailure, RecordStore, StoreError};
use anklume_failure::Failure;

/// Slot A is good, slot B has a new version.
pub(crate) fn good_and_trial() -> Record {
    Record::new().mark_good(Slot::A).activate(Slot::B).unwrap()
}

/// Version and root hash of what the slots hold.
const VERSIONS: [(&str, &str); 2] =
    [("13.20261114", "9f86d081884c7d65"), ("13.20261121", "60303ae22b998861")];

fn held(slot: Slot) -> (&'static str, String) {
    let [a, b] = VERSIONS;
    let (version, hash) = if slot == Slot::A { a } else { b };
    (version, hash.repeat(4))
}

/// What the initramfs says on a stick with both slots.
pub(crate) fn report(slot: Slot) -> BootReport {
    let (version, root_hash) = held(slot);
    let mut report = BootReport::uneventful(slot, version, root_hash, 31_914_983_424);
    report.medium.model = Some("SanDisk Ultra Fit".to_owned());
    report.medium.serial = Some("4C530001".to_owned());
    report.secure_boot = Some(true);
    report
}

#[derive(Default)]
struct Disk {
    blocks: [Vec<u8>; 2],
    writes: usize,
    failure: Option<LastFailure>,
    slots: [Content; 2],
}

impl Disk {
    fn copies(&self) -> Copies {
        let [first, second] = &self.blocks;
        Copies::parse([first, second])
    }

    fn write(&mut self, record: &Record) {
        for write in self.copies().update(record).unwrap() {
            self.blocks[write.copy] = write.bytes;
        }
    }
}

#[derive(Clone, Default)]
struct Store(Rc<RefCell<Disk>>);

impl RecordStore for Store {
    fn copies(&self) -> Result<Copies, StoreError> {
        Ok(self.0.borrow().copies())
    }

    fn update(&self, change: Change<'_>) -> Result<(Record, Option<String>), StoreError> {
        let mut disk = self.0.borrow_mut();
        let copies = disk.copies();
        let before = copies.record();
        let after = change(before).map_err(StoreError::Refused)?;
        if !copies.agree() || before.is_none_or(|before| !before.says_the_same(&after)) {
            disk.write(&after);
            disk.writes += 1;
        }
        Ok((disk.copies().record().unwrap(), None))
    }

    fn last_failure(&self) -> Result<Option<LastFailure>, StoreError> {
        Ok(self.0.borrow().failure.clone())
    }

    fn clear_last_failure(&self) -> Result<(), StoreError> {
        self.0.borrow_mut().failure = None;
        Ok(())
    }

    fn slot(&self, slot: Slot) -> Content {
        self.0.borrow().slots[usize::from(slot == Slot::B)].clone()
    }

    fn make_files(&self, _place: &Path) -> Result<Vec<&'static str>, StoreError> {
        Ok(Vec::new())
    }

    fn hold(&self) -> Result<Option<Lock>, StoreError> {
        Ok(None)
    }
}

/// A program cannot be started while a child of another test has it open for writing: nobody starts
/// programs while one is written.
static PROGRAMS: RwLock<()> = RwLock::new(());

/// What a command wrote, and its exit code.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: u8,
}

pub(crate) struct Fake {
    root: tempfile::TempDir,
    store: Store,
    machine: Machine,
    report: BootReport,
}

impl Fake {
    /// A machine that runs the OS of `slot`, before GRUB's count and before any command.
    pub(crate) fn new(slot: Slot, record: Record) -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = Store::default();
        store.0.borrow_mut().blocks = [record.encode().unwrap(), record.encode().unwrap()];
        let opened = store.clone();
        let machine = Machine {
            paths: Paths::under(root.path()),
            open: Box::new(move |_| Ok(Box::new(opened.clone()))),
            clock: || 1_794_648_103,
            pause: |_| {},
            consoles: Consoles::default,
            ram_encryption: |_| RamEncryption::Off {
                technology: Technology::Sme,
                reason: OffReason::NotRequested,
            },
            last_resort: || io::Error::other("the last resort"),
        };
        let fake = Self { root, store, machine, report: report(slot) };
        fake.write("run/anklume/boot.json", &serde_json::to_string(&fake.report).unwrap());
        fake.write("proc/sys/kernel/random/boot_id", "first\n");
        fake.write("proc/uptime", "20.00 3.00\n");
        fake.write("proc/cmdline", "quiet\n");
        fake.write("persist/lost+found/x", "");
        let log = fake.root.path().join("systemctl.log");
        fake.program("usr/bin/systemctl", &format!("echo \"$@\" >>{}", log.display()));
        fake
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    pub(crate) fn link(&self, path: &str, target: &str) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.root.path().join(path)).unwrap();
    }

    fn program(&self, path: &str, script: &str) {
        let _nobody_forks = PROGRAMS.write().unwrap_or_else(PoisonError::into_inner);
        self.write(path, &format!("#!/bin/sh\n{script}\n"));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.root.path().join(path), mode).unwrap();
    }

    fn read(&self, path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_default()
    }

    /// A health check of the image.
    pub(crate) fn check(&self, name: &str, script: &str) {
        self.program(&format!("usr/lib/anklume/health.d/{name}"), script);
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Said, Failure> {
        let cli = Cli::try_parse_from(["anklume"].iter().chain(arguments)).unwrap();
        self.act(|machine, out| crate::run(cli.command, machine, out))
    }

    /// What `action` says.
    pub(crate) fn act(
        &self,
        action: impl FnOnce(&Machine, &mut Output<'_>) -> Result<u8, Failure>,
    ) -> Result<Said, Failure> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let _programs_are_whole = PROGRAMS.read().unwrap_or_else(PoisonError::into_inner);
        let code = action(&self.machine, &mut Output::to(&mut stdout, &mut stderr))?;
        let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        Ok(Said { stdout, stderr, code })
    }

    /// A file of `/run/anklume` cannot be written from now on.
    pub(crate) fn block_state(&self, name: &str) {
        fs::create_dir_all(self.machine.paths.state.join(name).join("full")).unwrap();
    }

    /// Waiting is a failure from now on.
    pub(crate) fn forbid_pauses(&mut self) {
        self.machine.pause = |time| panic!("a pause of {time:?}");
    }

    pub(crate) fn break_systemctl(&self) {
        self.program("usr/bin/systemctl", "exit 1");
    }

    /// GRUB boots and counts.
    pub(crate) fn grub(&self) {
        let mut disk = self.store.0.borrow_mut();
        let decision = decide(&disk.copies().record().unwrap());
        disk.blocks = [decision.record.encode().unwrap(), decision.record.encode().unwrap()];
    }

    /// GRUB boots, and the OS notes it.
    pub(crate) fn boot(&self) -> String {
        self.grub();
        self.boot_again_without_a_count()
    }

    pub(crate) fn boot_again_without_a_count(&self) -> String {
        self.run(&["boot", "started"]).unwrap().stdout
    }

    /// The machine restarts: what is in `/run` is gone.
    pub(crate) fn next_boot(&self, id: &str) {
        fs::remove_dir_all(self.root.path().join("run")).unwrap();
        self.write("run/anklume/boot.json", &serde_json::to_string(&self.report).unwrap());
        self.write("proc/sys/kernel/random/boot_id", id);
    }

    /// The same machine, with the OS of another slot.
    pub(crate) fn moved_to(mut self, slot: Slot) -> Self {
        self.change_report(|old| *old = report(slot));
        self
    }

    pub(crate) fn change_report(&mut self, change: impl FnOnce(&mut BootReport)) {
        change(&mut self.report);
        self.write("run/anklume/boot.json", &serde_json::to_string(&self.report).unwrap());
    }

    pub(crate) fn fill_slots(&self) {
        let content = |slot| {
            let (version, root_hash) = held(slot);
            Content {
                version: Some(version.to_owned()),
                root_hash: Some(root_hash),
                is_complete: true,
                problem: None,
            }
        };
        self.store.0.borrow_mut().slots = Slot::ALL.map(content);
    }

    /// The OS of `slot` is not what its manifest says any more.
    pub(crate) fn damage_slot(&self, slot: Slot) {
        self.store.0.borrow_mut().slots[usize::from(slot == Slot::B)].is_complete = false;
    }

    pub(crate) fn damage(&self, copies: [bool; 2]) {
        let mut disk = self.store.0.borrow_mut();
        for (block, _) in disk.blocks.iter_mut().zip(copies).filter(|(_, damaged)| *damaged) {
            block.fill(0);
        }
    }

    pub(crate) fn break_medium(&mut self, error: StoreError) {
        self.machine.open = Box::new(move |_| Err(error.clone()));
    }

    pub(crate) fn set_failure(&self, failure: LastFailure) {
        self.store.0.borrow_mut().failure = Some(failure);
    }

    pub(crate) fn failure(&self) -> Option<LastFailure> {
        self.store.0.borrow().failure.clone()
    }

    pub(crate) fn copies(&self) -> Copies {
        self.store.0.borrow().copies()
    }

    pub(crate) fn record(&self) -> Option<Record> {
        self.copies().record()
    }

    /// How often the record was written.
    pub(crate) fn writes(&self) -> usize {
        self.store.0.borrow().writes
    }

    pub(crate) fn history(&self) -> String {
        self.read(&self.machine.paths.persist.join("history/boots.jsonl"))
    }

    pub(crate) fn append_history(&self, text: &str) {
        let all = self.history() + text;
        self.write("persist/history/boots.jsonl", &all);
    }

    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        let id = self.machine.boot_id().unwrap();
        let events = parse(self.history().as_bytes()).events;
        boots(&events, Some(&id)).iter().map(|boot| boot.outcome).collect()
    }

    /// Arguments of every call of systemctl, a line each.
    pub(crate) fn systemctl(&self) -> String {
        self.read(&self.root.path().join("systemctl.log"))
    }
}
