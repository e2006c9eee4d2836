//! The state as text, for 80 columns.

use anklume_history::Outcome;
use anklume_layout::report::{GrowthState, PersistState};
use anklume_layout::text::printable;
use anklume_slots::State;

use super::data;
use super::model::{Judged, MediumStatus, RecordState, SlotStatus, Status, UpdateStatus};

/// Columns of the screen, and of the labels.
const WIDTH: usize = 80;
const LABEL: usize = 15;
/// Longest text of a field.
const MAX_TEXT: usize = 400;
/// Digits of a root hash that are shown; all are in the JSON object.
const HASH_DIGITS: usize = 16;

const UNKNOWN: &str = "unknown";

/// A label, and lines of text that may be longer than the screen is wide.
type Field = (String, Vec<String>);

pub(super) fn text(status: &Status) -> String {
    if status.os.is_none() {
        return shown(&os(status));
    }
    let mut fields = vec![os(status)];
    fields.extend(health(status));
    fields.extend(status.slots.iter().map(slot));
    fields.push(field("Boot record", boot_record(status)));
    fields.extend(status.updates.as_ref().map(updates));
    if let Some(reason) = &status.last_failure {
        fields.push(field("Last failure", reason.clone()));
    }
    fields.push(field("Boot medium", status.medium.as_ref().map_or(UNKNOWN.to_owned(), medium)));
    fields.push(field("Partitions", growth(status)));
    fields.push(persist(status));
    fields.push(("Data disk".to_owned(), data::lines(&status.data)));
    fields.push(field("OS in RAM", yes_or_no(status.toram).to_owned()));
    fields.push(field("Firmware", firmware(status)));
    fields.push(field("Integrity", integrity(status)));
    fields.push(field("RAM encrypted", status.ram_encryption.to_string()));
    if status.history_damaged_lines > 0 {
        let lines = status.history_damaged_lines;
        fields.push(field("Boot history", format!("{lines} damaged lines")));
    }
    if !status.unknown.is_empty() {
        fields.push(("Not known".to_owned(), status.unknown.clone()));
    }
    fields.iter().map(shown).collect::<Vec<_>>().join("\n")
}

fn field(label: &str, text: String) -> Field {
    (label.to_owned(), vec![text])
}

fn os(status: &Status) -> Field {
    let Some(os) = &status.os else {
        let text = "not started from an anklume image: no boot report";
        return field("OS", text.to_owned());
    };
    let place = os.slot.map(|slot| format!(", slot {slot}")).unwrap_or_default();
    let verdict = match &status.verdict {
        Some(judged) => judgement(judged),
        None => "no verdict on this boot yet".to_owned(),
    };
    let mut lines = vec![format!("{} {}{place}", os.name, os.version)];
    if os.slot.is_some() {
        lines.push(verdict);
    } else {
        lines.push(root_hash(&os.root_hash));
    }
    ("OS".to_owned(), lines)
}

/// `bad: 10-units: x.service failed`
fn judgement(judged: &Judged) -> String {
    let reason = judged.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    match judged.outcome {
        Outcome::Good => "this boot is well".to_owned(),
        outcome => format!("this boot was found {outcome}{reason}"),
    }
}

fn health(status: &Status) -> Option<Field> {
    let health = status.health.as_ref()?;
    let mut lines: Vec<_> = health
        .failed
        .iter()
        .map(|check| {
            let reason = check.reason.as_deref().unwrap_or("no reason given");
            format!("{}: {reason}", check.name)
        })
        .collect();
    if lines.is_empty() {
        lines.push(format!("{} checks passed", health.checks));
    }
    lines.extend(health.passed_over.iter().map(|name| format!("not run: {name}")));
    Some(("Health".to_owned(), lines))
}

fn slot(slot: &SlotStatus) -> Field {
    let version = slot.version.as_deref();
    let state = match (slot.state, slot.tries_left, slot.failed_boots) {
        (Some(State::Trial), Some(left), _) => format!("on trial, {left} of 3 tries left"),
        // This boot counts until it has a verdict.
        (Some(State::Good), _, Some(fails)) if fails > 1 => {
            format!("good, {fails} boots without a good end")
        }
        (Some(state), ..) => state_word(state).to_owned(),
        (None, ..) => "state unknown".to_owned(),
    };
    let mut first = match (version, slot.state, &slot.problem) {
        (Some(version), ..) => format!("{version}, {state}"),
        (None, Some(State::Empty), _) => "empty".to_owned(),
        (None, _, Some(_)) => state,
        (None, ..) => format!("version unknown, {state}"),
    };
    let roles = [(slot.running, "running"), (slot.next == Some(true), "boots next")];
    let roles: Vec<_> = roles.iter().filter(|(holds, _)| *holds).map(|(_, role)| *role).collect();
    if !roles.is_empty() {
        first.push_str(&format!("; {}", roles.join(", ")));
    }
    let mut lines = vec![first];
    lines.extend(slot.root_hash.as_deref().map(root_hash));
    lines.extend(slot.last_boot.as_ref().map(last_boot));
    if let Some(problem) = slot.problem.as_ref().filter(|problem| *problem != "empty") {
        lines.push(problem.clone());
    }
    (format!("Slot {}", slot.slot), lines)
}

fn state_word(state: State) -> &'static str {
    match state {
        State::Empty => "empty",
        State::Trial => "on trial",
        State::Good => "good",
        State::Bad => "bad",
    }
}

fn root_hash(hash: &str) -> String {
    let digits: String = hash.chars().take(HASH_DIGITS).collect();
    format!("root hash {digits}…")
}

fn last_boot(judged: &Judged) -> String {
    let time = judged.at.minute().unwrap_or_else(|| UNKNOWN.to_owned());
    match (&judged.reason, judged.outcome) {
        (_, Outcome::Running) => format!("started {time}"),
        (Some(reason), outcome) => format!("last boot {outcome}, {time}: {reason}"),
        (None, outcome) => format!("last boot {outcome}, {time}"),
    }
}

fn boot_record(status: &Status) -> String {
    let record = &status.boot_record;
    let reason = record.reason.as_deref().unwrap_or_default();
    match record.state {
        RecordState::Intact => "intact".to_owned(),
        RecordState::OneCopy => "one of two copies is damaged or old".to_owned(),
        RecordState::Damaged => "damaged; made anew when the OS starts".to_owned(),
        RecordState::None => format!("none: {reason}"),
        RecordState::Unknown => format!("unknown: {reason}"),
    }
}

fn medium(medium: &MediumStatus) -> String {
    let what = match (medium.kind.as_str(), &medium.file) {
        ("file", Some(file)) => format!("file {file}"),
        ("extent", _) => "whole disk".to_owned(),
        (kind, _) => kind.to_owned(),
    };
    let mut parts = vec![medium.model.clone().unwrap_or_else(|| "unknown model".to_owned())];
    parts.push(size(medium.bytes));
    parts.push(format!("{} ({what})", medium.disk));
    parts.push(if medium.removable { "removable" } else { "fixed" }.to_owned());
    if !medium.writable {
        parts.push("read-only".to_owned());
    }
    parts.join(", ")
}

fn growth(status: &Status) -> String {
    let Some(growth) = &status.growth else { return UNKNOWN.to_owned() };
    let reason = growth.reason.as_deref().unwrap_or("no reason known");
    match growth.state {
        GrowthState::Grown => "made on this boot".to_owned(),
        GrowthState::Done => "complete".to_owned(),
        GrowthState::Repaired => "the partition table was mended on this boot".to_owned(),
        GrowthState::Refused => format!("as flashed: {reason}"),
        GrowthState::Failed => format!("not complete: {reason}"),
    }
}

fn persist(status: &Status) -> Field {
    let Some(persist) = &status.persist else {
        return field("Persistence", UNKNOWN.to_owned());
    };
    let found = &persist.persist;
    let partition = found.partition.as_deref().unwrap_or("no partition");
    let mut lines = vec![match found.state {
        PersistState::Mounted => {
            let free = persist
                .free_bytes
                .map_or("free space unknown".to_owned(), |bytes| format!("{} free", size(bytes)));
            format!("mounted from {partition}, {free}")
        }
        PersistState::Released => format!("{partition}, mounted only to be written"),
        PersistState::Volatile => "none: everything is forgotten at the end".to_owned(),
    }];
    lines.extend(found.reason.clone());
    lines.extend(found.set_aside.iter().map(|path| format!("damaged, set aside: {path}")));
    ("Persistence".to_owned(), lines)
}

fn updates(updates: &UpdateStatus) -> Field {
    let mut lines = Vec::new();
    if let Some(last) = &updates.last {
        let text = |key: &str| last.get(key).and_then(serde_json::Value::as_str);
        let (version, verdict) = (text("version").unwrap_or(UNKNOWN), text("verdict"));
        let reason = text("reason").map(|reason| format!(": {reason}")).unwrap_or_default();
        lines.push(match verdict {
            Some("pending") => format!("{version} was installed, and has no verdict yet"),
            Some(verdict) => format!("last one to {version}: {verdict}{reason}"),
            None => format!("last one to {version}"),
        });
    }
    lines.extend(updates.unfinished.as_ref().map(|version| {
        format!("{version} is not written completely; `anklume update` goes on with it")
    }));
    if !updates.held.is_empty() {
        lines.push(format!("held back: {}", updates.held.join(", ")));
    }
    ("Updates".to_owned(), lines)
}

fn yes_or_no(value: Option<bool>) -> &'static str {
    match value {
        Some(true) => "yes",
        Some(false) => "no",
        None => UNKNOWN,
    }
}

fn firmware(status: &Status) -> String {
    let name = match status.firmware.as_deref() {
        Some("uefi") => "UEFI",
        Some("bios") => return "BIOS: the boot loader is not checked by anything".to_owned(),
        Some(other) => other,
        None => return UNKNOWN.to_owned(),
    };
    let secure_boot = match status.secure_boot {
        Some(true) => "on",
        Some(false) => "off",
        None => UNKNOWN,
    };
    format!("{name}, Secure Boot {secure_boot}")
}

fn integrity(status: &Status) -> String {
    let active = match status.verity.active {
        Some(true) => "dm-verity active",
        Some(false) => "dm-verity NOT active",
        None => "dm-verity unknown",
    };
    match &status.verity.policy {
        Some(policy) => format!("{active}; on damage: {policy}"),
        None => active.to_owned(),
    }
}

/// `29.7 GiB`
fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let (mut tenths, mut unit) = (u128::from(bytes) * 10 / 1024, 0);
    while tenths >= 10_240 && unit + 1 < units.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, units[unit])
}

/// A field on lines of the screen.
fn shown((label, lines): &Field) -> String {
    let mut text = format!("{label:LABEL$}");
    let wrapped: Vec<_> = lines.iter().flat_map(|line| wrap(&printable(line, MAX_TEXT))).collect();
    text.push_str(&wrapped.join(&format!("\n{:LABEL$}", "")));
    text
}

/// Lines that fit beside the labels, broken at spaces where there are any.
fn wrap(text: &str) -> Vec<String> {
    let room = WIDTH - LABEL;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let Some(line) = lines.last_mut() else { break };
        let length = line.chars().count();
        if length > 0 && length + 1 + word.len() > room {
            lines.push(String::new());
        } else if length > 0 {
            line.push(' ');
        }
        while word.len() > room {
            let rest = word.split_off(room);
            lines.push(String::new());
            let at = lines.len() - 2;
            lines[at].extend(word);
            word = rest;
        }
        if let Some(line) = lines.last_mut() {
            line.extend(word);
        }
    }
    lines
}
