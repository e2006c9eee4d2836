//! A bad version on trial, from its first boot to the return to the other slot.

use anklume_layout::Slot;
use anklume_qemu::Attach;
use anklume_slots::State;

use crate::image::{self, TEST_ISO, TEST_NEXT};
use crate::stick::Stick;
use crate::{Failure, FirmwareKind, Machine, Workdir, sound};

/// From power-on to the report or to a reset that follows a failure.
pub const TRY_SECONDS: u64 = 420;
/// For a command.
pub const SHORT_SECONDS: u64 = 120;
/// Boots that a version on trial has.
const TRIES: usize = 3;
/// From the report to the verdict.
const VERDICT_SECONDS: u64 = 180;

/// A version that does not work.
pub struct Trial {
    /// Name of the scenario.
    pub name: &'static str,
    /// Makes slot B bad.
    pub spoil: fn(&Stick) -> Result<(), Failure>,
    /// What is read on the console of each failed boot.
    pub sign: &'static str,
    /// What the machine tells afterwards about the failed boots.
    pub reason: &'static str,
}

impl Trial {
    /// Boots with these firmwares: three boots of slot B fail, the fourth is slot A's. With fewer
    /// firmwares, the first tries are spent already.
    ///
    /// # Errors
    ///
    /// When it goes otherwise.
    pub fn run(&self, firmwares: &[FirmwareKind]) -> Result<(), Failure> {
        let Some((last, firmwares)) = firmwares.split_last() else { return Ok(()) };
        let workdir = Workdir::new(self.name)?;
        let stick = Stick::flash(&workdir, &image::from_environment(TEST_ISO)?, 4_000_000_000)?;
        stick.grow(&workdir)?;
        stick.put_on_trial(&image::from_environment(TEST_NEXT)?)?;
        (self.spoil)(&stick)?;
        for _ in firmwares.len()..TRIES {
            stick.set_record(|record| {
                record.map(|record| anklume_slots::decide(&record).record).ok_or("no record")
            })?;
        }
        for (number, firmware) in firmwares.iter().enumerate() {
            self.fails(&workdir, &stick, *firmware)?;
            let left = stick.record()?.map(|record| usize::from(record.left()));
            assert_eq!(left, Some(firmwares.len() - 1 - number), "tries after boot {}", number + 1);
        }
        self.falls_back(&workdir, &stick, *last)?;
        let record = stick.record()?;
        let found = record.map(|record| (record.good(), record.state(Slot::B), record.fails()));
        assert_eq!(found, Some((Some(Slot::A), State::Bad, 0)));
        Ok(())
    }

    fn fails(
        &self,
        workdir: &Workdir,
        stick: &Stick,
        firmware: FirmwareKind,
    ) -> Result<(), Failure> {
        let mut machine = stick.start(workdir, firmware)?;
        machine.wait_for(self.sign, TRY_SECONDS)?;
        let status = machine.wait_exit(TRY_SECONDS)?;
        if status.success() { Ok(()) } else { Err(machine.unexpected("a reset", status)) }
    }

    fn falls_back(
        &self,
        workdir: &Workdir,
        stick: &Stick,
        firmware: FirmwareKind,
    ) -> Result<(), Failure> {
        let mut machine = stick.start(workdir, firmware)?;
        let report = machine.report(TRY_SECONDS)?;
        let faults = sound::faults(&report);
        let slot = report.boot.as_ref().and_then(|boot| boot.slot);
        if !faults.is_empty() || slot != Some(Slot::A) {
            return Err(
                machine.unexpected("a sound boot of slot a", format!("{slot:?} {faults:?}"))
            );
        }
        machine.wait_shell(SHORT_SECONDS)?;
        wait_for_verdict(&mut machine, "good")?;
        for command in ["anklume status", "anklume boot history"] {
            let (_, said) = machine.shell(command, SHORT_SECONDS)?;
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            if !said.contains(self.reason) {
                return Err(machine.unexpected(&format!("{:?}", self.reason), said));
            }
        }
        machine.send("systemctl poweroff\n")?;
        let status = machine.wait_exit(SHORT_SECONDS)?;
        if status.success() { Ok(()) } else { Err(machine.unexpected("an orderly end", status)) }
    }
}

/// Waits in the guest's shell until this boot has the verdict `outcome`.
///
/// # Errors
///
/// When it gets none or another one.
pub fn wait_for_verdict(machine: &mut Machine<'_>, outcome: &str) -> Result<(), Failure> {
    let command = format!(
        "for i in $(seq {VERDICT_SECONDS}); do \
         grep -q '\"{outcome}\"' /run/anklume/verdict.json 2>/dev/null && break; sleep 1; done; \
         grep -q '\"{outcome}\"' /run/anklume/verdict.json || \
         {{ cat /run/anklume/*.json; journalctl -b --no-pager -u 'anklume-*' | tail -n 40; }}"
    );
    let (_, said) = machine.shell(&command, VERDICT_SECONDS + SHORT_SECONDS)?;
    if said.trim().is_empty() {
        return Ok(());
    }
    Err(machine.unexpected(&format!("the verdict {outcome}"), said))
}

/// Both slots are bad: a menu says so and waits, and does not start anything again.
///
/// # Errors
///
/// When it goes otherwise.
pub fn two_bad_slots_end_in_the_rescue_menu(firmware: FirmwareKind) -> Result<(), Failure> {
    let workdir = Workdir::new("rollback-both")?;
    let stick = Stick::flash(&workdir, &image::from_environment(TEST_ISO)?, 2_000_000_000)?;
    stick.grow(&workdir)?;
    stick.put_on_trial(&image::from_environment(TEST_NEXT)?)?;
    stick.set_record(|record| {
        let record = record.ok_or("no record")?;
        let spent = (0..6).fold(record, |record, _| anklume_slots::decide(&record).record);
        if anklume_slots::decide(&spent).boot.is_some() { Err("it still boots") } else { Ok(spent) }
    })?;
    let request = stick.request(&workdir, firmware, Attach::Usb)?;
    let mut machine = Machine::start(&workdir, &request)?;
    machine.wait_for("failed to start 3 times", TRY_SECONDS)?;
    machine.wait_for("Switch off", SHORT_SECONDS)?;
    // Nothing happens by itself.
    let left = machine.wait_for_any(&["Linux version", "EFI stub", "anklume: "], 20);
    if !matches!(left, Err(Failure::Late { .. })) {
        return Err(machine.unexpected("a menu that waits", format!("{left:?}")));
    }
    // The second entry: slot A once more.
    machine.send("\u{1b}[B\r")?;
    let report = machine.report(TRY_SECONDS)?;
    let slot = report.boot.and_then(|boot| boot.slot);
    if slot != Some(Slot::A) {
        return Err(machine.unexpected("slot a", format!("{slot:?}")));
    }
    machine.wait_shell(SHORT_SECONDS)?;
    wait_for_verdict(&mut machine, "good")?;
    machine.quit()?;
    let record = stick.record()?;
    let good = record.map(|record| (record.good(), record.state(Slot::B), record.fails()));
    assert_eq!(good, Some((Some(Slot::A), State::Bad, 0)));
    Ok(())
}
