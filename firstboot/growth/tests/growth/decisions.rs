//! What is decided about disks of all kinds.

use anklume_bytes::{ReadAt, ReadError, WriteAt};
use anklume_crash::RecordingDisk;
use anklume_gpt::{Guid, Table, mbr};
use anklume_growth::{
    Decision, Error, Facts, KernelChange, KernelPartition, Plan, Refusal, Step, hidden, plan,
};
use anklume_layout::disk::{ContentSizes, DiskPlan, Format};
use anklume_layout::sizes::SizePolicy;
use anklume_layout::{Role, Slot};

use crate::sample::{
    AMPLE, BOOT_CODE, LEAST, MIB, POLICY, decide, facts, finished, iso, put_table, random, raw,
    raw_image, run,
};

fn refusal(disk: &impl ReadAt) -> Refusal {
    match decide(disk) {
        Decision::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn grow(disk: &impl ReadAt) -> Plan {
    match decide(disk) {
        Decision::Grow(plan) => plan,
        other => panic!("{other:?}"),
    }
}

/// The partitions in MiB: number, first, length.
fn places(table: &Table) -> Vec<(u32, u64, u64)> {
    let place = |p: &anklume_gpt::Partition| {
        (p.number, p.first_lba / 2048, (p.last_lba + 1 - p.first_lba) / 2048)
    };
    table.partitions.iter().map(place).collect()
}

/// A disk with the table of the sample ISO after `change`.
fn changed(change: impl FnOnce(&mut Table)) -> RecordingDisk {
    let mut disk = iso(AMPLE);
    let mut table = anklume_gpt::read(&disk, 512).unwrap().table;
    change(&mut table);
    put_table(&mut disk, &table);
    disk
}

#[test]
fn an_iso_becomes_the_full_layout() {
    let plan = grow(&iso(AMPLE));
    let expected =
        [(1, 1, 1), (2, 2, 16), (3, 23, 2), (4, 19, 4), (5, 25, 2), (6, 27, 4), (7, 31, 2)];
    assert_eq!(places(&plan.table), expected);
    assert_eq!(plan.table.disk_sectors, AMPLE / 512);
    assert_eq!(plan.persist_bytes(), Some(2 * MIB));
    let guids = plan.table.partitions.iter().map(|p| p.unique_guid);
    assert!(guids.chain([plan.table.disk_guid]).all(|guid| guid.version() == Some(4)));
    for (partition, role) in plan.table.partitions.iter().zip(Role::ALL) {
        assert_eq!(partition.name, role.label());
        assert_eq!(partition.type_guid, role.type_guid());
        assert_eq!(partition.attributes, role.attributes());
    }
    assert_eq!(plan.steps[0], Step::Copy { from: 18 * MIB, to: 23 * MIB, bytes: MIB });
}

#[test]
fn the_kernel_moves_the_boot_partition_and_resizes_the_os_in_use() {
    let of =
        |number, first, bytes| KernelPartition { number, first: first * MIB, bytes: bytes * MIB };
    let expected = [
        KernelChange::Delete(3),
        KernelChange::Resize(of(4, 19, 4)),
        KernelChange::Add(of(3, 23, 2)),
        KernelChange::Add(of(5, 25, 2)),
        KernelChange::Add(of(6, 27, 4)),
        KernelChange::Add(of(7, 31, 2)),
    ];
    assert_eq!(grow(&iso(AMPLE)).kernel, expected);
    assert_eq!(grow(&raw(0)).kernel, []);
}

#[test]
fn a_slot_that_the_kernel_has_elsewhere_is_not_touched() {
    let disk = iso(AMPLE);
    let mut facts = facts(&disk);
    facts.partitions[3].first += MIB;
    let decision = plan(&disk, &facts, &POLICY, &mut random()).unwrap();
    let expected = Refusal::Kernel { number: 4, kernel: 20 * MIB, table: 19 * MIB };
    assert_eq!(decision, Decision::Refused(expected));
}

#[test]
fn the_smallest_disk_holds_the_content_and_one_byte_less_is_refused() {
    let plan = grow(&iso(LEAST));
    let expected =
        [(1, 1, 1), (2, 2, 16), (3, 21, 1), (4, 19, 2), (5, 22, 1), (6, 23, 2), (7, 25, 2)];
    assert_eq!(places(&plan.table), expected);
    let mut small = RecordingDisk::new(LEAST - 512);
    for (offset, bytes) in iso(LEAST).blocks().filter(|(offset, _)| *offset < 21 * MIB) {
        small.write_at(offset, bytes).unwrap();
    }
    let expected = Refusal::TooSmall { needed: LEAST, found: LEAST - 512 };
    assert_eq!(refusal(&small), expected);
    let text = expected.to_string();
    assert_eq!(text, "the disk is too small: both slots need 28 MiB, it has 27 MiB");
}

#[test]
fn a_medium_of_8_gb_is_large_enough_for_the_product() {
    let content = ContentSizes { boot: 100 * MIB, os: 550 * MIB };
    let image = DiskPlan::new(Format::Iso, content).unwrap();
    for (size, os) in [(8_000_000_000, 3371), (7_750_000_000, 3251), (64_000_000_000, 4096)] {
        let mut disk = RecordingDisk::new(size);
        let guid = |role: Option<Role>| Guid::from_hash([role.map_or(0, |r| r.number() as u8); 16]);
        put_table(&mut disk, &image.table(guid));
        let policy = SizePolicy::default();
        let decision = plan(&disk, &facts(&disk), &policy, &mut random()).unwrap();
        let Decision::Grow(plan) = decision else { panic!("{size}: {decision:?}") };
        let (boot, start) = (256, 118);
        let expected = [
            (1, 1, 1),
            (2, 2, 16),
            (3, start + os, boot),
            (4, start, os),
            (5, start + os + boot, boot),
            (6, start + os + 2 * boot, os),
            (7, start + 2 * os + 2 * boot, 256),
        ];
        assert_eq!(places(&plan.table), expected, "{size}");
    }
}

#[test]
fn a_raw_image_keeps_its_places_and_has_its_backup_at_the_end() {
    let plan = grow(&raw(5 * MIB + 512));
    let image = raw_image().table(|_| Guid::ZERO);
    assert_eq!(places(&plan.table), places(&image));
    assert_eq!(plan.table.disk_sectors, image.disk_sectors + 5 * 2048 + 1);
    assert!(!plan.steps.iter().any(|step| matches!(step, Step::Copy { .. })));
    assert_eq!(plan.persist_bytes(), Some(2 * MIB));
}

#[test]
fn a_backup_that_an_editor_moved_to_the_end_changes_nothing() {
    let disk = changed(|table| table.disk_sectors = AMPLE / 512);
    assert_eq!(grow(&disk).table, grow(&iso(AMPLE)).table);
}

#[test]
fn a_finished_disk_is_left_alone() {
    let (disk, _) = finished();
    assert_eq!(decide(&disk), Decision::Done);
    let facts = Facts { read_only: true, ..facts(&disk) };
    assert_eq!(plan(&disk, &facts, &POLICY, &mut random()).unwrap(), Decision::Done);
}

#[test]
fn records_that_the_user_added_to_a_finished_disk_stay() {
    let (mut disk, _) = finished();
    let mut sector = disk.read_vec(0, 512, 512).unwrap();
    sector[478 + 4] = 0x0c;
    disk.write_at(0, &sector).unwrap();
    assert_eq!(decide(&disk), Decision::Done);
    let last = disk.size() - 512;
    disk.write_at(last, &[0; 512]).unwrap();
    let Decision::Repair(plan) = decide(&disk) else { panic!("{:?}", decide(&disk)) };
    run(&plan, &mut disk);
    assert_eq!(disk.read_vec(0, 512, 512).unwrap(), sector);
    assert_eq!(decide(&disk), Decision::Done);
}

#[test]
fn a_repair_tells_the_kernel_of_partitions_that_it_could_not_find() {
    let (mut disk, table) = finished();
    disk.write_at(512, &[0; 512]).unwrap();
    let facts = Facts { read_only: false, block_bytes: 512, partitions: Vec::new() };
    let decision = plan(&disk, &facts, &POLICY, &mut random()).unwrap();
    let Decision::Repair(plan) = decision else { panic!("{decision:?}") };
    assert_eq!((plan.kernel.len(), plan.persist_bytes()), (8, None));
    assert_eq!(plan.table, table);
}

#[test]
fn partitions_are_hidden_where_only_the_backup_is_whole() {
    let blind = Facts { read_only: true, block_bytes: 512, partitions: Vec::new() };
    let (mut disk, _) = finished();
    let all = facts(&disk).partitions;
    assert_eq!(hidden(&disk, &blind).unwrap(), []);
    disk.write_at(512, &[0; 512]).unwrap();
    assert_eq!((hidden(&disk, &blind).unwrap(), all.len()), (all.clone(), 8));
    for other in [Facts { block_bytes: 4096, ..blind.clone() }, facts(&disk)] {
        assert_eq!(hidden(&disk, &other).unwrap(), [], "{other:?}");
    }
    let mut of_former_life = iso(AMPLE);
    of_former_life.write_at(512, &[0; 512]).unwrap();
    assert_eq!(hidden(&of_former_life, &blind).unwrap(), []);
}

#[test]
fn a_device_that_cannot_be_written_or_addressed_is_refused() {
    let disk = iso(AMPLE);
    let decide = |read_only, block_bytes| {
        let facts = Facts { read_only, block_bytes, ..facts(&disk) };
        plan(&disk, &facts, &POLICY, &mut random()).unwrap()
    };
    assert_eq!(decide(true, 512), Decision::Refused(Refusal::ReadOnly));
    assert_eq!(decide(true, 2048), Decision::Refused(Refusal::ReadOnly));
    assert_eq!(decide(false, 4096), Decision::Refused(Refusal::BlockSize { found: 4096 }));
}

#[test]
fn a_partition_that_is_missing_or_not_ours_is_named() {
    let missing = changed(|table| drop(table.partitions.remove(2)));
    let expected = Refusal::Missing { number: 3, label: "anklume-boot-a" };
    assert_eq!(refusal(&missing), expected);

    let data = |number| {
        changed(move |table| {
            let mut data = table.partitions[0].clone();
            (data.first_lba, data.last_lba) = (43008 - 2048, 43008 - 2048 + 100);
            (data.number, data.name) = (number, "data".to_owned());
            data.unique_guid = Guid::from_random([1; 16]);
            table.partitions.push(data);
            table.disk_sectors = AMPLE / 512;
        })
    };
    for number in [5, 9] {
        let text = format!("partition {number} `data` is not of this layout");
        assert_eq!(refusal(&data(number)).to_string(), text);
    }

    let found = Guid::from_u128(0xebd0a0a2_b9e5_4433_87c0_68b6b72699c7);
    let typed = changed(|table| table.partitions[1].type_guid = found);
    let expected = Role::Esp.type_guid();
    let label = "anklume-esp";
    assert_eq!(refusal(&typed), Refusal::Type { number: 2, label, expected, found });
}

#[test]
fn partitions_in_another_order_or_place_were_changed() {
    let swapped = changed(|table| {
        let (esp, bios) = (table.partitions[1].clone(), table.partitions[0].clone());
        (table.partitions[0].first_lba, table.partitions[0].last_lba) =
            (esp.first_lba, esp.last_lba);
        (table.partitions[1].first_lba, table.partitions[1].last_lba) =
            (bios.first_lba, bios.last_lba);
    });
    let (label, expected) = ("anklume-esp", 18 * MIB);
    assert_eq!(refusal(&swapped), Refusal::Moved { number: 2, label, expected, found: MIB });
    let shifted = changed(|table| table.partitions[3].first_lba += 1);
    assert!(matches!(refusal(&shifted), Refusal::Moved { number: 4, .. }));
}

#[test]
fn a_disk_with_another_guid_and_not_all_partitions_was_changed() {
    let guid = Guid::from_random([5; 16]);
    let disk = changed(|table| table.disk_guid = guid);
    let expected = Refusal::Incomplete { guid, number: 5, label: "anklume-boot-b" };
    assert_eq!(refusal(&disk), expected);

    let (mut disk, mut table) = finished();
    table.partitions[6].name = "mine".to_owned();
    put_table(&mut disk, &table);
    assert_eq!(refusal(&disk), Refusal::Foreign { number: 7, name: "mine".to_owned() });
}

#[test]
fn an_image_whose_mbr_is_not_protective_is_refused() {
    for (byte, value) in [(478 + 4, 0x0c), (446 + 4, 0x83), (510, 0)] {
        let mut disk = iso(AMPLE);
        let mut sector = disk.read_vec(0, 512, 512).unwrap();
        sector[byte] = value;
        disk.write_at(0, &sector).unwrap();
        assert_eq!(refusal(&disk), Refusal::NotProtective, "{byte}");
    }
}

#[test]
fn the_boot_code_of_the_mbr_is_kept_and_its_size_is_the_disks() {
    let mut disk = iso(AMPLE);
    run(&grow(&disk), &mut disk);
    let expected = mbr::encode(&BOOT_CODE, AMPLE / 512, true).unwrap();
    assert_eq!(disk.read_vec(0, 512, 512).unwrap(), expected);
}

#[test]
fn a_backup_of_the_former_life_is_not_believed() {
    let mut disk = iso(AMPLE);
    disk.write_at(512, &[0; 512]).unwrap();
    assert!(anklume_gpt::read(&disk, 512).unwrap().table.disk_guid.version() == Some(4));
    assert!(matches!(refusal(&disk), Refusal::Damaged { .. }));
    let mbr = mbr::encode(&BOOT_CODE, AMPLE / 512, true).unwrap();
    disk.write_at(0, &mbr).unwrap();
    assert!(matches!(decide(&disk), Decision::Repair(_)));
    disk.write_at(AMPLE - 512, &[0; 512]).unwrap();
    assert!(matches!(refusal(&disk), Refusal::Damaged { .. }));
}

#[test]
fn random_numbers_that_repeat_give_no_table() {
    let disk = iso(AMPLE);
    let decision = plan(&disk, &facts(&disk), &POLICY, &mut || [7; 16]).unwrap();
    assert!(matches!(decision, Decision::Refused(Refusal::Unwritable { .. })), "{decision:?}");
}

/// A disk on which one MiB cannot be read.
struct Unreadable(RecordingDisk, u64);

impl ReadAt for Unreadable {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        if offset / MIB == self.1 {
            let (length, source) = (buffer.len() as u64, std::io::Error::other("medium error"));
            return Err(ReadError::Io { offset, length, source });
        }
        self.0.read_at(offset, buffer)
    }
}

#[test]
fn a_device_that_fails_is_an_error_and_no_refusal() {
    let disk = Unreadable(iso(AMPLE), 0);
    let facts = Facts { read_only: false, block_bytes: 512, partitions: Vec::new() };
    let error = plan(&disk, &facts, &POLICY, &mut random()).unwrap_err();
    assert!(matches!(error, Error::Table(_)), "{error}");
    assert!(error.to_string().contains("medium error"), "{error}");
}

#[test]
fn slots_have_the_same_sizes() {
    let plan = grow(&iso(AMPLE));
    let length = |role: Role| {
        let partition = &plan.table.partitions[role.number() as usize - 1];
        partition.last_lba - partition.first_lba
    };
    assert_eq!(length(Role::Os(Slot::A)), length(Role::Os(Slot::B)));
    assert_eq!(length(Role::Boot(Slot::A)), length(Role::Boot(Slot::B)));
}
