//! Plans of pools: what is done, to which disks, and that a plan needs a confirmed disk.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

use anklume_gpt::Guid;
use anklume_inventory::{Inventory, Refusal};
use anklume_language::Language;
use anklume_setup::rekey::{self, KeySlot};
use anklume_setup::{
    Backend, ConfirmedDisk, Data, Encryption, Found, Ids, Key, MatchError, NewPool, NotConfirmed,
    NotFound, Plan, Redundancy, Refused, close, create, find, open,
};
use serde_json::{Value, json};

fn disk(name: &str, serial: Option<&str>, size: u64) -> Value {
    json!({
        "name": name, "diskseq": 7, "size": size, "logical-sector": 512, "physical-sector": 4096,
        "model": "QEMU HARDDISK", "serial": serial, "bus": "ata", "links": [format!("by-path/{name}")],
    })
}

fn inventory(disks: &[Value]) -> Inventory {
    let whole = json!({"version": 1, "memory": 8_u64 << 30, "boot": {}, "disks": disks});
    Inventory::parse(whole.to_string().as_bytes()).unwrap()
}

fn two() -> Inventory {
    let mut used = disk("sda", Some("ABCD1234"), 20 << 30);
    used["content"] = json!({"table": "gpt", "partitions": [
        {"name": "sda1", "number": 1, "size": 1 << 30, "content": {"signatures": [{"kind": "zfs_member"}]}},
        {"name": "sda5", "number": 5, "size": 1 << 30},
    ]});
    inventory(&[used, disk("nvme0n1", Some("WXYZ9876"), 21 << 30)])
}

fn ids() -> Ids {
    let guid = Guid::from_u128;
    let disks = vec![[guid(0x10), guid(0x11), guid(0x12)], [guid(0x20), guid(0x21), guid(0x22)]];
    Ids { pool: guid(1), file_system: guid(2), disks }
}

fn confirmed(inventory: &Inventory, index: usize, typed: &str) -> ConfirmedDisk {
    ConfirmedDisk::typed(inventory, &inventory.disks[index], typed).unwrap()
}

fn wanted(disks: Vec<ConfirmedDisk>) -> NewPool {
    let redundancy = if disks.len() == 2 { Redundancy::Mirror } else { Redundancy::Single };
    NewPool {
        disks,
        backend: Backend::Btrfs,
        redundancy,
        encryption: Encryption::Luks2,
        discard: false,
        memory: 8 << 30,
    }
}

fn shown(plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        text.push_str(&format!("{}\n", step.work.words(Language::English)));
        for action in &step.actions {
            text.push_str(&format!("    {action}\n"));
        }
    }
    text
}

/// Compares with the file of that name in `tests/plans`; `ANKLUME_WRITE=1` writes it.
fn same_as_file(name: &str, text: &str) {
    let path = format!("{}/tests/plans/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("ANKLUME_WRITE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let (mut want, mut have) = (expected.lines(), text.lines());
    loop {
        match (want.next(), have.next()) {
            (None, None) => return,
            (one, other) => assert_eq!(one, other, "{name}.txt; ANKLUME_WRITE=1 writes it anew"),
        }
    }
}

#[test]
fn an_encrypted_disk() {
    let inventory = two();
    let plan = create(&wanted(vec![confirmed(&inventory, 0, "1234")]), &ids()).unwrap();
    same_as_file("encrypted", &shown(&plan));
    let record = plan.pool.to_toml().unwrap();
    same_as_file("encrypted-record", &record);
    let found = find(&plan.pool, &after(&plan, "sdq1")).unwrap();
    same_as_file("encrypted-open", &shown(&open(&plan.pool, &found, Key::Recovery)));
    same_as_file("encrypted-close", &shown(&close(&plan.pool)));
}

#[test]
fn another_key() {
    let inventory = two();
    let plan = create(&wanted(vec![confirmed(&inventory, 0, "1234")]), &ids()).unwrap();
    let found = find(&plan.pool, &after(&plan, "sdq1")).unwrap();
    assert!(!plan.pool.recovery_key_saved);
    let recovery = rekey::replace(&plan.pool, &found, KeySlot::Recovery, 8 << 30, true);
    same_as_file("recovery-key", &shown(&recovery));
    assert!(recovery.pool.recovery_key_saved && !recovery.destroys());
    let passphrase = rekey::replace(&plan.pool, &found, KeySlot::Passphrase, 8 << 30, false);
    same_as_file("passphrase", &shown(&passphrase));
    assert!(!passphrase.pool.recovery_key_saved);
}

#[test]
fn a_mirror_without_encryption() {
    let inventory = two();
    let disks = vec![confirmed(&inventory, 0, "1234"), confirmed(&inventory, 1, " 98 76")];
    let wanted = NewPool { encryption: Encryption::None, discard: true, ..wanted(disks) };
    same_as_file("mirror", &shown(&create(&wanted, &ids()).unwrap()));
}

/// The machine after `plan`, with its partition under another kernel name.
fn after(plan: &Plan, name: &str) -> Inventory {
    let mut disk = disk("sdq", Some("ABCD1234"), 20 << 30);
    let guid = &plan.pool.disks[0].partition;
    disk["content"] = json!({"partitions": [
        {"name": name, "number": 1, "size": 1 << 30, "guid": guid}
    ]});
    inventory(&[disk])
}

#[test]
fn what_is_overwritten_belongs_to_the_confirmed_disks() {
    let inventory = two();
    let plan = create(&wanted(vec![confirmed(&inventory, 1, "9876")]), &ids()).unwrap();
    assert!(plan.destroys());
    let (names, identities): (Vec<_>, Vec<_>) =
        plan.disks.iter().map(|disk| (disk.name.as_str(), disk.identity.serial.clone())).unzip();
    assert_eq!((names, identities), (vec!["nvme0n1"], vec![Some("WXYZ9876".to_owned())]));
    for action in plan.steps.iter().flat_map(|step| &step.actions).filter(|one| one.destroys()) {
        let text = action.to_string();
        let own = ["/dev/nvme0n1", "/dev/mapper/anklume-data-1", "of disk 1)"];
        assert!(own.iter().any(|name| text.contains(name)) && !text.contains("sda"), "{text}");
    }
    let first = plan.steps.first().unwrap().actions.first().unwrap();
    assert_eq!(first.to_string(), "(check the identity of disk 1)");
}

#[test]
fn a_disk_is_taken_only_by_its_name() {
    let inventory = two();
    let typed = |typed: &str| ConfirmedDisk::typed(&inventory, &inventory.disks[0], typed);
    assert!(matches!(typed("123"), Err(NotConfirmed::Typed { expected }) if expected == "1234"));
    assert!(typed("").is_err());
    let mut mounted = two();
    mounted.disks[0].content.mounts.push("/home".to_owned());
    let refused = ConfirmedDisk::typed(&mounted, &mounted.disks[0], "1234").unwrap_err();
    assert!(
        matches!(&refused, NotConfirmed::Refused(why)
        if matches!(why.as_slice(), [Refusal::Mounted { .. }])),
        "{refused:?}"
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let inventory = two();
    let one = confirmed(&inventory, 0, "1234");
    let with = |change: fn(&mut NewPool), disks: Vec<ConfirmedDisk>| {
        let mut pool = wanted(disks);
        change(&mut pool);
        create(&pool, &ids()).unwrap_err()
    };
    assert_eq!(with(|pool| pool.backend = Backend::Zfs, vec![one.clone()]), Refused::NoZfs);
    let twice = with(|_| (), vec![one.clone(), one.clone()]);
    assert_eq!(twice, Refused::Twice("sda".to_owned()));
    let mirror = with(|pool| pool.redundancy = Redundancy::Mirror, vec![one.clone()]);
    assert_eq!(mirror, Refused::Disks { redundancy: Redundancy::Mirror, found: 1 });
    assert!(matches!(with(|_| (), Vec::new()), Refused::Disks { found: 0, .. }));
}

#[test]
fn a_pool_whose_disks_are_not_clear_is_not_opened() {
    let inventory = two();
    let plan = create(&wanted(vec![confirmed(&inventory, 0, "1234")]), &ids()).unwrap();
    let missing: Result<Found, _> = find(&plan.pool, &inventory);
    assert!(matches!(missing, Err(NotFound::Missing(names)) if names.len() == 1));
    let mut copied = after(&plan, "sdq1");
    let mut copy = copied.disks[0].clone();
    copy.name = "sdr".to_owned();
    copied.disks.push(copy);
    assert!(
        matches!(find(&plan.pool, &copied), Err(NotFound::Twice { disks, .. }) if disks.len() == 2)
    );
}

fn answers(text: &str) -> Data {
    toml::from_str(text).unwrap()
}

const NEW: &str = "what = 'new'\npassphrase = { credential = 'x' }\n";

#[test]
fn answers_take_the_disk_that_they_name_and_nothing_else() {
    let inventory = two();
    let data = answers(&format!("{NEW}[[disks]]\nserial = 'WXYZ9876'\nat-least = '20G'"));
    let pool = data.find(&inventory).unwrap();
    assert_eq!(pool.disks[0].disk().name, "nvme0n1");
    for (filter, expected) in [
        ("serial = 'wxyz9876'", "no disk fits"),
        ("serial = 'WXYZ9876'\nat-least = '22G'", "no disk fits"),
        ("model = 'QEMU HARDDISK'", "expected serial, wwn or link"),
        ("serial = 'WXYZ9876'\nat-most = 'much'", "data.disks[0].at-most"),
    ] {
        let data = answers(&format!("{NEW}[[disks]]\n{filter}"));
        let why = data.find(&inventory).unwrap_err().words(Language::English);
        assert!(why.contains(expected), "{filter}: {why}");
    }
}

#[test]
fn answers_abort_when_two_disks_fit_or_the_disk_is_refused() {
    let twins =
        inventory(&[disk("sda", Some("SAME"), 20 << 30), disk("sdb", Some("SAME"), 20 << 30)]);
    let data = answers(&format!("{NEW}[[disks]]\nserial = 'SAME'"));
    assert_eq!(
        data.find(&twins).unwrap_err(),
        MatchError::Count { filter: 0, fits: vec!["sda".to_owned(), "sdb".to_owned()] }
    );
    let small = inventory(&[disk("sda", Some("SAME"), 1 << 30)]);
    assert!(matches!(data.find(&small), Err(MatchError::Disk { disk, .. }) if disk == "sda"));
}

#[test]
fn answers_are_strict() {
    for text in ["what = 'new'\ncolour = 1", "what = 'wipe'", "backend = 'btrfs'"] {
        assert!(toml::from_str::<Data>(text).is_err(), "{text}");
    }
    for (text, expected) in [
        ("what = 'open'\n[[disks]]\nserial = 'A'", "only a new pool"),
        ("what = 'new'\n[[disks]]\nserial = 'A'", "data.passphrase"),
        ("what = 'new'\nredundancy = 'mirror'\n[[disks]]\nserial = 'A'", "expected 2, found 1"),
    ] {
        let why = answers(text).check().unwrap_err().words(Language::English);
        assert!(why.contains(expected), "{text}: {why}");
    }
}
