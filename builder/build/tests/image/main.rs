//! `inspect` and `verify` over small images made here, sound, damaged and hostile.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod again;
mod damaged;
mod findings;
mod flipped;
mod halves;
mod killed;
mod lostkeys;
mod program;
mod publish;
mod rebuild;
mod repo_check;
mod sample;
mod scene;
mod seeds;
mod withdraw;

use anklume_build::image::{Bytes, Depth, Options, Report, inspect, verify};
use anklume_iso9660::Volume;
use anklume_layout::disk::Format;
use anklume_layout::{Role, SECTOR_BYTES, SYSTEM_AREA_BYTES, Slot, files};
use sample::{Sample, Sparse, noise, sample, small_os, squashfs};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn iso() -> Sample {
    sample(&small_os(folder().path()), Format::Iso)
}

fn check(image: &Bytes<'_>) -> Report {
    verify(image, Options::default(), &mut |_, _, _| {})
}

fn lines(report: &Report) -> String {
    report.checks.iter().map(|check| format!("{check}\n")).collect()
}

/// The image with `bytes` at `offset`.
fn with(image: &[u8], offset: u64, bytes: &[u8]) -> Vec<u8> {
    let mut image = image.to_vec();
    let offset = offset as usize;
    image[offset..offset + bytes.len()].copy_from_slice(bytes);
    image
}

/// The image with one bit of the byte at `offset` changed.
fn flipped(image: &[u8], offset: u64) -> Vec<u8> {
    with(image, offset, &[image[offset as usize] ^ 0x10])
}

/// Every fault is about one of `objects`, and there is one.
fn assert_faults(name: &str, report: &Report, objects: &[&str]) {
    assert!(report.faults().next().is_some(), "{name} was not found");
    // A digest tells damage of every kind; these tests are about what names the place.
    let digest = |text: &&String| text.starts_with("sha-256 ");
    let faults: Vec<_> =
        report.faults().filter(|fault| fault.expected.as_ref().filter(digest).is_none()).collect();
    assert!(!faults.is_empty(), "only a digest found {name}");
    for fault in faults {
        let known = objects.iter().any(|object| fault.object.contains(object));
        assert!(known, "{name}: {fault} is not about {objects:?}");
    }
}

#[test]
fn a_sound_image_is_accepted() {
    let sample = iso();
    let image = sample.whole();
    let mut steps = Vec::new();
    let options = Options { deep: true, medium: false };
    let report = verify(&image, options, &mut |name, done, _| steps.push((name.to_owned(), done)));
    assert!(report.sound, "{}", lines(&report));
    assert!(report.checks.len() > 30, "{}", lines(&report));
    assert!(steps.contains(&("hash tree of slot a".to_owned(), sample.data_bytes)));
    assert!(lines(&report).contains("300164 bytes of files decompressed"), "{}", lines(&report));
}

#[test]
fn what_is_in_an_image_is_shown() {
    let sample = iso();
    let image = sample.whole();
    let facts = inspect(&image, Depth::Files);
    assert_eq!(facts.faults, []);
    let labels: Vec<_> = facts.table.unwrap().partitions.into_iter().map(|p| p.label).collect();
    assert_eq!(labels, ["anklume-bios", "anklume-esp", "anklume-boot-a", "anklume-os-a"]);
    let slot = &facts.slots[0];
    let manifest = slot.manifest.as_ref().unwrap();
    assert_eq!(manifest.root_hash, sample.root_hash);
    let content = slot.content.as_ref().unwrap();
    assert_eq!((content.files, content.directories, content.links), (5, 8, 1));
    assert_eq!(content.release("IMAGE_VERSION"), Some("1.2"));
    // What `usr/lib/noise` and the fragment block take.
    let space = slot.space.as_ref().unwrap();
    let squashfs = slot.squashfs.as_ref().unwrap();
    assert!((300_000..squashfs.bytes).contains(&space.all.stored_bytes), "{space:?}");
    assert_eq!((space.all.bytes, space.all.files), (content.file_bytes, 5));
    let [tiny, none] = &space.packages[..] else { panic!("{space:?}") };
    assert_eq!((tiny.name.as_str(), tiny.bytes, tiny.files), ("tiny", 300_000, 1));
    assert_eq!((tiny.stored_bytes, none.files), (300_000, 4));
    assert_eq!(space.directories[0].name, "/usr/lib");
    assert!(space.directories[0].stored_bytes > 300_000, "{space:?}");
    assert_eq!(slot.verity.as_ref().unwrap().data_bytes, sample.data_bytes);
    assert_eq!(slot.squashfs.as_ref().unwrap().inodes, 14);
    let sections: Vec<_> = slot.uki.iter().map(|s| (s.profile, s.name.as_str())).collect();
    assert_eq!(sections[3..5], [(0, ".cmdline"), (0, ".uname")]);
    assert_eq!(sections[9..11], [(1, ".cmdline"), (2, ".profile")]);
    let iso = facts.iso.unwrap();
    let os = iso.files.iter().find(|file| file.path == "ANKLUME/OS.IMG").unwrap();
    assert_eq!((os.offset, os.partition), (sample.area("OS").offset, Some(4)));
    let platforms: Vec<_> = facts.firmware.el_torito.iter().map(|e| e.partition).collect();
    assert_eq!(platforms, [None, Some(2)]);
    assert!(facts.firmware.mbr.is_some_and(|mbr| mbr.protective && mbr.dummy_active));
}

#[test]
fn a_raw_image_may_have_an_empty_slot_and_a_full_one() {
    let sample = sample(&small_os(folder().path()), Format::Raw);
    let report = check(&sample.image);
    assert!(report.sound, "{}", lines(&report));
    assert!(lines(&report).contains("ok: slot b: empty\n"), "{}", lines(&report));
    let slots = inspect(&sample.image, Depth::Files).slots;
    assert_eq!(slots.iter().map(|slot| slot.empty).collect::<Vec<_>>(), [false, true]);
    // What an update of slot B does.
    let shift = sample.start(Role::Boot(Slot::B)) - sample.start(Role::Boot(Slot::A));
    let copy = |image: &Sparse, from: Role| {
        let (start, end) =
            (sample.start(from), sample.start(from) + sample.disk.extent(from).unwrap().bytes);
        let pieces = image.pieces.iter().filter(|(at, _)| (start..end).contains(at));
        pieces.map(|(at, bytes)| (at + shift, bytes.clone())).collect::<Vec<_>>()
    };
    let mut half = sample.image.clone();
    half.pieces.extend(copy(&sample.image, Role::Boot(Slot::A)));
    assert_faults("half a slot", &check(&half), &["partition 6 (anklume-os-b)"]);
    let mut full = half.clone();
    full.pieces.extend(copy(&sample.image, Role::Os(Slot::A)));
    let report = check(&full);
    assert!(
        report.sound && lines(&report).contains("ok: manifest of slot b"),
        "{}",
        lines(&report)
    );
}

#[test]
fn the_persistent_partition_is_empty_or_ext4() {
    let sample = sample(&small_os(folder().path()), Format::Raw);
    let persist = sample.start(Role::Persist);
    let mut image = sample.image.clone();
    image.pieces.push((persist + 1024 + 0x38, vec![0x53, 0xef]));
    assert!(check(&image).sound);
    image.pieces.push((persist + 1024 + 0x38, vec![0x54, 0xef]));
    assert_faults("persist", &check(&image), &["partition 7"]);
}

#[test]
fn a_test_image_is_called_one() {
    let sample = iso();
    assert!(!check(&sample.image).test_image);
    let folder = folder();
    small_os(folder.path());
    let release = folder.path().join("root/usr/lib/os-release");
    std::fs::write(release, format!("{}VARIANT_ID=test\n", sample::OS_RELEASE)).unwrap();
    let test = squashfs(&folder.path().join("root"), &["-comp", "zstd"]);
    let test = sample::sample(&test, Format::Iso);
    let report = check(&test.image);
    assert!(report.test_image && lines(&report).contains("TEST IMAGE"), "{}", lines(&report));
    let facts = inspect(&test.image, Depth::Files);
    assert!(facts.slots[0].content.as_ref().unwrap().test_image);
}
