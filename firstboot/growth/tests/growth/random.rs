//! Tables that nobody would make: a decision about them never panics.

use anklume_bytes::{ReadAt, WriteAt};
use anklume_crash::RecordingDisk;
use anklume_gpt::{Guid, Table, TableCopy};
use anklume_growth::{Decision, execute, plan};
use anklume_layout::sizes::SizePolicy;
use proptest::prelude::*;

use crate::sample::{AMPLE, LEAST, MIB, POLICY, facts, iso, persist, put_copies, random, raw};

/// A change of a partition: which one, which field, to what.
type Change = (usize, u8, u64);

fn change(table: &mut Table, (index, field, value): Change) {
    let count = table.partitions.len();
    let partition = &mut table.partitions[index % count];
    match field {
        0 => partition.first_lba = value,
        1 => partition.last_lba = value,
        2 => partition.number = (value % 130) as u32,
        3 => partition.name = format!("anklume-{}", value % 9),
        4 => partition.type_guid = Guid::from_u128(value.into()),
        5 => table.disk_sectors = value,
        6 => table.disk_guid = Guid::from_random(u128::from(value).to_be_bytes()),
        _ => drop(table.partitions.remove(index % count)),
    }
}

fn value() -> impl Strategy<Value = u64> {
    let mib = (0_u64..40).prop_map(|mib| mib * 2048);
    prop_oneof![mib, 0_u64..AMPLE / 512, any::<u64>()]
}

/// Decides, carries out what was decided, and decides once more.
fn live_through(disk: &mut RecordingDisk, policy: &SizePolicy) -> Result<(), TestCaseError> {
    let decide = |disk: &RecordingDisk| plan(disk, &facts(disk), policy, &mut random());
    let Ok(Decision::Grow(plan) | Decision::Repair(plan)) = decide(disk) else { return Ok(()) };
    execute(&plan, disk, &persist(), &mut |_, _| ())
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    let again = decide(disk).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(again, Decision::Done);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_table_that_can_be_written(
        is_raw in any::<bool>(),
        changes in prop::collection::vec((0..8_usize, 0..8_u8, value()), 0..3),
        more in 0..5 * MIB,
    ) {
        let mut disk = if is_raw { raw(more / 512 * 512) } else { iso(LEAST + more / 512 * 512) };
        let mut table = anklume_gpt::read(&disk, 512).unwrap().table;
        for each in changes {
            change(&mut table, each);
        }
        if let Ok(encoded) = table.encode() && table.disk_sectors <= disk.size() / 512 {
            put_copies(&mut disk, &encoded, &[TableCopy::Primary, TableCopy::Backup]);
        }
        live_through(&mut disk, &POLICY)?;
    }

    #[test]
    fn any_bytes_in_the_first_sectors(
        at in 0_usize..1536,
        bytes in prop::collection::vec(any::<u8>(), 1..16),
        is_raw in any::<bool>(),
    ) {
        let mut disk = if is_raw { raw(0) } else { iso(LEAST) };
        let mut start = disk.read_vec(0, 2048, 2048).unwrap();
        start[at..at + bytes.len()].copy_from_slice(&bytes);
        disk.write_at(0, &start).unwrap();
        live_through(&mut disk, &POLICY)?;
    }

    #[test]
    fn any_policy(boot in any::<u64>(), os in any::<u64>(), persist in any::<u64>()) {
        let policy = SizePolicy { minimum_boot: boot, minimum_os: os, persist };
        let disk = iso(AMPLE);
        plan(&disk, &facts(&disk), &policy, &mut random()).unwrap();
    }
}
