//! `anklume boot deadline`: the machine that hangs before its health checks, or in them.
//!
//! A process that waits, not a timer of systemd: systemd may be what hangs.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anklume_host::interrupt::interrupted;

use super::check::limit;
use super::{fall_back, judge_failed, nothing_to_do};
use crate::machine::{Boot, Machine};
use crate::output::Output;
use anklume_failure::Failure;

/// The health checks end their waiting at the deadline, and know better why. The longest of them may
/// have begun just before.
const GRACE: Duration = Duration::from_secs(45);
const PAUSE: Duration = Duration::from_secs(2);
/// How long writing the verdict and an ordinary restart may take.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) fn run(machine: &Machine, out: &mut Output<'_>) -> Result<u8, Failure> {
    let boot = match machine.boot()? {
        Err(why) => return nothing_to_do(&why, out),
        Ok(boot) => boot,
    };
    let deadline = limit(machine, out);
    let (base, start) = (machine.since_handover()?, Instant::now());
    loop {
        if let Some(why) = settled(machine) {
            return nothing_to_do(&why, out);
        }
        if base.saturating_add(start.elapsed()) >= deadline.saturating_add(GRACE) {
            return overdue(machine, &boot, deadline, out);
        }
        (machine.pause)(PAUSE);
        if interrupted() {
            return Ok(0);
        }
    }
}

/// Why there is nothing to wait for.
fn settled(machine: &Machine) -> Option<String> {
    let verdict = machine.judgement().map(|judgement| judgement.verdict);
    let healthy = machine.health().is_some_and(|health| health.healthy);
    match verdict {
        Some(verdict) => Some(format!("this boot was found {verdict}")),
        None if healthy => Some("the health checks have passed".to_owned()),
        None => None,
    }
}

fn overdue(
    machine: &Machine,
    boot: &Boot,
    deadline: Duration,
    out: &mut Output<'_>,
) -> Result<u8, Failure> {
    let stop = watchdog(machine);
    let reason = format!("no verdict {} s after the start", deadline.as_secs());
    // Nothing to fall back to; or another verdict came first, and stands.
    if !judge_failed(machine, boot, &reason, out)? {
        let _ = stop.send(());
        return Ok(1);
    }
    fall_back::restart(machine, &reason, out)?;
    // systemd has the order. What hangs now ends with the watchdog.
    (machine.pause)(PATIENCE);
    let _ = stop.send(());
    Ok(1)
}

/// Restarts the machine if nobody says in time that there is no need.
fn watchdog(machine: &Machine) -> Sender<()> {
    let (stop, stopped) = channel();
    let last_resort = machine.last_resort;
    std::thread::spawn(move || {
        if stopped.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            let _ = last_resort();
        }
    });
    stop
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::testing::{Fake, good_and_trial};
    use anklume_history::Outcome;
    use anklume_layout::Slot;
    use anklume_slots::Record;

    #[test]
    fn the_time_that_the_initramfs_took_does_not_count() {
        let mut fake = Fake::new(Slot::A, Record::new());
        fake.write("proc/uptime", "345.00 3.00\n");
        fake.change_report(|report| report.handover_ms = 100_500);
        assert_eq!(fake.machine().since_handover().unwrap(), Duration::from_millis(244_500));
    }

    #[test]
    fn a_boot_without_a_verdict_is_bad() {
        let fake = Fake::new(Slot::B, good_and_trial());
        fake.fill_slots();
        fake.boot();
        fake.write("proc/uptime", "345.00 3.00\n");
        let said = fake.run(&["boot", "deadline"]).unwrap();
        assert!(said.stdout.contains("no verdict 300 s after the start"), "{}", said.stdout);
        assert_eq!(fake.outcomes(), [Outcome::Bad]);
        assert_eq!(fake.systemctl(), "reboot --force\n");
    }

    #[test]
    fn a_boot_with_nothing_to_fall_back_to_runs_on() {
        let fake = Fake::new(Slot::A, Record::new());
        fake.boot();
        fake.write("proc/uptime", "345.00 3.00\n");
        fake.run(&["boot", "deadline"]).unwrap();
        assert_eq!((fake.outcomes(), fake.systemctl()), (vec![Outcome::Degraded], String::new()));
    }

    /// A version that fills `/run` leaves nowhere to keep its verdict.
    #[test]
    fn a_boot_whose_verdict_cannot_be_kept_is_bad_all_the_same() {
        let fake = Fake::new(Slot::B, good_and_trial());
        fake.fill_slots();
        fake.boot();
        fake.write("proc/uptime", "345.00 3.00\n");
        fake.block_state("verdict.json");
        let said = fake.run(&["boot", "deadline"]).unwrap();
        assert!(said.stderr.contains("cannot be kept"), "{}", said.stderr);
        assert_eq!(
            (fake.outcomes(), fake.systemctl()),
            (vec![Outcome::Bad], "reboot --force\n".into())
        );
    }

    /// The verdict came between two looks.
    #[test]
    fn another_verdict_that_came_first_stands() {
        for command in ["good", "bad"] {
            let mut fake = Fake::new(Slot::B, good_and_trial());
            fake.boot();
            fake.run(&["boot", command]).unwrap();
            fake.forbid_pauses();
            let boot = fake.machine().boot().unwrap().unwrap();
            let limit = Duration::from_secs(300);
            let said = fake.act(|machine, out| super::overdue(machine, &boot, limit, out)).unwrap();
            assert!(said.stdout.contains("the verdict on this boot stays"), "{}", said.stdout);
            assert_eq!(fake.systemctl(), "", "{command}");
        }
    }

    #[test]
    fn a_boot_that_is_well_is_left_alone() {
        for command in ["check", "good", "bad"] {
            let fake = Fake::new(Slot::B, good_and_trial());
            fake.boot();
            fake.run(&["boot", command]).unwrap();
            fake.write("proc/uptime", "9999.00 3.00\n");
            let said = fake.run(&["boot", "deadline"]).unwrap();
            assert!(said.stdout.starts_with("nothing to do: "), "{}", said.stdout);
            assert_eq!(fake.systemctl(), "");
        }
    }
}
