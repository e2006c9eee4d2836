//! `anklume rollback`.

use std::time::Duration;

use anklume_history::{Event, RolledBack, record_text};
use anklume_host::process::{Cmd, Ending};
use anklume_layout::Slot;
use anklume_slots::{Record, Refusal, State};

use crate::boot::{failure, update};
use crate::machine::{Boot, Machine};
use crate::output::Output;
use anklume_failure::{Context, Failure};

/// How long systemd may take to accept the order.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn run(machine: &Machine, reboot: bool, out: &mut Output<'_>) -> Result<u8, Failure> {
    let to = choose(machine, out)?;
    out.say(format!("slot {to} boots from now on"))?;
    if !reboot {
        return Ok(0);
    }
    let ended = Cmd::new(&machine.paths.systemctl)
        .arg("reboot")
        .run_within(PATIENCE)
        .context("restarting")?;
    match ended.ending {
        Ending::Exit(0) => Ok(0),
        other => Err(Failure::failed(format!("systemctl reboot: {other:?}"))
            .hint("the slot is chosen; restart the machine in any way")),
    }
}

/// Makes the other slot the one that boots; which one that is.
pub(crate) fn choose(machine: &Machine, out: &mut Output<'_>) -> Result<Slot, Failure> {
    let boot = machine.boot_or_refuse()?;
    let record = change(machine, &boot, out)?;
    let (from, to) = (boot.slot, boot.slot.other());
    let event = Event::Rollback(RolledBack {
        boot_id: boot.id.clone(),
        at: machine.now(),
        from,
        to,
        record: Some(record_text(&record)),
    });
    machine.note(&boot.report, &[event], out);
    crate::update::gave_up(machine, &boot, out);
    Ok(to)
}

fn change(machine: &Machine, boot: &Boot, out: &mut Output<'_>) -> Result<Record, Failure> {
    let slot = boot.slot;
    let mut change = |record: Option<Record>| {
        let lost = Refusal::NeverGood { slot: slot.other(), state: State::Empty };
        record.ok_or(lost)?.rollback(slot)
    };
    let changed =
        machine.store(&boot.report).and_then(|store| update(store.as_ref(), &mut change, out));
    changed
        .map_err(|error| failure(&error).hint("`anklume status` shows what the slots hold and why"))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fake, good_and_trial, report};
    use crate::update::place;
    use anklume_failure::Kind;
    use anklume_history::Outcome;
    use anklume_layout::Slot;
    use anklume_slots::{Record, State};

    #[test]
    fn the_other_slot_boots_from_now_on() {
        let fake = Fake::new(Slot::B, good_and_trial());
        fake.boot();
        fake.run(&["boot", "good"]).unwrap();
        let said = fake.run(&["rollback"]).unwrap();
        assert_eq!(said.stdout, "slot a boots from now on\n");
        let record = fake.record().unwrap();
        assert_eq!((record.good(), record.state(Slot::B)), (Some(Slot::A), State::Good));
        assert_eq!(fake.outcomes(), [Outcome::Good, Outcome::Rollback]);
        assert_eq!(fake.systemctl(), "");
        let (remembered, _) =
            anklume_update::State::load(place(fake.machine(), &report(Slot::B)).as_ref());
        let version = report(Slot::B).image_version;
        assert_eq!(remembered.failed[&version], "somebody went back from it");
        fake.run(&["rollback", "--reboot"]).unwrap();
        assert_eq!(fake.systemctl(), "reboot\n");
    }

    #[test]
    fn a_slot_that_was_never_good_is_refused() {
        let fake = Fake::new(Slot::A, Record::new());
        let failure = fake.run(&["rollback", "--reboot"]).unwrap_err();
        assert_eq!(failure.kind(), Kind::Refused);
        assert!(failure.to_string().contains("slot b was never good: it is empty"), "{failure}");
        fake.damage([true, true]);
        assert_eq!(fake.run(&["rollback"]).unwrap_err().kind(), Kind::Refused);
        assert_eq!((fake.history().as_str(), fake.systemctl().as_str()), ("", ""));
    }
}
