//! Power cuts at moments that nobody chose, after which the stick must start again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anklume_layout::Slot;
use anklume_layout::report::{GrowthState, PersistState};

use crate::image::{self, TEST_ISO, TEST_NEXT};
use crate::stick::Stick;
use crate::{Failure, FirmwareKind, Machine, Workdir, rollback, sound};

use FirmwareKind::{Bios, Uefi};

/// Environment variable with the seed of a run that is to be repeated.
pub const SEED: &str = "ANKLUME_CUTS_SEED";
/// From power-on to the report.
const BOOT_SECONDS: u64 = 420;
/// Boots in a row of a slot that works that are cut: with more, both slots count as failed.
const IN_A_ROW: usize = 4;
/// Cuts of a boot.
const PER_BOOT: usize = 4;

/// Numbers that look random (splitmix64).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// From [`SEED`], else from the clock.
    #[must_use]
    pub fn new() -> Self {
        let given = std::env::var(SEED).ok().and_then(|text| text.parse().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Tests that start within a second are not to cut at the same moments.
        Self(given.unwrap_or(u64::try_from(now.as_nanos()).unwrap_or_default()))
    }

    /// What the next numbers follow from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.0
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    /// A firmware.
    pub fn firmware(&mut self) -> FirmwareKind {
        if self.below(2) == 0 { Bios } else { Uefi }
    }
}

/// Runs a test of chance, and says from which seed.
///
/// # Errors
///
/// Those of the test.
#[expect(clippy::print_stdout, reason = "the seed with which a run can be repeated")]
pub fn seeded(test: impl FnOnce(&mut Random) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut random = Random::new();
    println!("seed {}", random.seed());
    test(&mut random)
}

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}

/// Cuts the power up to `most` times while a machine runs, at moments below `millis` apart from `sign`
/// on, and has `judge` look at each stick that is left behind. Returns how many cuts there were; the
/// last one is QEMU's end.
///
/// A cut is a copy of the stick while QEMU is stopped (SIGSTOP): the same bytes as it leaves behind when
/// it is killed then.
fn cut(
    (workdir, stick): (&Workdir, &Stick),
    mut machine: Machine<'_>,
    (sign, millis, most): (&str, u64, usize),
    random: &mut Random,
    judge: &mut dyn FnMut(&Stick) -> Result<(), Failure>,
) -> Result<usize, Failure> {
    // It may be over before the sign, or be quicker than usual: every moment will do.
    let _ = machine.wait_for_any(&[sign, "reboot: ", "ANKLUME-REPORT "], BOOT_SECONDS)?;
    let mut cuts = 1;
    std::thread::sleep(Duration::from_millis(random.below(millis)));
    while cuts < most {
        let left = machine.while_stopped(|| stick.copy(workdir))??;
        judge(&left).map_err(|error| machine.unexpected("a stick that boots", error))?;
        cuts += 1;
        std::thread::sleep(Duration::from_millis(random.below(millis)));
    }
    drop(machine);
    judge(stick).map(|()| cuts)
}

/// Cuts the first boot `cuts` times, on whatever firmware, then lets it finish.
///
/// # Errors
///
/// When the stick does not start, or did not become what it should.
pub fn first_boot(cuts: usize, random: &mut Random) -> Result<(), Failure> {
    let workdir = Workdir::new("cuts-first")?;
    let stick = Stick::flash(&workdir, &image::from_environment(TEST_ISO)?, 4_000_000_000)?;
    let mut judge = |left: &Stick| {
        // What the next boot does first, of which the table must be in order.
        let copy = left.copy(&workdir)?;
        copy.finish_growth(&workdir)?;
        let faults = copy.table_faults()?;
        if faults.is_empty() {
            return Ok(());
        }
        Err(wrong(left, "a sound partition table", faults))
    };
    let mut done = 0;
    while done < cuts {
        // GRUB counts boots, and would stop at the third; here it is about the partitions.
        stick.set_record(|_| Ok::<_, String>(anklume_slots::Record::new()))?;
        let machine = stick.start(&workdir, random.firmware())?;
        // The first seconds are GRUB's and the kernel's; the partitions are made in one or two.
        let when = ("first boot from this medium", 800, (cuts - done).min(PER_BOOT));
        done += cut((&workdir, &stick), machine, when, random, &mut judge)?;
    }
    stick.set_record(|_| Ok::<_, String>(anklume_slots::Record::new()))?;
    let firmware = random.firmware();
    let mut machine = stick.start(&workdir, firmware)?;
    let report = machine.report(BOOT_SECONDS)?;
    let faults = sound::faults(&report);
    let boot = report.boot.as_ref().map(|boot| (boot.growth.state, boot.persist.state));
    let whole = matches!(
        boot,
        Some((
            GrowthState::Grown | GrowthState::Done | GrowthState::Repaired,
            PersistState::Mounted
        ))
    );
    if !faults.is_empty() || !whole {
        let found = format!("{boot:?}; {}", faults.join("; "));
        return Err(machine.unexpected("a whole medium", found));
    }
    machine.quit()?;
    let faults = stick.table_faults()?;
    assert!(faults.is_empty(), "{faults}");
    Ok(())
}

/// Cuts boots of a new version that works, [`IN_A_ROW`] of them, then lets one finish; again and again
/// until there were `cuts` cuts.
///
/// # Errors
///
/// When the stick does not start, or not from a slot that the record allows.
pub fn trials(cuts: usize, random: &mut Random) -> Result<(), Failure> {
    let workdir = Workdir::new("cuts-trial")?;
    let stick = Stick::flash(&workdir, &image::from_environment(TEST_ISO)?, 4_000_000_000)?;
    stick.grow(&workdir)?;
    let mut done = 0;
    while done < cuts {
        stick.put_on_trial(&image::from_environment(TEST_NEXT)?)?;
        let whole = stick.copy(&workdir)?;
        for _ in 0..IN_A_ROW {
            if done >= cuts {
                break;
            }
            let machine = stick.start(&workdir, random.firmware())?;
            // From GRUB's write of the record to the OS's.
            let sign = ["anklume: ", "Linux version", "systemd", "login:"];
            let which = usize::try_from(random.below(4)).unwrap_or_default();
            let when = (sign[which], 8_000, (cuts - done).min(PER_BOOT));
            let mut judge = |left: &Stick| boots_something(left, &whole);
            done += cut((&workdir, &stick), machine, when, random, &mut judge)?;
        }
        finishes(&workdir, &stick, random.firmware())?;
    }
    Ok(())
}

/// The record names a slot, and both slots have what they had.
fn boots_something(left: &Stick, whole: &Stick) -> Result<(), Failure> {
    let faults = left.table_faults()?;
    if !faults.is_empty() {
        return Err(wrong(left, "a sound partition table", faults));
    }
    for slot in [Slot::A, Slot::B] {
        if !left.has_slot_of(whole, slot)? {
            return Err(wrong(left, &format!("slot {slot} as it was"), "other bytes"));
        }
    }
    let record = left.record()?;
    if record.is_none_or(|record| anklume_slots::decide(&record).boot.is_none()) {
        return Err(wrong(left, "a slot that boots", format!("{record:?}")));
    }
    Ok(())
}

fn wrong(stick: &Stick, expected: &str, found: impl ToString) -> Failure {
    let (path, expected) = (stick.path().into(), expected.to_owned());
    Failure::Image { path, expected, found: found.to_string() }
}

fn finishes(workdir: &Workdir, stick: &Stick, firmware: FirmwareKind) -> Result<(), Failure> {
    let before = stick.record()?;
    let expected = before.and_then(|record| anklume_slots::decide(&record).boot);
    let mut machine = stick.start(workdir, firmware)?;
    let report = machine.report(BOOT_SECONDS)?;
    let slot: Option<Slot> = report.boot.and_then(|boot| boot.slot);
    if slot.is_none() || slot != expected {
        let found = format!("{slot:?} with the record {before:?}");
        return Err(machine.unexpected(&format!("slot {expected:?}"), found));
    }
    machine.wait_shell(BOOT_SECONDS)?;
    rollback::wait_for_verdict(&mut machine, "good")?;
    machine.quit()?;
    assert_eq!(stick.record()?.and_then(|record| record.good()), slot);
    Ok(())
}
