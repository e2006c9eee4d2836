//! The image file on its way to its final name.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anklume_bytes::ReadAt;
use anklume_host::file::{FileReader, OutputFile};
use anklume_host::interrupt::interrupted;
use anklume_layout::disk::DiskPlan;
use anklume_layout::{Role, Slot};
use anklume_verity::{Builder, Tree};

use super::image::{check_disjoint, copy};
use super::slot::{Source, Writes};
use crate::events::Step;
use crate::failure::{Context, Failure};

/// Bytes hashed and copied at once.
const PIECE_BYTES: u64 = 4 << 20;

/// An image file under a temporary name.
#[derive(Debug)]
pub(super) struct ImageFile {
    output: OutputFile,
    total_bytes: u64,
}

impl ImageFile {
    /// Begins a file of `total_bytes` zeros that take no room.
    pub(super) fn create(path: &Path, force: bool, total_bytes: u64) -> Result<Self, Failure> {
        let what = || format!("creating {}", path.display());
        let output = match force {
            true => OutputFile::create_replacing(path),
            false => OutputFile::create(path),
        };
        let output = output.context(what())?;
        output
            .file()
            .set_len(total_bytes)
            .map_err(|error| written(&error))
            .map_err(|f| f.hint(what()))?;
        Ok(Self { output, total_bytes })
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
        let reader = FileReader::open(os).context("the packed file system")?;
        let mut buffer = Vec::new();
        let mut done = 0;
        while done < padded_bytes {
            if interrupted() {
                return Err(Failure::interrupted());
            }
            let part = (padded_bytes - done).min(PIECE_BYTES);
            buffer.clear();
            buffer.resize(usize::try_from(part).unwrap_or_default(), 0);
            let held = reader.size().saturating_sub(done).min(part);
            let held = usize::try_from(held).unwrap_or_default();
            reader.read_at(done, &mut buffer[..held]).context("the packed file system")?;
            builder.update(&buffer).context("the hash tree")?;
            self.write(place.offset + done, &buffer).map_err(|error| written(&error))?;
            done += part;
            step.progress(done, padded_bytes);
        }
        let tree = builder.finish().context("the hash tree")?;
        self.write(place.offset + padded_bytes, &tree.bytes).map_err(|error| written(&error))?;
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
                    self.write(*offset, bytes).map_err(|error| written(&error))?
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

    /// Flushes the file and gives it its name.
    pub(super) fn finish(self) -> Result<(), Failure> {
        self.output.finish().map_err(|error| written(&error))
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.output.file().write_all_at(bytes, offset)
    }
}

fn written(error: &io::Error) -> Failure {
    let failure = Failure::failed(format!("writing the image: {error}"));
    match error.kind() {
        io::ErrorKind::StorageFull => {
            failure.hint("make room on the disk that the image is written to")
        }
        io::ErrorKind::FileTooLarge => failure
            .hint("the file system or a limit of this shell does not allow a file of this size"),
        _ => failure,
    }
}
