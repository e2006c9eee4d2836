//! The root file system: squashfs from a tar stream.

use std::cell::Cell;
use std::io;
use std::path::Path;

use anklume_definition::Definition;
use anklume_host::file::{FileReader, free_bytes};
use anklume_host::interrupt::interrupted;
use anklume_host::process::{Cmd, ProcessError, Running, Stdin, Stdout};
use anklume_roottree::{Piece, archive_bytes, write};

use super::tree::open_source;
use super::trees::Tools;
use crate::events::Step;
use crate::failure::{Context, Failure};

/// With less than this much room left, a disk counts as full.
const FULL_BYTES: u64 = 16 << 20;

/// Turns a tar stream into a file system image.
pub(super) trait Packer {
    /// The program to start; it reads the stream from its standard input and writes `target`.
    fn command(&self, target: &Path) -> Cmd;
}

/// `tar2sqfs` of squashfs-tools-ng: bounded memory, the same bytes for any number of threads.
#[derive(Debug)]
pub(super) struct Tar2Sqfs<'a> {
    pub(super) tools: &'a Tools,
    pub(super) definition: &'a Definition,
    /// zstd level.
    pub(super) level: u8,
    pub(super) threads: usize,
    /// Time stamp of the file system itself.
    pub(super) epoch: u64,
}

impl Packer for Tar2Sqfs<'_> {
    fn command(&self, target: &Path) -> Cmd {
        self.tools
            .program("tar2sqfs")
            // A record that it cannot read ends it, instead of being left out.
            .args(["--quiet", "--force", "--no-skip", "--compressor", "zstd"])
            .arg("--comp-extra")
            .arg(format!("level={}", self.level))
            .arg("--block-size")
            .arg(self.definition.compression.block.bytes().to_string())
            .arg("--num-jobs")
            .arg(self.threads.to_string())
            .arg("--defaults")
            .arg(format!("uid=0,gid=0,mode=0755,mtime={}", self.epoch))
            .arg(target)
            .env("SOURCE_DATE_EPOCH", self.epoch.to_string())
    }
}

/// Streams `pieces` of `tar` into the packer.
pub(super) fn pack(
    packer: &dyn Packer,
    pieces: &[Piece],
    tar: &FileReader,
    target: &Path,
    step: &mut Step<'_>,
) -> Result<(), Failure> {
    let folder = target.parent().unwrap_or(target);
    let room = Cell::new(u64::MAX);
    // What the packer says when there is no room does not name the reason, and it removes its file,
    // so that there is room again.
    let explain = |error: &ProcessError| match room.get() {
        room if room < FULL_BYTES => {
            Failure::failed("packing the root file system: the disk is full")
                .hint("make room on the disk that the image is written to")
        }
        _ => Failure::process("packing the root file system", error),
    };
    let command = packer.command(target);
    let mut running = command.start(Stdin::Pipe, Stdout::Keep).map_err(|error| explain(&error))?;
    let total = archive_bytes(pieces);
    let written = feed(&mut running, pieces, tar, &mut |done| {
        room.set(room.get().min(free_bytes(folder).unwrap_or(u64::MAX)));
        step.progress(done, total);
    });
    // When the packer ends early, writing to it fails, but what it says is the reason.
    let ended = running.wait();
    match (ended, written) {
        _ if interrupted() => Err(Failure::interrupted()),
        (Err(error), _) => Err(explain(&error)),
        (Ok(_), Err(error)) => {
            Err(Failure::failed(format!("packing the root file system: {error}")))
        }
        (Ok(_), Ok(())) => Ok(()),
    }
}

fn feed(
    running: &mut Running,
    pieces: &[Piece],
    tar: &FileReader,
    progress: &mut dyn FnMut(u64),
) -> Result<(), anklume_roottree::Error> {
    let Some(stdin) = running.stdin() else {
        return Err(anklume_roottree::Error::Write(io::ErrorKind::BrokenPipe.into()));
    };
    let mut stdin = Interruptible(stdin);
    write(pieces, tar, &open_source, &mut stdin, progress).map(|_| ())
}

/// Stops writing when the user asks for it.
struct Interruptible<W>(W);

impl<W: io::Write> io::Write for Interruptible<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match interrupted() {
            // `Interrupted` would make callers try again.
            true => Err(io::Error::other("asked to stop")),
            false => self.0.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What packing needs to know of the result.
pub(super) fn check(target: &Path) -> Result<u64, Failure> {
    let what = || format!("the packed file system {}", target.display());
    let reader = FileReader::open(target).context(what())?;
    let superblock = anklume_squashfs::Superblock::read(&reader).context(what())?;
    let padded = superblock.padded_bytes(anklume_verity::BLOCK_BYTES);
    padded.ok_or_else(|| Failure::failed(format!("{} is too large", what())))
}
