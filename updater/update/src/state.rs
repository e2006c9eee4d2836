//! What a machine knows about its updates, besides metadata: `state.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anklume_bus::Dict;
use anklume_host::lock::Lock;
use anklume_layout::Slot;
use anklume_release::{MAX_RELEASE_BYTES, Release, names};
use serde::{Deserialize, Serialize};

use crate::keep::Keep;
use crate::log::{self, Event};

/// Name of the file.
pub(crate) const FILE: &str = "state.json";
/// Name of the chunk list of the version that is being written.
pub(crate) const WRITING: &str = "writing.chunks";
/// Version of its form.
const VERSION: u32 = 1;
/// The most bytes of it: a release, written in another way, and some more.
const MAX_BYTES: u64 = 2 * MAX_RELEASE_BYTES;
/// The lock of whoever changes it, below the root folder. It is held for a moment.
const LOCK: &str = "run/anklume/update-state.lock";
/// Time for others to let it go.
const PATIENCE: Duration = Duration::from_secs(10);
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
    /// What writing it took, for the history.
    #[serde(default)]
    pub took: Dict,
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

    /// Changes it, while no other program does: the verdict on a boot may come in the middle of an update.
    /// Nothing is written if nothing changes. `root` is the root folder.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn change(
        keep: &dyn Keep,
        root: &Path,
        edit: impl FnOnce(&mut Self),
    ) -> std::io::Result<Self> {
        let _lock = Lock::make(&root.join(LOCK), PATIENCE)?;
        let (before, _) = Self::load(keep);
        let mut state = before.clone();
        edit(&mut state);
        if state != before {
            state.store(keep)?;
        }
        Ok(state)
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
    /// The version that a slot holds, if that can be told.
    pub version_in: &'a dyn Fn(Slot) -> Option<String>,
    /// Why boots of a slot with this version failed, if that is known.
    pub reason: &'a dyn Fn(Slot, &str) -> Option<String>,
}

/// Judges the pending update, if it can be judged by now, and forgets it then. A good boot raises the
/// floor; what lies in a slot that was given up has failed, also if it was good before.
pub fn settle(state: &mut State, boot: &Boot<'_>) -> Option<Verdict> {
    if boot.is_good {
        state.raise_floor(boot.version);
    }
    let verdict = judged(state, boot);
    for slot in Slot::ALL {
        let version = || (boot.version_in)(slot).filter(|version| names::is_version(version));
        if (boot.slot_state)(slot) == Some(anklume_slots::State::Bad)
            && let Some(version) = version().filter(|version| version != boot.version)
        {
            let reason = || reason(boot, slot, &version);
            state.failed.entry(version.clone()).or_insert_with(reason);
        }
    }
    verdict
}

fn reason(boot: &Boot<'_>, slot: Slot, version: &str) -> String {
    (boot.reason)(slot, version).unwrap_or_else(|| "it did not come up".to_owned())
}

fn judged(state: &mut State, boot: &Boot<'_>) -> Option<Verdict> {
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
    let known = state.failed.get(&pending.version).cloned();
    let reason = known.unwrap_or_else(|| reason(boot, pending.slot, &pending.version));
    state.pending = None;
    state.failed.insert(pending.version.clone(), reason.clone());
    Some(Verdict::Failed(pending, reason))
}

/// Judges the pending update and writes down what came of it. Nothing is written if nothing changed.
/// `root` is the root folder.
///
/// # Errors
/// What the operating system says.
pub fn note_boot(
    keep: &dyn Keep,
    root: &Path,
    now: u64,
    boot: &Boot<'_>,
) -> std::io::Result<Option<Verdict>> {
    let _lock = Lock::make(&root.join(LOCK), PATIENCE)?;
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
        let reason = &|_, _: &str| Some("no sound".into());
        Boot { version, root_hash, is_good, slot_state, version_in: &|_| None, reason }
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
    fn a_version_that_was_good_and_is_given_up_has_failed() {
        let bad = |slot| Some(if slot == Slot::B { Slots::Bad } else { Slots::Good });
        let version_in = |slot| Some(if slot == Slot::B { "13.2" } else { "13.1" }.to_owned());
        let boot = Boot { version_in: &version_in, ..boot("aa", true, &bad) };
        let mut state = State { floor: Some("13.2".to_owned()), ..State::default() };
        assert_eq!(settle(&mut state, &boot), None);
        assert_eq!(state.failed["13.2"], "no sound");
        assert_eq!(state.failed.len(), 1);
        // What is known already is not told anew.
        let later = Boot { reason: &|_, _| Some("?".to_owned()), ..boot };
        assert_eq!(settle(&mut state, &later), None);
        assert_eq!(state.failed["13.2"], "no sound");
        // It comes up again, and is well.
        let good = |_| Some(Slots::Good);
        settle(&mut state, &Boot { version: "13.2", slot_state: &good, ..later });
        assert!(state.failed.is_empty());
    }

    #[test]
    fn a_change_loses_no_other_one() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Folder(folder.path().join("keep"));
        let change = |edit: fn(&mut State)| State::change(&keep, folder.path(), edit).unwrap();
        change(|_| {});
        assert_eq!(keep.read(FILE, 1).unwrap(), None, "nothing changed");
        std::thread::scope(|scope| {
            scope.spawn(|| (0..20).for_each(|_| drop(change(|s| s.floor = Some("9".to_owned())))));
            for number in 0..20 {
                let hold = |state: &mut State| assert!(state.held.insert(format!("1.{number}")));
                State::change(&keep, folder.path(), hold).unwrap();
            }
        });
        let (state, _) = State::load(&keep);
        assert_eq!((state.floor.as_deref(), state.held.len()), (Some("9"), 20));
    }

    #[test]
    fn a_boot_is_noted_once() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Folder(folder.path().to_owned());
        let mut state = State { pending: Some(pending()), ..State::default() };
        state.store(&keep).unwrap();
        let bad = |_| Some(Slots::Bad);
        let note = |now| note_boot(&keep, folder.path(), now, &boot("aa", true, &bad)).unwrap();
        let failed = note(7);
        assert!(matches!(failed, Some(Verdict::Failed(..))), "{failed:?}");
        let (state, damage) = State::load(&keep);
        assert_eq!((state.failed["13.2"].as_str(), damage), ("no sound", None));
        let lines = log::read(&keep).unwrap();
        assert_eq!(lines.len(), 1);
        keep.write("state.json.before", b"x").unwrap();
        assert_eq!(note(8), None);
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
