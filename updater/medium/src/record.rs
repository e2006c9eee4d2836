//! The boot record on the ESP.

use anklume_bytes::{ReadAt, WriteAt};
use anklume_layout::SECTOR_BYTES;
use anklume_layout::files::BOOT_RECORDS;
use anklume_slots::{Copies, Record, Write};

use crate::esp::RecordPlaces;
use crate::{Error, Medium, UpdateError, WriteFault};

/// What became of a change of the boot record.
#[derive(Debug)]
pub struct Updated {
    /// The record that counts now.
    pub record: Record,
    /// Whether anything was written: both copies may have said the same before.
    pub is_written: bool,
    /// The change is made, but one copy of the record could not be written and may be lost. The next
    /// change writes that one first.
    pub warning: Option<Error>,
}

impl Medium {
    /// Both copies of the boot record. One that cannot be read counts as damaged.
    ///
    /// # Errors
    /// [`Error::Read`] when neither can be read, [`Error::NoPartition`], [`Error::FileSystem`] and
    /// [`Error::File`] when they cannot be located.
    pub fn copies(&self) -> Result<Copies, Error> {
        copies(&self.disk, self.record_places()?.places)
    }

    /// Changes the boot record, while no other program does. `change` is given the record that
    /// counts, or none if both copies are damaged.
    ///
    /// The copy that does not count is written first, made durable and read back; only then the
    /// other one. So a power cut at any time leaves the old record or the new one. If the first
    /// write fails, the second is not tried: its copy may be the only whole one. Of a copy whose file
    /// is gone only the other one is written, with a warning.
    ///
    /// # Errors
    /// [`UpdateError::Refused`] with the error of `change`; nothing is written then.
    /// [`UpdateError::Medium`]: as [`Medium::copies`]; [`Error::Lock`]; [`Error::OtherDisk`];
    /// [`Error::Write`], after which the old record counts or the new one.
    pub fn update<E>(
        &self,
        change: impl FnOnce(Option<Record>) -> Result<Record, E>,
    ) -> Result<Updated, UpdateError<E>> {
        let _lock = self.lock()?;
        let RecordPlaces { places, gone } = self.record_places()?;
        let before = copies(&self.disk, places)?;
        let (record, writes) = prepare(&before, change)?;
        let Some(writes) = writes else {
            return Ok(Updated { record, is_written: false, warning: None });
        };
        let mut pair = OnDisk { disk: self.writable()?, places };
        let failed = |(copy, fault)| Error::Write { path: path(copy), fault };
        let warning = carry_out(&mut pair, &writes).map_err(failed)?.map(failed).or(gone);
        Ok(Updated { record, is_written: true, warning })
    }
}

fn path(copy: usize) -> &'static str {
    BOOT_RECORDS.get(copy).copied().unwrap_or_default()
}

fn copies<D: ReadAt>(disk: &D, places: [Option<u64>; 2]) -> Result<Copies, Error> {
    let read = |place: Option<u64>| match place {
        Some(offset) => disk.read_vec(offset, SECTOR_BYTES, SECTOR_BYTES),
        None => Ok(Vec::new()),
    };
    match places.map(read) {
        [Err(source), Err(_)] => Err(Error::Read { path: path(0), source }),
        blocks => {
            let [first, second] = blocks.map(Result::unwrap_or_default);
            Ok(Copies::parse([&first, &second]))
        }
    }
}

/// The new record, and what has to be written for it, if anything.
fn prepare<E>(
    before: &Copies,
    change: impl FnOnce(Option<Record>) -> Result<Record, E>,
) -> Result<(Record, Option<[Write; 2]>), UpdateError<E>> {
    let record = change(before.record()).map_err(UpdateError::Refused)?;
    if let Some(now) = before.record().filter(|now| now.says_the_same(&record) && before.agree()) {
        return Ok((now, None));
    }
    let encode = |error: String| UpdateError::Medium(Error::Encode(error));
    let writes = before.update(&record).map_err(|error| encode(error.to_string()))?;
    let [first, _] = &writes;
    // Its `seq` is another now.
    let record = Record::parse(&first.bytes).ok_or_else(|| encode("not possible".to_owned()))?;
    Ok((record, Some(writes)))
}

/// The two copies, wherever they are.
trait Pair {
    /// Whether there is such a copy.
    fn has(&self, copy: usize) -> bool;
    /// Overwrites a copy, and makes that durable.
    fn write(&mut self, copy: usize, bytes: &[u8]) -> Result<(), WriteFault>;
    /// What a copy is now.
    fn read(&mut self, copy: usize) -> Result<Vec<u8>, WriteFault>;
}

/// A copy, and what went wrong with it.
type Failed = (usize, WriteFault);

/// Writes both copies, one after the other. If the second fails and the first counts, the change is
/// made, and the failure is a warning.
fn carry_out(pair: &mut impl Pair, writes: &[Write; 2]) -> Result<Option<Failed>, Failed> {
    let [first, second] = writes;
    match (pair.has(first.copy), pair.has(second.copy)) {
        (true, true) => {}
        (true, false) => return put(pair, first).map(|()| None).map_err(|e| (first.copy, e)),
        (false, _) => return put(pair, second).map(|()| None).map_err(|e| (second.copy, e)),
    }
    put(pair, first).map_err(|fault| (first.copy, fault))?;
    let Err(fault) = put(pair, second) else { return Ok(None) };
    let [a, b] = [0, 1].map(|copy| pair.read(copy).unwrap_or_default());
    let counts = Copies::parse([&a, &b]).record();
    // It does not where numbers began anew and the second copy is as it was.
    let is_made = counts.is_some() && counts == Record::parse(&first.bytes);
    if is_made { Ok(Some((second.copy, fault))) } else { Err((second.copy, fault)) }
}

fn put(pair: &mut impl Pair, write: &Write) -> Result<(), WriteFault> {
    pair.write(write.copy, &write.bytes)?;
    same(&write.bytes, &pair.read(write.copy)?)
}

/// Writes `bytes` in place, makes that durable and reads it back.
pub(crate) fn put_at<D: WriteAt>(
    disk: &mut D,
    offset: u64,
    bytes: &[u8],
) -> Result<(), WriteFault> {
    disk.write_at(offset, bytes)?;
    disk.flush()?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    same(bytes, &disk.read_vec(offset, length, length)?)
}

fn same(written: &[u8], read: &[u8]) -> Result<(), WriteFault> {
    if written == read {
        return Ok(());
    }
    let pairs = written.iter().zip(read);
    Err(WriteFault::Differs(pairs.take_while(|(written, read)| written == read).count()))
}

/// The two copies on a disk, by the first byte of each.
struct OnDisk<D> {
    disk: D,
    places: [Option<u64>; 2],
}

impl<D: ReadAt> OnDisk<D> {
    /// What is not there lies behind the end.
    fn place(&self, copy: usize) -> u64 {
        self.places.get(copy).copied().flatten().unwrap_or_else(|| self.disk.size())
    }
}

impl<D: WriteAt> Pair for OnDisk<D> {
    fn has(&self, copy: usize) -> bool {
        self.places.get(copy).is_some_and(Option::is_some)
    }

    fn write(&mut self, copy: usize, bytes: &[u8]) -> Result<(), WriteFault> {
        self.disk.write_at(self.place(copy), bytes)?;
        Ok(self.disk.flush()?)
    }

    fn read(&mut self, copy: usize) -> Result<Vec<u8>, WriteFault> {
        Ok(self.disk.read_vec(self.place(copy), SECTOR_BYTES, SECTOR_BYTES)?)
    }
}

#[cfg(test)]
mod tests;
