//! Plans carried out on a machine that only writes down what it is told.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

use std::path::Path;

use anklume_gpt::Guid;
use anklume_host::process::{Cmd, ProcessError};
use anklume_inventory::{Identity, Inventory};
use anklume_setup::adopt::LOOK;
use anklume_setup::{
    Backend, ConfirmedDisk, DomainName, Encryption, Ids, Key, NewPool, Plan, Pool, Redundancy,
    Version, abandon, close, create, domain, find, open,
};
use anklume_storage::{
    Adopted, DomainState, ExecuteError, Existing, Keys, Machine, adopt, domain_state, execute,
    none_is_open,
};

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

fn found(machine: &mut Fake) -> Existing {
    match adopt(&inventory(), &keys(), machine).unwrap() {
        Adopted::Pools(mut found) if found.len() == 1 => found.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pool_is_found_by_its_key_and_closed_again() {
    let pool = plan(&inventory()).pool;
    let mut machine = with_record(&pool);
    let existing = found(&mut machine);
    assert_eq!((existing.pool, existing.left_open_by), (pool, None));
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
fn a_pool_that_another_machine_did_not_close_is_told() {
    let pool = plan_of(&inventory(), Backend::Zfs, Encryption::Luks2).pool;
    let label = "LABEL 0\n    name: 'anklume'\n    state: 0\n    pool_guid: 42\n    hostid: 7\n    hostname: 'lab'\n";
    let mut machine = with_record(&pool);
    machine.says = vec![("blkid", "UUID=42\nTYPE=zfs_member\n"), ("zdb", label)];
    let existing = found(&mut machine);
    assert_eq!((existing.pool, existing.left_open_by.as_deref()), (pool, Some("lab")));
    let import = machine.ran.iter().find(|command| command.contains("import")).unwrap();
    assert!(import.contains("readonly=on"), "{import}");
    assert!(machine.ran.iter().any(|command| command.contains("export")));
    // This machine's own.
    std::fs::write(machine.root().join("etc/hostid"), 7_u32.to_ne_bytes()).unwrap();
    assert_eq!(found(&mut machine).left_open_by, None);
}

#[test]
fn the_key_of_a_pool_that_zfs_encrypts_is_tried() {
    let pool = plan_of(&inventory(), Backend::Zfs, Encryption::Zfs).pool;
    let mut machine = with_record(&pool);
    machine.says = vec![("blkid", "UUID=42\nTYPE=zfs_member\n")];
    assert_eq!(found(&mut machine).pool, pool);
    machine.fails = Some(("--test-passphrase", 2));
    assert!(matches!(adopt(&inventory(), &keys(), &mut machine).unwrap(), Adopted::WrongKey));
}

/// As if somebody had put another dataset in the place of one.
#[test]
fn a_dataset_that_is_not_encrypted_is_not_mounted() {
    let inventory = inventory();
    let pool = plan_of(&inventory, Backend::Zfs, Encryption::Zfs).pool;
    let mut there = inventory.clone();
    there.disks[0].content.partitions[0].guid = Some(pool.disks[0].partition.clone());
    let plan = open(&pool, &find(&pool, &there).unwrap(), Key::Passphrase);
    let mut machine = Fake::new(None);
    std::fs::create_dir_all(machine.root().join("etc")).unwrap();
    std::fs::write(machine.root().join("etc/machine-id"), "a1").unwrap();
    machine.says = vec![BELOW, REST];
    execute(&plan, &keys(), &mut machine, &mut |_, _| ()).unwrap();
    for said in ["-\n-\n", "anklume/data\nunavailable\n", ""] {
        machine.ran.clear();
        machine.says = vec![BELOW, ("encryptionroot", said)];
        assert!(execute(&plan, &keys(), &mut machine, &mut |_, _| ()).is_err());
        assert!(!machine.ran.iter().any(|command| command.contains("anklume/data/state")));
    }
}

/// Below one of them, where Incus would use it.
#[test]
fn a_dataset_below_the_data_with_another_key_keeps_it_closed() {
    let (_, mut machine, plan) = with_domain();
    for (planted, expected) in [
        ("anklume/data/storage/containers/c1\t-", Some("c1: expected it to be encrypted with the")),
        ("anklume/data/domains\t-", Some("found that of \"-\"")),
        ("anklume/data/domains-2/c1\tanklume/data/domains-2", Some("domains-2/c1")),
        // Each has its own; they are looked at by themselves.
        ("anklume/data/domains/work/containers/c1\t-", None),
    ] {
        machine.ran.clear();
        let all = format!("{}{planted}\n", BELOW.1);
        machine.says = vec![OWN_BELOW, (BELOW.0, all.leak()), (WORK, OWN), REST];
        let done = execute(&plan, &keys(), &mut machine, &mut |_, _| ());
        let is_mounted = machine.ran.iter().any(|command| command.contains("data/state"));
        assert_eq!(is_mounted, expected.is_none(), "{planted}");
        let why = done.map_or_else(|why| why.to_string(), |()| String::new());
        assert!(why.contains(expected.unwrap_or_default()), "{planted}: {why}");
    }
    // It cannot be looked at.
    machine.says = vec![OWN_BELOW, (WORK, OWN), REST];
    assert!(execute(&plan, &keys(), &mut machine, &mut |_, _| ()).is_err());
}

#[test]
fn a_domain_with_another_key_below_it_is_not_used() {
    let (pool, mut machine, plan) = with_domain();
    let planted = "anklume/data/domains/work\tanklume/data/domains/work\n\
                   anklume/data/domains/work/containers/c1\tanklume/data\n";
    machine.says = vec![(OWN_BELOW.0, planted), BELOW, (WORK, OWN), REST];
    assert_eq!(domain_state(&pool, &work(), &mut machine), DomainState::Foreign);
    execute(&plan, &keys(), &mut machine, &mut |_, _| ()).unwrap();
    assert!(machine.ran.iter().any(|command| command.contains("\"rename\"")));
    assert!(machine.ran.iter().any(|command| command.contains("data/state")));
    let create = domain::create(&pool, &work()).unwrap();
    let why = execute(&create, &keys(), &mut machine, &mut |_, _| ()).unwrap_err().to_string();
    assert!(why.contains("work/containers/c1"), "{why}");
}

/// A pool that ZFS encrypts with the domain `work`, a machine with it, and the plan that opens it.
fn with_domain() -> (Pool, Fake, Plan) {
    let inventory = inventory();
    let pool = plan_of(&inventory, Backend::Zfs, Encryption::Zfs).pool;
    let pool = pool.with_domains(&[work()]).unwrap();
    let mut there = inventory.clone();
    there.disks[0].content.partitions[0].guid = Some(pool.disks[0].partition.clone());
    let plan = open(&pool, &find(&pool, &there).unwrap(), Key::Passphrase);
    let machine = with_record(&pool);
    for folder in ["etc/anklume", "run/anklume/pool", "run/anklume/locked"] {
        std::fs::create_dir_all(machine.root().join(folder)).unwrap();
    }
    (pool, machine, plan)
}

fn work() -> DomainName {
    DomainName::new("work").unwrap()
}

const WORK: &str = "anklume/data/domains/work";
const OWN: &str = "anklume/data/domains/work\navailable\n";
const REST: (&str, &str) = ("encryptionroot", "anklume/data\navailable\n");
/// Whose key all has that lies below the data, and below the domain.
const BELOW: (&str, &str) = (
    "\"encryptionroot\", \"anklume/data\"]",
    "anklume/data\tanklume/data\nanklume/data/storage\tanklume/data\n\
     anklume/data/domains\tanklume/data\nanklume/data/domains/work\tanklume/data/domains/work\n",
);
const OWN_BELOW: (&str, &str) = (
    "\"encryptionroot\", \"anklume/data/domains/work\"]",
    "anklume/data/domains/work\tanklume/data/domains/work\n",
);

#[test]
fn a_broken_domain_does_not_keep_the_rest_closed() {
    let (pool, mut machine, plan) = with_domain();
    for (said, state, is_renamed) in [
        (OWN, DomainState::Open, false),
        ("anklume/data/domains/work\nunavailable\n", DomainState::Locked, false),
        ("", DomainState::Missing, false),
        // As if somebody had put another dataset in its place: without a key, or with that of the data.
        ("-\n-\n", DomainState::Foreign, true),
        ("anklume/data\navailable\n", DomainState::Foreign, true),
    ] {
        machine.ran.clear();
        machine.says = vec![BELOW, OWN_BELOW, (WORK, said), REST];
        // Its key cannot be loaded, whatever the reason.
        machine.fails = Some(("domain-work.key", 255));
        execute(&plan, &keys(), &mut machine, &mut |_, _| ()).unwrap();
        assert_eq!(domain_state(&pool, &work(), &mut machine), state, "{said:?}");
        let at = |word: &str| machine.ran.iter().position(|command| command.contains(word));
        let renamed = machine.ran.iter().find(|command| command.contains("\"rename\""));
        assert_eq!(renamed.is_some(), is_renamed, "{said:?}");
        assert!(renamed.is_none_or(|command| command.contains("work:foreign")), "{renamed:?}");
        // Before anything is mounted.
        assert!(at("rename") < at("anklume/data/state") && at("anklume/data/state").is_some());
    }
    machine.says = vec![("work:foreign", "anklume/data/domains/work:foreign\n"), (WORK, "")];
    assert_eq!(domain_state(&pool, &work(), &mut machine), DomainState::SetAside);
}

/// The name that it gets is that of one from an earlier time.
#[test]
fn another_dataset_in_the_place_of_a_domain_is_set_aside_twice() {
    let (_, mut machine, plan) = with_domain();
    let first = ("\"anklume/data/domains/work:foreign\"", "anklume/data/domains/work:foreign\n");
    machine.says = vec![BELOW, first, ("work:foreign", ""), (WORK, "-\n-\n"), REST];
    execute(&plan, &keys(), &mut machine, &mut |_, _| ()).unwrap();
    let renamed = machine.ran.iter().find(|command| command.contains("\"rename\"")).unwrap();
    assert!(renamed.contains("\"anklume/data/domains/work:foreign-2\""), "{renamed}");
    assert!(machine.ran.iter().any(|command| command.contains("anklume/data/state")));
}

#[test]
fn another_dataset_in_the_place_of_a_domain_that_stays_there_keeps_all_closed() {
    let (_, mut machine, plan) = with_domain();
    machine.says = vec![BELOW, (WORK, "-\n-\n"), REST];
    machine.fails = Some(("rename", 1));
    assert!(execute(&plan, &keys(), &mut machine, &mut |_, _| ()).is_err());
    assert!(!machine.ran.iter().any(|command| command.contains("anklume/data/state")));
}

#[test]
fn a_domain_is_made_once_and_its_key_is_never_written_over() {
    let (pool, mut machine, _) = with_domain();
    let plan = domain::create(&pool, &work()).unwrap();
    let key = machine.root().join("run/anklume/keystore/domain-work.key");
    // What a cut leaves of a key that was being written.
    std::fs::create_dir_all(key.parent().unwrap()).unwrap();
    let part = key.with_file_name(".domain-work.key.7.part");
    std::fs::write(&part, "half").unwrap();
    machine.says = vec![OWN_BELOW, ("encryptionroot", OWN)];
    execute(&plan, &keys(), &mut machine, &mut |_, _| ()).unwrap();
    let first = std::fs::read(&key).unwrap();
    assert!(first.len() == 32 && first != [0; 32] && !part.exists());
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o400);
    let created = |machine: &Fake| {
        machine.ran.iter().filter(|command| command.contains("\"create\"")).count()
    };
    assert_eq!(created(&machine), 2);
    for record in ["etc/anklume", "run/anklume/pool", "run/anklume/locked"] {
        let text = std::fs::read_to_string(machine.root().join(record).join("pool.toml")).unwrap();
        assert_eq!(Pool::parse(&text).unwrap(), plan.pool, "{record}");
    }
    // Again, now that all is there; the key is loaded already, which zfs says as a failure.
    machine.ran.clear();
    let both = [(WORK, WORK), ("domains", "anklume/data/domains")];
    machine.says = [[OWN_BELOW, ("encryptionroot", OWN)], both].concat();
    machine.fails = Some(("load-key", 255));
    execute(&plan, &keys(), &mut machine, &mut |_, _| ()).unwrap();
    assert_eq!((created(&machine), std::fs::read(&key).unwrap()), (0, first));
    // What lies in its place and is none is no domain, and nothing remembers it.
    machine.ran.clear();
    machine.says[1] = REST;
    let why = execute(&plan, &keys(), &mut machine, &mut |_, _| ()).unwrap_err().to_string();
    assert!(why.contains(WORK) && why.contains("found that of \"anklume/data\""), "{why}");
    assert!(!machine.ran.iter().any(|command| command.contains("persist")));
}

#[test]
fn the_subvolume_of_a_domain_is_made_once() {
    let pool = plan(&inventory()).pool;
    let plan = domain::create(&pool, &work()).unwrap();
    let mut machine = with_record(&pool);
    for folder in ["etc/anklume", "run/anklume/pool"] {
        std::fs::create_dir_all(machine.root().join(folder)).unwrap();
    }
    let made = |machine: &mut Fake| {
        machine.ran.clear();
        execute(&plan, &Keys::default(), machine, &mut |_, _| ()).unwrap();
        machine.ran.iter().any(|command| command.contains("subvolume"))
    };
    assert!(made(&mut machine));
    assert_eq!(domain_state(&pool, &work(), &mut machine), DomainState::Missing);
    std::fs::create_dir(machine.root().join("run/anklume/pool/domains/work")).unwrap();
    assert!(!made(&mut machine));
    assert_eq!(domain_state(&pool, &work(), &mut machine), DomainState::Open);
}

/// The machine with one more disk, whose partition holds `kind`.
fn with_another(kind: &str) -> Inventory {
    let mut machine = inventory();
    let text = machine.to_json().replace("sdzy", "sdzz").replace("crypto_LUKS", kind);
    machine.disks.extend(Inventory::parse(text.as_bytes()).unwrap().disks);
    machine
}

#[test]
fn half_of_a_mirror_that_does_not_open_is_left_out() {
    let pool = plan(&inventory()).pool;
    let mut machine = with_record(&pool);
    machine.fails = Some(("/dev/sdzy1", 1));
    let found = adopt(&with_another("crypto_LUKS"), &keys(), &mut machine).unwrap();
    assert!(matches!(found, Adopted::Pools(found) if found[0].pool == pool));
    // Alone, it is what went wrong.
    assert!(adopt(&inventory(), &keys(), &mut machine).is_err());
}

#[test]
fn what_the_key_opens_comes_before_what_needs_none() {
    let pool = plan(&inventory()).pool;
    let mut machine = with_record(&pool);
    adopt(&with_another("btrfs"), &keys(), &mut machine).unwrap();
    let mount = machine.ran.iter().find(|command| command.contains("\"mount\"")).unwrap();
    assert!(mount.contains("anklume-look-1") && !mount.contains("sdzz"), "{mount}");
    // Where it opens nothing, the other one is there.
    machine.ran.clear();
    machine.fails = Some(("\"open\"", 2));
    adopt(&with_another("btrfs"), &keys(), &mut machine).unwrap();
    assert!(machine.ran.iter().any(|command| command.contains("/dev/sdzz1")));
}

/// As if somebody had put a dataset with a record beside the one with the keys: otherwise its pool would stay, and no
/// other one of that name could be looked at.
#[test]
fn everything_of_a_pool_that_was_looked_at_is_unmounted() {
    let pool = plan_of(&inventory(), Backend::Zfs, Encryption::Zfs).pool;
    let mut machine = with_record(&pool);
    machine.says = vec![("blkid", "UUID=42\nTYPE=zfs_member\n")];
    // Seen twice.
    machine.mounted = 3;
    found(&mut machine);
    let at = |word: &str| {
        let all = machine.ran.iter().enumerate().filter(|(_, command)| command.contains(word));
        all.map(|(at, _)| at).collect::<Vec<_>>()
    };
    let (unmounted, exported) = (at("umount"), at("export"));
    assert_eq!((unmounted.len(), exported.len()), (2, 1), "{:?}", machine.ran);
    assert!(unmounted < exported);
}

/// On one disk LUKS2, on the other one ZFS's own encryption, or none.
#[test]
fn pools_that_zfs_encrypts_are_found_beside_one_of_luks() {
    let luks = plan(&inventory()).pool;
    let native = plan_of(&inventory(), Backend::Zfs, Encryption::Zfs).pool;
    let plain = plan_of(&inventory(), Backend::Zfs, Encryption::None).pool;
    let (one, two) = ("/dev/mapper/anklume-look-1", "/dev/sdzz1");
    let mut machine = with_record(&luks);
    machine.says = vec![(one, "UUID=7\nTYPE=btrfs\n"), (two, "UUID=43\nTYPE=zfs_member\n")];
    let of = |machine: &mut Fake, other: &Pool| {
        machine.records = vec![(one, luks.to_toml().unwrap()), (two, other.to_toml().unwrap())];
        match adopt(&with_another("zfs_member"), &keys(), machine) {
            Ok(Adopted::Pools(found)) => {
                found.into_iter().map(|one| (one.disks.join(" "), one.pool)).collect()
            }
            other => panic!("{other:?}"),
        }
    };
    let first = || ("sdzy".to_owned(), luks.clone());
    let found: Vec<_> = of(&mut machine, &native);
    assert_eq!(found, [first(), ("sdzz".to_owned(), native.clone())]);
    // Anybody can have put that there.
    assert_eq!(of(&mut machine, &plain), [first()]);
    // The key is that of the second one alone, or of none.
    machine.fails = Some(("/dev/sdzy1", 2));
    assert_eq!(of(&mut machine, &native), [("sdzz".to_owned(), native.clone())]);
    assert_eq!(of(&mut machine, &plain), [("sdzz".to_owned(), plain.clone())]);
    // It opens the first one, whose record cannot be read: that is told, and no other one is taken in its place.
    machine.fails = None;
    machine.records = vec![(one, "damaged".to_owned()), (two, plain.to_toml().unwrap())];
    assert!(adopt(&with_another("zfs_member"), &keys(), &mut machine).is_err());
}

/// Two pools of the same name whose keys are the same: each is looked at with its own parts.
#[test]
fn two_pools_of_zfs_are_looked_at_one_after_the_other() {
    let first = plan_of(&inventory(), Backend::Zfs, Encryption::Luks2).pool;
    let mut second = first.clone();
    second.id = "0f9a1c7e-1111-4222-8333-444455556666".to_owned();
    let (one, two) = ("/dev/mapper/anklume-look-1", "/dev/mapper/anklume-look-2");
    let mut machine = with_record(&first);
    machine.says = vec![
        (one, "LABEL=anklume\nUUID=42\nTYPE=zfs_member\n"),
        (two, "LABEL=anklume\nUUID=43\nTYPE=zfs_member\n"),
    ];
    machine.records = vec![(one, first.to_toml().unwrap()), (two, second.to_toml().unwrap())];
    let Adopted::Pools(found) = adopt(&with_another("crypto_LUKS"), &keys(), &mut machine).unwrap()
    else {
        panic!("two pools are there")
    };
    let of = |existing: &Existing| (existing.pool.clone(), existing.disks.join(" "));
    let found: Vec<_> = found.iter().map(of).collect();
    assert_eq!(found, [(first, "sdzy".to_owned()), (second, "sdzz".to_owned())]);
    let at = |words: &[&str]| {
        let fits = |command: &String| words.iter().all(|word| command.contains(word));
        machine.ran.iter().position(fits)
    };
    assert_eq!(at(&["import", one, two]), None);
    assert!(at(&["import", one]) < at(&["export"]) && at(&["export"]) < at(&["import", two]));
}

#[test]
fn half_of_a_pool_that_another_one_is_beside_is_found_with_the_other_half() {
    let pool = plan(&inventory()).pool;
    let mut machine = with_record(&pool);
    machine.says = vec![("blkid", "UUID=7\nTYPE=btrfs\n")];
    let found = adopt(&with_another("crypto_LUKS"), &keys(), &mut machine).unwrap();
    assert!(matches!(found, Adopted::Pools(found) if found.len() == 1
        && found[0].disks == ["sdzy", "sdzz"]));
}

/// The second disk's partition did not get its name any more.
fn cut_off(second: &str) -> Inventory {
    let mut machine = with_another(second);
    machine.disks[1].content.partitions[0].label = Some("anklume-new".to_owned());
    machine
}

#[test]
fn a_pool_is_found_whole_although_the_power_failed_between_the_names_of_its_parts() {
    let pool = plan(&inventory()).pool;
    let mut machine = with_record(&pool);
    let on = |machine: &mut Fake, inventory: &Inventory| match adopt(inventory, &keys(), machine) {
        Ok(Adopted::Pools(found)) => found.iter().map(|one| one.disks.join(" ")).collect(),
        other => vec![format!("{other:?}")],
    };
    let (one, two) = ("anklume-look-1", "anklume-look-2");
    machine.says = vec![("blkid", "UUID=7\nTYPE=btrfs\n")];
    assert_eq!(on(&mut machine, &cut_off("crypto_LUKS")), ["sdzy sdzz"]);
    assert!(machine.ran.last().unwrap().contains(two));
    // Another setup's, that was cut off before any name.
    machine.says = vec![(one, "UUID=7\nTYPE=btrfs\n"), (two, "UUID=8\nTYPE=btrfs\n")];
    assert_eq!(on(&mut machine, &cut_off("crypto_LUKS")), ["sdzy"]);
    machine.fails = Some(("/dev/sdzz1", 1));
    assert_eq!(on(&mut machine, &cut_off("crypto_LUKS")), ["sdzy"]);
    machine.ran.clear();
    let mut none = cut_off("crypto_LUKS");
    none.disks.remove(0);
    assert_eq!(on(&mut machine, &none), ["Ok(Nothing)"]);
    assert!(machine.ran.is_empty());
}

#[test]
fn while_a_pool_is_open_no_other_one_is_looked_at_or_made() {
    let refused = |machine: &mut Fake| {
        let why = none_is_open(machine).unwrap_err().to_string();
        assert!(adopt(&inventory(), &keys(), machine).is_err());
        assert!(machine.ran.is_empty(), "{:?}", machine.ran);
        why
    };
    let mut machine = Fake::new(None);
    std::fs::create_dir_all(machine.root().join("sys/module/zfs")).unwrap();
    machine.says = vec![("zpool", "tank\n"), ("findmnt", "tmpfs\n")];
    none_is_open(&mut machine).unwrap();
    machine.says = vec![("zpool", "tank\nanklume\n")];
    assert!(refused(&mut machine).contains("imported"));
    machine.says = vec![("findmnt", "tmpfs\nbtrfs\n")];
    assert!(refused(&mut machine).contains("/run/anklume/pool"));
    machine.says.clear();
    opened(&machine);
    assert!(refused(&mut machine).contains("anklume-data-1"));
}

#[test]
fn a_machine_without_such_a_disk_has_nothing_to_open() {
    let mut inventory = inventory();
    inventory.disks[0].content.partitions[0].label = Some("other".to_owned());
    let mut machine = Fake::new(None);
    assert!(matches!(adopt(&inventory, &keys(), &mut machine).unwrap(), Adopted::Nothing));
    assert!(machine.ran.is_empty());
}
