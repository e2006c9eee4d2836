//! The image file on its way to its final name.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anklume_bytes::{ReadAt, ReadError};
use anklume_host::file::{FileReader, OutputFile};
use anklume_host::interrupt::interrupted;
use anklume_layout::disk::DiskPlan;
use anklume_layout::{Role, Slot};
use anklume_verity::{Builder, Tree};

use super::image::{check_disjoint, copy};
use super::request::exists;
use super::slot::{Source, Writes};
use crate::events::Step;
use crate::failure::{Context, Failure};

/// What is done, in errors.
const WRITING: &str = "writing the image";
/// Bytes hashed and copied between two looks at Ctrl-C.
const PIECE_BYTES: u64 = 32 << 20;

/// An image file in the folder for unfinished files.
#[derive(Debug)]
pub(super) struct ImageFile {
    output: OutputFile,
    path: PathBuf,
    total_bytes: u64,
}

impl ImageFile {
    /// Begins a file of `total_bytes` zeros that take no room, in the folder `work`.
    pub(super) fn create(
        work: &Path,
        path: &Path,
        replaces: bool,
        total_bytes: u64,
    ) -> Result<Self, Failure> {
        let what = || format!("creating {}", path.display());
        let output =
            OutputFile::create_in(work, path, replaces).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => exists(path),
                _ => Failure::failed(format!("{}: {error}", what())),
            })?;
        output
            .file()
            .set_len(total_bytes)
            .map_err(|error| written(WRITING, &error))
            .map_err(|f| f.hint(what()))?;
        Ok(Self { output, path: path.to_owned(), total_bytes })
    }

    /// Copies the packed OS to slot A while hashing it, zeros up to `padded_bytes`, and writes the
    /// tree behind it.
    pub(super) fn copy_hashed(
        &self,
        disk: &DiskPlan,
        os: &Path,
        mut builder: Builder,
        padded_bytes: u64,
        step: &mut Step<'_>,
    ) -> Result<Tree, Failure> {
        let place = disk.extent(Role::Os(Slot::A));
        let place = place.ok_or_else(|| Failure::failed("the plan has no OS partition"))?;
        let source = FileReader::open(os).context("the packed file system")?;
        let copied = Copied::new(&source, padded_bytes, self, place.offset);
        let mut done = 0;
        while done < padded_bytes {
            if interrupted() {
                return Err(Failure::interrupted());
            }
            let part = (padded_bytes - done).min(PIECE_BYTES);
            let hashed = builder.update_from(&copied, part);
            copied.written()?;
            hashed.context("the packed file system")?;
            done += part;
            step.progress(done, padded_bytes);
        }
        let tree = builder.finish().context("the hash tree")?;
        self.write(place.offset + padded_bytes, &tree.bytes)
            .map_err(|error| written(WRITING, &error))?;
        Ok(tree)
    }

    /// Writes everything else.
    pub(super) fn write_all(&self, writes: &Writes) -> Result<(), Failure> {
        check_disjoint(writes, self.total_bytes)?;
        for (offset, source) in writes {
            if interrupted() {
                return Err(Failure::interrupted());
            }
            match source {
                Source::Bytes(bytes) => {
                    self.write(*offset, bytes).map_err(|error| written(WRITING, &error))?
                }
                Source::File { path, bytes } => {
                    let reader =
                        FileReader::open(path).context(format!("reading {}", path.display()))?;
                    if reader.size() != *bytes {
                        return Err(Failure::failed(format!(
                            "{} changed while it was used",
                            path.display()
                        )));
                    }
                    copy(&reader, &|at, piece| self.write(at, piece), *offset)?;
                }
            }
        }
        Ok(())
    }

    /// What was written so far.
    pub(super) fn written(&self) -> Result<FileReader, Failure> {
        let file = self.output.file().try_clone();
        file.and_then(FileReader::new).context("reading the image back")
    }

    /// Flushes the file and gives it its name.
    pub(super) fn finish(self) -> Result<(), Failure> {
        self.output.finish().map_err(|error| match error.kind() {
            // Another build was faster.
            io::ErrorKind::AlreadyExists => exists(&self.path),
            _ => written(WRITING, &error),
        })
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.output.file().write_all_at(bytes, offset)
    }
}

/// A file, followed by zeros up to whole blocks, whose every part is written to the image when it
/// is read: it passes the processor once, while it is hashed.
struct Copied<'a> {
    source: &'a FileReader,
    padded_bytes: u64,
    image: &'a ImageFile,
    /// Where the file begins in the image.
    at: u64,
    /// Why the image could not be written.
    failed: OnceLock<io::Error>,
}

impl<'a> Copied<'a> {
    fn new(source: &'a FileReader, padded_bytes: u64, image: &'a ImageFile, at: u64) -> Self {
        Self { source, padded_bytes, image, at, failed: OnceLock::new() }
    }

    fn written(&self) -> Result<(), Failure> {
        self.failed.get().map_or(Ok(()), |error| Err(written(WRITING, error)))
    }
}

impl ReadAt for Copied<'_> {
    fn size(&self) -> u64 {
        self.padded_bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        let held = self.source.size().saturating_sub(offset).min(length);
        let (data, padding) = buffer.split_at_mut(usize::try_from(held).unwrap_or(buffer.len()));
        self.source.read_at(offset, data)?;
        padding.fill(0);
        self.image.write(self.at + offset, buffer).map_err(|error| {
            let source = io::Error::from(error.kind());
            self.failed.get_or_init(|| error);
            ReadError::Io { offset, length, source }
        })
    }
}

/// Why `what` could not be written, and what to do about it.
pub(super) fn written(what: &str, error: &io::Error) -> Failure {
    let failure = Failure::failed(format!("{what}: {error}"));
    match error.kind() {
        io::ErrorKind::StorageFull => {
            failure.hint("make room on the disk that the image is written to")
        }
        io::ErrorKind::FileTooLarge => failure
            .hint("the file system or a limit of this shell does not allow a file of this size"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_faster_build_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.iso");
        let works = ["a", "b"].map(|name| folder.path().join(name));
        works.iter().for_each(|work| std::fs::create_dir(work).unwrap());
        let [slowly, fast] = &works;
        let slow = ImageFile::create(slowly, &path, false, 512).unwrap();
        ImageFile::create(fast, &path, true, 1024).unwrap().finish().unwrap();
        for failure in
            [slow.finish().unwrap_err(), ImageFile::create(slowly, &path, false, 512).unwrap_err()]
        {
            assert_eq!(failure.kind(), crate::failure::Kind::Refused);
            assert!(failure.message().ends_with("x.iso exists"), "{}", failure.message());
            assert!(failure.hint_text().is_some_and(|hint| hint.contains("--force")));
        }
        assert_eq!(path.metadata().unwrap().len(), 1024);
    }
}
