//! Power cuts: QEMU is killed at moments that nobody chose, and the stick must start again.

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
/// Cuts in a row of a slot that works: with more, both slots count as failed.
const IN_A_ROW: usize = 4;

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

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits for `sign`, then for a time below `millis`, and kills QEMU.
fn cut(
    machine: &mut Machine<'_>,
    sign: &str,
    millis: u64,
    random: &mut Random,
) -> Result<(), Failure> {
    let after = Duration::from_millis(random.below(millis));
    // It may be over before the sign, or be quicker than usual: every moment will do.
    let _ = machine.wait_for_any(&[sign, "reboot: ", "ANKLUME-REPORT "], BOOT_SECONDS)?;
    std::thread::sleep(after);
    Ok(())
}

/// Cuts the first boot `cuts` times, on whatever firmware, then lets it finish.
///
/// # Errors
///
/// When the stick does not start, or did not become what it should.
pub fn first_boot(cuts: usize, random: &mut Random) -> Result<(), Failure> {
    let workdir = Workdir::new("cuts-first")?;
    let stick = Stick::flash(&workdir, &image::from_environment(TEST_ISO)?, 4_000_000_000)?;
    for _ in 0..cuts {
        // GRUB counts boots, and would stop at the third; here it is about the partitions.
        stick.set_record(|_| Ok::<_, String>(anklume_slots::Record::new()))?;
        let mut machine = stick.start(&workdir, random.firmware())?;
        // The first seconds are GRUB's and the kernel's; the partitions are made in one or two.
        cut(&mut machine, "first boot from this medium", 2500, random)?;
        drop(machine);
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

/// Cuts boots of a new version that works, up to [`IN_A_ROW`] times, then lets one finish; again and
/// again until there were `cuts` of them.
///
/// # Errors
///
/// When the stick does not start, or not from a slot that the record allows.
pub fn trials(cuts: usize, random: &mut Random) -> Result<(), Failure> {
    let workdir = Workdir::new("cuts-trial")?;
    let stick = Stick::flash(&workdir, &image::from_environment(TEST_ISO)?, 4_000_000_000)?;
    stick.grow(&workdir)?;
    let mut left = cuts;
    while left > 0 {
        stick.put_on_trial(&image::from_environment(TEST_NEXT)?)?;
        for _ in 0..left.min(IN_A_ROW) {
            let mut machine = stick.start(&workdir, random.firmware())?;
            // From GRUB's write of the record to the OS's.
            let sign = ["anklume: ", "Linux version", "systemd", "login:"];
            let which = usize::try_from(random.below(4)).unwrap_or_default();
            cut(&mut machine, sign[which], 20_000, random)?;
            drop(machine);
        }
        left = left.saturating_sub(IN_A_ROW);
        finishes(&workdir, &stick, random.firmware())?;
    }
    Ok(())
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
