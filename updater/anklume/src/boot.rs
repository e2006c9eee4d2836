//! How boots go.

pub(crate) mod bad;
pub(crate) mod check;
pub(crate) mod deadline;
pub(crate) mod ended;
pub(crate) mod fall_back;
pub(crate) mod good;
pub(crate) mod history;
pub(crate) mod persist;
pub(crate) mod started;

use anklume_history::{Event, Judged, Verdict, record_text, was_counted};
use anklume_slots::Record;

use crate::machine::{Boot, Machine};
use crate::output::Output;
use crate::state::Judgement;
use crate::store::{RecordStore, StoreError};
use anklume_failure::Failure;

/// A verdict to be written down.
pub(crate) struct Finding {
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<String>,
    /// Whether the machine is to restart.
    pub(crate) restart: bool,
    /// The boot record afterwards, if it is known.
    pub(crate) record: Option<Record>,
}

impl Finding {
    pub(crate) fn new(verdict: Verdict, reason: Option<String>, record: Option<Record>) -> Self {
        Self { verdict, reason, restart: false, record }
    }
}

/// Writes a verdict down: for the other commands of this boot, and for the boots to come.
pub(crate) fn judge(
    machine: &Machine,
    boot: &Boot,
    finding: Finding,
    out: &mut Output<'_>,
) -> Result<(), Failure> {
    let Finding { verdict, reason, restart, record } = finding;
    let (boot_id, at) = (boot.id.clone(), machine.now());
    let record = record.as_ref().map(record_text);
    let judgement = Judgement {
        boot_id: boot_id.clone(),
        at: at.clone(),
        verdict,
        reason: reason.clone(),
        restart,
    };
    if let Err(error) = machine.keep_judgement(&judgement) {
        // What fills /run may be why the boot failed.
        out.warn(format!("the verdict cannot be kept for this boot: {}", error.message()));
    }
    let event = Event::Verdict(Judged { boot_id, at, verdict, reason, record });
    machine.note(&boot.report, &[event], out);
    Ok(())
}

/// Writes down that this boot failed. If another slot can boot, the machine is to restart; if none
/// can, the boot does not count and the machine runs on. Whether it is to restart is returned.
///
/// A boot that has a verdict keeps it: a machine that was well is not restarted because somebody asks
/// again, and a try is given back once.
pub(crate) fn judge_failed(
    machine: &Machine,
    boot: &Boot,
    reason: &str,
    out: &mut Output<'_>,
) -> Result<bool, Failure> {
    let slot = boot.slot;
    if let Some(before) = machine.judgement() {
        out.say(format!("not well: {reason}; the verdict on this boot stays {}", before.verdict))?;
        return Ok(before.restart);
    }
    let record = machine.store(&boot.report).and_then(|store| {
        let record = store.copies()?.record();
        // What the record calls good may have been damaged since: no reason to leave what runs.
        if record.is_some_and(|record| record.can_fall_back(slot))
            && store.slot(slot.other()).is_complete
        {
            return Ok((record, true));
        }
        Ok((Some(give_back(machine, boot, store.as_ref(), out)?), false))
    });
    // Without a record nobody knows whether a restart leads anywhere.
    let (record, restart) = record.unwrap_or_else(|error| {
        out.warn(format!("the boot record: {error}"));
        (None, false)
    });
    let verdict = if restart { Verdict::Bad } else { Verdict::Degraded };
    let finding = Finding { verdict, reason: Some(reason.to_owned()), restart, record };
    judge(machine, boot, finding, out)?;
    if restart {
        out.say(format!("slot {slot} failed: {reason}; another slot can boot"))?;
    } else {
        let runs_on = "no other slot can boot, it runs on";
        (machine.consoles)().say("anklume: ", &format!("this boot failed: {reason}\n{runs_on}"));
        out.say(format!("slot {slot} failed: {reason}; {runs_on}"))?;
    }
    Ok(restart)
}

/// The boot does not count. One that somebody started by hand was not counted.
fn give_back(
    machine: &Machine,
    boot: &Boot,
    store: &dyn RecordStore,
    out: &mut Output<'_>,
) -> Result<Record, StoreError> {
    let slot = boot.slot;
    let history = machine.history(&boot.report).unwrap_or_default();
    let was_counted = was_counted(&history.events, &boot.id, slot);
    let mut change = |record: Option<Record>| {
        let record = record.unwrap_or_else(|| Record::rebuilt(slot, false));
        Ok(if was_counted { record.give_back(slot) } else { record })
    };
    update(store, &mut change, out)
}

/// Changes the boot record, and passes a warning on.
pub(crate) fn update(
    store: &dyn RecordStore,
    change: crate::store::Change<'_>,
    out: &mut Output<'_>,
) -> Result<Record, StoreError> {
    let (record, warning) = store.update(change)?;
    if let Some(warning) = warning {
        out.warn(format!("one copy of the boot record: {warning}"));
    }
    Ok(record)
}

/// A medium's error on its way to the user.
pub(crate) fn failure(error: &StoreError) -> Failure {
    match error {
        StoreError::NeedsRoot => Failure::needs_root(error),
        StoreError::Refused(_) => Failure::refused(error),
        StoreError::Gone(_) | StoreError::Failed(_) => {
            Failure::failed(format!("the boot record: {error}"))
        }
    }
}

/// Says that a unit has nothing to do, which is no failure.
pub(crate) fn nothing_to_do(why: &str, out: &mut Output<'_>) -> Result<u8, Failure> {
    out.say(format!("nothing to do: {why}"))?;
    Ok(0)
}
