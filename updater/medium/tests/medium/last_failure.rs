//! The last failure.

use anklume_layout::{Role, Slot, files};
use anklume_medium::{BadText, Error, LastFailure};

use crate::record::assert_changed_only;
use crate::sample::{Sample, esp_files};

pub(crate) fn failure() -> LastFailure {
    LastFailure {
        slot: Some(Slot::B),
        image_version: "2026.11.1".to_owned(),
        root_hash: "4f".repeat(32),
        reason: "no medium with this root hash\nsda4: another version".to_owned(),
    }
}

#[test]
fn it_is_written_and_cleared_in_its_file_and_nowhere_else() {
    let sample = Sample::empty();
    let start = sample.fat(Role::Esp, &esp_files())[3] as usize;
    let before = sample.whole();
    let medium = sample.medium();
    assert_eq!(medium.last_failure().unwrap(), None);
    medium.write_last_failure(&failure()).unwrap();
    assert_changed_only(&before, &sample.whole(), std::slice::from_ref(&(start..start + 4096)));
    assert_eq!(sample.medium().last_failure().unwrap(), Some(failure()));
    let shorter = LastFailure { reason: "x".to_owned(), ..failure() };
    medium.write_last_failure(&shorter).unwrap();
    assert_eq!(medium.last_failure().unwrap(), Some(shorter));
    medium.clear_last_failure().unwrap();
    assert_eq!(sample.whole(), before);
    assert_eq!(medium.last_failure().unwrap(), None);
}

#[test]
fn garbage_is_told_and_can_be_cleared() {
    let sample = Sample::empty();
    let start = sample.fat(Role::Esp, &esp_files())[3];
    for (garbage, line) in [(vec![0xff; 4096], None), (vec![b'x'; 100], Some(1))] {
        sample.put(start, &garbage);
        let medium = sample.medium();
        let error = medium.last_failure().unwrap_err();
        let Error::BadText { source, .. } = error else { panic!("{error}") };
        match source {
            BadText::NotText(at) => assert_eq!((at, line), (0, None)),
            BadText::Line { line: found, .. } => assert_eq!(Some(found), line),
        }
        medium.clear_last_failure().unwrap();
        assert_eq!(medium.last_failure().unwrap(), None);
    }
    // White space of another kind is no failure already.
    sample.put(start, &[b'\n'; 4096]);
    let before = sample.whole();
    sample.medium().clear_last_failure().unwrap();
    assert_eq!(sample.whole(), before);
}

#[test]
fn a_file_of_another_size_or_in_pieces_is_not_written() {
    let mut shorter = esp_files();
    shorter[3].1.truncate(4000);
    let sample = Sample::with_esp(&shorter);
    assert_refused(&sample, "4096 bytes", "4000");
    let sample = Sample::new();
    in_two_pieces(&sample);
    assert_refused(&sample, "one piece", "2 pieces");
    let mut missing = esp_files();
    missing.pop();
    assert_refused(&Sample::with_esp(&missing), "4096 bytes", "no file");
}

#[test]
fn the_record_is_not_overwritten_through_damage() {
    let sample = Sample::new();
    let (record, file) =
        (sample.directory_entry(b"BOOT2   ENV"), sample.directory_entry(b"LASTFAILTXT"));
    let whole = sample.whole();
    let (_, table) = table(&sample, &whole);
    // The file ends with the record's cluster, and begins with the free one before it.
    let cluster = u16_at(&whole, record as usize + 26);
    sample.put(file + 26, &(cluster - 1).to_le_bytes());
    sample.put(table + u64::from(cluster - 1) * 2, &cluster.to_le_bytes());
    let before = sample.whole();
    let medium = sample.medium();
    for error in [
        medium.write_last_failure(&failure()).unwrap_err(),
        medium.clear_last_failure().unwrap_err(),
    ] {
        let Error::File { path, expected, found, .. } = error else { panic!("{error}") };
        assert_eq!((path, expected.as_str()), (files::LAST_FAILURE, "sectors of its own"));
        assert_eq!(found, "those of `ANKLUME/BOOT2.ENV`");
    }
    let mut missing = esp_files();
    missing.remove(1);
    let other = Sample::with_esp(&missing);
    let error = other.medium().write_last_failure(&failure()).unwrap_err();
    assert!(matches!(error, Error::File { path: "ANKLUME/BOOT1.ENV", .. }), "{error}");
    assert_eq!(other.medium().last_failure().unwrap(), None);
    assert_eq!(sample.whole(), before);
}

fn assert_refused(sample: &Sample, wanted: &str, seen: &str) {
    let before = sample.whole();
    let medium = sample.medium();
    for error in [
        medium.write_last_failure(&failure()).unwrap_err(),
        medium.clear_last_failure().unwrap_err(),
        medium.last_failure().unwrap_err(),
    ] {
        let Error::File { path, expected, found, .. } = error else { panic!("{error}") };
        assert_eq!((path, expected.as_str(), found.as_str()), (files::LAST_FAILURE, wanted, seen));
    }
    assert_eq!(sample.whole(), before);
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// Bytes of a FAT16 table of the ESP, and where the first one begins on the disk.
fn table(sample: &Sample, whole: &[u8]) -> (u64, u64) {
    let esp = sample.extent(Role::Esp).offset;
    // BPB_RsvdSecCnt and BPB_FATSz16.
    let sectors = |field| u64::from(u16_at(whole, esp as usize + field)) * 512;
    (sectors(22), esp + sectors(14))
}

/// Moves the last cluster of the last failure to the end of the file system, in both tables.
fn in_two_pieces(sample: &Sample) {
    let whole = sample.whole();
    let first = u16_at(&whole, sample.directory_entry(b"LASTFAILTXT") as usize + 26);
    let (bytes, start) = table(sample, &whole);
    assert_eq!(u16_at(&whole, start as usize + usize::from(first) * 2), first + 1);
    let far = 8000_u16;
    for table in [start, start + bytes] {
        sample.put(table + u64::from(first) * 2, &far.to_le_bytes());
        sample.put(table + u64::from(first + 1) * 2, &[0; 2]);
        sample.put(table + u64::from(far) * 2, &[0xff; 2]);
    }
}
