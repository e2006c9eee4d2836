//! Sticks that have both slots without having been booted, and slots that do not work.

use std::ops::Range;
use std::path::Path;

use anklume_bytes::{ReadAt, Window};
use anklume_fat::FileSystem;
use anklume_gpt::Piece;
use anklume_growth::{Decision, Facts, Plan};
use anklume_host::direct::{Access, DirectFile};
use anklume_layout::sizes::SizePolicy;
use anklume_layout::{Role, Slot, files};
use anklume_medium::Medium;
use anklume_slots::Record;

use super::Stick;
use crate::{Failure, Workdir, image, tool};

/// A word of the test image's command line that a test can spare, and two that stand together.
const WORD: &str = "usb-storage.delay_use=250ms";
const WORDS: &str = "usb-storage.delay_use=250ms no_timer_check";
/// Bytes that are compared at a time.
const COMPARED_BYTES: usize = 4 << 20;
/// The most bytes of a boot partition.
const MAX_BOOT_BYTES: u64 = 512 << 20;

impl Stick {
    fn failure(&self, expected: &str, found: impl ToString) -> Failure {
        let (path, expected) = (self.path.clone(), expected.to_owned());
        Failure::Image { path, expected, found: found.to_string() }
    }

    /// Does what the first boot does, but for the content of the persistent partition.
    ///
    /// # Errors
    ///
    /// When the image cannot grow.
    pub fn grow(&self, workdir: &Workdir) -> Result<(), Failure> {
        match self.growth()? {
            Decision::Grow(plan) => self.execute(workdir, &plan),
            other => Err(self.failure("a stick that can grow", format!("{other:?}"))),
        }
    }

    /// Does what the next boot does after a first one that was interrupted anywhere.
    ///
    /// # Errors
    ///
    /// When nothing can be done with it.
    pub fn finish_growth(&self, workdir: &Workdir) -> Result<(), Failure> {
        match self.growth()? {
            Decision::Done => Ok(()),
            Decision::Grow(plan) | Decision::Repair(plan) => self.execute(workdir, &plan),
            Decision::Refused(why) => {
                Err(self.failure("a first boot that goes on", format!("{why:?}")))
            }
        }
    }

    fn growth(&self) -> Result<Decision, Failure> {
        let facts = Facts { read_only: false, block_bytes: 512, partitions: Vec::new() };
        let mut seed = 0_u8;
        let mut random = || {
            seed = seed.wrapping_add(1);
            [seed; 16]
        };
        let reader = DirectFile::open(&self.path, Access::Read);
        let reader = reader.map_err(Failure::file("open", &self.path))?;
        let decision = anklume_growth::plan(&reader, &facts, &SizePolicy::default(), &mut random);
        decision.map_err(|error| self.failure("a partition table", error))
    }

    fn execute(&self, workdir: &Workdir, plan: &Plan) -> Result<(), Failure> {
        let bytes = plan.persist_bytes().unwrap_or_default();
        let persist = formatted(workdir, bytes)?;
        let disk = DirectFile::open(&self.path, Access::Write);
        let mut disk = disk.map_err(Failure::file("open", &self.path))?;
        let executed = anklume_growth::execute(plan, &mut disk, &persist, &mut |_, _| ());
        executed.map_err(|error| self.failure("a stick that can be written", error))
    }

    /// Slot A is good, and slot B has the version of another image, on trial.
    ///
    /// # Errors
    ///
    /// When the stick has not both slots, or the image cannot be read.
    pub fn put_on_trial(&self, next: &Path) -> Result<(), Failure> {
        for (from, to) in
            [(Role::Boot(Slot::A), Role::Boot(Slot::B)), (Role::Os(Slot::A), Role::Os(Slot::B))]
        {
            self.copy_range(next, image::partition(next, from)?, self.range(to)?.start)?;
        }
        let trial = |_| Record::new().mark_good(Slot::A).activate(Slot::B);
        self.set_record(trial)
    }

    /// Changes the boot record.
    ///
    /// # Errors
    ///
    /// When it cannot be changed.
    pub fn set_record<E: ToString>(
        &self,
        change: impl FnOnce(Option<Record>) -> Result<Record, E>,
    ) -> Result<(), Failure> {
        let medium = self.medium()?;
        let updated = medium.update(|before| change(before).map_err(|error| error.to_string()));
        updated.map(drop).map_err(|error| self.failure("a boot record", format!("{error:?}")))
    }

    /// The boot record that counts.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn record(&self) -> Result<Option<Record>, Failure> {
        let copies = self.medium()?.copies();
        copies.map(|copies| copies.record()).map_err(|error| self.failure("a boot record", error))
    }

    fn medium(&self) -> Result<Medium, Failure> {
        Medium::at(&self.path).map_err(|error| self.failure("a medium with slots", error))
    }

    fn range(&self, role: Role) -> Result<Range<u64>, Failure> {
        image::partition(&self.path, role)
    }

    pub(crate) fn read(&self, range: Range<u64>) -> Result<Vec<u8>, Failure> {
        let length = range.end - range.start;
        let disk = DirectFile::open(&self.path, Access::Read);
        let disk = disk.map_err(Failure::file("open", &self.path))?;
        let bytes = disk.read_vec(range.start, length, length);
        bytes.map_err(|error| self.failure("bytes", error))
    }

    /// Copies bytes of another image, in pieces.
    fn copy_range(&self, image: &Path, from: Range<u64>, to: u64) -> Result<(), Failure> {
        let source = DirectFile::open(image, Access::Read);
        let source = source.map_err(Failure::file("open", image))?;
        let mut at = from.start;
        while at < from.end {
            let length = (from.end - at).min(1 << 20);
            let bytes = source.read_vec(at, length, length);
            let bytes = bytes.map_err(|error| self.failure("bytes", error))?;
            self.write(to + (at - from.start), &bytes)?;
            at += length;
        }
        Ok(())
    }

    /// Makes another root hash of what is in a slot's OS partition.
    ///
    /// # Errors
    ///
    /// When there is no OS.
    pub fn spoil_os(&self, slot: Slot) -> Result<(), Failure> {
        let top = image::OsPartition::find_in(&self.path, slot)?.top_hash_byte();
        let at = top - top % 512;
        let mut sector = self.read(at..at + 512)?;
        sector.iter_mut().for_each(|byte| *byte = !*byte);
        self.write(at, &sector)
    }

    /// Whether both partitions of a slot have the bytes that they have on another stick.
    ///
    /// # Errors
    ///
    /// When one of the sticks has no such slot, or cannot be read.
    pub fn has_slot_of(&self, other: &Self, slot: Slot) -> Result<bool, Failure> {
        for role in [Role::Boot(slot), Role::Os(slot)] {
            let (range, others) = (self.range(role)?, other.range(role)?);
            if range != others {
                return Ok(false);
            }
            for start in range.clone().step_by(COMPARED_BYTES) {
                let piece = start..range.end.min(start + COMPARED_BYTES as u64);
                if self.read(piece.clone())? != other.read(piece)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Takes away the first half of a slot's kernel, beside the UKI and in it.
    ///
    /// # Errors
    ///
    /// When there is no kernel.
    pub fn spoil_kernel(&self, slot: Slot) -> Result<(), Failure> {
        let range = self.range(Role::Boot(slot))?;
        let disk = DirectFile::open(&self.path, Access::Read);
        let disk = disk.map_err(Failure::file("open", &self.path))?;
        let wrong = |error: &dyn ToString| self.failure("a boot file system", error.to_string());
        let window = Window::new(&disk, range.start, range.end - range.start);
        let window = window.map_err(|error| wrong(&error))?;
        let system = FileSystem::open(&window).map_err(|error| wrong(&error))?;
        for name in [files::KERNEL, files::UKI] {
            let file = system.find(name).map_err(|error| wrong(&error))?;
            let file = file.ok_or_else(|| wrong(&format!("no {name}")))?;
            for extent in system.extents(&file).map_err(|error| wrong(&error))? {
                let bytes = usize::try_from(extent.length / 2).unwrap_or_default();
                self.write(range.start + extent.offset, &vec![0; bytes])?;
            }
        }
        Ok(())
    }

    /// Adds words to the kernel command line of a slot, in its UKI and in its boot entry, in place of
    /// others that are not needed.
    ///
    /// # Errors
    ///
    /// When there is no room for them.
    pub fn add_to_command_line(&self, slot: Slot, words: &str) -> Result<(), Failure> {
        let old = if words.len() <= WORD.len() { WORD } else { WORDS };
        if words.len() > old.len() {
            return Err(self.failure(&format!("at most {} characters", old.len()), words));
        }
        let new = format!("{words:length$}", length = old.len());
        let range = self.range(Role::Boot(slot))?;
        let end = range.end.min(range.start + MAX_BOOT_BYTES);
        let bytes = self.read(range.start..end)?;
        let places: Vec<usize> = bytes
            .windows(old.len())
            .enumerate()
            .filter(|(_, window)| *window == old.as_bytes())
            .map(|(at, _)| at)
            .collect();
        if places.len() < 2 {
            return Err(self.failure("command lines", places.len()));
        }
        for at in places {
            let at = u64::try_from(at).unwrap_or_default();
            self.write(range.start + at, new.as_bytes())?;
        }
        Ok(())
    }
}

/// An empty file system, made by the tool of this machine.
fn formatted(workdir: &Workdir, bytes: u64) -> Result<Vec<Piece>, Failure> {
    let path = workdir.unique("persist");
    let file = std::fs::File::create(&path).map_err(Failure::file("create", &path))?;
    file.set_len(bytes).map_err(Failure::file("extend", &path))?;
    let words = ["-q", "-F", "-N", "4096", "-b", "4096", "-J", "size=4", "-L", "anklume-persist"];
    let words = words.iter().map(AsRef::as_ref).chain([path.as_os_str()]);
    tool::run("mkfs.ext4", "e2fsprogs", words)?;
    let content = std::fs::read(&path).map_err(Failure::file("read", &path))?;
    let pieces = content.chunks(1 << 20).enumerate();
    Ok(pieces
        .filter(|(_, bytes)| bytes.iter().any(|byte| *byte != 0))
        .map(|(number, bytes)| Piece {
            offset: u64::try_from(number << 20).unwrap_or_default(),
            bytes: bytes.to_vec(),
        })
        .collect())
}
