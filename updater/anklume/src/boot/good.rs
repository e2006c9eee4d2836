//! `anklume boot good`.

use anklume_history::Verdict;
use anklume_layout::Slot;
use anklume_slots::{Record, Refusal, State};

use super::{Finding, failure, judge, nothing_to_do, update};
use crate::machine::{Boot, Machine};
use crate::output::Output;
use crate::store::StoreError;
use anklume_failure::Failure;

pub(crate) fn run(machine: &Machine, force: bool, out: &mut Output<'_>) -> Result<u8, Failure> {
    let boot = match machine.boot()? {
        Err(why) => return nothing_to_do(&why, out),
        Ok(boot) => boot,
    };
    let before = machine.judgement();
    // A machine that runs on may have been mended, and its checks asked again.
    let healthy = machine.health().is_some_and(|health| health.healthy);
    let stands = |verdict| match verdict {
        Verdict::Bad => !force,
        Verdict::Degraded => !force && !healthy,
        Verdict::Good | Verdict::GivenBack => false,
    };
    if let Some(failed) = before.as_ref().filter(|before| stands(before.verdict)) {
        let reason = failed.reason.as_deref().unwrap_or("no reason given");
        return Err(Failure::refused(format!("this boot was found {}: {reason}", failed.verdict))
            .hint("`anklume boot good --force` says that it is well all the same"));
    }
    let (record, unrecorded) = match change(machine, &boot, force, out) {
        Ok(record) => (Some(record), None),
        Err(error @ (StoreError::NeedsRoot | StoreError::Refused(_))) => {
            return Err(failure(&error));
        }
        // The medium was pulled out, or its boot record is beyond mending: the OS is well without.
        Err(error) => (None, Some(error)),
    };
    if before.is_none_or(|before| before.verdict != Verdict::Good) {
        judge(machine, &boot, Finding::new(Verdict::Good, None, record), out)?;
    }
    crate::update::note(machine, &boot, true, out);
    match unrecorded {
        Some(StoreError::Gone(why)) if boot.report.toram => {
            out.warn(format!("the boot record was not changed: {why}"));
        }
        Some(error) => {
            let hint = "this boot is well, but the boot loader will count it as failed";
            return Err(failure(&error).hint(hint));
        }
        None => {}
    }
    say(boot.slot, record, out)
}

fn change(
    machine: &Machine,
    boot: &Boot,
    force: bool,
    out: &mut Output<'_>,
) -> Result<Record, StoreError> {
    let store = machine.store(&boot.report)?;
    update(store.as_ref(), &mut |record| marked(record, boot.slot, force), out)
}

/// The record of a boot that is well.
fn marked(record: Option<Record>, slot: Slot, force: bool) -> Result<Record, Refusal> {
    let record = record.unwrap_or_else(|| Record::rebuilt(slot, false));
    let marked = record.mark_good(slot);
    if force && marked.state(slot) == State::Bad {
        return Ok(marked.activate(slot)?.mark_good(slot));
    }
    Ok(marked)
}

fn say(slot: Slot, record: Option<Record>, out: &mut Output<'_>) -> Result<u8, Failure> {
    match record {
        Some(record) if record.state(slot) == State::Bad => {
            out.say(format!("this boot is well; slot {slot} was given up before, and stays so"))?;
            out.say("hint: `anklume boot good --force` takes that back")?;
        }
        Some(record) if record.good() != Some(slot) => {
            out.say(format!("this boot is well; slot {} is the one that boots", slot.other()))?;
        }
        Some(_) => out.say(format!("slot {slot} is good"))?,
        None => out.say("this boot is well")?,
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fake, good_and_trial};
    use anklume_failure::Kind;
    use anklume_history::Outcome;

    #[test]
    fn a_trial_becomes_the_good_slot_once() {
        let fake = Fake::new(Slot::B, good_and_trial());
        fake.boot();
        let said = fake.run(&["boot", "good"]).unwrap();
        assert_eq!(said.stdout, "slot b is good\n");
        let record = fake.record().unwrap();
        assert_eq!((record.good(), record.state(Slot::A)), (Some(Slot::B), State::Good));
        assert_eq!(fake.outcomes(), [Outcome::Good]);
        let (writes, history) = (fake.writes(), fake.history());
        fake.run(&["boot", "good"]).unwrap();
        assert_eq!((fake.writes(), fake.history()), (writes, history), "nothing new");
    }

    #[test]
    fn a_boot_that_failed_is_not_good_by_accident() {
        let fake = Fake::new(Slot::B, good_and_trial());
        fake.boot();
        fake.run(&["boot", "bad", "--reason", "no sound"]).unwrap();
        let failure = fake.run(&["boot", "good"]).unwrap_err();
        assert_eq!(failure.kind(), Kind::Refused);
        assert!(failure.to_string().contains("found bad: no sound"), "{failure}");
        fake.run(&["boot", "good", "--force"]).unwrap();
        assert_eq!(fake.record().unwrap().good(), Some(Slot::B));
        assert_eq!(fake.outcomes(), [Outcome::Good]);
    }

    #[test]
    fn a_machine_that_was_mended_is_good() {
        let fake = Fake::new(Slot::A, Record::new());
        fake.boot();
        fake.check("10-a", "exit 1");
        for _ in 0..2 {
            fake.run(&["boot", "check"]).unwrap();
            assert_eq!(fake.record().unwrap().left(), 3, "the try is given back once");
        }
        assert_eq!(fake.outcomes(), [Outcome::Degraded]);
        assert_eq!(fake.run(&["boot", "good"]).unwrap_err().kind(), Kind::Refused);
        fake.check("10-a", "exit 0");
        fake.run(&["boot", "check"]).unwrap();
        fake.run(&["boot", "good"]).unwrap();
        assert_eq!(fake.outcomes(), [Outcome::Good]);
        // A check that fails later does not restart a machine that works.
        fake.check("10-a", "exit 1");
        assert_eq!(fake.run(&["boot", "check"]).unwrap().code, 1);
        fake.run(&["boot", "fall-back"]).unwrap();
        assert_eq!((fake.outcomes(), fake.systemctl()), (vec![Outcome::Good], String::new()));
    }

    #[test]
    fn a_slot_that_was_given_up_stays_so_without_force() {
        let fake = Fake::new(Slot::B, good_and_trial().mark_bad(Slot::B).unwrap());
        let said = fake.run(&["boot", "good"]).unwrap();
        assert!(said.stdout.contains("slot b was given up before"), "{}", said.stdout);
        assert_eq!(fake.record().unwrap().state(Slot::B), State::Bad);
        fake.run(&["boot", "good", "--force"]).unwrap();
        let record = fake.record().unwrap();
        assert_eq!((record.good(), record.state(Slot::B)), (Some(Slot::B), State::Good));
    }

    #[test]
    fn without_a_medium_an_os_in_ram_is_well() {
        let mut fake = Fake::new(Slot::A, good_and_trial());
        fake.boot();
        fake.break_medium(StoreError::Gone("device 8:0: no such disk".to_owned()));
        assert_eq!(fake.run(&["boot", "good"]).unwrap_err().kind(), Kind::Failed);
        assert_eq!(fake.outcomes().last(), Some(&Outcome::Good), "it is well all the same");
        fake.change_report(|report| report.toram = true);
        let said = fake.run(&["boot", "good"]).unwrap();
        assert!(said.stderr.contains("no such disk"), "{}", said.stderr);
        fake.break_medium(StoreError::NeedsRoot);
        assert_eq!(fake.run(&["boot", "good"]).unwrap_err().kind(), Kind::NeedsRoot);
    }
}
