//! What to do with a disk.

use anklume_bytes::ReadAt;
use anklume_gpt::{Error as TableError, Read, Table, TableCopy, mbr};
use anklume_layout::SECTOR_BYTES;
use anklume_layout::sizes::SizePolicy;

use crate::kernel::{self, KernelPartition};
use crate::target::target;
use crate::{Error, Plan, Refusal, look, plan as steps};

/// What the kernel knows of the disk.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Whether it cannot be written.
    pub read_only: bool,
    /// Logical block size in bytes.
    pub block_bytes: u64,
    /// Its partitions as the kernel has them.
    pub partitions: Vec<KernelPartition>,
}

/// What to do with a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: the first boot is finished.
    Done,
    /// It is a flashed image, or was on the way from there: make the full layout.
    Grow(Plan),
    /// The first boot is finished, but a part of the table is missing or differs: write it again.
    Repair(Plan),
    /// Nothing can be done; the reason is for the user.
    Refused(Refusal),
}

/// Decides what to do with `disk`.
///
/// `random` gives 16 random bytes per call, for GUIDs. Nothing is written; a plan is carried out by
/// [`crate::execute`] on the same disk.
///
/// # Errors
/// [`Error::Table`] and [`Error::Read`] when the device fails. A table that is damaged or not ours
/// is no error but a [`Decision::Refused`].
pub fn plan<R: ReadAt + ?Sized>(
    disk: &R,
    facts: &Facts,
    policy: &SizePolicy,
    random: &mut dyn FnMut() -> [u8; 16],
) -> Result<Decision, Error> {
    let decision = if facts.block_bytes == SECTOR_BYTES {
        match Disk::look(disk, facts)? {
            Ok(found) if look::is_image(&found.read.table) => found.image(policy, random),
            Ok(found) => found.finished(),
            Err(refusal) => Err(refusal),
        }
    } else {
        Err(Refusal::BlockSize { found: facts.block_bytes })
    };
    Ok(match decision {
        Ok(Decision::Done) => Decision::Done,
        _ if facts.read_only => Decision::Refused(Refusal::ReadOnly),
        Ok(decision) => decision,
        Err(refusal) => Decision::Refused(refusal),
    })
}

/// The partitions of `disk` that the kernel does not show because the primary table is damaged: it does
/// not look for the backup by itself. There are none where [`plan`] would not believe the backup
/// either, and none where the kernel has partitions.
///
/// # Errors
/// As [`plan`].
pub fn hidden<R: ReadAt + ?Sized>(disk: &R, facts: &Facts) -> Result<Vec<KernelPartition>, Error> {
    if facts.block_bytes != SECTOR_BYTES || !facts.partitions.is_empty() {
        return Ok(Vec::new());
    }
    let believed = Disk::look(disk, facts)?.ok();
    // A whole primary table was read by the kernel, which has its reasons to show nothing.
    let backup = believed.filter(|found| found.read.source == TableCopy::Backup);
    Ok(backup.map(|found| kernel::partitions(&found.read.table)).unwrap_or_default())
}

/// A disk with a readable table.
struct Disk<'a, R: ?Sized> {
    disk: &'a R,
    facts: &'a Facts,
    read: Read,
    /// The MBR, if it is protective.
    mbr: Option<mbr::Mbr>,
}

impl<'a, R: ReadAt + ?Sized> Disk<'a, R> {
    fn look(disk: &'a R, facts: &'a Facts) -> Result<Result<Self, Refusal>, Error> {
        let read = match anklume_gpt::read(disk, SECTOR_BYTES) {
            Ok(read) => read,
            Err(error) if device_failed(&error) => return Err(error.into()),
            Err(error) => return Ok(Err(Refusal::Damaged { reason: error.to_string() })),
        };
        let mbr = match mbr::read(disk) {
            Ok(mbr) => Some(mbr).filter(mbr::Mbr::is_protective),
            Err(error) if device_failed(&error) => return Err(error.into()),
            Err(_) => None,
        };
        let found = Self { disk, facts, read, mbr };
        if let Err(primary) = &found.read.primary
            && !found.mbr_covers_disk()
        {
            let reason = format!(
                "{primary}; the backup table in the last sector is not of this image, because the \
                 mbr does not cover the disk"
            );
            return Ok(Err(Refusal::Damaged { reason }));
        }
        Ok(Ok(found))
    }

    /// Logical blocks of the disk.
    fn sectors(&self) -> u64 {
        self.read.backup_expected.saturating_add(1)
    }

    /// Whether the protective record has the size of this disk (UEFI 2.10 table 5.4).
    fn mbr_covers_disk(&self) -> bool {
        let expected = u32::try_from(self.read.backup_expected).unwrap_or(u32::MAX);
        let protective = |entry: &mbr::Entry| entry.kind == mbr::PROTECTIVE;
        let record = self.mbr.as_ref().and_then(|mbr| mbr.entries.iter().find(|e| protective(e)));
        record.is_some_and(|entry| entry.sectors == expected)
    }

    /// The MBR of this disk with the boot code that it has.
    fn new_mbr(&self, old: &mbr::Mbr) -> Result<[u8; mbr::BYTES], Refusal> {
        mbr::encode(&old.boot_code, self.sectors(), true).map_err(unwritable)
    }

    fn image(
        &self,
        policy: &SizePolicy,
        random: &mut dyn FnMut() -> [u8; 16],
    ) -> Result<Decision, Refusal> {
        let (format, extents) = look::image(&self.read.table)?;
        let old_mbr = self.mbr.as_ref().ok_or(Refusal::NotProtective)?;
        let target = target(format, &extents, self.disk.size(), policy)?;
        let table = target.table(random);
        let encoded = table.encode().map_err(unwritable)?;
        let steps = steps::grow(&target, &self.new_mbr(old_mbr)?, &encoded, self.read.source);
        let kernel = kernel::changes(&self.facts.partitions, &table)?;
        Ok(Decision::Grow(Plan { steps, table, kernel }))
    }

    fn finished(&self) -> Result<Decision, Refusal> {
        look::finished(&self.read.table)?;
        let Read { primary, backup, copies_equal, .. } = &self.read;
        let table_is_whole = primary.is_ok() && backup.is_ok() && *copies_equal;
        // Other records than ours are the user's choice on a disk that is the user's.
        let bad_mbr = self.mbr.as_ref().filter(|m| !m.has_dummy_active || !self.mbr_covers_disk());
        if table_is_whole && bad_mbr.is_none() {
            return Ok(Decision::Done);
        }
        let table = Table { disk_sectors: self.sectors(), ..self.read.table.clone() };
        let encoded = table.encode().map_err(unwritable)?;
        let mbr = bad_mbr.map(|old| self.new_mbr(old)).transpose()?;
        let mbr = mbr.as_ref().map(|mbr| &mbr[..]);
        let steps = steps::repair(self.disk, mbr, &encoded, self.read.source);
        let kernel = kernel::changes(&self.facts.partitions, &table)?;
        Ok(Decision::Repair(Plan { steps, table, kernel }))
    }
}

fn unwritable(error: TableError) -> Refusal {
    Refusal::Unwritable { reason: error.to_string() }
}

/// Whether the device failed, rather than held something else than expected.
fn device_failed(error: &TableError) -> bool {
    match error {
        TableError::Io { source, .. } => matches!(source, anklume_bytes::ReadError::Io { .. }),
        TableError::NoTable { primary, backup } => device_failed(primary) || device_failed(backup),
        _ => false,
    }
}
