//! The wizard with a person who is a list of answers. Nothing is changed: every run is a dry one.

use anklume_dialog::{Answer, Ended, Hints, ScriptFace};
use anklume_inventory::Inventory;
use anklume_language::Language;
use anklume_setup::{Pool, What};

mod keys;
mod log;
mod network;
mod world;

use self::world::Around;
use super::draft::{Draft, NetworkWish};
use super::{SetupArgs, ask};
use crate::answers::Answers;

const PASSPHRASE: &str = "correct horse battery staple";

fn draft() -> Draft {
    let text = r#"{"version": 1, "memory": 8589934592, "boot": {"backing": ["sda"]}, "disks": [
        {"name": "sda", "size": 16000000000, "logical-sector": 512, "physical-sector": 512,
         "serial": "STICK1", "model": "Stick", "bus": "usb"},
        {"name": "sdb", "size": 512000000000, "logical-sector": 512, "physical-sector": 4096,
         "serial": "S5Y1NX0R", "model": "Samsung SSD", "bus": "ata"},
        {"name": "sdc", "size": 480000000000, "logical-sector": 512, "physical-sector": 4096,
         "serial": "CT480BX", "model": "Crucial SSD", "bus": "ata", "discard": true},
        {"name": "sdd", "size": 512000000000, "logical-sector": 512, "physical-sector": 4096,
         "serial": "WD77777", "model": "WD SSD", "bus": "ata", "discard": true}]}"#;
    let mut draft = Draft::new(Inventory::parse(text.as_bytes()).unwrap(), &Hints::default());
    draft.world = Box::new(Around::default());
    draft
}

/// The same on an OS that has ZFS.
fn with_zfs(version: &str) -> Draft {
    let mut draft = draft();
    draft.inventory.zfs = Some(version.to_owned());
    draft
}

/// Runs the wizard and gives what was said, and the answer file that it writes.
fn run(answers: Vec<(&'static str, Answer)>, draft: Draft) -> (ScriptFace, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.toml");
    let args =
        SetupArgs { dry_run: true, export_answers: Some(file.clone()), ..SetupArgs::default() };
    let mut face = ScriptFace::new(Language::English, answers);
    ask(&mut face, draft, &args).unwrap();
    (face, std::fs::read_to_string(file).ok())
}

fn typed(text: &'static str) -> Answer {
    Answer::Type(text)
}

fn pick(text: &'static str) -> Answer {
    Answer::Pick(text)
}

fn disk() -> Vec<(&'static str, Answer)> {
    vec![
        ("language", pick("1")),
        ("what", pick("Keep")),
        ("disk", Answer::Default),
        ("confirm-disk", typed("NX0R")),
        ("backend", Answer::Default),
        ("encryption", Answer::Default),
        ("passphrase", typed(PASSPHRASE)),
        ("passphrase-again", typed(PASSPHRASE)),
        ("recovery-group", typed("")),
    ]
}

fn machine() -> Vec<(&'static str, Answer)> {
    let mut answers = vec![("network", Answer::Default), ("ssh-source", pick("No"))];
    answers.extend(person());
    answers
}

/// Without the network and keys.
fn person() -> Vec<(&'static str, Answer)> {
    vec![
        ("hostname", typed("lab")),
        ("admin", typed("ada")),
        ("password", typed("secret of ada")),
        ("password-again", typed("secret of ada")),
        ("timezone", typed("Etc/UTC")),
    ]
}

#[test]
fn a_dry_run_shows_the_plan_and_writes_answers_without_secrets() {
    let (face, answers) = run(disk().into_iter().chain(machine()).collect(), draft());
    assert!(face.mentions("luksFormat") && face.mentions("/dev/sdb"));
    assert!(face.mentions("name: lab") && face.mentions("time zone: Etc/UTC"));
    assert!(face.mentions("account: ada, SSH keys: 0") && face.mentions("network: DHCP on every"));
    assert!(face.mentions("a storage pool on the disk"));
    assert!(!face.mentions("secret of ada") && !face.mentions(PASSPHRASE));
    let answers = answers.unwrap();
    assert!(
        answers.contains("S5Y1NX0R") && answers.contains("machine.admin.password"),
        "{answers}"
    );
    assert!(!answers.contains("secret of ada") && !answers.contains(PASSPHRASE), "{answers}");
    assert!(Answers::parse(&answers).is_ok(), "{answers}");
}

/// Until the passphrase, of three disks.
fn three_disks(encryption: &'static str) -> Vec<(&'static str, Answer)> {
    vec![
        ("language", pick("1")),
        ("what", pick("Keep")),
        ("disk", pick("2 3 4")),
        ("confirm-disk", typed("NX0R")),
        ("confirm-disk", typed("80BX")),
        ("confirm-disk", typed("7777")),
        ("backend", Answer::Default),
        ("redundancy", pick("raidz1")),
        ("encryption", pick(encryption)),
        ("passphrase", typed(PASSPHRASE)),
        ("passphrase-again", typed(PASSPHRASE)),
        ("recovery-group", typed("")),
    ]
}

#[test]
fn several_disks_become_what_they_can_be() {
    let answers = three_disks("Encrypted (LUKS2)").into_iter().chain(machine()).collect();
    let (face, answers) = run(answers, with_zfs("2.3.9-1"));
    assert!(face.mentions("raidz1 /dev/mapper/anklume-data-1 /dev/mapper/anklume-data-2"));
    assert!(face.mentions("different sizes") && !face.mentions("raidz2"));
    let answers = answers.unwrap();
    assert!(
        answers.contains("redundancy = \"raidz1\"") && answers.contains("CT480BX"),
        "{answers}"
    );
    assert!(answers.contains("backend = \"zfs\""), "{answers}");
}

#[test]
fn an_old_zfs_does_not_encrypt_and_none_is_said() {
    let (face, _) = run(
        three_disks("Encrypted by ZFS").into_iter().chain(machine()).collect(),
        with_zfs("2.3.9-1"),
    );
    assert!(face.mentions("encryption=aes-256-gcm"));
    let mut answers = three_disks("Encrypted (LUKS2)");
    answers.extend(machine());
    let (face, _) = run(answers, with_zfs("2.3.2-2"));
    assert!(face.mentions("ZFS 2.3.2 may damage"));
    let (face, _) = run(disk().into_iter().chain(machine()).collect(), draft());
    assert!(face.mentions("this OS has no ZFS") && face.mentions("mkfs.btrfs"));
}

#[test]
fn free_space_is_told_only_if_wanted() {
    let mut answers = disk();
    answers[2] = ("disk", pick("3"));
    answers[3] = ("confirm-disk", typed("80BX"));
    answers.insert(6, ("discard", Answer::Say(true)));
    answers.extend(machine());
    let (face, answers) = run(answers, draft());
    assert!(face.mentions("--allow-discards") && answers.unwrap().contains("discard = true"));
}

#[test]
fn what_was_answered_can_be_gone_back_to() {
    let mut answers = disk();
    answers.truncate(5);
    answers.push(("encryption", Answer::Back));
    answers.push(("backend", Answer::Back));
    answers.push(("confirm-disk", Answer::Back));
    answers.push(("disk", Answer::Back));
    answers.push(("what", pick("Just")));
    answers.extend(machine());
    let (face, answers) = run(answers, draft());
    assert!(!face.mentions("luksFormat"));
    assert!(answers.unwrap().contains("what = \"try\""));
}

/// A pool of a mirror on the second and the third disk, as it was found.
fn with_existing(encryption: &str) -> Draft {
    let uuid = |last: u8| format!("00000000-0000-0000-0000-00000000000{last}");
    let luks =
        if encryption == "luks2" { format!("luks = '{}'\n", uuid(9)) } else { String::new() };
    let disk = |last| {
        let partition = uuid(last);
        format!("[[disks]]\nname = 'X'\nsize = 1\npartition = '{partition}'\n{luks}")
    };
    let text = format!(
        "version = 1\nid = '{0}'\nbackend = 'btrfs'\nredundancy = 'mirror'\ndiscard = false\n\
         encryption = '{encryption}'\nfile-system = '{0}'\nrecovery-key-saved = true\n{1}{2}",
        uuid(1),
        disk(2),
        disk(3)
    );
    let mut draft = draft();
    for (index, last) in [(1, 2), (2, 3)] {
        let part = format!(r#"{{"name": "x", "number": 1, "size": 1, "guid": "{}"}}"#, uuid(last));
        let part = serde_json::from_str(&part).unwrap();
        draft.inventory.disks[index].content.partitions.push(part);
    }
    draft.what = What::Open;
    draft.existing = Some(Pool::parse(&text).unwrap());
    draft
}

#[test]
fn an_exported_file_names_the_disks_of_the_pool_that_it_opens() {
    for (encryption, has_key) in [("luks2", true), ("none", false)] {
        let mut draft = with_existing(encryption);
        // One that nothing tells from others: the other one is enough.
        draft.inventory.disks[2].serial = None;
        let text = draft.answers(Language::French).export().unwrap();
        let data = Answers::parse(&text).unwrap().data;
        assert_eq!(data.passphrase.is_some(), has_key, "{text}");
        assert_eq!(data.named(&draft.inventory).unwrap(), ["sdb"], "{text}");
        draft.inventory.disks[2].serial = Some("CT480BX".to_owned());
        let data = draft.answers(Language::French).data;
        assert_eq!(data.named(&draft.inventory).unwrap(), ["sdb", "sdc"]);
    }
}

#[test]
fn an_exported_file_says_what_of_the_network_it_leaves_out() {
    for (wish, is_left_out) in [(NetworkWish::Automatic, true), (NetworkWish::Keep, false)] {
        let mut draft = draft();
        draft.what = What::Try;
        draft.network = wish;
        let text = draft.answers(Language::English).export().unwrap();
        assert_eq!(text.contains("\n# Left out: the network"), is_left_out, "{text}");
        assert!(Answers::parse(&text).unwrap().machine.networks.is_empty());
    }
}

#[test]
fn who_leaves_changes_nothing() {
    let answers = vec![("language", pick("1")), ("what", Answer::End(Ended::Left))];
    let (face, answers) = run(answers, draft());
    assert!(face.mentions("Nothing was changed") && answers.is_none());
}

#[test]
fn two_different_passphrases_and_a_weak_one_are_noticed() {
    let mut answers = disk();
    answers.truncate(6);
    answers.extend([
        ("passphrase", typed("password")),
        ("weak-passphrase", Answer::Say(false)),
        ("passphrase", typed(PASSPHRASE)),
        ("passphrase-again", typed("another one that differs")),
        ("passphrase", typed(PASSPHRASE)),
        ("passphrase-again", typed(PASSPHRASE)),
        ("recovery-group", typed("")),
    ]);
    answers.extend(machine());
    let (face, _) = run(answers, draft());
    assert!(face.mentions("two different"));
}

#[test]
fn a_machine_that_has_a_pool_is_not_given_another_one() {
    let mut draft = draft();
    draft.own_pool = Some("Samsung SSD".to_owned());
    let mut answers = vec![("language", pick("2")), ("what", Answer::Default)];
    // The accounts of the disk: no name, no password, no key is asked for.
    answers.extend([("network", Answer::Default), ("hostname", typed("lab"))]);
    answers.extend([("accounts", Answer::Default), ("timezone", Answer::Back)]);
    answers.extend([("accounts", Answer::Default), ("timezone", typed("Etc/UTC"))]);
    let (face, answers) = run(answers, draft);
    assert!(face.mentions("Changer les réglages") && !face.mentions("luksFormat"));
    assert!(answers.unwrap().contains("what = \"later\""));
}

#[test]
fn where_the_account_is_kept_is_said() {
    let mut answers = vec![("language", pick("1")), ("what", pick("Just"))];
    answers.extend(machine());
    let (face, _) = run(answers, draft());
    assert!(face.mentions("gone when the machine is switched off"));
    let (face, _) = run(disk().into_iter().chain(machine()).collect(), draft());
    assert!(face.mentions("kept on the data disk"));
}

#[test]
fn an_account_for_now_asks_for_nothing_else() {
    let mut draft = draft();
    draft.for_now = true;
    let mut answers = person();
    answers.retain(|(id, _)| !matches!(*id, "hostname" | "timezone"));
    answers.push(("ssh-source", Answer::Default));
    let (face, _) = run(answers, draft);
    assert_eq!(face.asked(), ["admin", "password", "password-again", "ssh-source"]);
}
