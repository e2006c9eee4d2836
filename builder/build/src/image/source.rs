//! The image that is looked at.

use std::fs::File;
use std::path::Path;
use std::sync::Mutex;

use anklume_bytes::{ReadAt, ReadError, Window};
use anklume_host::file::FileReader;
use anklume_host::interrupt::interrupted;

use crate::failure::Failure;

/// Whatever holds an image; `Sync` because the reader of the OS wants it.
pub type Bytes<'a> = dyn ReadAt + Sync + 'a;

/// A partition of an image.
pub(crate) type Part<'a> = Window<'a, Bytes<'a>>;

/// An image file, or a medium. Remembers the first read that the device did not answer: that is
/// something else than a damaged image. Reads nothing more once the user asked to stop.
#[derive(Debug)]
pub(crate) struct Source {
    reader: FileReader,
    is_device: bool,
    error: Mutex<Option<String>>,
}

impl Source {
    /// Opens `path` for reading. Only regular files and block devices have a length.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        use std::os::unix::fs::FileTypeExt;
        let name = path.display();
        let failed = |error: std::io::Error| {
            Failure::failed(format!("the image {name}: {error}"))
                .hint("name an image file that was built")
        };
        let kind = path.metadata().map_err(failed)?.file_type();
        if !kind.is_file() && !kind.is_block_device() {
            return Err(Failure::refused(format!("{name} is neither a file nor a disk"))
                .hint("name an image file, or the device that an image was written to"));
        }
        let reader = FileReader::open(path).map_err(failed)?;
        if reader.size() == 0 {
            return Err(Failure::damaged(format!(
                "the image {name}: expected an image, found 0 bytes"
            )));
        }
        Ok(Self { is_device: kind.is_block_device(), ..Self::new(reader) })
    }

    /// A file that is open already.
    pub(crate) fn new(reader: FileReader) -> Self {
        Self { reader, is_device: false, error: Mutex::default() }
    }

    /// The file itself.
    pub(crate) fn file(&self) -> &File {
        self.reader.file()
    }

    /// Whether it is a medium: one may be longer than the image on it.
    pub(crate) fn is_device(&self) -> bool {
        self.is_device
    }

    /// Why the image could not be looked at to the end, if so.
    pub(crate) fn trouble(&self) -> Result<(), Failure> {
        if interrupted() {
            return Err(Failure::interrupted());
        }
        let error = self.error.lock().ok().and_then(|error| error.clone());
        error.map_or(Ok(()), |error| Err(Failure::failed(error)))
    }
}

impl ReadAt for Source {
    fn size(&self) -> u64 {
        self.reader.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        if interrupted() {
            let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
            let source = std::io::Error::other("asked to stop");
            return Err(ReadError::Io { offset, length, source });
        }
        let result = self.reader.read_at(offset, buffer);
        if let Err(error @ ReadError::Io { .. }) = &result
            && let Ok(mut first) = self.error.lock()
        {
            first.get_or_insert_with(|| format!("the image: {error}"));
        }
        result
    }
}
