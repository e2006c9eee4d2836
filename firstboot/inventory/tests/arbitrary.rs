//! Whatever the tools of a machine print, and whatever a saved file holds, nothing panics, and what is read
//! can be described and saved.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

use std::collections::BTreeMap;

use anklume_inventory::{
    Drive, Identity, Inventory, Probe, Raw, Verdict, When, boot_medium, confirmation, confirms,
    harmless, judge, warnings,
};
use anklume_language::Language;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Names that the columns of `lsblk` and the fields of the others have.
const KEYS: [&str; 24] = [
    "blockdevices",
    "children",
    "kname",
    "name",
    "type",
    "size",
    "model",
    "serial",
    "wwn",
    "tran",
    "log-sec",
    "mountpoints",
    "mountpoint",
    "fstype",
    "partuuid",
    "ptuuid",
    "pttype",
    "partn",
    "signatures",
    "label",
    "uuid",
    "zoned",
    "disc-max",
    "subsystems",
];

/// What lines of `blkid` and `zdb` begin with.
const LINES: &str = "(TYPE|LABEL|UUID|    name|    pool_guid|LABEL 1|PTTYPE)";

/// Texts that mean something, and others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "sda",
            "sdb",
            "sda1",
            "mmcblk0boot0",
            "sr0",
            "part",
            "disk",
            "rom",
            "mpath",
            "crypt",
            "zfs_member",
            "btrfs",
            "gpt",
            "usb",
            "512",
            "-1",
            "0x7",
            "anklume-esp",
            "[SWAP]",
            "/",
        ])
        .prop_map(str::to_owned),
        ".{0,12}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        let fields =
            prop::collection::btree_map(prop::sample::select(KEYS.to_vec()), inner.clone(), 0..8);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::from),
            fields.prop_map(|fields| fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

/// A device that is one, of fields that are anything.
fn device() -> impl Strategy<Value = Value> {
    let fields = prop::collection::btree_map(prop::sample::select(KEYS.to_vec()), value(), 0..12);
    (text(), fields).prop_map(|(name, fields)| {
        let mut device: Value = fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        device["kname"] = name.into();
        device
    })
}

fn lsblk() -> impl Strategy<Value = Value> {
    prop_oneof![
        value(),
        prop::collection::vec(device(), 0..5).prop_map(|devices| json!({"blockdevices": devices})),
    ]
}

/// Says everything that can be said of an inventory.
fn describe(inventory: &Inventory) {
    let boot = boot_medium(inventory);
    let mut words: Vec<String> = Language::ALL.map(|language| boot.words(language)).to_vec();
    for disk in &inventory.disks {
        let identity = Identity::of(disk);
        assert_eq!(identity.differences(&identity, When::SameBoot), []);
        assert!(confirms(disk, &confirmation(disk)));
        words.push(confirmation(disk));
        for language in Language::ALL {
            words.push(disk.words(language));
            words.push(disk.health_words(language));
            words.push(disk.content_words(language, &boot));
            words.extend(warnings(disk).iter().map(|warning| warning.words(language)));
            if let Verdict::Refused(refusals) = judge(inventory, disk) {
                assert!(!refusals.is_empty());
                words.extend(refusals.iter().map(|refusal| refusal.words(language)));
            }
        }
    }
    let is_hostile = |text: &&String| text.chars().any(char::is_control);
    assert_eq!(words.iter().find(is_hostile), None);
    let saved = inventory.to_json();
    assert_eq!(&Inventory::parse(saved.as_bytes()).unwrap(), inventory);
}

fn outputs(bytes: &[u8]) -> Raw {
    let probe = Probe { blkid: bytes.to_vec(), wipefs: bytes.to_vec(), zdb: bytes.to_vec() };
    let drive = Drive { smartctl: bytes.to_vec(), diskseq: None, links: Vec::new() };
    let lsblk = json!({"blockdevices": [{"kname": "sda", "type": "disk", "size": 1}]}).to_string();
    Raw {
        lsblk: lsblk.into_bytes(),
        zpools: bytes.to_vec(),
        probes: BTreeMap::from([("sda".to_owned(), probe)]),
        drives: BTreeMap::from([("sda".to_owned(), drive)]),
        ..Raw::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_are_an_error_or_an_inventory(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Inventory::parse(&bytes);
        let _ = Raw { lsblk: bytes.clone(), ..Raw::default() }.inventory();
        describe(&outputs(&bytes).inventory().unwrap());
    }

    #[test]
    fn arbitrary_devices_can_be_described(value in lsblk()) {
        let raw = Raw { lsblk: value.to_string().into_bytes(), ..Raw::default() };
        if let Ok(inventory) = raw.inventory() {
            describe(&inventory);
        }
    }

    #[test]
    fn arbitrary_outputs_of_the_right_form_can_be_described(
        value in value(),
        lines in prop::collection::vec((LINES, ".{0,16}"), 0..8),
    ) {
        let found = json!({"signatures": [value]}).to_string();
        describe(&outputs(found.as_bytes()).inventory().unwrap());
        let both = |(key, value): &(String, String)| format!("{key}={value}\n{key}: {value}\n");
        let text: String = lines.iter().map(both).collect();
        describe(&outputs(text.as_bytes()).inventory().unwrap());
    }

    #[test]
    fn harmless_texts_stay_so(text in ".*") {
        let shown = harmless(&text);
        prop_assert!(!shown.chars().any(char::is_control));
        prop_assert!(shown.chars().count() <= 67);
    }
}
