//! Small images on small disks, with bytes that are recognised.

use anklume_bytes::{ReadAt, WriteAt};
use anklume_crash::RecordingDisk;
use anklume_gpt::{Encoded, Guid, Partition, Piece, Table, TableCopy, mbr};
use anklume_growth::{Decision, Facts, KernelPartition, Plan, execute, plan};
use anklume_layout::disk::{ContentSizes, DiskPlan, Extent, Format};
use anklume_layout::sizes::SizePolicy;
use anklume_layout::{Role, Slot};

pub(crate) const MIB: u64 = 1 << 20;
/// What the content of each partition is in an image.
pub(crate) const CONTENT: ContentSizes = ContentSizes { boot: MIB, os: MIB };
pub(crate) const POLICY: SizePolicy =
    SizePolicy { minimum_boot: 2 * MIB, minimum_os: 4 * MIB, persist: 2 * MIB };
/// Boot code of the sample images.
pub(crate) const BOOT_CODE: [u8; mbr::BOOT_CODE_BYTES] = [0xb7; mbr::BOOT_CODE_BYTES];
/// The smallest disk on which a sample ISO grows: what lies before OS A, two slots and the persistent
/// partition, the backup table. OS A takes in the MiB of the image's backup table.
pub(crate) const LEAST: u64 = (19 + 2 * (2 + 1) + 2 + 1) * MIB;
/// A disk on which there is room for everything.
pub(crate) const AMPLE: u64 = (19 + 2 * (4 + 2) + 2 + 4) * MIB + 7 * 512;

/// Random bytes that are the same in every run.
pub(crate) fn random() -> impl FnMut() -> [u8; 16] {
    let mut count = 0_u8;
    move || {
        count += 1;
        [count; 16]
    }
}

/// Puts the table and the MBR of `table` on a disk.
pub(crate) fn put_table(disk: &mut impl WriteAt, table: &Table) {
    let mbr = mbr::encode(&BOOT_CODE, table.disk_sectors, true).unwrap();
    disk.write_at(0, &mbr).unwrap();
    put_copies(disk, &table.encode().unwrap(), &[TableCopy::Primary, TableCopy::Backup]);
}

/// Puts some copies of a table on a disk.
pub(crate) fn put_copies(disk: &mut impl WriteAt, encoded: &Encoded, copies: &[TableCopy]) {
    let [backup, primary] = encoded.live_order(TableCopy::Primary);
    for copy in copies {
        let pieces = if *copy == TableCopy::Primary { primary } else { backup };
        for piece in pieces {
            disk.write_at(piece.offset, &piece.bytes).unwrap();
        }
    }
}

/// The bytes with which `tag` marks a place: a sector at the start of every 256 KiB and the last.
fn marks(offset: u64, bytes: u64, tag: u8) -> impl Iterator<Item = (u64, [u8; 512])> {
    let starts = (offset..offset + bytes).step_by(256 << 10).chain([offset + bytes - 512]);
    starts.enumerate().map(move |(index, at)| (at, [tag ^ index as u8; 512]))
}

/// Marks a place; the rest of it is zero.
pub(crate) fn mark(disk: &mut impl WriteAt, offset: u64, bytes: u64, tag: u8) {
    disk.write_at(offset, &vec![0; bytes as usize]).unwrap();
    for (at, sector) in marks(offset, bytes, tag) {
        disk.write_at(at, &sector).unwrap();
    }
}

/// Whether a place has all the marks, and nothing else.
pub(crate) fn is_marked(disk: &impl ReadAt, offset: u64, bytes: u64, tag: u8) -> bool {
    let Ok(mut found) = disk.read_vec(offset, bytes, bytes) else { return false };
    for (at, sector) in marks(offset, bytes, tag) {
        let place = &mut found[(at - offset) as usize..][..512];
        if *place != sector {
            return false;
        }
        place.fill(0);
    }
    is_clear(&found)
}

/// Whether all bytes are zero.
pub(crate) fn is_clear(bytes: &[u8]) -> bool {
    bytes.chunks(4096).all(|chunk| *chunk == [0; 4096][..chunk.len()])
}

/// The mark of a partition of an image.
pub(crate) fn tag(role: Role) -> u8 {
    0x40 + role.number() as u8 * 8
}

fn image_guid(role: Option<Role>) -> Guid {
    Guid::from_hash([role.map_or(0, |role| role.number() as u8); 16])
}

/// A disk that was used before: `0xee` in a sector of every 128 KiB.
fn used(size: u64) -> RecordingDisk {
    let mut disk = RecordingDisk::new(size);
    for at in (MIB..size - 512).step_by(128 << 10) {
        disk.write_at(at, &[0xee; 512]).unwrap();
    }
    disk
}

/// Flashes `image` with marks on all partitions up to OS A.
fn flash(disk: &mut RecordingDisk, image: &DiskPlan) {
    for at in (0..image.total_bytes).step_by(MIB as usize) {
        disk.write_at(at, &vec![0; MIB as usize]).unwrap();
    }
    for extent in &image.extents {
        let content = if extent.role.number() <= 4 { extent.bytes.min(MIB) } else { 0 };
        if content > 0 {
            mark(disk, extent.offset, content, tag(extent.role));
        }
    }
    put_table(disk, &image.table(image_guid));
}

/// The sample ISO.
pub(crate) fn iso_image() -> DiskPlan {
    DiskPlan::new(Format::Iso, CONTENT).unwrap()
}

/// A disk of `size` bytes that held a grown ISO before, to which the sample ISO was flashed.
pub(crate) fn iso(size: u64) -> RecordingDisk {
    let mut first = used(size);
    flash(&mut first, &iso_image());
    let Decision::Grow(plan) = decide(&first) else { panic!("{:?}", decide(&first)) };
    let mut former = plan.table;
    former.disk_guid = Guid::from_random([0xaa; 16]);
    for partition in &mut former.partitions {
        partition.unique_guid = Guid::from_random([0xb0 + partition.number as u8; 16]);
    }
    let mut disk = used(size);
    put_copies(&mut disk, &former.encode().unwrap(), &[TableCopy::Backup]);
    flash(&mut disk, &iso_image());
    disk.forget()
}

/// The sample raw image.
pub(crate) fn raw_image() -> DiskPlan {
    let mut offset = MIB;
    let extents = Role::ALL.map(|role| {
        let bytes = match role {
            Role::BiosBoot => MIB,
            Role::Esp | Role::Boot(_) | Role::Persist => 2 * MIB,
            Role::Os(_) => 3 * MIB,
        };
        offset += bytes;
        Extent { role, offset: offset - bytes, bytes }
    });
    DiskPlan { extents: extents.to_vec(), total_bytes: offset + MIB }
}

/// A disk to which the sample raw image was flashed; it ends `more` bytes behind the image. Stale
/// bytes lie in the partitions that hold nothing.
pub(crate) fn raw(more: u64) -> RecordingDisk {
    let image = raw_image();
    let mut disk = used(image.total_bytes + more);
    flash(&mut disk, &image);
    for role in [Role::Boot(Slot::B), Role::Os(Slot::B), Role::Persist] {
        let extent = image.extent(role).unwrap();
        mark(&mut disk, extent.offset, extent.bytes, 0xee);
    }
    disk.forget()
}

/// Partition 8 of [`finished`], in bytes.
pub(crate) const DATA: (u64, u64) = (18 * MIB, MIB);

/// A disk whose first boot is finished, on which the user has made partition 8.
pub(crate) fn finished() -> (RecordingDisk, Table) {
    let mut disk = raw(4 * MIB);
    let Decision::Grow(plan) = decide(&disk) else { panic!("{:?}", decide(&disk)) };
    run(&plan, &mut disk);
    let mut table = plan.table;
    let (offset, bytes) = DATA;
    table.partitions.push(Partition {
        number: 8,
        type_guid: Role::Persist.type_guid(),
        unique_guid: Guid::from_random([0xdd; 16]),
        first_lba: offset / 512,
        last_lba: (offset + bytes) / 512 - 1,
        attributes: 0,
        name: "anklume-data".to_owned(),
    });
    put_table(&mut disk, &table);
    mark(&mut disk, offset, bytes, 0xda);
    (disk.forget(), table)
}

/// What a kernel knows that could read the table.
pub(crate) fn facts(disk: &impl ReadAt) -> Facts {
    let table = anklume_gpt::read(disk, 512).map(|read| read.table.partitions).unwrap_or_default();
    let partitions = table.iter().map(|p| KernelPartition {
        number: p.number,
        first: p.first_lba * 512,
        bytes: (p.last_lba - p.first_lba + 1) * 512,
    });
    Facts { read_only: false, block_bytes: 512, partitions: partitions.collect() }
}

/// The decision about a disk of a sample.
pub(crate) fn decide(disk: &impl ReadAt) -> Decision {
    plan(disk, &facts(disk), &POLICY, &mut random()).unwrap()
}

/// Content of the persistent partition. Its first piece covers a part of what is cleared before.
pub(crate) fn persist() -> Vec<Piece> {
    vec![
        Piece { offset: 1024, bytes: vec![0x71; 1024] },
        Piece { offset: 1 << 19, bytes: vec![0x72; 512] },
    ]
}

/// Carries a plan out.
pub(crate) fn run(plan: &Plan, disk: &mut impl WriteAt) {
    execute(plan, disk, &persist(), &mut |_, _| ()).unwrap();
}
