//! Plans of pools: what is done, to which disks, and that a plan needs a confirmed disk.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod domains;

use anklume_gpt::{Guid, Partition, Piece, Table, TableCopy};
use anklume_inventory::{Inventory, Refusal};
use anklume_language::Language;
use anklume_setup::rekey::{self, KeySlot};
use anklume_setup::{
    Action, Backend, ConfirmedDisk, ConfirmedRest, Data, Encryption, Found, Ids, Key, MatchError,
    NewPool, NoRest, NotConfirmed, NotFound, OnlyZfs, Plan, Redundancy, Refused, Rest, Version,
    abandon, adopt, boot_disk, close, create, find, open,
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
    let disks = [0x10, 0x20, 0x30, 0x40];
    let disks = disks.map(|n| [guid(n), guid(n + 1), guid(n + 2)]).to_vec();
    Ids { pool: guid(1), file_system: guid(2), disks }
}

fn confirmed(inventory: &Inventory, index: usize, typed: &str) -> ConfirmedDisk {
    ConfirmedDisk::typed(inventory, &inventory.disks[index], typed).unwrap()
}

fn wanted(disks: Vec<ConfirmedDisk>) -> NewPool {
    let redundancy = if disks.len() == 2 { Redundancy::Mirror } else { Redundancy::Single };
    NewPool {
        disks,
        rest: None,
        backend: Backend::Btrfs,
        redundancy,
        encryption: Encryption::Luks2,
        discard: false,
        memory: 8 << 30,
        zfs: Version::parse("2.3.9-1"),
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

#[test]
fn a_mirror_of_zfs_on_encrypted_disks() {
    let inventory = two();
    let disks = vec![confirmed(&inventory, 0, "1234"), confirmed(&inventory, 1, "9876")];
    let wanted = NewPool { backend: Backend::Zfs, discard: true, ..wanted(disks) };
    let plan = create(&wanted, &ids()).unwrap();
    same_as_file("zfs-mirror", &shown(&plan));
    // One of the two is there: the data is, too.
    let found = find(&plan.pool, &after(&plan, "sdq1")).unwrap();
    assert_eq!(found.missing().len(), 1);
    same_as_file("zfs-mirror-open", &shown(&open(&plan.pool, &found, Key::Passphrase)));
    same_as_file("zfs-mirror-close", &shown(&close(&plan.pool)));
}

/// Another pool has the same name: the record says where this one's parts are.
#[test]
fn only_parts_of_the_record_are_searched_for_a_pool_of_zfs() {
    let inventory = two();
    let disks = vec![confirmed(&inventory, 0, "1234")];
    for encryption in [Encryption::None, Encryption::Luks2, Encryption::Zfs] {
        let wanted = NewPool { backend: Backend::Zfs, encryption, ..wanted(disks.clone()) };
        let plan = create(&wanted, &ids()).unwrap();
        let mut machine = after(&plan, "sdq1");
        let mut other = machine.clone().disks.remove(0);
        (other.name, other.content.partitions[0].name) = ("sdr".to_owned(), "sdr1".to_owned());
        other.content.partitions[0].guid = Some("0f9a1c7e-1111-4222-8333-444455556666".to_owned());
        machine.disks.insert(0, other);
        let found = find(&plan.pool, &machine).unwrap();
        let shown = shown(&open(&plan.pool, &found, Key::Passphrase));
        let import = shown.lines().find(|line| line.contains("zpool import")).unwrap();
        let node = match encryption {
            Encryption::Luks2 => "/dev/mapper/anklume-data-1",
            _ => "/dev/sdq1",
        };
        assert!(import.ends_with(&format!(" -d {node} anklume")), "{import}");
        assert_eq!(import.matches(" -d ").count(), 1);
        assert!(!shown.contains("sdr"), "{shown}");
    }
}

#[test]
fn a_pool_that_zfs_encrypts() {
    let inventory = two();
    let disks = vec![confirmed(&inventory, 1, "9876")];
    let wanted = NewPool { backend: Backend::Zfs, encryption: Encryption::Zfs, ..wanted(disks) };
    let plan = create(&wanted, &ids()).unwrap();
    same_as_file("zfs-native", &shown(&plan));
    same_as_file("zfs-native-close", &shown(&close(&plan.pool)));
    let found = find(&plan.pool, &after(&plan, "sdq1")).unwrap().by_force(true);
    same_as_file("zfs-native-open", &shown(&open(&plan.pool, &found, Key::Recovery)));
    same_as_file("zfs-native-abandon", &shown(&abandon(&plan.pool)));
}

#[test]
fn what_only_zfs_has_and_an_old_zfs_are_refused() {
    let inventory = two();
    let one = || vec![confirmed(&inventory, 0, "1234")];
    let with = |change: fn(&mut NewPool)| {
        let mut pool = wanted(one());
        change(&mut pool);
        create(&pool, &ids()).unwrap_err()
    };
    assert_eq!(
        with(|pool| pool.encryption = Encryption::Zfs),
        Refused::OnlyZfs(OnlyZfs::Encryption)
    );
    assert_eq!(with(|pool| pool.redundancy = Redundancy::Raidz1), Refused::OnlyZfs(OnlyZfs::Raidz));
    let old = with(|pool| {
        (pool.backend, pool.encryption) = (Backend::Zfs, Encryption::Zfs);
        pool.zfs = Version::parse("2.3.2-2");
    });
    assert!(old.words(Language::English).contains("2.3.2"), "{old:?}");
    // Encrypted by LUKS2, it may be old.
    let mut pool = wanted(one());
    (pool.backend, pool.zfs) = (Backend::Zfs, Version::parse("2.3.2-2"));
    assert!(create(&pool, &ids()).is_ok());
    (pool.redundancy, pool.zfs) = (Redundancy::Raidz1, Version::parse("2.3.9"));
    let why = create(&pool, &ids()).unwrap_err();
    assert_eq!(why, Refused::Disks { redundancy: Redundancy::Raidz1, found: 1 });
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

/// Where the power may fail, and what is found afterwards.
#[test]
fn a_pool_has_its_name_only_when_its_record_is_on_it() {
    let inventory = two();
    let disks = || vec![confirmed(&inventory, 0, "1234"), confirmed(&inventory, 1, "9876")];
    for backend in [Backend::Btrfs, Backend::Zfs] {
        let plan = create(&NewPool { backend, ..wanted(disks()) }, &ids()).unwrap();
        let actions: Vec<_> = plan.steps.iter().flat_map(|step| &step.actions).collect();
        let named = |action: &&&Action| match action {
            Action::Write { piece, .. } => {
                piece.bytes.windows(24).any(|part| part == b"a\0n\0k\0l\0u\0m\0e\0-\0d\0a\0t\0a\0")
            }
            _ => false,
        };
        // Two copies of two tables, in use, and nothing but records after the first one.
        assert_eq!(actions.iter().filter(named).count(), 4);
        let first = actions.iter().position(|action| named(&action)).unwrap();
        let before: Vec<String> = actions[..first].iter().map(ToString::to_string).collect();
        assert!(before.iter().any(|text| text == "(write /run/anklume/pool/pool.toml)"));
        assert!(!before.iter().any(|text| text == "(write /etc/anklume/pool.toml)"));
        assert!(actions[first..].iter().all(|action| !matches!(action, Action::Zero { .. })));
    }
}

/// The power failed between the names of two disks: the second one's is written when the pool is opened.
#[test]
fn parts_without_a_name_get_it_and_others_do_not() {
    let inventory = two();
    let disks = vec![confirmed(&inventory, 0, "1234"), confirmed(&inventory, 1, "9876")];
    let pool = create(&wanted(disks), &ids()).unwrap().pool;
    let mut machine = two();
    let mut part = machine.disks[0].content.partitions[1].clone();
    part.label = Some("anklume-data".to_owned());
    part.guid = Some(pool.disks[0].partition.clone());
    machine.disks[0].content.partitions = vec![part.clone()];
    part.label = Some("anklume-new".to_owned());
    machine.disks[1].content.partitions = vec![part.clone()];
    assert_eq!(adopt::unnamed(&pool, &machine).len(), 1);
    machine.disks[1].content.partitions[0].guid = Some(pool.disks[1].partition.clone());
    let found = adopt::unnamed(&pool, &machine);
    assert_eq!(found.iter().map(|disk| disk.name.as_str()).collect::<Vec<_>>(), ["nvme0n1"]);
    let (_, mut table) = stick(64 << 20);
    for (place, partition) in (1_u64..).zip(&mut table.partitions) {
        (partition.first_lba, partition.last_lba) = (place * 2048, place * 2048 + 2047);
        partition.name = "anklume-new".to_owned();
    }
    table.partitions[1].unique_guid = pool.disks[1].partition.parse().unwrap();
    let plan = adopt::name(&pool, &[(found[0].clone(), table.clone())]).unwrap();
    assert_eq!(plan.disks[0].name, "nvme0n1");
    let mut bytes = vec![0; usize::try_from(table.disk_sectors * 512).unwrap()];
    for action in &plan.steps[0].actions {
        if let Action::Write { piece, .. } = action {
            let at = usize::try_from(piece.offset).unwrap();
            bytes[at..at + piece.bytes.len()].copy_from_slice(&piece.bytes);
        }
    }
    let read = anklume_gpt::read(&bytes.as_slice(), 512).unwrap();
    table.partitions[1].name = "anklume-data".to_owned();
    assert!(read.copies_equal && read.table == table, "{read:?}");
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
    let without = |pool: &mut NewPool| (pool.backend, pool.zfs) = (Backend::Zfs, None);
    assert_eq!(with(without, vec![one.clone()]), Refused::NoZfs);
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

/// A boot disk without free space.
const NONE: Result<Rest, NoRest> = Err(NoRest::Unknown);

const NEW: &str = "what = 'new'\npassphrase = { credential = 'x' }\n";

#[test]
fn answers_take_the_disk_that_they_name_and_nothing_else() {
    let inventory = two();
    let data = answers(&format!("{NEW}[[disks]]\nserial = 'WXYZ9876'\nat-least = '20G'"));
    let pool = data.find(&inventory, NONE).unwrap();
    assert_eq!(pool.disks[0].disk().name, "nvme0n1");
    for (filter, expected) in [
        ("serial = 'wxyz9876'", "no disk fits"),
        ("serial = 'WXYZ9876'\nat-least = '22G'", "no disk fits"),
        ("model = 'QEMU HARDDISK'", "expected serial, wwn or link"),
        ("serial = 'WXYZ9876'\nat-most = 'much'", "data.disks[0].at-most"),
    ] {
        let data = answers(&format!("{NEW}[[disks]]\n{filter}"));
        let why = data.find(&inventory, NONE).unwrap_err().words(Language::English);
        assert!(why.contains(expected), "{filter}: {why}");
    }
}

#[test]
fn answers_abort_when_two_disks_fit_or_the_disk_is_refused() {
    let twins =
        inventory(&[disk("sda", Some("SAME"), 20 << 30), disk("sdb", Some("SAME"), 20 << 30)]);
    let data = answers(&format!("{NEW}[[disks]]\nserial = 'SAME'"));
    assert_eq!(
        data.find(&twins, NONE).unwrap_err(),
        MatchError::Count { filter: 0, fits: vec!["sda".to_owned(), "sdb".to_owned()] }
    );
    let small = inventory(&[disk("sda", Some("SAME"), 1 << 30)]);
    assert!(matches!(data.find(&small, NONE), Err(MatchError::Disk { disk, .. }) if disk == "sda"));
}

#[test]
fn answers_may_say_which_pool_is_opened() {
    let open = answers("what = 'open'\n[[disks]]\nserial = 'WXYZ9876'");
    assert_eq!(open.named(&two()).unwrap(), ["nvme0n1"]);
    assert!(open.named(&inventory(&[])).unwrap_err().words(Language::English).contains("no disk"));
    assert!(answers("what = 'open'").named(&two()).unwrap().is_empty());
}

#[test]
fn answers_are_strict() {
    for text in [
        "what = 'new'\ncolour = 1",
        "what = 'wipe'",
        "backend = 'btrfs'",
        "what = 'new'\ndomains = ['a-long-name-']",
        "what = 'new'\ndomains = ['default']",
    ] {
        assert!(toml::from_str::<Data>(text).is_err(), "{text}");
    }
    for (text, expected) in [
        ("what = 'try'\n[[disks]]\nserial = 'A'", "nothing is done to disks"),
        ("what = 'open'\nrest-of-boot-disk = true", "only a new pool"),
        ("what = 'open'\n[[disks]]\nmodel = 'A'", "expected serial, wwn or link"),
        ("what = 'new'\n[[disks]]\nserial = 'A'", "data.passphrase"),
        ("what = 'open'\ndomains = ['work']", "only a new pool"),
        (
            "what = 'new'\nencryption = 'none'\ndomains = ['work', 'work']\n[[disks]]\nserial = 'A'",
            "twice",
        ),
        (
            "what = 'new'\nredundancy = 'mirror'\n[[disks]]\nserial = 'A'",
            "expected 2 disks or more, found 1",
        ),
    ] {
        let why = answers(text).check().unwrap_err().words(Language::English);
        assert!(why.contains(expected), "{text}: {why}");
    }
}

/// A stick with the seven partitions of the OS, of so many bytes, and its table.
fn stick(bytes: u64) -> (Inventory, Table) {
    let labels = ["bios", "esp", "boot-a", "os-a", "boot-b", "os-b", "persist"];
    let mut partitions = Vec::new();
    let mut table = Table {
        disk_guid: Guid::from_u128(0xd),
        sector_bytes: 512,
        disk_sectors: bytes / 512,
        partitions: Vec::new(),
    };
    for (number, label) in (1_u32..).zip(labels) {
        let name = format!("anklume-{label}");
        partitions.push(json!({"name": format!("sda{number}"), "number": number, "size": 1 << 30,
            "label": name, "guid": format!("00000000-0000-0000-0000-0000000000a{number}")}));
        table.partitions.push(Partition {
            number,
            type_guid: Guid::from_u128(7),
            unique_guid: Guid::from_u128(0xa0 + u128::from(number)),
            first_lba: u64::from(number) << 21,
            last_lba: (u64::from(number + 1) << 21) - 1,
            attributes: 0,
            name,
        });
    }
    let mut disk = disk("sda", Some("STICK123"), bytes);
    disk["content"] = json!({"table": "gpt", "partitions": partitions});
    let mut inventory = inventory(&[disk]);
    inventory.boot.backing = vec!["sda".to_owned()];
    (inventory, table)
}

/// What a disk with this table says of itself.
fn read_again(table: &Table) -> Result<(anklume_gpt::Read, Piece), anklume_gpt::Error> {
    let mut bytes = vec![0; usize::try_from(table.disk_sectors * 512).unwrap()];
    let encoded = table.encode()?;
    for piece in encoded.live_order(TableCopy::Primary).concat() {
        let at = usize::try_from(piece.offset).unwrap();
        bytes[at..at + piece.bytes.len()].copy_from_slice(&piece.bytes);
    }
    let header = Piece { offset: 512, bytes: bytes[512..1024].to_vec() };
    Ok((anklume_gpt::read(&bytes.as_slice(), 512)?, header))
}

#[test]
fn the_rest_of_the_boot_disk() {
    // What is free begins at 8 GiB; a table in memory is as large as its disk.
    let (inventory, mut table) = stick(64 << 20);
    for (place, partition) in (1_u64..).zip(&mut table.partitions) {
        (partition.first_lba, partition.last_lba) = (place * 2048, place * 2048 + 2047);
    }
    let boot = boot_disk(&inventory).unwrap();
    let (read, header) = read_again(&table).unwrap();
    let little = Rest::find(boot, &read, header.clone()).unwrap_err();
    // Whole MiB, before the backup of the table.
    assert_eq!(little, NoRest::TooSmall { found: 55 << 20 });
    let mut taken = read_again(&table).unwrap().0;
    taken.table.partitions[6].number = 8;
    assert_eq!(Rest::find(boot, &taken, header.clone()).unwrap_err(), NoRest::Taken);
    // Of a setup that was cut off: its place is free.
    taken.table.partitions[6].name = "anklume-new".to_owned();
    let free = Rest::find(boot, &taken, header.clone()).unwrap_err();
    assert_eq!(free, NoRest::TooSmall { found: 56 << 20 });
    let mut damaged = read_again(&table).unwrap().0;
    damaged.copies_equal = false;
    assert_eq!(Rest::find(boot, &damaged, header.clone()).unwrap_err(), NoRest::Damaged);
    // The same of a large stick, whose bytes are not needed.
    let (inventory, table) = stick(32 << 30);
    let boot = boot_disk(&inventory).unwrap();
    let large = anklume_gpt::Read { table, backup_expected: (64 << 20) - 1, ..read };
    let rest = Rest::find(boot, &large, header).unwrap();
    assert!(ConfirmedRest::typed(&rest, "0000").is_err());
    let confirmed = ConfirmedRest::typed(&rest, "K123").unwrap();
    let pool = NewPool { rest: Some(confirmed.clone()), ..wanted(Vec::new()) };
    let plan = create(&pool, &ids()).unwrap();
    same_as_file("rest", &shown(&plan));
    // What was there is there, in the table that is written.
    let header = plan.steps.iter().flat_map(|step| &step.actions).find_map(|action| match action {
        Action::Write { object: "entries of the partition table", piece, .. } => {
            Some(piece.clone())
        }
        _ => None,
    });
    let bytes = header.unwrap().bytes;
    assert!(bytes.windows(2).filter(|pair| pair == b"a\0").count() > 7);
    let both = NewPool { rest: Some(confirmed), redundancy: Redundancy::Mirror, ..wanted(vec![]) };
    assert!(matches!(create(&both, &ids()), Err(Refused::Disks { found: 1, .. })));
}
