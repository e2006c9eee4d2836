//! `anklume boot persist`: the health check of the persistent partition.
//!
//! The partition is the machine's, not the version's: a stick that wears out must not make the
//! machine leave a version that was good, for another one that would find the same. Only a version on
//! trial answers for it: that one may be what cannot use the partition.

use std::path::Path;

use anklume_layout::report::{BootReport, GrowthState, PersistState};
use anklume_slots::State;

use super::nothing_to_do;
use crate::machine::{Machine, text};
use crate::output::Output;
use anklume_failure::{Context, Failure};

pub(crate) fn run(machine: &Machine, out: &mut Output<'_>) -> Result<u8, Failure> {
    let Some(report) = machine.report()? else {
        return nothing_to_do("there is no boot report", out);
    };
    let path = machine.paths.proc.join("self/mountinfo");
    let mounts = text(&path).context(path.display())?.unwrap_or_default();
    match problem(&report, &mounts, &machine.paths.persist) {
        None => {
            out.say("the persistent partition is as it should be")?;
            Ok(0)
        }
        Some(problem) if is_on_trial(machine)? => {
            out.say(problem)?;
            Ok(1)
        }
        Some(problem) => {
            out.say(format!("{problem}; that is not held against a version that was good"))?;
            Ok(0)
        }
    }
}

/// Whether the version that runs has yet to prove itself.
fn is_on_trial(machine: &Machine) -> Result<bool, Failure> {
    let Ok(boot) = machine.boot()? else { return Ok(false) };
    let record = machine.store(&boot.report).and_then(|store| store.copies());
    // With a record that cannot be read nothing can be counted either.
    let record = record.ok().and_then(|copies| copies.record());
    Ok(record.is_some_and(|record| record.state(boot.slot) == State::Trial))
}

/// What is wrong with the persistent partition.
///
/// A medium that has no room for one, or cannot be written, is as it should be: what is written is
/// forgotten at the end, and the initramfs said so.
fn problem(report: &BootReport, mounts: &str, place: &Path) -> Option<String> {
    let persist = &report.persist;
    let why = persist.reason.as_deref().unwrap_or("no reason known");
    match (persist.state, report.growth.state) {
        (PersistState::Released, _) | (PersistState::Volatile, GrowthState::Refused) => None,
        (PersistState::Mounted, _) => match options(mounts, place) {
            None => Some(format!("{} is not mounted any more", place.display())),
            Some(options) if options.split(',').any(|option| option == "ro") => {
                Some(format!("{} cannot be written any more", place.display()))
            }
            Some(_) => None,
        },
        (PersistState::Volatile, GrowthState::Failed) => {
            let why = report.growth.reason.as_deref().unwrap_or(why);
            Some(format!("the partitions were not made: {why}"))
        }
        (PersistState::Volatile, _) => Some(format!("the persistent partition is lost: {why}")),
    }
}

/// Options of the mount that is seen at `place`, of the mount and of its file system
/// (proc_pid_mountinfo(5)).
fn options(mounts: &str, place: &Path) -> Option<String> {
    let options = |line: &str| {
        let mut words = line.split(' ').skip(4);
        let here = words.next()? == place.to_str()?;
        let options = words.next()?;
        let of_file_system = line.rsplit(' ').next()?;
        here.then(|| format!("{options},{of_file_system}"))
    };
    mounts.lines().filter_map(options).next_back()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fake, good_and_trial, report};
    use anklume_layout::Slot;

    const MOUNTS: &str = "\
22 1 254:0 / / ro,relatime shared:1 - squashfs /dev/dm-0 ro
30 22 8:7 / /persist rw,nosuid,noatime shared:2 - ext4 /dev/sda7 rw,errors=remount-ro
";

    fn say(persist: PersistState, growth: GrowthState, mounts: &str) -> Option<String> {
        let mut report = report(Slot::A);
        report.persist.state = persist;
        report.persist.reason = Some("why".to_owned());
        report.growth.state = growth;
        problem(&report, mounts, Path::new("/persist"))
    }

    #[test]
    fn what_is_mounted_can_be_written() {
        use GrowthState::Done;
        assert_eq!(say(PersistState::Mounted, Done, MOUNTS), None);
        let text = say(PersistState::Mounted, Done, "").unwrap();
        assert_eq!(text, "/persist is not mounted any more");
        for (from, to) in [("persist rw", "persist ro"), ("sda7 rw", "sda7 ro")] {
            let text = say(PersistState::Mounted, Done, &MOUNTS.replace(from, to)).unwrap();
            assert_eq!(text, "/persist cannot be written any more");
        }
    }

    #[test]
    fn a_medium_without_room_is_no_error_and_a_lost_partition_is() {
        use GrowthState::{Done, Failed, Grown, Refused, Repaired};
        assert_eq!(say(PersistState::Volatile, Refused, ""), None);
        assert_eq!(say(PersistState::Released, Done, ""), None);
        for growth in [Done, Grown, Repaired] {
            let text = say(PersistState::Volatile, growth, "").unwrap();
            assert_eq!(text, "the persistent partition is lost: why");
        }
        let text = say(PersistState::Volatile, Failed, "").unwrap();
        assert_eq!(text, "the partitions were not made: why");
    }

    #[test]
    fn only_a_version_on_trial_answers_for_the_partition() {
        for (slot, code) in [(Slot::B, 1), (Slot::A, 0)] {
            let mut fake = Fake::new(slot, good_and_trial());
            fake.boot();
            fake.change_report(|report| report.persist.state = PersistState::Volatile);
            let said = fake.run(&["boot", "persist"]).unwrap();
            assert!(said.stdout.contains("the persistent partition is lost"), "{}", said.stdout);
            assert_eq!(said.code, code, "slot {slot}");
        }
    }
}
