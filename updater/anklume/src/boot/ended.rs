//! `anklume boot ended`: an orderly end.

use anklume_history::Verdict;

use super::{Finding, failure, give_back, judge, nothing_to_do};
use crate::machine::Machine;
use crate::output::Output;
use anklume_failure::Failure;

pub(crate) fn run(machine: &Machine, out: &mut Output<'_>) -> Result<u8, Failure> {
    let boot = match machine.boot()? {
        Err(why) => return nothing_to_do(&why, out),
        Ok(boot) => boot,
    };
    if let Some(judgement) = machine.judgement() {
        return nothing_to_do(&format!("this boot was found {}", judgement.verdict), out);
    }
    let slot = boot.slot;
    let store = machine.store(&boot.report).map_err(|error| failure(&error))?;
    let record = give_back(machine, &boot, store.as_ref(), out).map_err(|error| failure(&error))?;
    let finding = Finding::new(Verdict::GivenBack, None, Some(record));
    judge(machine, &boot, finding, out)?;
    out.say(format!("ended before its verdict: this boot of slot {slot} does not count"))?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fake, good_and_trial};
    use anklume_history::Outcome;
    use anklume_layout::Slot;

    #[test]
    fn the_try_is_given_back_once_and_only_without_a_verdict() {
        let fake = Fake::new(Slot::B, good_and_trial());
        fake.boot();
        assert_eq!(fake.record().unwrap().left(), 2);
        fake.run(&["boot", "ended"]).unwrap();
        fake.run(&["boot", "ended"]).unwrap();
        assert_eq!(fake.record().unwrap().left(), 3);
        assert_eq!(fake.outcomes(), [Outcome::GivenBack]);
        let judged = Fake::new(Slot::B, good_and_trial());
        judged.boot();
        judged.run(&["boot", "bad"]).unwrap();
        judged.run(&["boot", "ended"]).unwrap();
        assert_eq!(judged.record().unwrap().left(), 2);
    }

    #[test]
    fn a_boot_by_hand_gives_back_no_try_that_was_never_taken() {
        let fake = Fake::new(Slot::B, good_and_trial());
        fake.boot();
        fake.next_boot("second");
        fake.boot();
        assert_eq!(fake.record().unwrap().left(), 1);
        fake.next_boot("third");
        fake.boot_again_without_a_count();
        fake.run(&["boot", "ended"]).unwrap();
        assert_eq!(fake.record().unwrap().left(), 1);
        assert_eq!(fake.outcomes().last(), Some(&Outcome::GivenBack));
    }

    #[test]
    fn a_medium_without_a_record_is_left_alone() {
        for change in [
            |report: &mut anklume_layout::report::BootReport| report.slot = None,
            |report: &mut anklume_layout::report::BootReport| report.medium.writable = false,
            |report: &mut anklume_layout::report::BootReport| report.medium.kind = "extent".into(),
        ] {
            let mut fake = Fake::new(Slot::A, good_and_trial());
            fake.change_report(change);
            for command in ["started", "check", "ended", "good", "deadline", "fall-back"] {
                let said = fake.run(&["boot", command]).unwrap();
                assert!(said.stdout.starts_with("nothing to do: "), "{command}: {}", said.stdout);
                assert_eq!((said.code, fake.writes()), (0, 0));
            }
            assert_eq!(fake.history(), "");
            assert!(fake.run(&["boot", "bad"]).is_err());
            assert!(fake.run(&["rollback"]).is_err());
        }
    }
}
