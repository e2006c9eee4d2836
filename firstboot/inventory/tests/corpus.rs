//! Machines, and what is said of their disks.
//!
//! Each `inventories/NAME.json` is a machine: what `lsblk` of util-linux 2.41 prints there (2.33 in
//! `old-lsblk`), with outputs of `wipefs`, `blkid`, `zdb` and `smartctl` where they matter, as JSON or text.
//! `NAME.txt` beside it is everything that is said of its disks. After a change that is meant,
//! `WRITE_SNAPSHOTS=1 cargo test -p anklume-inventory --test corpus` writes the texts anew; read the
//! difference before it is kept.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anklume_inventory::{
    BootMedium, Drive, Identity, Inventory, Probe, Raw, Verdict, boot_medium, confirmation, judge,
    signals, warnings,
};
use anklume_language::Language;
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventories")
}

fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// The output that stands in a sample: a text as it is, anything else as JSON.
fn output(value: Option<&Value>) -> Vec<u8> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(json) => json.to_string().into_bytes(),
    }
}

fn raw(name: &str) -> Raw {
    let text = fs::read(folder().join(format!("{name}.json"))).unwrap();
    let sample: Value = serde_json::from_slice(&text).unwrap();
    let each = |key: &str| sample[key].as_object().cloned().unwrap_or_default();
    let probe = |value: &Value| Probe {
        blkid: output(value.get("blkid")),
        wipefs: output(value.get("wipefs")),
        zdb: output(value.get("zdb")),
    };
    let drive = |value: &Value| Drive {
        smartctl: output(value.get("smartctl")),
        diskseq: value["diskseq"].as_u64(),
        links: serde_json::from_value(value["links"].clone()).unwrap_or_default(),
    };
    Raw {
        memory: sample["memory"].as_u64().unwrap(),
        boot: serde_json::from_value(sample["boot"].clone()).unwrap(),
        lsblk: output(sample.get("lsblk")),
        zpools: output(sample.get("zpools")),
        zfs: output(sample.get("zfs")),
        probes: each("probes").iter().map(|(name, value)| (name.clone(), probe(value))).collect(),
        drives: each("drives").iter().map(|(name, value)| (name.clone(), drive(value))).collect(),
    }
}

fn inventory(name: &str) -> Inventory {
    raw(name).inventory().unwrap()
}

/// Everything that is said of the machine.
fn told(inventory: &Inventory) -> String {
    let boot = boot_medium(inventory);
    let mut told = String::new();
    for language in Language::ALL {
        writeln!(told, "{language}: {}", boot.words(language)).unwrap();
    }
    for disk in &inventory.disks {
        writeln!(told, "\n{}", disk.name).unwrap();
        let verdict = judge(inventory, disk);
        for language in Language::ALL {
            writeln!(told, "  {language}: {}", disk.words(language)).unwrap();
            writeln!(told, "      {}", disk.health_words(language)).unwrap();
            writeln!(told, "      {}", disk.content_words(language, &boot)).unwrap();
            match &verdict {
                Verdict::Eligible => writeln!(told, "      + eligible").unwrap(),
                Verdict::Refused(refusals) => {
                    for refusal in refusals {
                        writeln!(told, "      - {}", refusal.words(language)).unwrap();
                    }
                }
            }
            for warning in warnings(disk) {
                writeln!(told, "      ! {}", warning.words(language)).unwrap();
            }
        }
        let link = Identity::of(disk).link.unwrap_or_else(|| "no link".to_owned());
        writeln!(told, "  {link}, confirmed by {}", confirmation(disk)).unwrap();
    }
    told
}

/// The lines that two texts do not share, in order.
fn difference(expected: &str, found: &str) -> String {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    expected.lines().for_each(|line| *counts.entry(line).or_default() += 1);
    found.lines().for_each(|line| *counts.entry(line).or_default() -= 1);
    let only = |text: &str, sign: char, wanted: fn(i64) -> bool| -> String {
        let lines = text.lines().filter(|line| wanted(counts[line]));
        lines.map(|line| format!("{sign} {line}\n")).collect()
    };
    only(expected, '<', |count| count > 0) + &only(found, '>', |count| count < 0)
}

#[test]
fn each_machine_is_described_as_recorded() {
    let mut wrong = String::new();
    for name in names() {
        let path = folder().join(format!("{name}.txt"));
        let found = told(&inventory(&name));
        if std::env::var_os("WRITE_SNAPSHOTS").is_some() {
            fs::write(&path, &found).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if expected != found {
            writeln!(wrong, "{name} (< recorded, > now):\n{}", difference(&expected, &found))
                .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}WRITE_SNAPSHOTS=1 writes the texts anew");
}

/// The names of the disks that may be taken.
fn eligible(inventory: &Inventory) -> Vec<&str> {
    let disks = inventory.disks.iter().filter(|disk| judge(inventory, disk).is_eligible());
    disks.map(|disk| disk.name.as_str()).collect()
}

/// The texts of the snapshots may be written anew without being read; this list may not.
#[test]
fn only_these_disks_may_be_taken() {
    let expected: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("bmc-media", ["sdg"].as_slice()),
        ("btrfs-several-disks", &["sdc"]),
        ("cloned-sticks", &["sdc"]),
        ("emmc", &["mmcblk0", "mmcblk1"]),
        ("floppy", &["sda"]),
        ("leftovers", &["sda", "sdb", "sdc", "sdd"]),
        ("lvm", &["sdb"]),
        ("md-raid", &["sdc"]),
        ("multipath", &[]),
        ("no-disks", &[]),
        ("nvme", &["nvme0n1", "nvme1n1"]),
        ("old-lsblk", &[]),
        ("sectors-4096", &["sda", "sdb"]),
        ("signals-disagree", &["sdb"]),
        ("toram-gone", &["sda"]),
        ("toram-present", &["sda"]),
        ("twins-same-serial", &["nvme0n1", "nvme0n2"]),
        ("twins-without-serial", &["sdc"]),
        ("usb-stick", &["sdb"]),
        ("virtual-machine", &["vdb", "vdc", "vde"]),
        ("windows-laptop", &["nvme0n1"]),
    ]);
    assert_eq!(names(), expected.keys().copied().collect::<Vec<_>>());
    for (name, disks) in expected {
        assert_eq!(eligible(&inventory(name)), disks, "{name}");
    }
}

#[test]
fn the_boot_medium_is_found_or_known_to_be_gone_or_disputed() {
    let kind = |name: &str| match boot_medium(&inventory(name)) {
        BootMedium::Unknown => "unknown".to_owned(),
        BootMedium::Gone(_) => "gone".to_owned(),
        BootMedium::Found(named) => named.disk,
        BootMedium::Disputed(disks) => {
            disks.iter().map(|named| named.disk.as_str()).collect::<Vec<_>>().join(" or ")
        }
    };
    for (name, expected) in [
        ("usb-stick", "sda"),
        ("toram-gone", "gone"),
        ("toram-present", "sdb"),
        ("cloned-sticks", "sda or sdb"),
        ("signals-disagree", "nvme0n1 or sda"),
        ("virtual-machine", "vda"),
        ("bmc-media", "sr0"),
        ("no-disks", "unknown"),
    ] {
        assert_eq!(kind(name), expected, "{name}");
    }
    let inventory = inventory("usb-stick");
    assert_eq!(signals(&inventory, inventory.disk("sda").unwrap()).len(), 5);
    assert_eq!(signals(&inventory, inventory.disk("sdb").unwrap()).len(), 0);
}

/// Whichever one of the five signs is left, the medium is refused.
#[test]
fn each_sign_alone_protects_the_boot_medium() {
    let whole = inventory("usb-stick");
    let signs = signals(&whole, whole.disk("sda").unwrap());
    for (index, sign) in signs.into_iter().enumerate() {
        let mut one = whole.clone();
        let boot = std::mem::take(&mut one.boot);
        match index {
            0 => one.boot.reported = boot.reported,
            1 => one.boot.root_hash_partitions = boot.root_hash_partitions,
            2 => one.boot.backing = boot.backing,
            3 => one.boot.loader_partition = boot.loader_partition,
            _ => one.boot.firmware_partition = boot.firmware_partition,
        }
        assert_eq!(boot_medium(&one).names("sda"), Some([sign].as_slice()));
        assert_eq!(eligible(&one), ["sdb"]);
    }
}

#[test]
fn a_saved_inventory_is_the_same_and_judged_alike() {
    for name in names() {
        let inventory = inventory(&name);
        let read = Inventory::parse(inventory.to_json().as_bytes()).unwrap();
        assert_eq!(read, inventory, "{name}");
        assert_eq!(told(&read), told(&inventory), "{name}");
    }
}

/// Nothing that is said of any machine can steer a terminal, and the samples do try.
#[test]
fn no_words_carry_control_characters() {
    let hostile = |text: &str| text.contains('\u{1b}') || text.contains('\u{202e}');
    let tries: BTreeSet<String> = names()
        .into_iter()
        .filter(|name| {
            let told = told(&inventory(name));
            assert!(!told.chars().any(|one| one != '\n' && one.is_control()), "{name}");
            assert!(!hostile(&told), "{name}");
            let inventory = serde_json::to_value(inventory(name)).unwrap();
            hostile(&text_of(&inventory))
        })
        .collect();
    assert_eq!(tries, BTreeSet::from(["leftovers", "windows-laptop"].map(str::to_owned)));
}

/// All texts in `value`.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect(),
        Value::Object(fields) => fields.values().map(text_of).collect(),
        _ => String::new(),
    }
}
