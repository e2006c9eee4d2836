//! A machine's settings through boots: what is changed comes back, what is damaged is set aside.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use anklume_persist::{Restored, Saved, Tree, make, restore, save};

const ID: &str = "0123456789abcdef0123456789abcdef\n";
const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----\n";

/// A machine: the partition, and an OS whose whole content counts as changed.
struct Machine {
    dir: tempfile::TempDir,
    known: RefCell<BTreeSet<String>>,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["persist", "os/etc", "os/usr/share/zoneinfo/Europe"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        fs::write(dir.path().join("os/usr/share/zoneinfo/Europe/Paris"), "").unwrap();
        let machine = Self { dir, known: RefCell::default() };
        machine.persist().initialise().unwrap();
        machine
    }

    fn persist(&self) -> Tree {
        Tree::at(&self.dir.path().join("persist"))
    }

    fn os(&self) -> PathBuf {
        self.dir.path().join("os")
    }

    fn kept(&self, path: &str) -> PathBuf {
        self.dir.path().join("persist/system").join(path)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.os().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn save(&self) -> Saved {
        let mut known = self.known.borrow_mut();
        let saved = save(&self.persist(), &self.os(), &self.os(), &known);
        known.clone_from(&saved.known);
        saved
    }

    /// Forgets `/etc` and boots.
    fn boot(&self) -> Restored {
        fs::remove_dir_all(self.os().join("etc")).unwrap();
        fs::create_dir(self.os().join("etc")).unwrap();
        let restored = restore(&self.persist(), &self.os());
        *self.known.borrow_mut() = restored.restored.iter().cloned().collect();
        restored
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.os().join(path)).ok()
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

#[test]
fn accounts_are_neither_kept_nor_brought_back() {
    let machine = Machine::new();
    machine.write("etc/anklume/accounts.json", "{}");
    machine.write("etc/anklume/unlock-keys", "ssh-ed25519 AAAA\n");
    // As an earlier version, or somebody else, left it.
    let kept = machine.kept("etc/anklume/accounts.json");
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    fs::write(&kept, "{}").unwrap();
    machine.boot();
    assert_eq!(machine.read("etc/anklume/accounts.json"), None);
    machine.write("etc/anklume/accounts.json", "{}");
    machine.write("etc/anklume/unlock-keys", "ssh-ed25519 AAAA\n");
    machine.save();
    assert!(!kept.exists());
    machine.boot();
    assert_eq!(machine.read("etc/anklume/accounts.json"), None);
    assert!(machine.read("etc/anklume/unlock-keys").is_some());
}

#[test]
fn settings_survive_a_boot() {
    let machine = Machine::new();
    let wifi = "etc/NetworkManager/system-connections/wifi.nmconnection";
    machine.write("etc/machine-id", ID);
    machine.write("etc/hostname", "mine\n");
    machine.write("etc/ssh/ssh_host_ed25519_key", KEY);
    machine.write("etc/ssh/sshd_config", "not kept\n");
    machine.write(wifi, "[wifi]\npsk=secret\n");
    machine.write("etc/shadow", "not kept\n");
    symlink("/usr/share/zoneinfo/Europe/Paris", machine.os().join("etc/localtime")).unwrap();
    let saved = machine.save();
    assert!(saved.failed.is_empty() && saved.refused.is_empty(), "{saved:?}");
    assert_eq!(saved.saved.len(), 5, "{saved:?}");
    let restored = machine.boot();
    assert!(restored.failed.is_empty() && restored.set_aside.is_empty(), "{restored:?}");
    assert_eq!(machine.read("etc/machine-id").as_deref(), Some(ID));
    assert_eq!(machine.read("etc/hostname").as_deref(), Some("mine\n"));
    assert_eq!(mode(&machine.os().join(wifi)), 0o600);
    assert_eq!(mode(&machine.kept("etc/ssh/ssh_host_ed25519_key")), 0o600);
    assert!(machine.os().join("etc/localtime").exists());
    assert_eq!(machine.read("etc/shadow"), None);
    assert_eq!(machine.read("etc/ssh/sshd_config"), None);
    let again = machine.save();
    assert!(again.saved.is_empty() && again.forgotten.is_empty(), "nothing changed: {again:?}");
}

#[test]
fn what_is_deleted_is_forgotten() {
    let machine = Machine::new();
    let wifi = "etc/NetworkManager/system-connections/wifi.nmconnection";
    machine.write(wifi, "[wifi]\n");
    machine.write("etc/vconsole.conf", "KEYMAP=fr\n");
    machine.save();
    fs::remove_file(machine.os().join(wifi)).unwrap();
    fs::remove_file(machine.os().join("etc/vconsole.conf")).unwrap();
    let saved = machine.save();
    assert_eq!(saved.forgotten, ["etc/vconsole.conf", wifi]);
    assert_eq!(machine.boot().restored, Vec::<String>::new());
}

#[test]
fn what_the_image_brings_is_not_kept() {
    let machine = Machine::new();
    machine.write("etc/hostname", "anklume\n");
    let untouched = machine.dir.path().join("upper");
    fs::create_dir_all(&untouched).unwrap();
    let saved = save(&machine.persist(), &machine.os(), &untouched, &BTreeSet::new());
    assert!(saved.saved.is_empty(), "{saved:?}");
}

#[test]
fn damaged_files_are_set_aside_and_the_rest_is_restored() {
    let machine = Machine::new();
    machine.write("etc/machine-id", ID);
    machine.write("etc/hostname", "mine\n");
    machine.write("etc/locale.conf", "LANG=fr_FR.UTF-8\n");
    machine.write("etc/hostid", "abcd");
    machine.save();
    fs::write(machine.kept("etc/machine-id"), [0; 33]).unwrap();
    fs::write(machine.kept("etc/locale.conf"), vec![b'a'; 100_000]).unwrap();
    fs::remove_file(machine.kept("etc/hostid")).unwrap();
    symlink("/etc/shadow", machine.kept("etc/hostid")).unwrap();
    symlink("/../../etc/shadow", machine.kept("etc/localtime")).unwrap();
    let restored = machine.boot();
    assert_eq!(restored.restored, ["etc/hostname"]);
    let aside: Vec<_> = restored.set_aside.iter().map(|(path, ..)| path.as_str()).collect();
    assert_eq!(aside, ["etc/machine-id", "etc/hostid", "etc/locale.conf", "etc/localtime"]);
    for (path, _, place) in &restored.set_aside {
        assert!(place.symlink_metadata().is_ok() && !machine.kept(path).exists());
    }
    assert!(machine.boot().set_aside.is_empty(), "once");
}

#[test]
fn what_has_not_its_form_is_not_kept() {
    let machine = Machine::new();
    machine.write("etc/hostname", "mine\n");
    machine.save();
    machine.write("etc/hostname", "two names\n");
    symlink("/etc/shadow", machine.os().join("etc/localtime")).unwrap();
    let saved = machine.save();
    let refused: Vec<_> = saved.refused.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(refused, ["etc/hostname", "etc/localtime"]);
    machine.boot();
    assert_eq!(machine.read("etc/hostname").as_deref(), Some("mine\n"));
}

#[test]
fn a_time_zone_that_the_os_has_not_is_kept_and_not_taken() {
    let machine = Machine::new();
    fs::create_dir_all(machine.kept("etc")).unwrap();
    symlink("../usr/share/zoneinfo/Mars/Olympus", machine.kept("etc/localtime")).unwrap();
    let restored = machine.boot();
    assert!(restored.restored.is_empty() && restored.set_aside.is_empty(), "{restored:?}");
    machine.save();
    assert!(machine.kept("etc/localtime").symlink_metadata().is_ok(), "nobody deleted it");
}

#[test]
fn an_identity_is_made_also_without_a_partition() {
    let machine = Machine::new();
    let made = make(None, &machine.os(), "etc/machine-id", ID.as_bytes(), 0o444).unwrap();
    assert!(made.is_none() && !machine.kept("etc/machine-id").exists());
    let persist = machine.persist();
    let made = make(Some(&persist), &machine.os(), "etc/machine-id", ID.as_bytes(), 0o444);
    assert!(made.unwrap().is_none() && machine.kept("etc/machine-id").exists());
}
