//! Every state after a power cut, and what has to hold in it.

use anklume_bytes::{ReadAt, WriteAt, le_u64};
use anklume_crash::{CrashState, Entry, RecordingDisk, WithoutFlush, crash_states};
use anklume_gpt::{Guid, Table, TableCopy, mbr};
use anklume_growth::{Decision, Plan};
use anklume_layout::{Role, Slot};

use crate::sample::{
    AMPLE, BOOT_CODE, CONTENT, DATA, LEAST, MIB, decide, finished, is_clear, is_marked, iso,
    iso_image, persist, put_copies, raw, run, tag,
};

/// How far a state after a power cut is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// It is looked at.
    State,
    /// The next boot has to end well.
    NextBoot,
    /// The next boot is cut as well, for some states.
    SecondCut,
}

/// A disk before a run, and what lies on it.
struct Scenario {
    disk: RecordingDisk,
    /// Where boot A was flashed to.
    hole: u64,
    /// Whether partition 8 is there.
    data: bool,
    /// How often the run has to flush.
    flushes: usize,
}

fn place(disk: &impl ReadAt, role: Role) -> (u64, u64) {
    let table = anklume_gpt::read(disk, 512).unwrap().table;
    let partition = table.partitions.iter().find(|p| p.number == role.number()).unwrap();
    let sectors = partition.last_lba - partition.first_lba + 1;
    (partition.first_lba * 512, sectors * 512)
}

impl Scenario {
    fn new(disk: RecordingDisk, flushes: usize) -> Self {
        let (hole, _) = place(&disk, Role::Boot(Slot::A));
        Self { disk, hole, data: false, flushes }
    }

    /// What has to hold at any time.
    fn check(&self, disk: &impl ReadAt) -> Result<(), String> {
        mbr_is_whole(disk)?;
        let read = anklume_gpt::read(disk, 512).map_err(|error| error.to_string())?;
        self.boot_loader_finds_its_files(disk)?;
        for (role, bytes) in [(Role::Boot(Slot::A), CONTENT.boot), (Role::Os(Slot::A), CONTENT.os)]
        {
            let (offset, length) = place(disk, role);
            if length < bytes || !is_marked(disk, offset, bytes, tag(role)) {
                return Err(format!("{role:?} is lost"));
            }
        }
        if read.table.disk_guid.version() == Some(4) {
            first_boot_is_finished(disk)?;
        }
        if self.data && !is_marked(disk, DATA.0, DATA.1, 0xda) {
            return Err("partition 8 is lost".to_owned());
        }
        Ok(())
    }

    /// A boot loader reads the primary copy and looks at no checksum.
    fn boot_loader_finds_its_files(&self, disk: &impl ReadAt) -> Result<(), String> {
        let header = disk.read_vec(512, 512, 512).unwrap();
        if &header[..8] != b"EFI PART"
            || header[72..88] != [[2, 0, 0, 0, 0, 0, 0, 0], [128, 0, 0, 0, 128, 0, 0, 0]].concat()
        {
            return Err("the primary header does not say where the entries are".to_owned());
        }
        let first = |role: Role| {
            let entry = disk.read_vec(1024 + 128 * u64::from(role.number() - 1), 128, 128).unwrap();
            le_u64(&entry, 32).unwrap().saturating_mul(512)
        };
        let boot = Role::Boot(Slot::A);
        if ![first(boot), self.hole].iter().any(|at| is_marked(disk, *at, CONTENT.boot, tag(boot)))
        {
            return Err("the boot loader does not find boot A".to_owned());
        }
        let os = Role::Os(Slot::A);
        if !is_marked(disk, first(os), CONTENT.os, tag(os)) {
            return Err("the boot loader does not find OS A".to_owned());
        }
        Ok(())
    }

    /// The next boot: decides, carries out, and has nothing to do the time after.
    fn boot_again(&self, disk: &mut impl WriteAt) -> Result<(), String> {
        match decide(disk) {
            Decision::Done => return Ok(()),
            Decision::Grow(plan) | Decision::Repair(plan) => run(&plan, disk),
            Decision::Refused(refusal) => return Err(refusal.to_string()),
        }
        let read = anklume_gpt::read(disk, 512).unwrap();
        if !read.copies_equal || read.primary.is_err() || read.backup.is_err() {
            return Err("the table is not whole after the next boot".to_owned());
        }
        self.check(disk)?;
        match decide(disk) {
            Decision::Done => Ok(()),
            other => Err(format!("{other:?} after the next boot")),
        }
    }

    /// The first thing that is wrong in any state after a power cut of the run that left `log`,
    /// or how many states there were.
    fn first_fault(&self, log: &[Entry], depth: Depth) -> Result<usize, String> {
        let mut count = 0;
        for state in crash_states(&self.disk, log) {
            self.judge(&state, depth).map_err(|what| format!("{}: {what}", state.cut))?;
            if depth == Depth::SecondCut && count % 97 == 0 {
                self.cut_again(&state).map_err(|what| format!("{}, then {what}", state.cut))?;
            }
            count += 1;
        }
        Ok(count)
    }

    fn judge<B: ReadAt>(&self, state: &CrashState<'_, B>, depth: Depth) -> Result<(), String> {
        self.check(state)?;
        if state.cut.is_after_the_end() && decide(state) != Decision::Done {
            return Err("it said that it was done".to_owned());
        }
        match depth {
            Depth::State => Ok(()),
            Depth::NextBoot | Depth::SecondCut => self.boot_again(&mut RecordingDisk::over(state)),
        }
    }

    /// Cuts the power of the next boot as well, in some of its states.
    fn cut_again<B: ReadAt>(&self, state: &CrashState<'_, B>) -> Result<(), String> {
        let mut disk = RecordingDisk::over(state);
        self.boot_again(&mut disk)?;
        for second in crash_states(state, disk.log()).step_by(31) {
            self.judge(&second, Depth::NextBoot)
                .map_err(|what| format!("{}: {what}", second.cut))?;
        }
        Ok(())
    }

    fn plan(&self) -> Plan {
        match decide(&self.disk) {
            Decision::Grow(plan) | Decision::Repair(plan) => plan,
            other => panic!("{other:?}"),
        }
    }

    /// Replays the run, then once more for each flush that is left out.
    fn replay(&self) {
        let plan = self.plan();
        let mut disk = RecordingDisk::over(&self.disk);
        run(&plan, &mut disk);
        let flushes = disk.log().iter().filter(|entry| **entry == Entry::Flush).count();
        assert_eq!(flushes, self.flushes);
        let states = self.first_fault(disk.log(), Depth::SecondCut).unwrap();
        assert!(states > 10, "only {states} states");
        for nth in 0..flushes {
            let mut disk = WithoutFlush::new(RecordingDisk::over(&self.disk), nth);
            run(&plan, &mut disk);
            assert!(disk.left_one_out());
            let disk = disk.into_inner();
            let fault = self
                .first_fault(disk.log(), Depth::State)
                .and_then(|_| self.first_fault(disk.log(), Depth::NextBoot));
            assert!(fault.is_err(), "flush {nth} is not needed");
        }
    }
}

fn mbr_is_whole(disk: &impl ReadAt) -> Result<(), String> {
    let mbr = mbr::read(disk).map_err(|error| error.to_string())?;
    if mbr.boot_code != BOOT_CODE || !mbr.is_protective() || !mbr.has_dummy_active {
        return Err(format!("mbr: {mbr:?}"));
    }
    Ok(())
}

/// What has to be there as soon as the table says so.
fn first_boot_is_finished(disk: &impl ReadAt) -> Result<(), String> {
    let (offset, bytes) = place(disk, Role::Persist);
    let mut content = disk.read_vec(offset, bytes, bytes).unwrap();
    for piece in persist() {
        let written = &mut content[piece.offset as usize..][..piece.bytes.len()];
        if written != piece.bytes {
            return Err("the persistent partition is not formatted".to_owned());
        }
        written.fill(0);
    }
    let mut clear = is_clear(&content);
    for role in [Role::Boot(Slot::B), Role::Os(Slot::B)] {
        let (offset, bytes) = place(disk, role);
        for at in [offset, offset + bytes - MIB] {
            clear &= is_clear(&disk.read_vec(at, MIB, MIB).unwrap());
        }
    }
    if clear { Ok(()) } else { Err("bytes of a former life show".to_owned()) }
}

#[test]
fn an_iso_on_an_ample_disk() {
    Scenario::new(iso(AMPLE), 2).replay();
}

#[test]
fn an_iso_on_the_smallest_disk() {
    Scenario::new(iso(LEAST), 2).replay();
}

#[test]
fn a_raw_image_on_a_disk_of_its_size() {
    Scenario::new(raw(0), 2).replay();
}

#[test]
fn a_raw_image_on_a_larger_disk() {
    Scenario::new(raw(5 * MIB + 512), 2).replay();
}

#[test]
fn a_raw_image_whose_backup_is_overlapped_by_the_new_one() {
    Scenario::new(raw(512 * 9), 2).replay();
}

#[test]
fn a_raw_image_whose_primary_table_is_damaged() {
    let mut disk = raw(0);
    disk.write_at(1024 + 512, &[0; 512]).unwrap();
    Scenario::new(disk.forget(), 3).replay();
}

/// A finished disk after `harm`.
fn harmed(harm: impl FnOnce(&mut RecordingDisk), flushes: usize) -> Scenario {
    let (mut disk, _) = finished();
    harm(&mut disk);
    let scenario = Scenario::new(disk.forget(), flushes);
    Scenario { data: true, ..scenario }
}

#[test]
fn a_finished_disk_without_its_backup() {
    let scenario = harmed(
        |disk| {
            let last = disk.size() - 512;
            disk.write_at(last, &[0; 512]).unwrap();
        },
        1,
    );
    assert!(matches!(decide(&scenario.disk), Decision::Repair(_)));
    scenario.replay();
}

#[test]
fn a_finished_disk_without_its_primary_table() {
    let scenario = harmed(|disk| disk.write_at(1024, &broken_entries(disk)).unwrap(), 1);
    assert!(matches!(decide(&scenario.disk), Decision::Repair(_)));
    scenario.replay();
}

/// The first entries with another GUID of partition 1: the checksum is wrong.
fn broken_entries(disk: &impl ReadAt) -> Vec<u8> {
    let mut sector = disk.read_vec(1024, 512, 512).unwrap();
    sector[16] ^= 1;
    sector
}

#[test]
fn a_finished_disk_with_two_tables() {
    let scenario = harmed(
        |disk| {
            let (_, mut table) = finished();
            table.disk_guid = Guid::from_random([0x33; 16]);
            put_copies(disk, &table.encode().unwrap(), &[TableCopy::Backup]);
        },
        1,
    );
    scenario.replay();
}

/// A finished disk that was copied to a larger one, and its table with the size of that.
fn copied_to_larger() -> (RecordingDisk, Table) {
    let (disk, mut table) = finished();
    let mut larger = RecordingDisk::new(disk.size() + 3 * MIB);
    for (offset, bytes) in disk.blocks() {
        larger.write_at(offset, bytes).unwrap();
    }
    table.disk_sectors = larger.size() / 512;
    (larger, table)
}

#[test]
fn a_finished_disk_that_was_copied_to_a_larger_one() {
    let (disk, _) = copied_to_larger();
    let scenario = Scenario::new(disk.forget(), 2);
    assert!(matches!(decide(&scenario.disk), Decision::Repair(_)));
    Scenario { data: true, ..scenario }.replay();
}

#[test]
fn a_copy_to_a_larger_disk_that_has_its_new_backup_and_not_yet_the_mbr() {
    let (mut disk, table) = copied_to_larger();
    put_copies(&mut disk, &table.encode().unwrap(), &[TableCopy::Backup]);
    let scenario = Scenario::new(disk.forget(), 2);
    Scenario { data: true, ..scenario }.replay();
}

#[test]
fn a_finished_disk_whose_dummy_record_was_dropped_has_it_again() {
    let (mut disk, table) = finished();
    let mbr = mbr::encode(&BOOT_CODE, table.disk_sectors, false).unwrap();
    disk.write_at(0, &mbr).unwrap();
    let Decision::Repair(plan) = decide(&disk) else { panic!("{:?}", decide(&disk)) };
    let mut disk = disk.forget();
    run(&plan, &mut disk);
    assert_eq!(disk.log().len(), 2, "{:?}", plan.steps);
    mbr_is_whole(&disk).unwrap();
    assert_eq!(decide(&disk), Decision::Done);
}

#[test]
fn no_byte_of_the_image_is_written_before_the_table_and_the_hole_stays() {
    let base = iso(AMPLE);
    let mut disk = RecordingDisk::over(&base);
    let Decision::Grow(plan) = decide(&base) else { panic!() };
    run(&plan, &mut disk);
    let end = iso_image().total_bytes;
    let mut touched = Vec::new();
    for entry in disk.log() {
        if let Entry::Write { offset, .. } = entry
            && *offset < end
        {
            touched.push(*offset);
        }
    }
    touched.sort_unstable();
    assert_eq!(touched, [0, 512, 1024]);
    let image = base.read_vec(34 * 512, end - 34 * 512, end).unwrap();
    assert!(disk.read_vec(34 * 512, end - 34 * 512, end).unwrap() == image);
}
