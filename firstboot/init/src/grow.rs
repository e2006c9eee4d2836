//! The first boot from a writable medium: both slots and the persistent partition.
//!
//! What is done and in which order is decided in `anklume_growth`; here it is carried out on the disk
//! that the verified OS runs from. Nothing here keeps the machine from booting.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use anklume_gpt::Piece;
use anklume_growth::{Decision, Facts, KernelChange, KernelPartition, Plan};
use anklume_host::blkpg::Partitions;
use anklume_host::direct::{Access, DirectFile};
use anklume_host::sysfs::{BlockDevice, Sysfs, Transport};
use anklume_layout::report::{Growth, GrowthState};
use anklume_layout::sizes::SizePolicy;

use crate::journal::Journal;
use crate::look::{Found, Place};
use crate::plan::size_text;
use crate::tools;

/// The new file system, before it is on the disk.
const IMAGE: &str = "/run/anklume/persist.img";
/// Label of the file system.
const LABEL: &str = "anklume-persist";
/// How much of the new file system is copied at a time, in bytes.
const PIECE_BYTES: u64 = 1 << 20;
/// Least time between two lines on the consoles.
const PAUSE: Duration = Duration::from_millis(200);

/// Gives the medium the layout that it lacks, if it can be given.
pub(crate) fn run(found: &Found, disk: &BlockDevice, journal: &mut Journal) -> Growth {
    let growth = match unsuited(found, disk) {
        Some(reason) => Growth { state: GrowthState::Refused, reason: Some(reason.to_owned()) },
        None => try_to(disk, journal)
            .unwrap_or_else(|reason| Growth { state: GrowthState::Failed, reason: Some(reason) }),
    };
    if let Some(reason) = &growth.reason {
        journal.say(&format!("the medium keeps its partitions: {reason}"));
    }
    growth
}

/// Why nothing needs to be looked at.
fn unsuited(found: &Found, disk: &BlockDevice) -> Option<&'static str> {
    match (&found.place, disk.transport) {
        (Place::File { .. }, _) => Some("the OS runs from a file on it"),
        (_, Transport::Optical) => Some("a disc cannot be written"),
        _ => None,
    }
}

fn try_to(disk: &BlockDevice, journal: &mut Journal) -> Result<Growth, String> {
    let said = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
    let facts = facts(disk).map_err(said("reading the kernel's partitions"))?;
    let reader = DirectFile::open(&disk.node(), Access::Read).map_err(said("opening the disk"))?;
    let mut random = Random::open().map_err(said("opening /dev/random"))?;
    let policy = SizePolicy::default();
    let decision = anklume_growth::plan(&reader, &facts, &policy, &mut || random.sixteen());
    let decision = decision.map_err(|error| error.to_string())?;
    drop(reader);
    random.finish().map_err(said("reading /dev/random"))?;
    let done = |state| Growth { state, reason: None };
    match decision {
        Decision::Done => Ok(done(GrowthState::Done)),
        Decision::Refused(refusal) => {
            Ok(Growth { state: GrowthState::Refused, reason: Some(refusal.to_string()) })
        }
        Decision::Repair(plan) => {
            journal.say("mending the partition table of the medium");
            carry_out(&plan, disk, &[], journal).map(|()| done(GrowthState::Repaired))
        }
        Decision::Grow(plan) => {
            let size = size_text(disk.bytes);
            journal.say(&format!("first boot from this medium of {size}: making its partitions"));
            let persist = plan.persist_bytes().map(formatted).transpose()?.unwrap_or_default();
            carry_out(&plan, disk, &persist, journal).map(|()| done(GrowthState::Grown))
        }
    }
}

/// What the kernel knows of a disk.
pub(crate) fn facts(disk: &BlockDevice) -> io::Result<Facts> {
    let partitions = Sysfs::at(Path::new("/sys")).partitions(&disk.name)?.into_iter();
    let partitions =
        partitions.map(|(number, first, bytes)| KernelPartition { number, first, bytes }).collect();
    Ok(Facts { read_only: disk.read_only, block_bytes: disk.logical_block_bytes, partitions })
}

fn carry_out(
    plan: &Plan,
    disk: &BlockDevice,
    persist: &[Piece],
    journal: &mut Journal,
) -> Result<(), String> {
    let node = disk.node();
    let mut target = DirectFile::open(&node, Access::Write).map_err(|error| error.to_string())?;
    let mut shown: Option<Instant> = None;
    let mut progress = |done: u64, total: u64| {
        if shown.is_none_or(|shown| shown.elapsed() >= PAUSE) {
            let percent = done.saturating_mul(100).checked_div(total).unwrap_or(100);
            journal.countdown(&format!("making partitions: {percent:3} %"));
            shown = Some(Instant::now());
        }
    };
    let written = anklume_growth::execute(plan, &mut target, persist, &mut progress);
    journal.end_countdown();
    written.map_err(|error| error.to_string())?;
    tell_kernel(&node, &plan.kernel)
        .map_err(|error| format!("telling the kernel about the new partitions: {error}"))
}

fn tell_kernel(node: &Path, changes: &[KernelChange]) -> io::Result<()> {
    let partitions = Partitions::of(node)?;
    for change in changes {
        match *change {
            KernelChange::Delete(number) => partitions.delete(number)?,
            KernelChange::Resize(p) => partitions.resize(p.number, p.first, p.bytes)?,
            KernelChange::Add(p) => partitions.add(p.number, p.first, p.bytes)?,
        }
    }
    Ok(())
}

/// An empty file system of `bytes` bytes, made in RAM by the OS's own program: what that writes.
fn formatted(bytes: u64) -> Result<Vec<Piece>, String> {
    let image = Path::new(IMAGE);
    let made = File::create(image).and_then(|file| file.set_len(bytes));
    made.map_err(|error| format!("making {IMAGE}: {error}"))?;
    let options = ["-q", "-F", "-b", "4096", "-N", "4096", "-J", "size=4", "-m", "1", "-L", LABEL];
    // What the kernel would write later, it would write to the medium later.
    let now = ["-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"];
    let arguments = options.into_iter().chain(now).chain([IMAGE]);
    let formatted = tools::run("mkfs.ext4", arguments, &[0]);
    let pieces = formatted.and_then(|()| {
        data(image).map_err(|error| format!("reading the new file system: {error}"))
    });
    let _ = fs::remove_file(image);
    pieces
}

/// The parts of a sparse file that were written.
fn data(path: &Path) -> io::Result<Vec<Piece>> {
    use nix::unistd::{Whence, lseek};
    let mut file = File::open(path)?;
    let mut pieces = Vec::new();
    let mut at: i64 = 0;
    loop {
        let start = match lseek(file.as_fd(), at, Whence::SeekData) {
            Ok(start) => start,
            // Nothing but holes up to the end.
            Err(nix::Error::ENXIO) => return Ok(pieces),
            Err(error) => return Err(error.into()),
        };
        let end = lseek(file.as_fd(), start, Whence::SeekHole)?;
        let (mut offset, end_byte) = (unsigned(start)?, unsigned(end)?);
        while offset < end_byte {
            let length = (end_byte - offset).min(PIECE_BYTES);
            let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
            file.seek(SeekFrom::Start(offset))?;
            file.read_exact(&mut bytes)?;
            pieces.push(Piece { offset, bytes });
            offset += length;
        }
        at = end;
    }
}

fn unsigned(offset: i64) -> io::Result<u64> {
    u64::try_from(offset).map_err(io::Error::other)
}

/// The kernel's random numbers, waiting for them to be good.
pub(crate) struct Random {
    source: File,
    failed: Option<io::Error>,
}

impl Random {
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self { source: File::open("/dev/random")?, failed: None })
    }

    /// Sixteen random bytes. After a failure, which [`Random::finish`] tells, they are zero.
    pub(crate) fn sixteen(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        if let Err(error) = self.source.read_exact(&mut bytes) {
            self.failed = Some(error);
        }
        bytes
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        self.failed.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn what_was_written_to_a_sparse_file_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sparse");
        let file = File::create(&path).unwrap();
        file.set_len(64 << 20).unwrap();
        file.write_all_at(b"superblock", 1024).unwrap();
        file.write_all_at(&vec![7; 3 << 20], 32 << 20).unwrap();
        let pieces = data(&path).unwrap();
        let total: usize = pieces.iter().map(|piece| piece.bytes.len()).sum();
        assert!((3 << 20..4 << 20).contains(&total), "{total}");
        let read = |offset: u64| {
            pieces.iter().find_map(|piece| {
                piece.bytes.get(usize::try_from(offset.checked_sub(piece.offset)?).ok()?)
            })
        };
        assert_eq!(
            (read(1024), read(35 << 20), read((35 << 20) - 1)),
            (Some(&b's'), None, Some(&7))
        );
        assert!(pieces.iter().all(|piece| piece.offset % 512 == 0 && piece.bytes.len() % 512 == 0));
    }
}
