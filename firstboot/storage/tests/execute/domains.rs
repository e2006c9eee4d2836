//! Keys of datasets, and domains.

use anklume_setup::{Backend, DomainName, Encryption, Key, Plan, Pool, domain, find, open};
use anklume_storage::{DomainState, Keys, Machine, domain_state, execute};

use super::{Fake, inventory, keys, plan, plan_of, with_record};

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
