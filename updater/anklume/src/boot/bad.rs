//! `anklume boot bad`.

use anklume_history::Verdict;
use anklume_slots::{Record, decide};

use super::{Finding, failure, judge, update};
use crate::cli::BadArgs;
use crate::machine::{Boot, Machine};
use crate::output::Output;
use anklume_failure::Failure;

pub(crate) fn run(machine: &Machine, args: &BadArgs, out: &mut Output<'_>) -> Result<u8, Failure> {
    let boot = machine.boot_or_refuse()?;
    let record = record(machine, &boot, args.give_up, out)?;
    let reason = args.reason.clone().unwrap_or_else(|| "said so by hand".to_owned());
    judge(machine, &boot, Finding::new(Verdict::Bad, Some(reason), record), out)?;
    let next = record.and_then(|record| decide(&record).boot);
    let next = next.map(|slot| format!("; slot {slot} boots next")).unwrap_or_default();
    out.say(match args.give_up {
        true => format!("slot {} is given up{next}", boot.slot),
        false => format!("this boot of slot {} counts as failed{next}", boot.slot),
    })?;
    Ok(0)
}

/// The record afterwards.
fn record(
    machine: &Machine,
    boot: &Boot,
    give_up: bool,
    out: &mut Output<'_>,
) -> Result<Option<Record>, Failure> {
    let slot = boot.slot;
    let store = machine.store(&boot.report).map_err(|error| failure(&error))?;
    if !give_up {
        return Ok(store.copies().map_err(|error| failure(&error))?.record());
    }
    let mut change = |record: Option<Record>| {
        record.unwrap_or_else(|| Record::rebuilt(slot, false)).mark_bad(slot)
    };
    let changed = update(store.as_ref(), &mut change, out);
    Ok(Some(changed.map_err(|error| {
        failure(&error).hint("without --give-up, this boot counts as failed and no more")
    })?))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fake, good_and_trial};
    use anklume_failure::Kind;
    use anklume_history::Outcome;
    use anklume_layout::Slot;
    use anklume_slots::{Record, State};

    #[test]
    fn the_try_stays_spent_and_the_reason_is_kept() {
        let fake = Fake::new(Slot::B, good_and_trial());
        fake.boot();
        let said = fake.run(&["boot", "bad", "--reason", "no\u{1b}sound"]).unwrap();
        assert_eq!(said.stdout, "this boot of slot b counts as failed; slot b boots next\n");
        assert_eq!(fake.record().unwrap().left(), 2);
        assert_eq!(fake.outcomes(), [Outcome::Bad]);
        assert!(fake.history().contains(r#""reason":"no sound""#), "{}", fake.history());
    }

    #[test]
    fn a_slot_is_given_up_only_for_another_one() {
        let fake = Fake::new(Slot::B, good_and_trial());
        let said = fake.run(&["boot", "bad", "--give-up"]).unwrap();
        assert_eq!(said.stdout, "slot b is given up; slot a boots next\n");
        assert_eq!(fake.record().unwrap().state(Slot::B), State::Bad);
        let alone = Fake::new(Slot::A, Record::new());
        let failure = alone.run(&["boot", "bad", "--give-up"]).unwrap_err();
        assert_eq!(failure.kind(), Kind::Refused);
        assert!(failure.to_string().contains("the only one that can boot"), "{failure}");
        assert_eq!(alone.history(), "");
    }
}
