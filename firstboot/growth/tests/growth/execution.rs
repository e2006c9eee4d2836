//! Carrying plans out on devices that misbehave.

use std::io;

use anklume_bytes::{ReadAt, ReadError, WriteAt, WriteError};
use anklume_crash::RecordingDisk;
use anklume_gpt::Piece;
use anklume_growth::{Decision, Error, Plan, execute};

use crate::sample::{AMPLE, MIB, decide, iso, persist};

fn plan(disk: &impl ReadAt) -> Plan {
    match decide(disk) {
        Decision::Grow(plan) => plan,
        other => panic!("{other:?}"),
    }
}

/// A disk that loses what is written from some byte on, or fails to flush.
struct Faulty {
    disk: RecordingDisk,
    loses_from: u64,
    flushes: bool,
}

impl ReadAt for Faulty {
    fn size(&self) -> u64 {
        self.disk.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.disk.read_at(offset, buffer)
    }
}

impl WriteAt for Faulty {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), WriteError> {
        if offset >= self.loses_from {
            return Ok(());
        }
        self.disk.write_at(offset, bytes)
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        if self.flushes {
            return self.disk.flush();
        }
        Err(WriteError::Flush { source: io::Error::other("medium error") })
    }
}

#[test]
fn a_stick_that_claims_to_be_larger_than_it_is_stays_an_image() {
    // The boot copy, the persistent partition, the backup table.
    for (loses_from, object) in [
        (22 * MIB, "copy of the boot partition"),
        (30 * MIB, "persistent partition"),
        (34 * MIB, "backup entries"),
    ] {
        let disk = iso(AMPLE);
        let plan = plan(&disk);
        let mut faulty = Faulty { disk, loses_from, flushes: true };
        let error = execute(&plan, &mut faulty, &persist(), &mut |_, _| ()).unwrap_err();
        let Error::ReadBack { object: found, offset } = error else { panic!("{error}") };
        assert_eq!(found, object);
        assert!(offset >= loses_from);
        assert!(matches!(decide(&faulty), Decision::Grow(_)));
    }
}

#[test]
fn a_primary_table_that_is_lost_is_noticed() {
    /// Loses writes to the first MiB but the MBR.
    struct Stuck(RecordingDisk);
    impl ReadAt for Stuck {
        fn size(&self) -> u64 {
            self.0.size()
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
            self.0.read_at(offset, buffer)
        }
    }
    impl WriteAt for Stuck {
        fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), WriteError> {
            if (512..MIB).contains(&offset) { Ok(()) } else { self.0.write_at(offset, bytes) }
        }
        fn flush(&mut self) -> Result<(), WriteError> {
            self.0.flush()
        }
    }
    let disk = iso(AMPLE);
    let plan = plan(&disk);
    let error = execute(&plan, &mut Stuck(disk), &persist(), &mut |_, _| ()).unwrap_err();
    assert!(matches!(error, Error::ReadBack { object: "primary entries", offset: 1024 }));
}

#[test]
fn a_flush_that_fails_ends_the_run_before_the_table() {
    let disk = iso(AMPLE);
    let plan = plan(&disk);
    let mut faulty = Faulty { disk, loses_from: u64::MAX, flushes: false };
    let error = execute(&plan, &mut faulty, &persist(), &mut |_, _| ()).unwrap_err();
    assert!(matches!(error, Error::Write(WriteError::Flush { .. })), "{error}");
    assert!(matches!(decide(&faulty), Decision::Grow(_)));
}

#[test]
fn content_that_does_not_fit_is_refused_before_anything_is_written() {
    let mut disk = iso(AMPLE);
    let plan = plan(&disk);
    let piece = |offset, length| vec![Piece { offset, bytes: vec![1; length] }];
    let cases = [piece(2 * MIB, 512), piece(u64::MAX - 511, 512), piece(1, 512), piece(0, 100)];
    for content in cases {
        let error = execute(&plan, &mut disk, &content, &mut |_, _| ()).unwrap_err();
        assert!(matches!(error, Error::PersistPiece { bytes: 2_097_152, .. }), "{error}");
    }
    let error = execute(&plan, &mut disk, &[], &mut |_, _| ()).unwrap_err();
    assert!(matches!(error, Error::NoPersist), "{error}");
    assert!(disk.log().is_empty());
}

#[test]
fn progress_grows_to_its_total() {
    let mut disk = iso(AMPLE);
    let plan = plan(&disk);
    let mut seen = vec![(0, 0)];
    execute(&plan, &mut disk, &persist(), &mut |done, total| seen.push((done, total))).unwrap();
    assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let (done, total) = seen[seen.len() - 1];
    assert_eq!(done, total);
    assert!(seen[1..].iter().all(|(_, each)| *each == total));
}
