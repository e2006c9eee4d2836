//! Plans carried out on a machine that only writes down what it is told.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

use std::path::Path;

use anklume_gpt::Guid;
use anklume_host::process::{Cmd, ProcessError};
use anklume_inventory::{Identity, Inventory};
use anklume_setup::adopt::LOOK;
use anklume_setup::{
    Backend, ConfirmedDisk, Encryption, Ids, Key, NewPool, Plan, Redundancy, close, create,
};
use anklume_storage::{Adopted, ExecuteError, Keys, Machine, adopt, execute};

/// What it was told, and what it is to say.
struct Fake {
    root: tempfile::TempDir,
    ran: Vec<String>,
    /// A word of a command that fails, and its exit code.
    fails: Option<(&'static str, i32)>,
    identity: Option<Identity>,
    /// Contents of the key files that commands named.
    keys: Vec<String>,
}

impl Fake {
    fn new(identity: Option<Identity>) -> Self {
        let root = tempfile::tempdir().unwrap();
        Self { root, ran: Vec::new(), fails: None, identity, keys: Vec::new() }
    }
}

impl Machine for Fake {
    fn run(&mut self, command: &Cmd) -> Result<(), ExecuteError> {
        let text = format!("{command:?}");
        let folder = self.root.path().join("run/anklume/keys");
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            self.keys.push(std::fs::read_to_string(entry.path()).unwrap());
        }
        let fails = self.fails.filter(|(word, _)| text.contains(word));
        self.ran.push(text);
        match fails {
            None => Ok(()),
            Some((word, code)) => Err(ProcessError::Failed {
                program: word.to_owned(),
                code,
                tail: String::new(),
                command: String::new(),
            }
            .into()),
        }
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
    let disk = ConfirmedDisk::typed(inventory, &inventory.disks[0], "1234").unwrap();
    let guid = Guid::from_u128;
    let ids = Ids { pool: guid(1), file_system: guid(2), disks: vec![[guid(3), guid(4), guid(5)]] };
    let wanted = NewPool {
        disks: vec![disk],
        backend: Backend::Btrfs,
        redundancy: Redundancy::Single,
        encryption: Encryption::Luks2,
        discard: false,
        memory: inventory.memory,
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

#[test]
fn closing_goes_on_after_what_was_not_open_and_stops_at_a_lock_that_stays() {
    let pool = plan(&inventory()).pool;
    let mut machine = Fake::new(None);
    machine.fails = Some(("umount", 32));
    execute(&close(&pool), &Keys::default(), &mut machine, &mut |_, _| ()).unwrap();
    assert_eq!(machine.ran.len(), 4);
    machine.fails = Some(("cryptsetup", 5));
    assert!(execute(&close(&pool), &Keys::default(), &mut machine, &mut |_, _| ()).is_err());
}

#[test]
fn a_pool_is_found_by_its_key_and_closed_again() {
    let pool = plan(&inventory()).pool;
    let mut machine = Fake::new(None);
    let look = machine.root().join(LOOK.trim_start_matches('/'));
    std::fs::create_dir_all(&look).unwrap();
    std::fs::write(look.join("pool.toml"), pool.to_toml().unwrap()).unwrap();
    let found = adopt(&inventory(), &keys(), &mut machine).unwrap();
    assert!(matches!(found, Adopted::Pool(found) if *found == pool));
    assert_eq!(machine.keys, ["six words"]);
    let last = machine.ran.last().unwrap();
    assert!(last.contains("close") && last.contains("anklume-look-1"), "{last}");
    assert!(!machine.root().join("run/anklume/keys/passphrase").exists());
    machine.ran.clear();
    machine.fails = Some(("\"open\"", 2));
    assert!(matches!(adopt(&inventory(), &keys(), &mut machine).unwrap(), Adopted::WrongKey));
    assert!(!machine.ran.iter().any(|command| command.contains("\"mount\"")));
}

#[test]
fn a_machine_without_such_a_disk_has_nothing_to_open() {
    let mut inventory = inventory();
    inventory.disks[0].content.partitions[0].label = Some("other".to_owned());
    let mut machine = Fake::new(None);
    assert!(matches!(adopt(&inventory, &keys(), &mut machine).unwrap(), Adopted::Nothing));
    assert!(machine.ran.is_empty());
}
