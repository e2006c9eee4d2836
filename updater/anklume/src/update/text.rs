//! Answers, for people.

use anklume_bus::{Dict, Verb};
use anklume_layout::text::printable;
use serde_json::Value;

/// Longest text of a field.
const MAX_TEXT: usize = 300;
/// The most changes that are listed.
const MAX_CHANGES: usize = 30;

/// The texts of a list.
pub(super) fn strings(answer: &Dict, key: &str) -> Vec<String> {
    let list = answer.get(key).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(|text| printable(text, MAX_TEXT)).collect()
}

fn string(answer: &Dict, key: &str) -> Option<String> {
    answer.get(key).and_then(Value::as_str).map(|text| printable(text, MAX_TEXT))
}

fn number(answer: &Dict, key: &str) -> Option<u64> {
    answer.get(key).and_then(Value::as_u64)
}

fn is(answer: &Dict, key: &str) -> bool {
    answer.get(key) == Some(&Value::Bool(true))
}

/// What came of an order.
pub(super) fn answer(verb: Verb, answer: &Dict) -> String {
    let lines = match verb {
        Verb::Refresh => refreshed(answer),
        Verb::Check => checked(answer),
        Verb::Prepare | Verb::Activate | Verb::Update => installed(verb, answer),
        Verb::Hold | Verb::Unhold => held(answer),
        Verb::Rollback => {
            vec![format!("slot {} boots from now on", string(answer, "slot").unwrap_or_default())]
        }
    };
    lines.join("\n")
}

fn refreshed(answer: &Dict) -> Vec<String> {
    let expires = string(answer, "expires").unwrap_or_default();
    vec![format!("the signed list of versions is good until {expires}")]
}

fn checked(answer: &Dict) -> Vec<String> {
    let running = string(answer, "running").unwrap_or_default();
    if is(answer, "up-to-date") {
        let mut lines = vec![match string(answer, "newest") {
            Some(newest) if newest != running => {
                format!("{running} runs; the channel has {newest}, which is not taken")
            }
            _ => format!("{running} runs, and nothing is newer"),
        }];
        lines.extend(strings(answer, "passed"));
        return lines;
    }
    let version = string(answer, "version").unwrap_or_default();
    let mut lines = vec![format!("{running} runs, {version} is there")];
    if is(answer, "restart-needed") {
        lines.push("it is installed, and boots when the machine is restarted".to_owned());
        return lines;
    }
    lines.extend(cost(answer));
    lines.extend(strings(answer, "notes"));
    lines.extend(strings(answer, "passed"));
    let changes = strings(answer, "changes");
    lines.extend(changes.iter().take(MAX_CHANGES).map(|change| format!("  {change}")));
    if let Some(more @ 1..) = changes.len().checked_sub(MAX_CHANGES) {
        lines.push(format!("  and {more} more changes"));
    }
    lines
}

fn cost(answer: &Dict) -> Option<String> {
    let fetched = number(answer, "fetch-bytes")?;
    let image = number(answer, "image-bytes")?;
    let written = number(answer, "write-bytes")?;
    let percent = fetched.saturating_mul(100).checked_div(image).unwrap_or_default();
    let time = number(answer, "seconds").map(|seconds| format!(", about {}", duration(seconds)));
    let (fetched, written) = (size(fetched), size(written));
    Some(format!(
        "{fetched} are fetched ({percent} % of the image), {written} are written{}",
        time.unwrap_or_default()
    ))
}

fn installed(verb: Verb, answer: &Dict) -> Vec<String> {
    if let Some(why) = string(answer, "skipped") {
        return vec![why];
    }
    if is(answer, "up-to-date") || !answer.contains_key("took-seconds") && verb.writes() {
        return checked(answer);
    }
    let version = string(answer, "version").unwrap_or_default();
    let mut lines = Vec::new();
    if let (Some(fetched), Some(copied), Some(seconds)) = (
        number(answer, "fetched-bytes"),
        number(answer, "copied-bytes"),
        number(answer, "took-seconds"),
    ) {
        let kept = number(answer, "kept-bytes").unwrap_or_default();
        let reused = size(copied.saturating_add(kept));
        let (fetched, time) = (size(fetched), duration(seconds));
        lines.push(format!("{fetched} were fetched, {reused} were here already; it took {time}"));
    }
    lines.push(match verb {
        Verb::Prepare => {
            format!("{version} is in the other slot; `anklume update activate` lets it boot")
        }
        _ => format!("{version} boots when the machine is restarted, and has three tries"),
    });
    lines
}

fn held(answer: &Dict) -> Vec<String> {
    let version = string(answer, "version").unwrap_or_default();
    let (held, changed) = (is(answer, "held"), is(answer, "changed"));
    vec![match (held, changed) {
        (true, true) => format!("{version} is not installed from now on"),
        (true, false) => format!("{version} was held already"),
        (false, true) => format!("{version} may be installed again"),
        (false, false) => format!("{version} was not held"),
    }]
}

/// Updates, the newest first.
pub(super) fn history(updates: &[Dict]) -> String {
    if updates.is_empty() {
        return "no updates so far".to_owned();
    }
    let line = |update: &Dict| {
        let text = |key| string(update, key).unwrap_or_default();
        let took = match (number(update, "fetched-bytes"), number(update, "took-seconds")) {
            (Some(bytes), Some(seconds)) => format!(", {} in {}", size(bytes), duration(seconds)),
            _ => String::new(),
        };
        let from = string(update, "from-version").map(|from| format!(" from {from}"));
        let reason = string(update, "reason").map(|reason| format!(": {reason}"));
        format!(
            "{}  {}{}{took}  {}{}",
            text("time"),
            text("version"),
            from.unwrap_or_default(),
            text("verdict"),
            reason.unwrap_or_default()
        )
    };
    updates.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Binary units, one digit behind the point.
fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(shift, _)| bytes >> shift > 0) {
        Some((shift, unit)) => {
            let tenths = bytes.saturating_mul(10) >> shift;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} bytes"),
    }
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn dict(value: Value) -> Dict {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_check_reads_well() {
        let found = dict(json!({
            "running": "13.1", "version": "13.2", "up-to-date": false, "fetch-bytes": 20 << 20,
            "image-bytes": 400 << 20, "write-bytes": 380 << 20, "seconds": 90, "notes": ["n"],
            "changes": ["openssl 1 -> 2"],
        }));
        let expected = "13.1 runs, 13.2 is there\n20.0 MiB are fetched (5 % of the image), \
                        380.0 MiB are written, about 90 s\nn\n  openssl 1 -> 2";
        assert_eq!(answer(Verb::Check, &found), expected);
        let none = dict(json!({ "running": "13.1", "newest": "13.1", "up-to-date": true }));
        assert_eq!(answer(Verb::Update, &none), "13.1 runs, and nothing is newer");
        let passed = dict(json!({
            "running": "13.1", "newest": "13.3", "up-to-date": true,
            "passed": ["version 13.3 is held back"],
        }));
        let expected =
            "13.1 runs; the channel has 13.3, which is not taken\nversion 13.3 is held back";
        assert_eq!(answer(Verb::Check, &passed), expected);
    }

    #[test]
    fn an_update_reads_well() {
        let done = dict(json!({
            "version": "13.2", "fetched-bytes": 1536, "copied-bytes": 1 << 30, "took-seconds": 200,
            "up-to-date": false, "restart-needed": true,
        }));
        let expected = "1.5 KiB were fetched, 1.0 GiB were here already; it took 4 min\n\
                        13.2 boots when the machine is restarted, and has three tries";
        assert_eq!(answer(Verb::Update, &done), expected);
        let forged = dict(json!({ "skipped": "a\u{1b}[2Jb" }));
        assert!(!answer(Verb::Update, &forged).contains('\u{1b}'));
    }

    #[test]
    fn the_history_reads_well() {
        let updates = [dict(json!({
            "time": "2026-11-21T10:00:00Z", "version": "13.2", "from-version": "13.1",
            "fetched-bytes": 2048, "took-seconds": 3, "verdict": "failed", "reason": "no sound",
        }))];
        let expected = "2026-11-21T10:00:00Z  13.2 from 13.1, 2.0 KiB in 3 s  failed: no sound";
        assert_eq!(history(&updates), expected);
        assert_eq!(history(&[]), "no updates so far");
    }
}
