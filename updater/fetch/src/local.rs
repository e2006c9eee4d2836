//! Sources on this machine: a folder, or an image file with its bundle.

use std::fs::File;
use std::io::ErrorKind;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use anklume_host::file::FileReader;

use crate::bundle::BundleIndex;
use crate::error::Error;
use crate::settings::Cancel;
use crate::source::{Fetched, Take};

/// Read at a time, in bytes.
const PIECE_BYTES: usize = 256 << 10;
/// What the name of a bundle has behind that of its image.
const BUNDLE_SUFFIX: &str = ".update";

/// A source on this machine.
#[derive(Debug)]
pub(crate) enum Local {
    Folder(PathBuf),
    Image { image: PathBuf, bundle: PathBuf, index: BundleIndex },
}

/// A part of a file, or all of it.
struct Part {
    path: PathBuf,
    file: File,
    start: u64,
    bytes: u64,
}

impl Local {
    /// Looks at what is there.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let metadata = std::fs::metadata(path).map_err(|error| at(path, error))?;
        if metadata.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !metadata.is_file() || !name.to_ascii_lowercase().ends_with(".iso") {
            return Err(Error::NoSource { path: path.to_owned() });
        }
        let bundle_name = format!("{name}{BUNDLE_SUFFIX}");
        let bundle = path.with_file_name(&bundle_name);
        let file = match open(&bundle) {
            Err(Error::NotFound { .. }) => {
                return Err(Error::NoBundle { image: path.to_owned(), bundle: bundle_name });
            }
            result => result?,
        };
        let reader = FileReader::new(file).map_err(|error| at(&bundle, error))?;
        let index = BundleIndex::read(&reader)
            .map_err(|fault| Error::Bundle { path: bundle.clone(), fault })?;
        Ok(Self::Image { image: path.to_owned(), bundle, index })
    }

    /// A small file whole.
    pub(crate) fn file(
        &self,
        name: &str,
        limit: u64,
        cancel: &Cancel,
    ) -> Result<Option<Vec<u8>>, Error> {
        let part = match self.part(name, false) {
            Err(Error::NotFound { .. }) => return Ok(None),
            result => result?,
        };
        let object = || part.path.display().to_string();
        if part.bytes > limit {
            let found = Some(part.bytes);
            return Err(Error::TooLong { object: object(), expected: limit, found });
        }
        let mut whole = Vec::new();
        let flow = part.read(&(0..part.bytes), cancel, &mut |_, bytes| {
            whole.extend_from_slice(bytes);
            ControlFlow::Continue(())
        })?;
        Ok(flow.is_continue().then_some(whole))
    }

    /// Ranges of a file of `length` bytes.
    pub(crate) fn ranges(
        &self,
        name: &str,
        length: u64,
        ranges: &[Range<u64>],
        cancel: &Cancel,
        take: Take<'_>,
    ) -> Result<Fetched, Error> {
        let part = self.part(name, true)?;
        part.check_length(length)?;
        let before = part.state()?;
        let mut fetched = Fetched::default();
        for range in ranges {
            let flow = part.read(range, cancel, &mut |offset, bytes| {
                fetched.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                take(offset, bytes)
            })?;
            if flow.is_break() {
                return Ok(fetched);
            }
        }
        if part.state()? != before {
            return Err(Error::Changed { object: part.path.display().to_string() });
        }
        Ok(fetched)
    }

    /// Where a file lies. Beside its bundle, an image goes by any name that ends in `.iso`: its
    /// metadata calls it what it was published as.
    fn part(&self, name: &str, may_be_image: bool) -> Result<Part, Error> {
        match self {
            Self::Folder(folder) => Part::whole(folder.join(name)),
            Self::Image { image, bundle, index } => match index.find(name) {
                Some(place) => {
                    let file = open(bundle)?;
                    let bytes = place.end - place.start;
                    Ok(Part { path: bundle.clone(), file, start: place.start, bytes })
                }
                None if may_be_image && name.ends_with(".iso") => Part::whole(image.clone()),
                None => Err(Error::NotFound { object: format!("{}: {name}", bundle.display()) }),
            },
        }
    }
}

impl Part {
    fn whole(path: PathBuf) -> Result<Self, Error> {
        let file = open(&path)?;
        let bytes = file.metadata().map_err(|error| at(&path, error))?.len();
        Ok(Self { path, file, start: 0, bytes })
    }

    fn check_length(&self, length: u64) -> Result<(), Error> {
        let object = self.path.display().to_string();
        match self.bytes {
            found if found < length => Err(Error::Truncated { object, expected: length, found }),
            found if found > length => {
                Err(Error::TooLong { object, expected: length, found: Some(found) })
            }
            _ => Ok(()),
        }
    }

    /// What is another one when somebody writes to the file.
    fn state(&self) -> Result<(u64, i64, i64), Error> {
        let metadata = self.file.metadata().map_err(|error| at(&self.path, error))?;
        Ok((metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
    }

    fn read(
        &self,
        range: &Range<u64>,
        cancel: &Cancel,
        take: Take<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        let mut buffer = Vec::new();
        let mut offset = range.start;
        while offset < range.end {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let left = usize::try_from(range.end - offset).unwrap_or(usize::MAX);
            buffer.resize(left.min(PIECE_BYTES), 0);
            let found = match self.file.read_at(&mut buffer, self.start + offset) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result.map_err(|error| at(&self.path, error))?,
            };
            if found == 0 {
                let object = self.path.display().to_string();
                return Err(Error::Truncated { object, expected: range.end, found: offset });
            }
            if take(offset, &buffer[..found]).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            offset += u64::try_from(found).unwrap_or(u64::MAX);
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Opens a regular file.
///
/// A stick comes from somebody else: behind a name may be a pipe that nobody writes to, or a link to a
/// device that does something when it is opened. So the kind is asked for before, and after.
fn open(path: &Path) -> Result<File, Error> {
    let not_regular = || Error::NotRegular { path: path.to_owned() };
    if !std::fs::metadata(path).map_err(|error| at(path, error))?.is_file() {
        return Err(not_regular());
    }
    let reader = FileReader::open(path).map_err(|error| at(path, error))?;
    let file = reader.file().try_clone().map_err(|error| at(path, error))?;
    if !file.metadata().map_err(|error| at(path, error))?.is_file() {
        return Err(not_regular());
    }
    Ok(file)
}

fn at(path: &Path, source: std::io::Error) -> Error {
    match source.kind() {
        // `a/b` where `a` is a file is not there, either.
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            Error::NotFound { object: path.display().to_string() }
        }
        _ => Error::Local { path: path.to_owned(), source },
    }
}
