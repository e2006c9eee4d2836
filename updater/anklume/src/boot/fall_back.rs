//! `anklume boot fall-back`: restart, if the verdict on this boot asks for it.

use std::time::Duration;

use anklume_host::interrupt::interrupted;
use anklume_host::process::{Cmd, Ending};

use super::nothing_to_do;
use crate::machine::Machine;
use crate::output::Output;
use anklume_failure::Failure;

/// Time to read the message, and to stop the unit.
const PAUSE: Duration = Duration::from_secs(10);
/// How long systemd may take to accept the order.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn run(machine: &Machine, out: &mut Output<'_>) -> Result<u8, Failure> {
    if let Err(why) = machine.boot()? {
        return nothing_to_do(&why, out);
    }
    let Some(judgement) = machine.judgement().filter(|judgement| judgement.restart) else {
        return nothing_to_do("the verdict on this boot asks for no restart", out);
    };
    restart(machine, &judgement.reason.unwrap_or_default(), out)
}

/// Restarts the machine, because this boot failed for `reason`.
pub(super) fn restart(
    machine: &Machine,
    reason: &str,
    out: &mut Output<'_>,
) -> Result<u8, Failure> {
    let seconds = PAUSE.as_secs();
    let message = format!("this boot failed: {reason}\nrestarting in {seconds} s");
    (machine.consoles)().say("anklume: ", &message);
    out.say(&message)?;
    (machine.pause)(PAUSE);
    if interrupted() {
        return Err(Failure::failed("interrupted; the machine was not restarted"));
    }
    // Services are not stopped one after the other: one that hangs may be what failed.
    let ended = Cmd::new(&machine.paths.systemctl).args(["reboot", "--force"]).run_within(PATIENCE);
    if ended.is_ok_and(|ended| ended.ending == Ending::Exit(0)) {
        return Ok(0);
    }
    out.warn("systemd does not restart the machine; it is restarted without");
    let error = (machine.last_resort)();
    Err(Failure::failed(format!("restarting: {error}")))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fake, good_and_trial};
    use anklume_layout::Slot;

    #[test]
    fn a_hanging_systemd_does_not_keep_a_failed_boot_up() {
        let fake = Fake::new(Slot::B, good_and_trial());
        fake.fill_slots();
        fake.boot();
        fake.check("10-a", "exit 1");
        fake.run(&["boot", "check"]).unwrap();
        fake.break_systemctl();
        let failure = fake.run(&["boot", "fall-back"]).unwrap_err();
        assert_eq!(failure.to_string(), "error: restarting: the last resort");
    }
}
