//! Files of the ESP that are overwritten in place: where their sectors are.

use anklume_fat::FileSystem;
use anklume_layout::files::{BOOT_RECORDS, LAST_FAILURE, LAST_FAILURE_BYTES};
use anklume_layout::{Role, SECTOR_BYTES};

use crate::{Error, Medium};

/// The sectors of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sectors {
    path: &'static str,
    /// First byte on the disk.
    offset: u64,
    bytes: u64,
}

impl Sectors {
    fn overlaps(&self, other: &Self) -> bool {
        let end = |this: &Self| this.offset.saturating_add(this.bytes);
        self.offset < end(other) && other.offset < end(self)
    }
}

/// Where the copies of the boot record are.
#[derive(Debug)]
pub(crate) struct RecordPlaces {
    /// First byte on the disk of each; none of one whose file is gone.
    pub(crate) places: [Option<u64>; 2],
    /// What is wrong with the file that is gone.
    pub(crate) gone: Option<Error>,
}

impl Medium {
    /// Where the copies of the boot record are. One may be gone: a file system check on another
    /// computer deletes what it does not like.
    pub(crate) fn record_places(&self) -> Result<RecordPlaces, Error> {
        let [first, second] = self.record_sectors();
        let (places, gone) = match (first, second) {
            (Ok(first), Ok(second)) => ([Some(first.offset), Some(second.offset)], None),
            (Ok(first), Err(gone)) => ([Some(first.offset), None], Some(gone)),
            (Err(gone), Ok(second)) => ([None, Some(second.offset)], Some(gone)),
            (Err(error), Err(_)) => return Err(error),
        };
        Ok(RecordPlaces { places, gone })
    }

    /// First byte on the disk of the last failure.
    pub(crate) fn failure_place(&self) -> Result<u64, Error> {
        Ok(self.sectors(LAST_FAILURE, LAST_FAILURE_BYTES)?.offset)
    }

    /// The same, if writing there leaves the boot record alone for certain.
    pub(crate) fn failure_place_apart(&self) -> Result<u64, Error> {
        let sectors = self.sectors(LAST_FAILURE, LAST_FAILURE_BYTES)?;
        let [first, second] = self.record_sectors();
        apart(&sectors, &[first?, second?])?;
        Ok(sectors.offset)
    }

    /// Files of the ESP that are written in place and are gone, or are not as the builder makes them.
    pub(crate) fn gone(&self) -> Result<Vec<(&'static str, u64)>, Error> {
        let [first, second] = BOOT_RECORDS;
        let wanted =
            [(first, SECTOR_BYTES), (second, SECTOR_BYTES), (LAST_FAILURE, LAST_FAILURE_BYTES)];
        let mut gone = Vec::new();
        for (path, bytes) in wanted {
            match self.sectors(path, bytes) {
                Ok(_) => {}
                Err(Error::File { .. }) => gone.push((path, bytes)),
                Err(error) => return Err(error),
            }
        }
        Ok(gone)
    }

    fn record_sectors(&self) -> [Result<Sectors, Error>; 2] {
        let [first, second] = BOOT_RECORDS.map(|path| self.sectors(path, SECTOR_BYTES));
        let second = match (&first, second) {
            (Ok(first), Ok(second)) => apart(&second, &[*first]).map(|()| second),
            (_, second) => second,
        };
        [first, second]
    }

    /// Locates the file at `path`, which must have `bytes` bytes, in whole sectors and one piece.
    fn sectors(&self, path: &'static str, bytes: u64) -> Result<Sectors, Error> {
        let partition = Role::Esp.label();
        let fault = |source| Error::FileSystem { partition, source };
        let wrong =
            |expected: String, found: String| Error::File { partition, path, expected, found };
        let (window, start) = self.window(Role::Esp)?;
        let file_system = FileSystem::open(&window).map_err(fault)?;
        let file = file_system.find(path).map_err(fault)?.filter(|file| !file.is_directory);
        let file = file.ok_or_else(|| wrong(format!("{bytes} bytes"), "no file".to_owned()))?;
        if file.size != bytes {
            return Err(wrong(format!("{bytes} bytes"), file.size.to_string()));
        }
        let extents = file_system.extents(&file).map_err(fault)?;
        let [extent] = extents.as_slice() else {
            return Err(wrong("one piece".to_owned(), format!("{} pieces", extents.len())));
        };
        let offset = start.checked_add(extent.offset).filter(|at| at.is_multiple_of(SECTOR_BYTES));
        let offset = offset.ok_or_else(|| {
            wrong(format!("a multiple of {SECTOR_BYTES}"), format!("byte {}", extent.offset))
        })?;
        Ok(Sectors { path, offset, bytes })
    }
}

/// Whether a file shares no sector with `others`, as it may after damage to the table.
fn apart(sectors: &Sectors, others: &[Sectors]) -> Result<(), Error> {
    match others.iter().find(|other| sectors.overlaps(other)) {
        None => Ok(()),
        Some(other) => Err(Error::File {
            partition: Role::Esp.label(),
            path: sectors.path,
            expected: "sectors of its own".to_owned(),
            found: format!("those of `{}`", other.path),
        }),
    }
}
