//! Pools that are on the disks already.

use anklume_inventory::Inventory;
use anklume_setup::{Backend, Encryption, Pool};
use anklume_storage::{Adopted, Existing, Machine, adopt, none_is_open};

use super::{Fake, inventory, keys, opened, plan, plan_of, with_record};

fn found(machine: &mut Fake) -> Existing {
    found_on(&inventory(), machine)
}

/// The machine's disk, whose partition holds `kind`.
fn with_kind(kind: &str) -> Inventory {
    let text = inventory().to_json().replace("crypto_LUKS", kind);
    Inventory::parse(text.as_bytes()).unwrap()
}

fn found_on(inventory: &Inventory, machine: &mut Fake) -> Existing {
    match adopt(inventory, &keys(), machine).unwrap() {
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
    let there = with_kind("zfs_member");
    assert_eq!(found_on(&there, &mut machine).pool, pool);
    machine.fails = Some(("--test-passphrase", 2));
    assert!(matches!(adopt(&there, &keys(), &mut machine).unwrap(), Adopted::WrongKey));
}

/// Otherwise it would count as one that the key opens.
#[test]
fn a_record_that_says_what_is_not_so_is_told() {
    for (backend, encryption, kind) in [
        (Backend::Btrfs, Encryption::Luks2, "btrfs"),
        (Backend::Btrfs, Encryption::None, "crypto_LUKS"),
    ] {
        let mut machine = with_record(&plan_of(&inventory(), backend, encryption).pool);
        let why = adopt(&with_kind(kind), &keys(), &mut machine).unwrap_err().to_string();
        assert!(why.contains(encryption.name()) && why.contains("LUKS2 on it"), "{why}");
    }
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
    let plain = plan_of(&inventory(), Backend::Btrfs, Encryption::None).pool;
    machine.records = vec![("/dev/sdzz1", plain.to_toml().unwrap())];
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
    found_on(&with_kind("zfs_member"), &mut machine);
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
    // Of somebody who was cut off while he added a domain.
    let mappers = machine.root().join("dev/mapper");
    std::fs::remove_file(mappers.join("anklume-data-1")).unwrap();
    std::fs::write(mappers.join("anklume-keystore"), "").unwrap();
    assert!(refused(&mut machine).contains("anklume-keystore"));
}

#[test]
fn a_machine_without_such_a_disk_has_nothing_to_open() {
    let mut inventory = inventory();
    inventory.disks[0].content.partitions[0].label = Some("other".to_owned());
    let mut machine = Fake::new(None);
    assert!(matches!(adopt(&inventory, &keys(), &mut machine).unwrap(), Adopted::Nothing));
    assert!(machine.ran.is_empty());
}
