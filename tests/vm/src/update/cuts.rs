//! Power cuts of an update, many in one run of the machine.
//!
//! A cut is a copy of the stick while QEMU is stopped (SIGSTOP): the same bytes as it leaves behind when
//! it is killed at that moment. What such a stick would boot is read from its boot record, and must be
//! there byte for byte; one of the sticks really boots, and takes the update to its end.

use std::path::Path;
use std::time::{Duration, Instant};

use anklume_layout::Slot;

use super::{SHORT_SECONDS, Scene, UPDATE_SECONDS, connect, to_a_good_version, wait_for_verdict};
use crate::cuts::Random;
use crate::image::{self, BUILDER};
use crate::stick::Stick;
use crate::{Failure, Machine, Workdir, tool};

/// The longest time from a cut to the next one, for the machine.
const LONGEST_MILLIS: u64 = 2_000;
/// What the update's command prints behind it, in a form that its echo has not.
const ENDED: &str = "UPDATE-ENDED ";

/// Cuts the power `cuts` times while a version is written, at moments that nobody chose. After each,
/// the version from before is whole and boots next, or the new one is; then the update is done from
/// what one of the cuts left behind.
///
/// # Errors
///
/// When a stick would not boot, or the update does not end well.
pub fn survives_power_cuts(cuts: usize, random: &mut Random, next: &Path) -> Result<(), Failure> {
    let workdir = Workdir::new("update-cuts")?;
    let scene = Scene::new(&workdir)?;
    scene.repository.publish(next)?;
    let before = scene.stick.copy(&workdir)?;
    let mut tally = Tally::default();
    while tally.cuts() < cuts {
        scene.stick.become_copy_of(&before)?;
        let left = cuts - tally.cuts();
        one_update(&workdir, &scene, &before, left, random, &mut tally)?;
    }
    report(&tally);
    let kept = tally.kept.ok_or_else(|| failure(&before, "a cut before the flip", "none"))?;
    scene.stick.become_copy_of(&kept)?;
    drop(kept);
    to_a_good_version(&scene, random.firmware(), next)
}

/// What the cuts left behind.
#[derive(Debug, Default)]
struct Tally {
    /// Sticks that boot the version from before.
    old: usize,
    /// Sticks that boot the new one.
    new: usize,
    /// One of the former; each has the same chance.
    kept: Option<Stick>,
}

impl Tally {
    fn cuts(&self) -> usize {
        self.old + self.new
    }
}

#[expect(clippy::print_stdout, reason = "what the cuts hit")]
fn report(tally: &Tally) {
    println!("{} cuts: {} before the flip, {} after it", tally.cuts(), tally.old, tally.new);
}

/// One update, cut at most `left` times, and to its end.
fn one_update(
    workdir: &Workdir,
    scene: &Scene<'_>,
    before: &Stick,
    left: usize,
    random: &mut Random,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let (mut machine, _) = scene.boot(random.firmware())?;
    wait_for_verdict(&mut machine, "good")?;
    connect(&mut machine)?;
    let update = format!("anklume update --channel test --from {}", scene.source());
    machine.send(&format!("{update}; echo UPDATE-'ENDED' $?.\n"))?;
    let start = Instant::now();
    for _ in 0..left {
        std::thread::sleep(Duration::from_millis(random.below(LONGEST_MILLIS)));
        if machine.console_text().contains(ENDED)
            || start.elapsed() > Duration::from_secs(UPDATE_SECONDS)
        {
            break;
        }
        let cut = machine.while_stopped(|| scene.stick.copy(workdir))??;
        judge(cut, before, random, tally).map_err(|error| with_console(&machine, error))?;
    }
    machine.wait_for(ENDED, UPDATE_SECONDS)?;
    let status = machine.wait_for(".", SHORT_SECONDS)?;
    if status != "0" {
        return Err(machine.unexpected("exit code 0 of the update", status));
    }
    machine.quit().map(drop)
}

fn with_console(machine: &Machine<'_>, error: Failure) -> Failure {
    machine.unexpected("a stick that boots after a power cut", error)
}

/// Whether the stick boots a version that is whole.
fn judge(
    cut: Stick,
    before: &Stick,
    random: &mut Random,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let faults = cut.table_faults()?;
    if !faults.is_empty() {
        return Err(failure(&cut, "a sound partition table", faults));
    }
    if !cut.has_slot_of(before, Slot::A)? {
        return Err(failure(&cut, "the running slot as it was", "other bytes"));
    }
    let record = cut.record()?;
    match record.and_then(|record| anklume_slots::decide(&record).boot) {
        Some(Slot::A) => {
            tally.old += 1;
            let every = u64::try_from(tally.old).unwrap_or(u64::MAX);
            if random.below(every) == 0 {
                tally.kept = Some(cut);
            }
            Ok(())
        }
        Some(Slot::B) => {
            tally.new += 1;
            // Both slots, every block of them.
            let builder = image::from_environment(BUILDER)?;
            let words = ["verify".as_ref(), "--deep".as_ref(), cut.path().as_os_str()];
            tool::run(&builder.to_string_lossy(), "anklume-build", words).map(drop)
        }
        None => Err(failure(&cut, "a slot that boots", format!("{record:?}"))),
    }
}

fn failure(stick: &Stick, expected: &str, found: impl ToString) -> Failure {
    Failure::Image {
        path: stick.path().into(),
        expected: expected.into(),
        found: found.to_string(),
    }
}
