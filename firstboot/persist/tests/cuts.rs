//! The power is cut while settings are saved: each is as it was before or as it was to become.
#![expect(clippy::print_stdout, reason = "says how much was looked at")]
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anklume_crash::files::{Node, Recording, Snapshot, State};
use anklume_persist::{LAYOUT_VERSION, Tree, make, restore, save};
use anklume_replay::{
    first_fault, holds_and_every_flush_is_needed, mark, record_or_skip, recorded_folder, scratch,
    snapshot,
};

const ID: &str = "0123456789abcdef0123456789abcdef\n";
const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----\n";
const ZONES: [&str; 2] = ["Europe/Paris", "Indian/Mauritius"];
const MACHINE_ID: &str = "etc/machine-id";
const WIFI: &str = "etc/NetworkManager/system-connections/wifi.nmconnection";
const HOST_KEY: &str = "etc/ssh/ssh_host_ed25519_key";
/// What a set aside file has at its old place.
const DAMAGED: &str = "0123";

/// Settings: paths in the OS and contents; `-> ` begins the target of a link.
type Settings = BTreeMap<&'static str, &'static str>;

/// What was saved before a run, and what the run saves.
struct Change {
    name: &'static str,
    before: &'static [(&'static str, &'static str)],
    after: &'static [(&'static str, &'static str)],
}

const CHANGES: [Change; 6] = [
    Change { name: "the first setting", before: &[], after: &[("etc/hostname", "mine\n")] },
    Change {
        name: "a new value",
        before: &[(MACHINE_ID, ID), ("etc/hostname", "a-long-name\n")],
        after: &[(MACHINE_ID, ID), ("etc/hostname", "b\n")],
    },
    Change {
        name: "a new link",
        before: &[
            ("etc/hostname", "a\n"),
            ("etc/localtime", "-> /usr/share/zoneinfo/Europe/Paris"),
        ],
        after: &[
            ("etc/hostname", "a\n"),
            ("etc/localtime", "-> /usr/share/zoneinfo/Indian/Mauritius"),
        ],
    },
    Change {
        name: "a secret",
        before: &[(MACHINE_ID, ID)],
        after: &[(MACHINE_ID, ID), (WIFI, "[wifi]\npsk=a secret that is a little longer\n")],
    },
    Change {
        name: "a deletion",
        before: &[(MACHINE_ID, ID), (WIFI, "[wifi]\npsk=secret\n")],
        after: &[(MACHINE_ID, ID)],
    },
    Change {
        name: "many at once",
        before: &[("etc/hostname", "a-long-name\n"), (WIFI, "[wifi]\npsk=secret\n")],
        after: &[
            (MACHINE_ID, ID),
            ("etc/hostname", "b\n"),
            ("etc/localtime", "-> /usr/share/zoneinfo/Europe/Paris"),
            (HOST_KEY, KEY),
            ("etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA\n"),
        ],
    },
];

fn change(name: &str) -> &'static Change {
    CHANGES.iter().find(|change| change.name == name).unwrap()
}

/// An OS with settings, all of them changed since its image was made.
struct Os(tempfile::TempDir);

impl Os {
    fn new(settings: &Settings) -> Self {
        let os = Self(scratch().unwrap());
        for zone in ZONES {
            os.write(&format!("usr/share/zoneinfo/{zone}"), "");
        }
        fs::create_dir_all(os.0.path().join("etc")).unwrap();
        settings.iter().for_each(|(path, content)| os.write(path, content));
        os
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match content.strip_prefix("-> ") {
            Some(target) => symlink(target, path).unwrap(),
            None => fs::write(path, content).unwrap(),
        }
    }

    fn save(&self, persist: &Path, known: &Settings) -> Result<(), String> {
        let known: BTreeSet<String> = known.keys().map(|path| (*path).to_owned()).collect();
        let saved = save(&Tree::at(persist), self.0.path(), self.0.path(), &known);
        let all = saved.failed.is_empty() && saved.refused.is_empty();
        if all { Ok(()) } else { Err(format!("{saved:?}")) }
    }

    /// Settings as `/etc` has them.
    fn settings(&self) -> BTreeMap<String, String> {
        let text = |node: Node| match node {
            Node::File { bytes, .. } => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Node::Link { target } => Some(format!("-> {}", target.display())),
            Node::Folder { .. } => None,
        };
        let found = snapshot(&self.0.path().join("etc")).unwrap().into_iter();
        let found =
            found.filter_map(|(path, node)| Some((format!("etc/{}", path.display()), text(node)?)));
        found.collect()
    }
}

fn settings(list: &[(&'static str, &'static str)]) -> Settings {
    list.iter().copied().collect()
}

/// A partition with settings.
fn partition(saved: &Settings) -> tempfile::TempDir {
    let place = scratch().unwrap();
    Tree::at(place.path()).initialise().unwrap();
    Os::new(saved).save(place.path(), &Settings::new()).unwrap();
    place
}

/// A boot from the partition.
fn boot(persist: &Path) -> Result<Os, String> {
    let os = Os::new(&Settings::new());
    let restored = restore(&Tree::at(persist), os.0.path());
    let all = restored.failed.is_empty() && restored.set_aside.is_empty();
    if all { Ok(os) } else { Err(format!("{restored:?}")) }
}

/// Names of files that were being written.
fn leftovers(files: &Snapshot) -> Vec<&PathBuf> {
    files.keys().filter(|path| path.extension().is_some_and(|end| end == "part")).collect()
}

impl Change {
    /// Each setting is the old or the new one; the new one once `save` has returned.
    fn judge(&self, found: &BTreeMap<String, String>, is_saved: bool) -> Result<(), String> {
        let (before, after) = (settings(self.before), settings(self.after));
        let paths = before.keys().chain(after.keys()).copied();
        let known: BTreeSet<&str> = paths.chain(found.keys().map(String::as_str)).collect();
        for path in known {
            let now = found.get(path).map(String::as_str);
            let (old, new) = (before.get(path).copied(), after.get(path).copied());
            if now != new && (is_saved || now != old) {
                return Err(format!("{path} is {now:?}, it was {old:?} and was to be {new:?}"));
            }
        }
        Ok(())
    }

    fn check(&self, state: &State, persist: &Path) -> Result<(), String> {
        if let Some(path) = state.files.iter().find_map(open_secret) {
            return Err(format!("others can read {}", path.display()));
        }
        let os = boot(persist)?;
        self.judge(&os.settings(), state.has_mark("saved"))?;
        // Nothing changes on this boot.
        let restored = os.settings();
        let known: BTreeSet<String> = restored.keys().cloned().collect();
        let saved = save(&Tree::at(persist), os.0.path(), os.0.path(), &known);
        if !saved.saved.is_empty() || !saved.forgotten.is_empty() || !saved.failed.is_empty() {
            return Err(format!("the next save: {saved:?}"));
        }
        let now = snapshot(persist).unwrap();
        if !leftovers(&now).is_empty() {
            return Err(format!("{:?} is left by the next save", leftovers(&now)));
        }
        // The same change again, without a cut.
        let (before, after) = (settings(self.before), settings(self.after));
        Os::new(&after).save(persist, &before)?;
        self.judge(&boot(persist)?.settings(), true)
    }
}

/// A file with a password or a key that its owner is not alone to read.
fn open_secret<'a>((path, node): (&'a PathBuf, &'a Node)) -> Option<&'a PathBuf> {
    let name = path.to_string_lossy();
    let is_secret =
        name.contains(".nmconnection") || name.contains("_key") && !name.contains(".pub");
    match node {
        Node::File { mode, .. } if is_secret && mode & 0o077 != 0 => Some(path),
        _ => None,
    }
}

/// What is recorded, by its name.
fn run(scenario: &str, persist: &Path) {
    let tree = Tree::at(persist);
    match scenario {
        "a partition's first use" => {
            tree.initialise().unwrap();
            mark("initialised");
        }
        "an identity" => {
            let os = Os::new(&Settings::new());
            let id = ID.as_bytes();
            let unkept = make(Some(&tree), os.0.path(), MACHINE_ID, id, 0o444).unwrap();
            assert!(unkept.is_none(), "{unkept:?}");
            mark("made");
        }
        "a damaged file" => {
            let restored = restore(&tree, Os::new(&Settings::new()).0.path());
            assert_eq!((restored.set_aside.len(), restored.failed.len()), (1, 0), "{restored:?}");
            mark("set aside");
        }
        name => {
            let change = change(name);
            Os::new(&settings(change.after)).save(persist, &settings(change.before)).unwrap();
            mark("saved");
        }
    }
}

/// As a test of its own it saves without a cut; the other tests record it.
#[test]
fn the_recorded_run() {
    if let Some((folder, scenario)) = recorded_folder() {
        return run(&scenario, &folder);
    }
    for change in &CHANGES {
        let persist = partition(&settings(change.before));
        run(change.name, persist.path());
        change.judge(&boot(persist.path()).unwrap().settings(), true).unwrap();
    }
}

fn recorded(scenario: &str, persist: &Path) -> Option<Recording> {
    record_or_skip("the_recorded_run", scenario, persist)
}

fn needs_every_flush(scenario: &str, persist: &Path, check: &anklume_replay::Check<'_>) {
    let Some(recording) = recorded(scenario, persist) else { return };
    let count = holds_and_every_flush_is_needed(&recording, &[], check);
    let count = count.unwrap_or_else(|what| panic!("{scenario}: {what}"));
    println!("{scenario}: {} flushes, {count} states", recording.flushes().count());
}

#[test]
fn a_setting_is_the_old_or_the_new_one() {
    for change in CHANGES.iter().filter(|change| change.name != "many at once") {
        let persist = partition(&settings(change.before));
        needs_every_flush(change.name, persist.path(), &|state, folder| {
            change.check(state, folder)
        });
    }
}

/// A folder's flush makes the files durable that were renamed in it before as well, so not every flush
/// is needed for what is promised at the end.
#[test]
fn of_many_settings_each_is_the_old_or_the_new_one() {
    let change = change("many at once");
    let persist = partition(&settings(change.before));
    let Some(recording) = recorded(change.name, persist.path()) else { return };
    let count = first_fault(&recording, &|state, folder| change.check(state, folder)).unwrap();
    println!("{}: {} flushes, {count} states", change.name, recording.flushes().count());
}

#[test]
fn what_a_cut_left_is_written_over() {
    let change = change("a new value");
    let persist = partition(&settings(change.before));
    fs::write(persist.path().join("system/etc/hostname.part"), "tor").unwrap();
    needs_every_flush(change.name, persist.path(), &|state, folder| change.check(state, folder));
}

#[test]
fn an_identity_that_was_made_is_kept() {
    let persist = partition(&settings(&[("etc/hostname", "a\n")]));
    needs_every_flush("an identity", persist.path(), &|state, folder| {
        let kept = boot(folder)?.settings();
        match kept.get(MACHINE_ID).map(String::as_str) {
            Some(ID) => {}
            None if !state.has_mark("made") => {}
            other => return Err(format!("the machine ID is {other:?}")),
        }
        if kept.contains_key("etc/hostname") { Ok(()) } else { Err("the name is lost".to_owned()) }
    });
}

#[test]
fn a_partition_is_unused_or_has_its_version() {
    let persist = scratch().unwrap();
    needs_every_flush("a partition's first use", persist.path(), &|state, folder| {
        let tree = Tree::at(folder);
        match tree.version().map_err(|error| error.to_string())? {
            Some(LAYOUT_VERSION) => {}
            None if !state.has_mark("initialised") => {}
            other => return Err(format!("version {other:?}")),
        }
        tree.initialise().map_err(|error| error.to_string())?;
        let now = snapshot(folder).unwrap();
        if now.len() == 1 { Ok(()) } else { Err(format!("{now:?} is left")) }
    });
}

#[test]
fn what_is_set_aside_is_never_lost() {
    let persist = partition(&settings(&[(MACHINE_ID, ID), ("etc/hostname", "a\n")]));
    let kept = persist.path().join("system").join(MACHINE_ID);
    // Its mode does not let an ordinary user write to it.
    fs::remove_file(&kept).unwrap();
    fs::write(&kept, DAMAGED).unwrap();
    needs_every_flush("a damaged file", persist.path(), &|state, folder| {
        let holds = |(path, node): (&PathBuf, &Node)| {
            let is_there =
                matches!(node, Node::File { bytes, .. } if **bytes == *DAMAGED.as_bytes());
            is_there && (path.starts_with("damaged") || !state.has_mark("set aside"))
        };
        if !state.files.iter().any(holds) {
            return Err("the damaged file is lost".to_owned());
        }
        let os = Os::new(&Settings::new());
        let restored = restore(&Tree::at(folder), os.0.path());
        let expected = ["etc/hostname"];
        if restored.failed.is_empty() && restored.restored == expected {
            Ok(())
        } else {
            Err(format!("{restored:?}"))
        }
    });
}
