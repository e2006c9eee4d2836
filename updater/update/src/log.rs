//! The history of updates: `history.jsonl`, one JSON object a line.

use std::io;

use anklume_bus::Dict;
use anklume_trust::Moment;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::keep::Keep;
use crate::state::Verdict;

/// Name of the file.
pub(crate) const FILE: &str = "history.jsonl";
/// The most bytes of it.
const MAX_BYTES: u64 = 1 << 20;
/// The most lines that are kept; the oldest go first.
const MAX_LINES: usize = 400;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Event {
    /// For people, RFC 3339.
    time: String,
    /// Since 1970: what counts.
    seconds: u64,
    event: Kind,
    version: String,
    root_hash: String,
    /// What the event has beside that.
    #[serde(flatten)]
    rest: Dict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Installed,
    Good,
    Failed,
}

impl Event {
    /// A version was written, and boots next; `rest` says what it took.
    pub(crate) fn installed(now: u64, version: &str, root_hash: &str, rest: Dict) -> Self {
        Self::new(now, Kind::Installed, version, root_hash, rest)
    }

    pub(crate) fn of_verdict(now: u64, verdict: &Verdict) -> Self {
        let (kind, pending, reason) = match verdict {
            Verdict::Good(pending) => (Kind::Good, pending, None),
            Verdict::Failed(pending, reason) => (Kind::Failed, pending, Some(reason)),
        };
        let reason = reason.map(|reason| ("reason".to_owned(), Value::from(reason.as_str())));
        Self::new(now, kind, &pending.version, &pending.root_hash, reason.into_iter().collect())
    }

    fn new(now: u64, event: Kind, version: &str, root_hash: &str, rest: Dict) -> Self {
        let time = Moment::from_unix(now).to_string();
        let (version, root_hash) = (version.to_owned(), root_hash.to_owned());
        // A line that has a key twice cannot be read again.
        let own = ["time", "seconds", "event", "version", "root-hash"];
        let rest = rest.into_iter().filter(|(key, _)| !own.contains(&key.as_str())).collect();
        Self { time, seconds: now, event, version, root_hash, rest }
    }
}

/// Adds a line. What is damaged is left out by and by.
pub(crate) fn append(keep: &dyn Keep, event: &Event) -> io::Result<()> {
    let mut events = read(keep).unwrap_or_default();
    events.push(event.clone());
    let surplus = events.len().saturating_sub(MAX_LINES);
    let mut text = String::new();
    for event in events.iter().skip(surplus) {
        text.push_str(&serde_json::to_string(event).map_err(io::Error::other)?);
        text.push('\n');
    }
    keep.write(FILE, text.as_bytes())
}

/// Every line that can be read, the oldest first.
pub(crate) fn read(keep: &dyn Keep) -> io::Result<Vec<Event>> {
    let bytes = keep.read(FILE, MAX_BYTES)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// The newest `limit` updates with what became of them, the newest first; 0 is all.
pub(crate) fn updates(events: &[Event], limit: usize) -> Vec<Dict> {
    let mut updates: Vec<(String, Dict)> = Vec::new();
    for event in events {
        let about = updates.iter_mut().rev().find(|(root_hash, update)| {
            *root_hash == event.root_hash && update.get("verdict") == Some(&Value::from("pending"))
        });
        match (event.event, about) {
            (Kind::Installed, _) => {
                updates.push((event.root_hash.clone(), update(event, "pending")))
            }
            (kind, Some((_, update))) => judge(update, kind, event),
            // The line of the update itself is gone.
            (kind, None) => {
                let mut update = update(event, "pending");
                judge(&mut update, kind, event);
                updates.push((event.root_hash.clone(), update));
            }
        }
    }
    let last = updates.len().saturating_sub(1);
    for (index, (_, update)) in updates.iter_mut().enumerate() {
        if index < last && update.get("verdict") == Some(&Value::from("pending")) {
            update.insert("verdict".to_owned(), "replaced".into());
        }
    }
    let most = if limit == 0 { usize::MAX } else { limit };
    updates.into_iter().rev().take(most).map(|(_, update)| update).collect()
}

fn update(event: &Event, verdict: &str) -> Dict {
    let mut update = event.rest.clone();
    update.insert("time".to_owned(), event.time.clone().into());
    update.insert("seconds".to_owned(), event.seconds.into());
    update.insert("version".to_owned(), event.version.clone().into());
    update.insert("root-hash".to_owned(), event.root_hash.clone().into());
    update.insert("verdict".to_owned(), verdict.into());
    update
}

fn judge(update: &mut Dict, kind: Kind, event: &Event) {
    let verdict = if kind == Kind::Good { "good" } else { "failed" };
    update.insert("verdict".to_owned(), verdict.into());
    update.insert("verdict-time".to_owned(), event.time.clone().into());
    if let Some(reason) = event.rest.get("reason") {
        update.insert("reason".to_owned(), reason.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keep::Folder;
    use crate::state::Pending;
    use anklume_layout::Slot;

    fn installed(now: u64, version: &str) -> Event {
        let rest = Dict::from_iter([("fetched-bytes".to_owned(), 7.into())]);
        Event::installed(now, version, &format!("hash of {version}"), rest)
    }

    fn pending(version: &str) -> Pending {
        let root_hash = format!("hash of {version}");
        Pending { version: version.to_owned(), slot: Slot::B, root_hash }
    }

    #[test]
    fn updates_are_shown_with_their_verdicts() {
        let failed = Verdict::Failed(pending("3"), "no sound".to_owned());
        let events = [
            installed(1, "2"),
            Event::of_verdict(2, &Verdict::Good(pending("2"))),
            installed(3, "3"),
            Event::of_verdict(4, &failed),
            installed(5, "3"),
            installed(6, "4"),
        ];
        let shown: Vec<_> = updates(&events, 0)
            .iter()
            .map(|update| {
                let text = |key: &str| update.get(key).and_then(Value::as_str).map(str::to_owned);
                (text("version").unwrap(), text("verdict").unwrap(), text("reason"))
            })
            .collect();
        let line = |version: &str, verdict: &str, reason: Option<&str>| {
            (version.to_owned(), verdict.to_owned(), reason.map(str::to_owned))
        };
        assert_eq!(
            shown,
            [
                line("4", "pending", None),
                line("3", "replaced", None),
                line("3", "failed", Some("no sound")),
                line("2", "good", None),
            ]
        );
        assert_eq!(updates(&events, 1).len(), 1);
        assert_eq!(updates(&events, 1)[0]["fetched-bytes"], 7);
        assert_eq!(updates(&events[1..2], 0)[0]["verdict"], "good");
    }

    #[test]
    fn a_line_can_be_read_whatever_an_update_says_of_itself() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Folder(folder.path().to_owned());
        let keys = ["time", "seconds", "event", "version", "root-hash", "slot"];
        let rest: Dict = keys.map(|key| (key.to_owned(), Value::from("x"))).into_iter().collect();
        append(&keep, &Event::installed(1, "2", "hash", rest)).unwrap();
        let update = updates(&read(&keep).unwrap(), 0).remove(0);
        assert_eq!((&update["version"], &update["slot"]), (&"2".into(), &"x".into()));
    }

    #[test]
    fn damaged_lines_are_left_out_and_old_ones_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Folder(folder.path().to_owned());
        keep.write(FILE, b"{\"event\":\n\xff\n").unwrap();
        for number in 0..3 {
            append(&keep, &installed(number, "1")).unwrap();
        }
        assert_eq!(read(&keep).unwrap().len(), 3);
        let line = serde_json::to_string(&installed(9, "1")).unwrap();
        keep.write(FILE, format!("{line}\n").repeat(MAX_LINES + 50).as_bytes()).unwrap();
        append(&keep, &installed(10, "2")).unwrap();
        let events = read(&keep).unwrap();
        assert_eq!((events.len(), events[MAX_LINES - 1].version.as_str()), (MAX_LINES, "2"));
    }
}
