//! What the facts mean: the object that `--json` prints.

use anklume_history::{Boot, Moment, Outcome, boots};
use anklume_layout::Slot;
use anklume_layout::report::{BootReport, Growth, Persist};
use anklume_ramcrypt::RamEncryption;
use anklume_slots::{Copies, Record, State, decide};
use serde::Serialize;

use super::data::DataStatus;
use super::facts::{Facts, OnMedium};
use crate::state::{CheckResult, CheckState};
use crate::store::{Content, StoreError};

/// Version of the JSON object.
const VERSION: u32 = 1;

/// The state of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Status {
    pub(super) status_version: u32,
    pub(super) os: Option<Os>,
    pub(super) verdict: Option<Judged>,
    pub(super) health: Option<HealthStatus>,
    pub(super) boot_record: RecordStatus,
    pub(super) slots: Vec<SlotStatus>,
    pub(super) last_failure: Option<String>,
    pub(super) medium: Option<MediumStatus>,
    pub(super) growth: Option<Growth>,
    pub(super) persist: Option<PersistStatus>,
    pub(super) data: DataStatus,
    pub(super) toram: Option<bool>,
    pub(super) firmware: Option<String>,
    pub(super) secure_boot: Option<bool>,
    pub(super) verity: Verity,
    pub(super) ram_encryption: RamEncryption,
    /// Updates so far; none if there were none, or if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) updates: Option<UpdateStatus>,
    /// Damaged lines of the boot history.
    pub(super) history_damaged_lines: usize,
    /// What could not be found out, and why.
    pub(super) unknown: Vec<String>,
}

/// Updates of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct UpdateStatus {
    /// The newest one, as `anklume update history --json` has it.
    pub(super) last: Option<serde_json::Map<String, serde_json::Value>>,
    /// Versions that are held back.
    pub(super) held: Vec<String>,
    /// Version that is being written, or was when the power went.
    pub(super) unfinished: Option<String>,
}

/// The running OS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Os {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) root_hash: String,
    pub(super) slot: Option<Slot>,
}

/// A verdict on a boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Judged {
    #[serde(flatten)]
    pub(super) at: Moment,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<String>,
}

/// Health checks of this boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct HealthStatus {
    pub(super) healthy: bool,
    pub(super) checks: usize,
    /// Those that are not healthy.
    pub(super) failed: Vec<CheckResult>,
    pub(super) passed_over: Vec<String>,
}

/// The boot record as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RecordStatus {
    pub(super) state: RecordState,
    pub(super) reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RecordState {
    Intact,
    /// One copy is damaged, or older than the other.
    OneCopy,
    Damaged,
    /// The medium keeps none.
    None,
    Unknown,
}

/// A slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct SlotStatus {
    pub(super) slot: Slot,
    pub(super) running: bool,
    /// Whether it boots next; none if that is not known.
    pub(super) next: Option<bool>,
    pub(super) state: Option<State>,
    /// Of a slot on trial.
    pub(super) tries_left: Option<u8>,
    /// Of the good slot: boots that did not end well, one after the other.
    pub(super) failed_boots: Option<u8>,
    pub(super) version: Option<String>,
    pub(super) root_hash: Option<String>,
    pub(super) problem: Option<String>,
    pub(super) last_boot: Option<Judged>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct MediumStatus {
    pub(super) kind: String,
    pub(super) disk: String,
    pub(super) model: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) bytes: u64,
    pub(super) file: Option<String>,
    pub(super) removable: bool,
    pub(super) writable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct PersistStatus {
    #[serde(flatten)]
    pub(super) persist: Persist,
    pub(super) free_bytes: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Verity {
    pub(super) policy: Option<String>,
    pub(super) active: Option<bool>,
}

pub(super) fn compose(facts: &Facts) -> Status {
    let report = facts.report.as_ref();
    let mut unknown: Vec<String> = Vec::new();
    if let OnMedium::Unreadable(error) = &facts.medium {
        unknown.push(match error {
            StoreError::NeedsRoot => "boot record and slots: only root can read them".to_owned(),
            error => format!("boot record and slots: {error}"),
        });
    }
    if let Err(error) = &facts.history {
        unknown.push(format!("boot history: {error}"));
    }
    Status {
        status_version: VERSION,
        os: report.map(os),
        verdict: verdict(facts),
        health: health(facts),
        boot_record: boot_record(&facts.medium),
        slots: slots(facts),
        last_failure: match &facts.medium {
            OnMedium::Read { failure, .. } => failure.as_ref().map(|f| f.reason.clone()),
            OnMedium::NoRecord(_) | OnMedium::Unreadable(_) => None,
        },
        medium: report.map(medium),
        growth: report.map(|report| report.growth.clone()),
        persist: report.map(|report| PersistStatus {
            persist: report.persist.clone(),
            free_bytes: facts.free_bytes,
        }),
        data: facts.data.clone(),
        toram: report.map(|report| report.toram),
        firmware: report.map(|report| report.firmware.clone()),
        secure_boot: report.and_then(|report| report.secure_boot),
        verity: Verity {
            policy: report.map(|report| report.verity_policy.clone()),
            active: facts.verity_active,
        },
        ram_encryption: facts.ram_encryption,
        updates: updates(facts),
        history_damaged_lines: facts.history.as_ref().map_or(0, |history| history.damaged),
        unknown,
    }
}

fn updates(facts: &Facts) -> Option<UpdateStatus> {
    let known = facts.updates.as_ref()?;
    let unfinished = known.state.writing.as_ref().filter(|writing| !writing.is_whole);
    let status = UpdateStatus {
        last: known.last.clone(),
        held: known.state.held.iter().cloned().collect(),
        unfinished: unfinished.map(|writing| writing.version.clone()),
    };
    let is_empty = status.last.is_none() && status.held.is_empty() && status.unfinished.is_none();
    (!is_empty).then_some(status)
}

fn os(report: &BootReport) -> Os {
    Os {
        name: report.os.clone(),
        version: report.image_version.clone(),
        root_hash: report.root_hash.clone(),
        slot: report.slot,
    }
}

fn verdict(facts: &Facts) -> Option<Judged> {
    let judgement = facts.judgement.as_ref()?;
    Some(Judged {
        at: judgement.at.clone(),
        outcome: judgement.verdict.into(),
        reason: judgement.reason.clone(),
    })
}

fn health(facts: &Facts) -> Option<HealthStatus> {
    let health = facts.health.as_ref()?;
    let failed = health.checks.iter().filter(|check| check.state != CheckState::Healthy);
    Some(HealthStatus {
        healthy: health.healthy,
        checks: health.checks.len(),
        failed: failed.cloned().collect(),
        passed_over: health.passed_over.clone(),
    })
}

fn boot_record(medium: &OnMedium) -> RecordStatus {
    let (state, reason) = match medium {
        OnMedium::NoRecord(why) => (RecordState::None, Some(why.clone())),
        OnMedium::Unreadable(error) => (RecordState::Unknown, Some(error.to_string())),
        OnMedium::Read { copies, .. } => (record_state(copies), None),
    };
    RecordStatus { state, reason }
}

fn record_state(copies: &Copies) -> RecordState {
    match copies.record() {
        None => RecordState::Damaged,
        Some(_) if copies.agree() => RecordState::Intact,
        Some(_) => RecordState::OneCopy,
    }
}

/// Both slots; none on a medium that has none.
fn slots(facts: &Facts) -> Vec<SlotStatus> {
    let Some(report) = &facts.report else { return Vec::new() };
    if report.slot.is_none() {
        return Vec::new();
    }
    let unknown = <[Content; 2]>::default();
    let (contents, record) = match &facts.medium {
        OnMedium::Read { contents, copies, .. } => (contents, copies.record()),
        OnMedium::NoRecord(_) | OnMedium::Unreadable(_) => (&unknown, None),
    };
    let events = facts.history.as_ref().map_or(&[][..], |history| &history.events);
    let boots = boots(events, Some(&facts.boot_id));
    let slots = Slot::ALL.into_iter().zip(contents);
    slots.map(|(slot, content)| slot_status(slot, content, record, report, &boots)).collect()
}

fn slot_status(
    slot: Slot,
    content: &Content,
    record: Option<Record>,
    report: &BootReport,
    boots: &[Boot],
) -> SlotStatus {
    let running = report.slot == Some(slot);
    // What runs is known without the medium.
    let of_report = |text: &String| running.then(|| text.clone());
    let version = content.version.clone().or_else(|| of_report(&report.image_version));
    let root_hash = content.root_hash.clone().or_else(|| of_report(&report.root_hash));
    let state = record.map(|record| record.state(slot));
    let last = boots.iter().rev().find(|boot| is_of(boot, slot, &version, &root_hash));
    SlotStatus {
        slot,
        running,
        next: record.map(|record| decide(&record).boot == Some(slot)),
        state,
        tries_left: record.filter(|_| state == Some(State::Trial)).map(|record| record.left()),
        failed_boots: record
            .filter(|record| record.good() == Some(slot))
            .map(|record| record.fails()),
        problem: content.problem.clone(),
        last_boot: last.map(|boot| Judged {
            at: boot.at.clone(),
            outcome: boot.outcome,
            reason: boot.reason.clone(),
        }),
        version,
        root_hash,
    }
}

/// Whether it was a boot of what the slot holds now.
fn is_of(boot: &Boot, slot: Slot, version: &Option<String>, root_hash: &Option<String>) -> bool {
    let same = |of_boot: &Option<String>, of_slot: &Option<String>| {
        of_boot.is_none() || of_slot.is_none() || of_boot == of_slot
    };
    boot.slot == slot
        && boot.outcome != Outcome::Rollback
        && same(&boot.version, version)
        && same(&boot.root_hash, root_hash)
}

fn medium(report: &BootReport) -> MediumStatus {
    let medium = &report.medium;
    MediumStatus {
        kind: medium.kind.clone(),
        disk: medium.disk.clone(),
        model: medium.model.clone(),
        serial: medium.serial.clone(),
        bytes: medium.disk_bytes,
        file: medium.file.clone(),
        removable: medium.removable,
        writable: medium.writable,
    }
}
