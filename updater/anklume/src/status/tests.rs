//! What the state looks like.

use std::path::PathBuf;

use anklume_layout::Slot;
use anklume_layout::report::{BootReport, GrowthState, PersistState};

use crate::store::{LastFailure, StoreError};
use crate::testing::{Fake, good_and_trial};

/// Compares with a text of `src/status/samples`; the environment variable writes it anew.
fn is_sample(name: &str, found: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/status/samples").join(name);
    if std::env::var_os("ANKLUME_WRITE_SAMPLES").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{name}; ANKLUME_WRITE_SAMPLES=1 writes the samples anew");
    assert!(found.lines().all(|line| line.chars().count() <= 80), "{name} is too wide");
}

fn status(fake: &Fake) -> String {
    // The free space of the machine that runs the tests is no sample.
    let text = fake.run(&["status"]).unwrap().stdout;
    let (before, rest) = text.split_once("mounted from sda7, ").unwrap_or((&text, ""));
    let after = rest.split_once(" free").map_or("", |(_, after)| after);
    match rest.is_empty() {
        true => before.to_owned(),
        false => format!("{before}mounted from sda7, 11.2 GiB free{after}"),
    }
}

fn verity(fake: &Fake) {
    let mounts = "1 1 0:2 / / rw - rootfs rootfs rw\n22 1 254:0 / / ro - squashfs /dev/dm-0 ro\n";
    fake.write("proc/self/mountinfo", mounts);
    fake.write("sys/dev/block/254:0/dm/uuid", "CRYPT-VERITY-0011-anklume-root\n");
}

/// A stick whose slots are good, and which runs slot B.
fn stick() -> Fake {
    let fake = Fake::new(Slot::B, good_and_trial());
    verity(&fake);
    fake.fill_slots();
    fake.boot();
    fake.check("10-units", "exit 0");
    fake.check("20-persist", "exit 0");
    fake.run(&["boot", "check"]).unwrap();
    fake
}

#[test]
fn a_good_stick() {
    let fake = stick();
    fake.run(&["boot", "good"]).unwrap();
    is_sample("good.txt", &status(&fake));
    let json = fake.run(&["status", "--json"]).unwrap().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["slots"][1]["root-hash"].as_str().unwrap().len(), 64);
    assert_eq!(json["slots"][1]["running"], true);
    assert_eq!(json["slots"][0]["next"], false);
    assert_eq!(json["verdict"]["outcome"], "good");
    assert_eq!(json["persist"]["state"], "mounted");
    assert!(json["persist"]["free-bytes"].is_u64());
    assert_eq!(json["ram-encryption"]["state"], "off");
    assert_eq!(json["ram-encryption"]["technology"], "sme");
    assert_eq!(json["boot-record"]["state"], "intact");
}

const GUID: &str = "0f9a1c7e-1111-4222-8333-444455556666";

fn pool(saved: bool) -> String {
    format!(
        "version = 1\nid = '{GUID}'\nbackend = 'btrfs'\nredundancy = 'single'\nencryption = 'luks2'\n\
         discard = false\nfile-system = '{GUID}'\nrecovery-key-saved = {saved}\n[[disks]]\n\
         name = 'Samsung SSD 980'\nsize = 512110190592\npartition = '{GUID}'\nluks = '{GUID}'\n"
    )
}

/// The state in JSON, and the text.
fn data(fake: &Fake) -> (serde_json::Value, String) {
    let json = fake.run(&["status", "--json"]).unwrap().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    (json["data"].clone(), status(fake))
}

#[test]
fn the_data_disk_and_its_recovery_key() {
    let fake = stick();
    let (json, text) = data(&fake);
    assert_eq!((&json["state"], &json["recovery-key-saved"]), (&"none".into(), &().into()));
    assert!(text.contains("none: `anklume setup`"), "{text}");
    fake.write("etc/anklume/pool.toml", &pool(false));
    let (json, text) = data(&fake);
    assert_eq!(
        (&json["state"], &json["disks"][0]["connected"]),
        (&"not-connected".into(), &false.into())
    );
    assert!(text.contains("not connected: Samsung SSD 980"), "{text}");
    assert!(text.contains("data recovery-key"), "{text}");
    fake.write(&format!("dev/disk/by-partuuid/{GUID}"), "");
    is_sample("locked.txt", &data(&fake).1);
    assert_eq!(data(&fake).0["state"], "locked");
    let mounts = |kind| {
        format!(
            "1 1 0:2 / / rw - rootfs rootfs rw\n30 1 0:9 / /run/anklume/pool rw - {kind} x rw\n"
        )
    };
    fake.write("proc/self/mountinfo", &mounts("btrfs"));
    fake.write("etc/anklume/pool.toml", &pool(true));
    let (json, text) = data(&fake);
    assert_eq!((&json["state"], &json["recovery-key-saved"]), (&"open".into(), &true.into()));
    assert!(text.contains("open: Samsung SSD 980 (encrypted)") && !text.contains("recovery"));
    fake.write("etc/anklume/pool.toml", "version = 7");
    let (json, text) = data(&fake);
    assert_eq!(json["state"], "unknown");
    assert!(text.contains("unknown: /etc/anklume/pool.toml: pool record: version 7"), "{text}");
    fake.remove("etc/anklume/pool.toml");
    fake.write("proc/self/mountinfo", &mounts("tmpfs"));
    let (json, text) = data(&fake);
    assert_eq!(json["state"], "in-ram");
    assert!(text.contains("containers are in RAM"), "{text}");
}

#[test]
fn a_trial() {
    let fake = Fake::new(Slot::B, good_and_trial());
    verity(&fake);
    fake.fill_slots();
    fake.boot();
    is_sample("trial.txt", &status(&fake));
}

#[test]
fn a_slot_that_was_fallen_back_from() {
    let fake = Fake::new(Slot::B, good_and_trial());
    verity(&fake);
    fake.fill_slots();
    for boot in ["1", "2", "3"] {
        fake.next_boot(boot);
        fake.boot();
        fake.check("10-units", "echo incus.service, incus.socket failed; exit 1");
        fake.run(&["boot", "check"]).unwrap();
    }
    let fake = fake.moved_to(Slot::A);
    fake.next_boot("4");
    fake.boot();
    fake.run(&["boot", "good"]).unwrap();
    is_sample("fallen-back.txt", &status(&fake));
}

#[test]
fn a_degraded_boot() {
    let fake = Fake::new(Slot::A, anklume_slots::Record::new());
    verity(&fake);
    fake.boot();
    let reason = "echo the persistent partition is lost: ext4 superblock checksum does not match";
    fake.check("20-persist", &format!("{reason}; exit 1"));
    fake.write("etc/anklume/health.d/30-mine", "");
    fake.run(&["boot", "check"]).unwrap();
    is_sample("degraded.txt", &status(&fake));
}

fn volatile(report: &mut BootReport, growth: &str, persist: Option<&str>) {
    report.growth.state = GrowthState::Refused;
    report.growth.reason = Some(growth.to_owned());
    report.persist.state = PersistState::Volatile;
    report.persist.partition = None;
    report.persist.reason = persist.map(str::to_owned);
}

#[test]
fn a_cd() {
    let mut fake = Fake::new(Slot::A, good_and_trial());
    verity(&fake);
    fake.change_report(|report| {
        report.slot = None;
        report.medium.kind = "extent".to_owned();
        report.medium.model = Some("QEMU DVD-ROM".to_owned());
        report.medium.disk = "sr0".to_owned();
        report.medium.disk_bytes = 1_273_102_336;
        report.medium.writable = false;
        report.firmware = "bios".to_owned();
        report.secure_boot = None;
        report.toram = true;
        volatile(report, "the medium is read-only", None);
    });
    is_sample("cd.txt", &status(&fake));
}

#[test]
fn a_damaged_record() {
    let mut fake = stick();
    fake.damage([true, true]);
    fake.set_failure(LastFailure { slot: None, reason: "no medium".to_owned() });
    fake.append_history("{{{\n");
    is_sample("damaged-record.txt", &status(&fake));
    fake.break_medium(StoreError::NeedsRoot);
    is_sample("ordinary-user.txt", &status(&fake));
}

#[test]
fn a_medium_that_is_too_small() {
    let mut fake = Fake::new(Slot::A, anklume_slots::Record::new());
    verity(&fake);
    fake.change_report(|report| {
        report.medium.disk_bytes = 2_000_000_000;
        let growth = "the disk is too small: both slots need 7325 MiB, it has 1907 MiB";
        volatile(report, growth, Some("there is no persistent partition"));
    });
    fake.boot();
    fake.run(&["boot", "check"]).unwrap();
    fake.run(&["boot", "good"]).unwrap();
    is_sample("too-small.txt", &status(&fake));
}

#[test]
fn another_system() {
    let fake = Fake::new(Slot::A, good_and_trial());
    fake.remove("run/anklume/boot.json");
    let text = fake.run(&["status"]).unwrap().stdout;
    assert!(text.starts_with("OS             not started from an anklume image"), "{text}");
    fake.write("run/anklume/boot.json", "{\"report-version\":");
    let failure = fake.run(&["status"]).unwrap_err();
    assert_eq!(failure.kind(), anklume_failure::Kind::Damaged);
}

#[test]
fn hostile_names_do_not_reach_the_terminal() {
    let mut fake = stick();
    fake.change_report(|report| {
        report.medium.model = Some(format!("\u{1b}[2J\u{202e}{}", "x".repeat(5000)));
        report.persist.set_aside = vec!["/etc/a\nb".to_owned()];
    });
    let text = fake.run(&["status"]).unwrap().stdout;
    assert!(!text.contains(['\u{1b}', '\u{202e}']) && text.contains("/etc/a b"));
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}
