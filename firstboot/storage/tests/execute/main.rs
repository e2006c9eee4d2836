//! Plans carried out on a machine that only writes down what it is told.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod adopting;
mod domains;

use std::path::Path;

use anklume_gpt::Guid;
use anklume_host::process::{Cmd, ProcessError};
use anklume_inventory::{Identity, Inventory};
use anklume_setup::adopt::LOOK;
use anklume_setup::{
    Backend, ConfirmedDisk, Encryption, Ids, Key, NewPool, Plan, Pool, Redundancy, Version,
    abandon, close, create,
};
use anklume_storage::{ExecuteError, Keys, Machine, execute};

/// What it was told, and what it is to say.
struct Fake {
    root: tempfile::TempDir,
    ran: Vec<String>,
    /// A word of a command that fails, and its exit code.
    fails: Option<(&'static str, i32)>,
    identity: Option<Identity>,
    /// Contents of the key files that commands named.
    keys: Vec<String>,
    /// How often something is still mounted.
    mounted: usize,
    /// A word of a command, and what the first one with it prints.
    says: Vec<(&'static str, &'static str)>,
    /// A volume, and the record that is seen once it is mounted or imported.
    records: Vec<(&'static str, String)>,
}

impl Fake {
    fn new(identity: Option<Identity>) -> Self {
        let root = tempfile::tempdir().unwrap();
        Self {
            root,
            ran: Vec::new(),
            fails: None,
            identity,
            keys: Vec::new(),
            mounted: 0,
            says: Vec::new(),
            records: Vec::new(),
        }
    }
}

impl Machine for Fake {
    fn run(&mut self, command: &Cmd) -> Result<(), ExecuteError> {
        let text = format!("{command:?}");
        let folder = self.root.path().join("run/anklume/keys");
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            self.keys.push(std::fs::read_to_string(entry.path()).unwrap());
        }
        let found = self.records.iter().find(|(volume, _)| text.contains(volume));
        if let Some((_, record)) = found.filter(|_| !text.contains("cryptsetup")) {
            let look = self.root.path().join(LOOK.trim_start_matches('/'));
            std::fs::create_dir_all(&look).unwrap();
            std::fs::write(look.join("pool.toml"), record).unwrap();
        }
        let fails = self.fails.filter(|(word, _)| text.contains(word));
        self.ran.push(text.clone());
        match fails {
            None => Ok(()),
            Some((word, code)) => Err(ProcessError::Failed {
                program: if text.contains("cryptsetup") { "cryptsetup" } else { word }.to_owned(),
                code,
                tail: String::new(),
                command: String::new(),
            }
            .into()),
        }
    }

    fn output(&mut self, command: &Cmd) -> Vec<u8> {
        let text = format!("{command:?}");
        let said = self.says.iter().find(|(program, _)| text.contains(program));
        said.map(|(_, text)| text.as_bytes().to_vec()).unwrap_or_default()
    }

    fn is_mounted(&mut self, _: &str) -> bool {
        self.mounted = self.mounted.saturating_sub(1);
        self.mounted > 0
    }

    fn identity(&mut self, _: &str) -> Result<Option<Identity>, ExecuteError> {
        Ok(self.identity.clone())
    }

    fn root(&self) -> &Path {
        self.root.path()
    }
}

/// A machine with a disk that no test machine has.
fn inventory() -> Inventory {
    let text = r#"{"version": 1, "memory": 8589934592, "boot": {}, "disks": [{
        "name": "sdzy", "diskseq": 3, "size": 21474836480, "logical-sector": 512,
        "physical-sector": 512, "serial": "ABCD1234", "bus": "ata", "content": {"partitions": [
            {"name": "sdzy1", "number": 1, "size": 1073741824, "label": "anklume-data",
             "content": {"signatures": [{"kind": "crypto_LUKS"}]}}]}}]}"#;
    Inventory::parse(text.as_bytes()).unwrap()
}

fn plan(inventory: &Inventory) -> Plan {
    plan_of(inventory, Backend::Btrfs, Encryption::Luks2)
}

fn plan_of(inventory: &Inventory, backend: Backend, encryption: Encryption) -> Plan {
    let disk = ConfirmedDisk::typed(inventory, &inventory.disks[0], "1234").unwrap();
    let guid = Guid::from_u128;
    let ids = Ids { pool: guid(1), file_system: guid(2), disks: vec![[guid(3), guid(4), guid(5)]] };
    let wanted = NewPool {
        disks: vec![disk],
        rest: None,
        backend,
        redundancy: Redundancy::Single,
        encryption,
        discard: false,
        memory: inventory.memory,
        zfs: Version::parse("2.3.9-1"),
    };
    create(&wanted, &ids).unwrap()
}

fn keys() -> Keys {
    Keys::default().with(Key::Passphrase, b"six words").with(Key::Recovery, b"a key")
}

#[test]
fn another_disk_in_the_place_of_the_chosen_one_is_left_alone() {
    let inventory = inventory();
    let plan = plan(&inventory);
    let mut other = inventory.disks[0].clone();
    other.diskseq = Some(4);
    for identity in [None, Some(Identity::of(&other))] {
        let mut machine = Fake::new(identity);
        let why = execute(&plan, &keys(), &mut machine, &mut |_, _| ()).unwrap_err();
        assert!(matches!(why, ExecuteError::AnotherDisk { .. }), "{why}");
        assert!(machine.ran.is_empty(), "{:?}", machine.ran);
    }
}

#[test]
fn a_disk_that_cannot_be_opened_alone_is_left_alone() {
    let inventory = inventory();
    let mut machine = Fake::new(Some(Identity::of(&inventory.disks[0])));
    let why = execute(&plan(&inventory), &keys(), &mut machine, &mut |_, _| ()).unwrap_err();
    assert!(matches!(why, ExecuteError::Busy { .. }), "{why}");
    assert!(machine.ran.is_empty());
}

/// As if it were open.
fn opened(machine: &Fake) {
    let folder = machine.root().join("dev/mapper");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("anklume-data-1"), "").unwrap();
}

#[test]
fn closing_goes_on_after_what_was_not_open_and_stops_at_a_lock_that_stays() {
    let pool = plan(&inventory()).pool;
    let mut machine = Fake::new(None);
    let closed = |machine: &mut Fake| {
        machine.ran.clear();
        execute(&close(&pool), &Keys::default(), machine, &mut |_, _| ())
    };
    closed(&mut machine).unwrap();
    assert!(!machine.ran.iter().any(|command| command.contains("cryptsetup")));
    opened(&machine);
    closed(&mut machine).unwrap();
    assert!(machine.ran.last().unwrap().contains("cryptsetup"));
    machine.fails = Some(("cryptsetup", 5));
    assert!(closed(&mut machine).is_err());
}

/// As at shutdown, when others unmount what is below.
#[test]
fn what_is_in_use_for_a_moment_is_unmounted_again_and_what_stays_is_an_error() {
    let pool = plan(&inventory()).pool;
    let mut machine = Fake::new(None);
    machine.fails = Some(("umount", 32));
    machine.mounted = 3;
    execute(&close(&pool), &Keys::default(), &mut machine, &mut |_, _| ()).unwrap();
    assert_eq!(machine.ran.len(), 2);
    machine.mounted = usize::MAX;
    let why = execute(&close(&pool), &Keys::default(), &mut machine, &mut |_, _| ()).unwrap_err();
    assert!(matches!(why, ExecuteError::Program(_)), "{why}");
}

#[test]
fn a_pool_of_zfs_that_is_in_use_stays_unlocked_unless_it_is_given_up() {
    let pool = plan_of(&inventory(), Backend::Zfs, Encryption::Luks2).pool;
    let mut machine = Fake::new(None);
    opened(&machine);
    machine.fails = Some(("zpool", 1));
    let why = execute(&close(&pool), &Keys::default(), &mut machine, &mut |_, _| ()).unwrap_err();
    assert!(matches!(why, ExecuteError::Program(_)), "{why}");
    assert!(!machine.ran.iter().any(|command| command.contains("cryptsetup")));
    execute(&abandon(&pool), &Keys::default(), &mut machine, &mut |_, _| ()).unwrap();
    assert!(machine.ran.last().unwrap().contains("anklume-data-1"), "{:?}", machine.ran);
}

/// A machine on whose disk `pool` is found.
fn with_record(pool: &Pool) -> Fake {
    let machine = Fake::new(None);
    let look = machine.root().join(LOOK.trim_start_matches('/'));
    std::fs::create_dir_all(&look).unwrap();
    std::fs::write(look.join("pool.toml"), pool.to_toml().unwrap()).unwrap();
    std::fs::create_dir_all(machine.root().join("etc")).unwrap();
    std::fs::write(machine.root().join("etc/machine-id"), "a1b2\n").unwrap();
    machine
}
