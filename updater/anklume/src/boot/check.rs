//! `anklume boot check`: the health checks.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anklume_health::{
    Answer, Check, Entry, Folder, Kind, Round, Selection, Step, Verdict, answer, deadline, select,
};
use anklume_host::interrupt::interrupted;
use anklume_host::process::{self, Cmd, ProcessError};

use super::{judge_failed, nothing_to_do};
use crate::machine::{Machine, text};
use crate::output::Output;
use crate::state::Health;
use anklume_failure::{Context, Failure};

pub(crate) fn run(machine: &Machine, out: &mut Output<'_>) -> Result<u8, Failure> {
    let boot = match machine.boot()? {
        Err(why) => return nothing_to_do(&why, out),
        Ok(boot) => boot,
    };
    let selection = selection(&machine.paths.health)?;
    let passed_over: Vec<_> =
        selection.passed_over.iter().map(|(name, why)| format!("{name} {why}")).collect();
    for problem in &passed_over {
        out.warn(format!("health check {problem}"));
    }
    let names = selection.checks.iter().map(|check| check.name.clone());
    let mut round = Round::new(names, limit(machine, out));
    let verdict = ask(machine, &selection.checks, &mut round, out)?;
    let health = Health::of(&boot.id, &round, verdict == Verdict::Healthy, &passed_over);
    if let Err(error) = machine.keep_health(&health) {
        out.warn(format!("what the checks said cannot be kept: {}", error.message()));
    }
    match verdict {
        Verdict::Healthy => {
            out.say(format!("healthy: {} checks passed", selection.checks.len()))?;
            Ok(0)
        }
        Verdict::Failed(failed) => {
            judge_failed(machine, &boot, &reason(&failed), out)?;
            Ok(1)
        }
    }
}

/// The deadline, counted from the handover to the OS.
pub(super) fn limit(machine: &Machine, out: &mut Output<'_>) -> Duration {
    let config = text(&machine.paths.health_config).ok().flatten().unwrap_or_default();
    let deadline = deadline(&machine.command_line(), &config);
    for problem in deadline.problems {
        out.warn(problem);
    }
    deadline.after
}

/// `10-units: x.service failed; 20-persist: …`
fn reason(failed: &[(String, String)]) -> String {
    let each = failed.iter().map(|(name, reason)| format!("{name}: {reason}"));
    each.collect::<Vec<_>>().join("; ")
}

fn selection(folders: &[PathBuf; 2]) -> Result<Selection, Failure> {
    let [image, machine] = folders;
    let list = |folder: &Path| entries(folder).context(folder.display());
    Ok(select(&list(image)?, &list(machine)?))
}

fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    let list = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        list => list?,
    };
    let mut entries = Vec::new();
    for file in list {
        let file = file?;
        if let Ok(name) = file.file_name().into_string() {
            entries.push(Entry { name, kind: kind(&file.path()) });
        }
    }
    Ok(entries)
}

fn kind(path: &Path) -> Kind {
    if fs::read_link(path).is_ok_and(|target| target == Path::new("/dev/null")) {
        return Kind::Off;
    }
    match fs::metadata(path) {
        Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o111 != 0 => Kind::Program,
        Ok(meta) if meta.is_file() => Kind::NotExecutable,
        _ => Kind::Other,
    }
}

/// Asks until there is a verdict.
fn ask(
    machine: &Machine,
    checks: &[Check],
    round: &mut Round,
    out: &mut Output<'_>,
) -> Result<Verdict, Failure> {
    let (base, start) = (machine.since_handover()?, Instant::now());
    loop {
        let now = base.saturating_add(start.elapsed());
        match round.next(now) {
            Step::Done(verdict) => return Ok(verdict),
            Step::Wait(time) => {
                (machine.pause)(time);
                round.waited();
            }
            Step::Run(index, limit) => {
                let Some(check) = checks.get(index) else {
                    return Err(Failure::failed("a health check vanished"));
                };
                let before = round.checks().get(index).map(|(_, pending)| pending.clone());
                let answer = run_check(machine, check, limit)?;
                round.answered(index, answer, base.saturating_add(start.elapsed()));
                let after = round.checks().get(index).map(|(_, pending)| pending);
                tell(check, before.as_ref(), after, out)?;
            }
        }
        if interrupted() {
            return Err(Failure::failed("interrupted; there is no verdict"));
        }
    }
}

/// Says what a check answered, unless it waits for the same as before.
fn tell(
    check: &Check,
    before: Option<&anklume_health::Pending>,
    after: Option<&anklume_health::Pending>,
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    use anklume_health::Pending;
    let name = &check.name;
    match after {
        Some(Pending::Healthy) => out.say(format!("{name}: healthy")),
        Some(Pending::Failed(reason)) => out.say(format!("{name}: failed: {reason}")),
        Some(Pending::Waits(reason)) if before != Some(&Pending::Due(Some(reason.clone()))) => {
            out.say(format!("{name}: not yet: {reason}"))
        }
        _ => Ok(()),
    }
}

fn run_check(machine: &Machine, check: &Check, limit: Duration) -> Result<Answer, Failure> {
    let [image, own] = &machine.paths.health;
    let folder = match check.folder {
        Folder::Image => image,
        Folder::Machine => own,
    };
    let ended = match Cmd::new(folder.join(&check.name)).run_within(limit) {
        Ok(ended) => ended,
        Err(error @ ProcessError::Interrupted { .. }) => return Err(Failure::failed(error)),
        Err(error) => {
            return Ok(answer(&anklume_health::Ending::NotStarted(error.to_string()), b"", b""));
        }
    };
    let ending = match ended.ending {
        process::Ending::Exit(code) => anklume_health::Ending::Exit(code),
        process::Ending::Signal(signal) => anklume_health::Ending::Signal(signal),
        process::Ending::TimedOut => anklume_health::Ending::TimedOut,
    };
    Ok(answer(&ending, &ended.stdout, &ended.stderr))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fake, good_and_trial};
    use anklume_history::Outcome;
    use anklume_layout::Slot;
    use anklume_slots::Record;

    #[test]
    fn healthy_checks_leave_no_verdict_but_a_note() {
        let fake = Fake::new(Slot::B, good_and_trial());
        fake.boot();
        fake.check("10-a", "exit 0");
        // Not ready until it was asked a second time.
        fake.check("20-b", "cd \"${0%/*}\"; [ -e asked ] || { : >asked; echo soon; exit 75; }");
        let said = fake.run(&["boot", "check"]).unwrap();
        assert_eq!(said.code, 0);
        let expected =
            "10-a: healthy\n20-b: not yet: soon\n20-b: healthy\nhealthy: 2 checks passed\n";
        assert_eq!(said.stdout, expected);
        assert_eq!(fake.outcomes(), [Outcome::Running]);
        assert_eq!(fake.record().unwrap().left(), 2);
    }

    #[test]
    fn a_failure_asks_for_a_restart_where_another_slot_can_boot() {
        let fake = Fake::new(Slot::B, good_and_trial());
        fake.fill_slots();
        fake.boot();
        fake.check("10-a", "echo x.service failed; exit 1");
        fake.check("20-b", "kill -9 $$");
        let said = fake.run(&["boot", "check"]).unwrap();
        assert_eq!(said.code, 1);
        let end = "slot b failed: 10-a: x.service failed; 20-b: ended by signal 9; \
                   another slot can boot\n";
        assert!(said.stdout.ends_with(end), "{}", said.stdout);
        assert_eq!(fake.outcomes(), [Outcome::Bad]);
        assert_eq!(fake.record().unwrap().left(), 2, "the try stays spent");
        fake.run(&["boot", "fall-back"]).unwrap();
        assert_eq!(fake.systemctl(), "reboot --force\n");
    }

    #[test]
    fn a_failure_with_nothing_to_fall_back_to_leaves_the_machine_up() {
        let fake = Fake::new(Slot::A, Record::new());
        fake.boot();
        fake.check("10-a", "exit 1");
        let said = fake.run(&["boot", "check"]).unwrap();
        assert_eq!(said.code, 1);
        assert!(said.stdout.contains("no other slot can boot, it runs on"), "{}", said.stdout);
        assert_eq!(fake.outcomes(), [Outcome::Degraded]);
        assert_eq!(fake.record().unwrap().left(), 3, "the try is given back");
        fake.run(&["boot", "fall-back"]).unwrap();
        assert_eq!(fake.systemctl(), "");
    }

    #[test]
    fn a_good_slot_that_is_damaged_is_nothing_to_fall_back_to() {
        let fake = Fake::new(Slot::B, good_and_trial());
        fake.fill_slots();
        fake.damage_slot(Slot::A);
        fake.boot();
        fake.check("10-a", "exit 1");
        let said = fake.run(&["boot", "check"]).unwrap();
        assert!(said.stdout.contains("no other slot can boot, it runs on"), "{}", said.stdout);
        assert_eq!(fake.record().unwrap().left(), 3, "the try is given back");
        fake.run(&["boot", "fall-back"]).unwrap();
        assert_eq!(fake.systemctl(), "");
    }

    #[test]
    fn the_deadline_is_that_of_the_command_line() {
        let fake = Fake::new(Slot::A, Record::new());
        fake.boot();
        fake.check("10-a", "echo waiting for jobs; exit 75");
        fake.write("proc/cmdline", "quiet anklume.health-deadline=60\n");
        fake.write("proc/uptime", "61.00 3.00\n");
        let said = fake.run(&["boot", "check"]).unwrap();
        assert!(
            said.stdout.contains("10-a: not ready after 60 s: waiting for jobs"),
            "{}",
            said.stdout
        );
    }
}
