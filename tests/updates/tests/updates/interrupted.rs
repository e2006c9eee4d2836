//! Updates that end in the middle, and two at once.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anklume_bus::{Dict, Engine, Failure, Kind, Order, Progress, Verb, Watch};
use anklume_layout::{Role, Slot};
use anklume_medium::Medium;
use anklume_slots::State as SlotState;
use anklume_update::{Folder, Keep, Site, Updates};
use anklume_web::{Act, Rule};
use serde_json::json;

use crate::damage::ranges;
use crate::machine::{Ear, Machine, update};
use crate::network::{at, on, sent, serve};
use crate::shelf::{description, iso, shelf};

/// What is written, kept and asked for at a time, with room to spare: what a run had written when it
/// was ended may be less by so much than it had reported.
const UNDER_WAY: u64 = 1 << 20;

fn run(site: Site, order: &Order, ear: &Ear) -> Result<Dict, Failure> {
    Updates::new(site).run(order, ear)
}

#[test]
fn an_update_that_was_ended_goes_on_where_it_stopped() {
    let server = serve("next");
    let order = update(&at(&server));
    let ear = Ear::default();
    run(Machine::new().site(), &order, &ear).unwrap();
    let (reports, whole) = (ear.heard(), sent(&server, &iso("3.0")));
    assert!(whole > 3 << 20 && reports.len() > 20, "{whole} bytes, {} reports", reports.len());
    let (mut ended, mut resumed) = (0, 0);
    for end in (1..=reports.len()).step_by(reports.len().div_ceil(12)) {
        let (machine, ear) = (Machine::new(), Ear::until(end));
        let before = machine.disk();
        // At the very end nobody looks any more whether it is to end.
        let Err(failure) = run(machine.site(), &order, &ear) else {
            machine.assert_updated("3.0");
            assert!(end > reports.len() / 2, "report {end} of {}", reports.len());
            continue;
        };
        ended += 1;
        assert_eq!(failure.kind(), Kind::Cancelled, "{}", failure.to_text());
        machine.assert_kept(&before);
        machine.assert_falls_back();
        assert_eq!(machine.record().state(Slot::B), SlotState::Empty);
        let heard = ear.heard();
        let written = heard.iter().filter(|report| report.phase == "write").map(|r| r.done).max();
        let written = written.unwrap_or_default();
        server.clear_log();
        machine.updates(&order, "3.0");
        let again = sent(&server, &iso("3.0"));
        // All of 3.0 but the boot files is fetched, so that what was written was fetched.
        let saved = written.saturating_sub(UNDER_WAY);
        assert!(again <= whole.saturating_sub(saved), "{again} of {whole} after {written}");
        resumed += u64::from(again < whole / 2);
        server.clear_log();
    }
    assert!(ended > 8 && resumed > 2, "{ended} were ended, {resumed} kept much");
}

#[test]
fn a_server_that_goes_away_in_the_middle_takes_nothing_with_it() {
    let (machine, server) = (Machine::new(), serve("next"));
    let order = update(&at(&server));
    let ranges = ranges("3.0");
    let whole: u64 = ranges.iter().map(|(first, last)| last - first + 1).sum();
    let (last, _) = *ranges.last().unwrap();
    server.rule(on(&iso("3.0"), Act::Status(404)).from(last));
    machine.refused(&order, Kind::Source, "not found");
    let first = sent(&server, &iso("3.0"));
    server.clear_rules();
    server.clear_log();
    machine.updates(&order, "3.0");
    let second = sent(&server, &iso("3.0"));
    let lost = (first + second).saturating_sub(whole);
    assert!(first > 1 << 20 && lost <= UNDER_WAY, "{first} and {second} of {whole}");
}

#[test]
fn an_update_to_another_version_uses_what_lies_there() {
    let (machine, server) = (Machine::new(), serve("next"));
    machine.updates(&update(&at(&server)), "3.0");
    assert!(matches!(machine.restarted(false), Some(anklume_update::Verdict::Failed(..))));
    // 2.0 is nearly what runs; what is in the other slot does not matter.
    machine.updates(&update(&at(&server)), "2.0");
}

#[test]
fn silence_does_not_keep_anybody_from_ending_it() {
    let (machine, server) = (Machine::new(), serve("www"));
    server.rule(Rule::always(Act::Hold));
    let ear = Late(std::sync::atomic::AtomicBool::new(false));
    let order = update(&at(&server));
    let failure = std::thread::scope(|scope| {
        let job = scope.spawn(|| Updates::new(machine.site()).run(&order, &ear));
        server.wait_held(1);
        ear.0.store(true, Ordering::SeqCst);
        job.join().unwrap().unwrap_err()
    });
    assert_eq!(failure.kind(), Kind::Cancelled);
}

/// Asks for an end when a test says so.
struct Late(std::sync::atomic::AtomicBool);

impl Watch for Late {
    fn progress(&self, _: &Progress) {}

    fn cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[test]
fn only_one_at_a_time() {
    let (machine, server) = (Machine::new(), serve("www"));
    server.rule(on(&description("2.0"), Act::Hold).times(1));
    let order = update(&at(&server));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| machine.run(&order));
        server.wait_held(1);
        for verb in [Verb::Update, Verb::Prepare, Verb::Activate, Verb::Hold] {
            let second = Order { verb, version: Some("2.0".to_owned()), ..order.clone() };
            machine.untouched(&second, Kind::Busy, "another program");
        }
        // Looking is allowed.
        let check = Order { verb: Verb::Check, ..order.clone() };
        assert_eq!(machine.run(&check).unwrap()["version"], json!("2.0"));
        server.release();
        first.join().unwrap().unwrap();
    });
    machine.assert_updated("2.0");
}

/// A persistent partition that is full from its `n`th write on.
struct Full {
    folder: Folder,
    left: Arc<AtomicUsize>,
}

impl Keep for Full {
    fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        self.folder.read(name, limit)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        left.map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
        self.folder.write(name, bytes)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.folder.remove(name)
    }

    fn free_bytes(&self) -> Option<u64> {
        self.folder.free_bytes()
    }
}

#[test]
fn a_persistent_partition_may_be_full_at_any_write() {
    let server = serve("www");
    let order = update(&at(&server));
    let mut refused = 0;
    for writes in 0.. {
        let machine = Machine::new();
        let left = Arc::new(AtomicUsize::new(writes));
        let mut site = machine.site();
        site.keep = Box::new(Full { folder: machine.keep(), left: Arc::clone(&left) });
        let before = machine.disk();
        match run(site, &order, &Ear::default()) {
            Err(failure) => {
                assert_eq!(failure.kind(), Kind::NoSpace, "{}", failure.to_text());
                assert!(failure.message().contains("persistent partition"), "{failure}");
                assert!(failure.the_hint().is_some());
                assert_ne!(machine.record().state(Slot::B), SlotState::Trial);
                refused += 1;
                machine.assert_kept(&before);
                machine.updates(&order, "2.0");
            }
            Ok(answer) => {
                // What does not decide anything may be forgotten.
                machine.assert_kept(&before);
                machine.assert_updated("2.0");
                if left.load(Ordering::SeqCst) > 0 {
                    break;
                }
                let warnings = answer["warnings"].to_string();
                assert!(warnings.contains("history") || writes > 6, "{writes}: {warnings}");
            }
        }
        machine.assert_falls_back();
    }
    assert!(refused >= 6, "{refused} writes can fail");
}

/// Takes the medium away when a phase begins.
struct Pull<'a> {
    machine: &'a Machine,
    phase: &'static str,
}

impl Watch for Pull<'_> {
    fn progress(&self, progress: &Progress) {
        if progress.phase == self.phase {
            let _ = fs::rename(self.machine.disk_path(), self.machine.path("pulled"));
        }
    }

    fn cancelled(&self) -> bool {
        false
    }
}

#[test]
fn a_medium_that_goes_away_is_an_error_and_comes_back_whole() {
    let server = serve("www");
    let order = update(&at(&server));
    for phase in ["refresh", "check", "scan", "write", "flush", "verify"] {
        let machine = Machine::new();
        let before = machine.disk();
        let pull = Pull { machine: &machine, phase };
        let failure = Updates::new(machine.site()).run(&order, &pull).unwrap_err();
        let kind = failure.kind();
        assert!([Kind::Refused, Kind::Failed].contains(&kind), "{phase}: {}", failure.to_text());
        assert!(failure.the_hint().is_some(), "{phase}: {}", failure.to_text());
        assert!(!machine.disk_path().exists(), "{phase}: the medium was made anew");
        fs::rename(machine.path("pulled"), machine.disk_path()).unwrap();
        machine.assert_kept(&before);
        machine.assert_falls_back();
        assert_ne!(machine.record().state(Slot::B), SlotState::Trial);
        server.clear_log();
        machine.updates(&order, "2.0");
        let again = sent(&server, &iso("2.0"));
        assert!(phase != "verify" || again == 0, "{again} bytes were fetched again");
    }
}

/// The version was never started: it did not fail.
#[test]
fn a_version_whose_activation_failed_is_not_blamed() {
    let (machine, server) = (Machine::new(), serve("www"));
    let pull = Pull { machine: &machine, phase: "verify" };
    Updates::new(machine.site()).run(&update(&at(&server)), &pull).unwrap_err();
    fs::rename(machine.path("pulled"), machine.disk_path()).unwrap();
    let record = machine.record();
    let boot = anklume_update::Boot {
        version: "1.0",
        root_hash: &shelf().release("1.0").root_hash.to_string(),
        is_good: true,
        slot_state: &|slot| Some(record.state(slot)),
        version_in: &|_| None,
        reason: &|_, _| None,
    };
    let noted = anklume_update::note_boot(&machine.keep(), &machine.path(""), 1, &boot);
    assert_eq!(noted.unwrap(), None);
    assert!(machine.state().failed.is_empty());
    machine.updates(&update(&at(&server)), "2.0");
}

#[test]
fn a_medium_that_cannot_be_used_is_refused() {
    let (machine, server) = (Machine::new(), serve("www"));
    let order = update(&at(&server));
    let mut site = machine.site();
    let gone = machine.path("gone");
    site.open = Box::new(move |_| Medium::at(&gone));
    machine.refused_by(site, &order, Kind::Refused, "the boot medium");
    let mut site = machine.site();
    site.report.medium.writable = false;
    machine.refused_by(site, &order, Kind::Refused, "cannot be written");
    let mut site = machine.site();
    site.report.slot = None;
    machine.refused_by(site, &order, Kind::Refused, "did not start from a slot");
    let mut site = machine.site();
    site.report.slot = Some(Slot::B);
    machine.refused_by(site, &order, Kind::Damaged, "slot b, which runs, is empty");
    // An image that was never grown.
    let image = machine.path("image");
    fs::write(&image, shelf().image("1.0")).unwrap();
    let mut site = machine.site();
    site.open = Box::new(move |_| Medium::at(&image));
    machine.refused_by(site, &order, Kind::Refused, "slot");
    machine.updates(&order, "2.0");
}

/// A file would grow if it were written behind its end.
#[test]
fn a_medium_that_ends_within_the_slot_is_an_error() {
    let (machine, server) = (Machine::new(), serve("www"));
    let os = machine.place(Role::Os(Slot::B));
    let before = machine.disk();
    let disk = fs::File::options().write(true).open(machine.disk_path()).unwrap();
    for length in [os.start + (1 << 20), os.start] {
        let (path, shorter) = (machine.disk_path(), disk.try_clone().unwrap());
        let mut site = machine.site();
        site.open = Box::new(move |_| {
            let medium = Medium::at(&path);
            shorter.set_len(length).unwrap();
            medium
        });
        let failure = run(site, &update(&at(&server)), &Ear::default()).unwrap_err();
        assert_eq!(failure.kind(), Kind::Failed, "{}", failure.to_text());
        assert!(failure.message().contains("anklume-os-b ends at byte"), "{failure}");
        assert!(failure.the_hint().is_some());
        assert_eq!(disk.metadata().unwrap().len(), length);
        before.write(&machine.disk_path());
    }
    machine.updates(&update(&at(&server)), "2.0");
}
