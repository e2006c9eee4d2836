//! What a machine knows about its updates, besides metadata: `state.json`.

use std::collections::{BTreeMap, BTreeSet};

use anklume_layout::Slot;
use anklume_release::{Release, names};
use serde::{Deserialize, Serialize};

use crate::keep::Keep;
use crate::log::{self, Event};

/// Name of the file.
pub(crate) const FILE: &str = "state.json";
/// Name of the chunk list of the version that is being written.
pub(crate) const WRITING: &str = "writing.chunks";
/// Version of its form.
const VERSION: u32 = 1;
/// The most bytes of it.
const MAX_BYTES: u64 = 1 << 20;
/// The most versions that are remembered as failed; the lowest go first.
const MAX_FAILED: usize = 100;

/// What a machine knows about its updates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct State {
    state_version: u32,
    /// Highest version that was good here: nothing below it is installed.
    pub floor: Option<String>,
    /// Versions that a person holds back.
    pub held: BTreeSet<String>,
    /// Versions that failed here, and why.
    pub failed: BTreeMap<String, String>,
    /// What is being written, or was when the power went.
    pub writing: Option<Writing>,
    /// What was installed, until it is known how it went.
    pub pending: Option<Pending>,
}

/// A version on its way into a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Writing {
    /// The version.
    pub version: String,
    /// Where it goes.
    pub slot: Slot,
    /// Its root hash, in hexadecimal digits.
    pub root_hash: String,
    /// Whether all of it was written and read back.
    #[serde(default)]
    pub is_whole: bool,
    /// What it consists of.
    #[serde(default)]
    pub release: Option<Release>,
}

/// A version that was installed and has no verdict yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pending {
    /// The version.
    pub version: String,
    /// Where it is.
    pub slot: Slot,
    /// Its root hash, in hexadecimal digits.
    pub root_hash: String,
}

impl State {
    /// Reads it. What cannot be read is as good as none; why is returned beside it.
    pub fn load(keep: &dyn Keep) -> (Self, Option<String>) {
        let bytes = match keep.read(FILE, MAX_BYTES) {
            Ok(None) => return (Self::default(), None),
            Err(error) => return (Self::default(), Some(format!("{FILE}: {error}"))),
            Ok(Some(bytes)) => bytes,
        };
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(state) if state.state_version == VERSION => (state.believable(), None),
            Ok(state) => {
                let found = state.state_version;
                (
                    Self::default(),
                    Some(format!("{FILE}: expected version {VERSION}, found {found}")),
                )
            }
            Err(error) => (Self::default(), Some(format!("{FILE}: {error}"))),
        }
    }

    /// Nobody signs the file: names that no version has are dropped.
    fn believable(mut self) -> Self {
        self.floor = self.floor.filter(|version| names::is_version(version));
        self.held.retain(|version| names::is_version(version));
        self.failed.retain(|version, _| names::is_version(version));
        self.writing = self.writing.filter(|writing| names::is_version(&writing.version));
        self.pending = self.pending.filter(|pending| names::is_version(&pending.version));
        self
    }

    /// Writes it.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn store(&mut self, keep: &dyn Keep) -> std::io::Result<()> {
        self.state_version = VERSION;
        while self.failed.len() > MAX_FAILED {
            self.failed.pop_first();
        }
        let mut bytes = serde_json::to_vec(self).map_err(std::io::Error::other)?;
        bytes.push(b'\n');
        keep.write(FILE, &bytes)
    }

    /// The version `version` was good here.
    pub fn raise_floor(&mut self, version: &str) {
        let is_higher = self.floor.as_ref().is_none_or(|floor| {
            anklume_compare::compare_versions(version, floor) == std::cmp::Ordering::Greater
        });
        if is_higher && names::is_version(version) {
            self.floor = Some(version.to_owned());
        }
        self.failed.remove(version);
    }
}

/// How an update went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The new version is well.
    Good(Pending),
    /// It did not come up, or not well; the other one runs again.
    Failed(Pending, String),
}

/// What is known of a boot when an update is judged.
#[derive(Clone, Copy)]
pub struct Boot<'a> {
    /// Version that runs.
    pub version: &'a str,
    /// Root hash of it, in hexadecimal digits.
    pub root_hash: &'a str,
    /// Whether the verdict on this boot is good.
    pub is_good: bool,
    /// What the boot record says of a slot; none if it cannot be read.
    pub slot_state: &'a dyn Fn(Slot) -> Option<anklume_slots::State>,
    /// Why boots of a slot with this version failed, if that is known.
    pub reason: &'a dyn Fn(Slot, &str) -> Option<String>,
}

/// Judges the pending update, if it can be judged by now, and forgets it then. A good boot raises the
/// floor.
pub fn settle(state: &mut State, boot: &Boot<'_>) -> Option<Verdict> {
    if boot.is_good {
        state.raise_floor(boot.version);
    }
    let pending = state.pending.clone()?;
    if pending.root_hash == boot.root_hash {
        if !boot.is_good {
            return None;
        }
        state.pending = None;
        return Some(Verdict::Good(pending));
    }
    if (boot.slot_state)(pending.slot) != Some(anklume_slots::State::Bad) {
        return None;
    }
    let reason = (boot.reason)(pending.slot, &pending.version);
    let reason = reason.unwrap_or_else(|| "it did not come up".to_owned());
    state.pending = None;
    state.failed.insert(pending.version.clone(), reason.clone());
    Some(Verdict::Failed(pending, reason))
}

/// Judges the pending update and writes down what came of it. Nothing is written if nothing changed.
///
/// # Errors
/// What the operating system says.
pub fn note_boot(keep: &dyn Keep, now: u64, boot: &Boot<'_>) -> std::io::Result<Option<Verdict>> {
    let (before, _) = State::load(keep);
    let mut state = before.clone();
    let verdict = settle(&mut state, boot);
    if state == before {
        return Ok(None);
    }
    // The history first: told twice is better than never.
    if let Some(verdict) = &verdict {
        log::append(keep, &Event::of_verdict(now, verdict))?;
    }
    state.store(keep)?;
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keep::Folder;
    use anklume_slots::State as Slots;

    fn pending() -> Pending {
        Pending { version: "13.2".to_owned(), slot: Slot::B, root_hash: "bb".to_owned() }
    }

    fn boot<'a>(
        root_hash: &'a str,
        is_good: bool,
        slot_state: &'a dyn Fn(Slot) -> Option<Slots>,
    ) -> Boot<'a> {
        let version = if root_hash == "bb" { "13.2" } else { "13.1" };
        Boot { version, root_hash, is_good, slot_state, reason: &|_, _| Some("no sound".into()) }
    }

    #[test]
    fn an_update_is_judged_when_its_end_is_known() {
        let unjudged = State { pending: Some(pending()), ..State::default() };
        let trial = |_| Some(Slots::Trial);
        let bad = |slot| Some(if slot == Slot::B { Slots::Bad } else { Slots::Good });
        for (boot, expected) in [
            (boot("bb", false, &trial), None),
            (boot("aa", true, &trial), None),
            (boot("aa", true, &|_| None), None),
            (boot("bb", true, &trial), Some(Verdict::Good(pending()))),
            (boot("aa", false, &bad), Some(Verdict::Failed(pending(), "no sound".into()))),
        ] {
            let mut state = unjudged.clone();
            assert_eq!(settle(&mut state, &boot), expected);
            assert_eq!(state.pending.is_none(), expected.is_some());
            assert_eq!(settle(&mut state, &boot), None, "once");
        }
    }

    #[test]
    fn the_floor_rises_with_good_boots_only() {
        let mut state = State::default();
        let none = |_| None;
        settle(&mut state, &boot("bb", false, &none));
        assert_eq!(state.floor, None);
        state.failed.insert("13.2".to_owned(), "x".to_owned());
        settle(&mut state, &boot("bb", true, &none));
        assert_eq!((state.floor.as_deref(), state.failed.len()), (Some("13.2"), 0));
        settle(&mut state, &boot("aa", true, &none));
        assert_eq!(state.floor.as_deref(), Some("13.2"));
    }

    #[test]
    fn a_boot_is_noted_once() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Folder(folder.path().to_owned());
        let mut state = State { pending: Some(pending()), ..State::default() };
        state.store(&keep).unwrap();
        let bad = |_| Some(Slots::Bad);
        let failed = note_boot(&keep, 7, &boot("aa", true, &bad)).unwrap();
        assert!(matches!(failed, Some(Verdict::Failed(..))), "{failed:?}");
        let (state, damage) = State::load(&keep);
        assert_eq!((state.failed["13.2"].as_str(), damage), ("no sound", None));
        let lines = log::read(&keep).unwrap();
        assert_eq!(lines.len(), 1);
        keep.write("state.json.before", b"x").unwrap();
        assert_eq!(note_boot(&keep, 8, &boot("aa", true, &bad)).unwrap(), None);
        assert_eq!(log::read(&keep).unwrap().len(), 1);
    }

    #[test]
    fn a_damaged_state_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Folder(folder.path().to_owned());
        for text in ["", "{", "[]", "{\"state-version\":2}", "{\"floor\":7}"] {
            keep.write(FILE, text.as_bytes()).unwrap();
            let (state, damage) = State::load(&keep);
            assert_eq!(state, State::default());
            assert!(damage.is_some_and(|why| why.contains(FILE)), "{text}");
        }
        let text = r#"{"state-version":1,"floor":"../x","held":["a/b","13.1"],"later":true}"#;
        keep.write(FILE, text.as_bytes()).unwrap();
        let (state, damage) = State::load(&keep);
        assert_eq!((state.floor, damage), (None, None));
        assert_eq!(state.held, BTreeSet::from(["13.1".to_owned()]));
    }
}
