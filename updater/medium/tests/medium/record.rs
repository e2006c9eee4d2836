//! The boot record.

use std::convert::Infallible;
use std::ops::Range;

use anklume_layout::{Role, files};
use anklume_medium::{Error, Medium, UpdateError};
use anklume_slots::{Record, Refusal, Slot, State};

use crate::sample::{Sample, esp_files};

fn mark_good(record: Option<Record>) -> Result<Record, Infallible> {
    Ok(record.unwrap_or_default().mark_good(Slot::A))
}

/// The bytes that differ lie in one of `ranges`, and each of these has some.
pub(crate) fn assert_changed_only(before: &[u8], after: &[u8], ranges: &[Range<usize>]) {
    assert_eq!(before.len(), after.len());
    let differ: Vec<usize> =
        (0..before.len()).filter(|index| before[*index] != after[*index]).collect();
    let outside = differ.iter().find(|index| !ranges.iter().any(|range| range.contains(index)));
    assert_eq!(outside, None);
    assert!(ranges.iter().all(|range| differ.iter().any(|index| range.contains(index))));
}

#[test]
fn a_change_is_in_both_copies_and_nowhere_else() {
    let sample = Sample::empty();
    let starts = sample.fat(Role::Esp, &esp_files());
    let before = sample.whole();
    let medium = sample.medium();
    assert_eq!(medium.copies().unwrap().record(), Some(Record::new()));
    let updated = medium.update(mark_good).unwrap();
    assert!(updated.is_written && updated.warning.is_none());
    let sector = |start: u64| start as usize..start as usize + 512;
    assert_changed_only(&before, &sample.whole(), &[sector(starts[1]), sector(starts[2])]);
    let copies = sample.medium().copies().unwrap();
    assert!(copies.agree());
    assert_eq!(copies.record(), Some(updated.record));
    assert_eq!((updated.record.good(), updated.record.seq()), (Some(Slot::A), 100_000_001));
}

#[test]
fn nothing_is_written_when_nothing_changes() {
    let sample = Sample::new();
    let before = sample.whole();
    let same = |record: Option<Record>| Ok::<_, Infallible>(record.unwrap_or_default());
    let updated = sample.medium().update(same).unwrap();
    assert!(!updated.is_written);
    assert_eq!(updated.record, Record::new());
    let refused = sample.medium().update(|record| record.unwrap().clear(Slot::B)).unwrap_err();
    assert!(matches!(refused, UpdateError::Refused(Refusal::OnlyOne(Slot::A))));
    assert_eq!(sample.whole(), before);
}

#[test]
fn damaged_copies_are_mended() {
    let sample = Sample::empty();
    let starts = sample.fat(Role::Esp, &esp_files());
    let medium = sample.medium();
    sample.put(starts[1], &[0; 512]);
    let same = |record: Option<Record>| Ok::<_, Infallible>(record.unwrap());
    assert!(medium.update(same).unwrap().is_written);
    assert!(medium.copies().unwrap().agree());
    for start in &starts[1..3] {
        sample.put(*start, &[0xff; 512]);
    }
    assert_eq!(medium.copies().unwrap().record(), None);
    let rebuild = |record: Option<Record>| {
        assert_eq!(record, None);
        Ok::<_, Infallible>(Record::rebuilt(Slot::B, true))
    };
    let record = medium.update(rebuild).unwrap().record;
    assert_eq!((record.good(), record.trial()), (Some(Slot::A), Some(Slot::B)));
    assert_eq!(medium.copies().unwrap().record(), Some(record));
}

#[test]
fn what_the_boot_loader_wrote_meanwhile_is_seen() {
    let sample = Sample::empty();
    let starts = sample.fat(Role::Esp, &esp_files());
    let medium = sample.medium();
    medium.copies().unwrap();
    let counted = anklume_slots::decide(&Record::new()).record;
    sample.put(starts[1], &counted.encode().unwrap());
    assert_eq!(medium.copies().unwrap().record(), Some(counted));
    let after = medium.update(|record| Ok::<_, Infallible>(record.unwrap().give_back(Slot::A)));
    assert_eq!(after.unwrap().record.left(), 3);
}

#[test]
fn programs_do_not_change_it_at_the_same_time() {
    let sample = Sample::new();
    sample.medium().update(mark_good).unwrap();
    let flip = |medium: &Medium| {
        let change = |record: Option<Record>| match record.unwrap().state(Slot::B) {
            State::Empty => record.unwrap().activate(Slot::B),
            _ => record.unwrap().clear(Slot::B),
        };
        medium.update(change).unwrap()
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let medium = sample.medium();
                for _ in 0..10 {
                    assert!(flip(&medium).warning.is_none());
                }
            });
        }
    });
    let copies = sample.medium().copies().unwrap();
    assert!(copies.agree());
    assert_eq!(copies.record().unwrap().seq(), 100_000_041);
}

/// A medium on whose ESP files have other content, or none.
fn changed(contents: &[(usize, Option<Vec<u8>>)]) -> Sample {
    let mut files = esp_files();
    for (index, content) in contents.iter().rev() {
        match content {
            Some(content) => files[*index].1.clone_from(content),
            None => drop(files.remove(*index)),
        }
    }
    Sample::with_esp(&files)
}

fn told(error: Error) -> (&'static str, String, String) {
    match error {
        Error::File { path, expected, found, .. } => (path, expected, found),
        other => panic!("{other}"),
    }
}

#[test]
fn one_record_that_is_not_one_sector_is_passed_over() {
    let [first, second] = files::BOOT_RECORDS;
    for (index, content, path, found) in [
        (1, None, first, "no file"),
        (2, None, second, "no file"),
        (2, Some(vec![b'#'; 1024]), second, "1024"),
        (1, Some(vec![b'#'; 511]), first, "511"),
    ] {
        let sample = changed(&[(index, content)]);
        assert_eq!(sample.medium().copies().unwrap().record(), Some(Record::new()));
        let updated = sample.medium().update(mark_good).unwrap();
        let warning = told(updated.warning.unwrap());
        assert_eq!(warning, (path, "512 bytes".to_owned(), found.to_owned()));
        let copies = sample.medium().copies().unwrap();
        assert_eq!((copies.record(), copies.agree()), (Some(updated.record), false));
    }
}

#[test]
fn without_any_record_of_one_sector_nothing_is_written() {
    let sample = changed(&[(1, None), (2, Some(Vec::new()))]);
    let before = sample.whole();
    let UpdateError::Medium(written) = sample.medium().update(mark_good).unwrap_err();
    assert_eq!(told(written).0, files::BOOT_RECORDS[0]);
    assert!(sample.medium().copies().is_err());
    assert_eq!(sample.whole(), before);
}

#[test]
fn copies_that_share_a_sector_are_one() {
    let sample = Sample::new();
    // FstClusLO of a directory entry lies at byte 26.
    let (first, second) =
        (sample.directory_entry(b"BOOT1   ENV"), sample.directory_entry(b"BOOT2   ENV"));
    let cluster = sample.whole()[first as usize + 26..][..2].to_vec();
    sample.put(second + 26, &cluster);
    let updated = sample.medium().update(mark_good).unwrap();
    let (path, expected, found) = told(updated.warning.unwrap());
    assert_eq!((path, expected.as_str()), (files::BOOT_RECORDS[1], "sectors of its own"));
    assert_eq!(found, format!("those of `{}`", files::BOOT_RECORDS[0]));
    assert_eq!(sample.medium().copies().unwrap().record(), Some(updated.record));
}

#[test]
fn a_medium_without_an_esp_says_so() {
    let sample = Sample::empty();
    let error = sample.medium().copies().unwrap_err();
    assert!(matches!(error, Error::FileSystem { partition: "anklume-esp", .. }), "{error}");
}
