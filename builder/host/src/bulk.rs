//! Writes much to a disk, as fast as the disk takes it.
//!
//! [`crate::direct::DirectFile`] makes each write durable, which is right for a sector on which
//! something depends, and slow for a gigabyte. Here a thread writes while the next bytes are made, and
//! only [`WriteAt::flush`] makes them durable.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anklume_bytes::{ReadAt, ReadError, WriteAt, WriteError};
use nix::fcntl::OFlag;

use crate::direct::{Access, Aligned, DirectFile, whole_blocks};

/// Bytes of a buffer: what is written at a time, at most.
const BUFFER_BYTES: usize = 1 << 20;
/// So many buffers there are.
const BUFFERS: usize = 4;

/// A block device with logical blocks of 512 bytes, or a regular file in its place, that one writes
/// large pieces to, past the page cache.
///
/// A write returns before it is done. If it fails, a later call says so, and from then on nothing is
/// written any more. Reading waits for the writes, and reads the disk. Takes 4 MiB.
#[derive(Debug)]
pub struct BulkWriter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What both threads use.
#[derive(Debug)]
struct Shared {
    file: DirectFile,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Buffers that wait to be filled.
    free: Vec<Aligned>,
    /// Buffers that exist.
    buffers: usize,
    /// Whether a buffer is being written.
    is_writing: bool,
    /// Nothing more comes.
    is_closed: bool,
    failure: Option<Failure>,
}

/// Bytes to be written.
#[derive(Debug)]
struct Job {
    buffer: Aligned,
    offset: u64,
    length: usize,
}

/// A write that failed.
#[derive(Debug, Clone)]
struct Failure {
    offset: u64,
    length: u64,
    code: Option<i32>,
    text: String,
}

impl Failure {
    fn source(&self) -> io::Error {
        match self.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::other(self.text.clone()),
        }
    }

    fn error(self) -> WriteError {
        WriteError::Io { offset: self.offset, length: self.length, source: self.source() }
    }
}

impl BulkWriter {
    /// Opens a block device, which nobody else may have mounted or opened exclusively, or a regular
    /// file.
    ///
    /// # Errors
    /// What the operating system says: `ResourceBusy` for a device that is in use. Anything else than a
    /// block device or file is refused.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut flags = OFlag::empty();
        // For anything but a block device O_EXCL means something else.
        flags.set(OFlag::O_EXCL, fs::metadata(path)?.file_type().is_block_device());
        let file = DirectFile::open_with(path, Access::Write, flags)?;
        let (queue, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { file, queue, changed });
        let works = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("bulk writer".to_owned());
        let thread = Some(thread.spawn(move || works.work())?);
        Ok(Self { shared, thread })
    }

    /// Major and minor number of a block device, none of a file.
    #[must_use]
    pub fn number(&self) -> Option<(u32, u32)> {
        self.shared.file.number()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No invariant of the queue is broken in between.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is queued until nothing more comes.
    fn work(&self) {
        let mut queue = self.lock();
        loop {
            let Some(mut job) = queue.jobs.pop_front() else {
                if queue.is_closed {
                    return;
                }
                queue = self.wait(queue);
                continue;
            };
            if queue.failure.is_none() {
                queue.is_writing = true;
                drop(queue);
                let written = self.write(&mut job);
                queue = self.lock();
                queue.is_writing = false;
                queue.failure = written.err();
            }
            queue.free.push(job.buffer);
            self.changed.notify_all();
        }
    }

    fn write(&self, job: &mut Job) -> Result<(), Failure> {
        let (offset, length) = (job.offset, job.length);
        let bytes = job.buffer.bytes().map(|bytes| bytes.get(..length).unwrap_or_default());
        let written = bytes.and_then(|bytes| self.file.write_aligned(offset, bytes));
        written.map_err(|error| Failure {
            offset,
            length: u64::try_from(length).unwrap_or(u64::MAX),
            code: error.raw_os_error(),
            text: error.to_string(),
        })
    }

    /// Waits until everything was written.
    fn drain(&self) -> Result<(), Failure> {
        let mut queue = self.lock();
        while queue.is_writing || !queue.jobs.is_empty() {
            queue = self.wait(queue);
        }
        queue.failure.clone().map_or(Ok(()), Err)
    }

    /// A buffer that can be filled.
    fn buffer(&self) -> Result<Aligned, Failure> {
        let mut queue = self.lock();
        loop {
            if let Some(failure) = &queue.failure {
                return Err(failure.clone());
            }
            if let Some(buffer) = queue.free.pop() {
                return Ok(buffer);
            }
            if queue.buffers < BUFFERS {
                queue.buffers += 1;
                return Ok(Aligned::new(BUFFER_BYTES));
            }
            queue = self.wait(queue);
        }
    }

    /// Hands a piece, at most a buffer, to the thread.
    fn queue(&self, offset: u64, piece: &[u8]) -> Result<(), WriteError> {
        let mut buffer = self.buffer().map_err(Failure::error)?;
        let length = piece.len();
        let space = buffer.bytes().map(|space| space.get_mut(..length).unwrap_or_default());
        let explain = |source| {
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            WriteError::Io { offset, length, source }
        };
        space.map_err(explain)?.copy_from_slice(piece);
        self.lock().jobs.push_back(Job { buffer, offset, length });
        self.changed.notify_all();
        Ok(())
    }
}

impl ReadAt for BulkWriter {
    fn size(&self) -> u64 {
        self.shared.file.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.shared.drain().map_err(|failure| {
            let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
            ReadError::Io { offset, length, source: failure.source() }
        })?;
        self.shared.file.read_at(offset, buffer)
    }
}

impl WriteAt for BulkWriter {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), WriteError> {
        let (length, size) = (u64::try_from(bytes.len()).unwrap_or(u64::MAX), self.size());
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(WriteError::OutOfBounds { offset, length, size });
        }
        whole_blocks(offset, bytes.len()).map_err(|source| WriteError::Io {
            offset,
            length,
            source,
        })?;
        let mut at = offset;
        for piece in bytes.chunks(BUFFER_BYTES) {
            self.shared.queue(at, piece)?;
            at = at.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        self.shared.drain().map_err(Failure::error)?;
        self.shared.file.sync()
    }
}

impl Drop for BulkWriter {
    /// Waits for what is queued.
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn file(bytes: u64) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk");
        std::fs::File::create(&path).unwrap().set_len(bytes).unwrap();
        (dir, path)
    }

    fn noise(length: usize, seed: u8) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8 ^ (at >> 12) as u8 ^ seed).collect()
    }

    #[test]
    fn everything_arrives_whatever_the_lengths() {
        let (_dir, path) = file(24 * MIB);
        let mut disk = BulkWriter::open(&path).unwrap();
        let mut expected = vec![0; 24 << 20];
        let mut offset = 0;
        for (number, length) in
            [512, 4096, 3 << 20, 1 << 20, 9 << 20, 1536, (1 << 20) + 512, 0].into_iter().enumerate()
        {
            let bytes = noise(length, number as u8);
            disk.write_at(offset as u64, &bytes).unwrap();
            expected[offset..offset + length].copy_from_slice(&bytes);
            offset += length + 512;
        }
        // What was written last counts.
        disk.write_at(0, &[7; 4096]).unwrap();
        expected[..4096].fill(7);
        disk.flush().unwrap();
        assert!(std::fs::read(&path).unwrap() == expected);
        assert_eq!((disk.size(), disk.number()), (24 * MIB, None));
    }

    #[test]
    fn what_is_queued_is_read() {
        let (_dir, path) = file(16 * MIB);
        let mut disk = BulkWriter::open(&path).unwrap();
        for number in 0..8 {
            disk.write_at(0, &vec![number; 16 << 20]).unwrap();
            let last = disk.read_vec(16 * MIB - 10, 10, 10).unwrap();
            assert_eq!(last, [number; 10]);
        }
    }

    #[test]
    fn what_is_queued_is_written_when_it_is_dropped() {
        let (_dir, path) = file(8 * MIB);
        let mut disk = BulkWriter::open(&path).unwrap();
        disk.write_at(0, &vec![3; 8 << 20]).unwrap();
        drop(disk);
        assert!(std::fs::read(&path).unwrap().iter().all(|byte| *byte == 3));
    }

    #[test]
    fn a_write_that_failed_is_told_and_is_the_last() {
        let (_dir, path) = file(64 * MIB);
        let mut disk = BulkWriter::open(&path).unwrap();
        disk.write_at(0, &[1; 512]).unwrap();
        disk.flush().unwrap();
        let failure = Failure { offset: 5, length: 6, code: Some(5), text: String::new() };
        disk.shared.lock().failure = Some(failure);
        for _ in 0..2 {
            let error = disk.write_at(512, &[2; 512]).unwrap_err();
            assert!(matches!(error, WriteError::Io { offset: 5, length: 6, .. }), "{error}");
            assert!(matches!(disk.flush().unwrap_err(), WriteError::Io { .. }));
            assert!(disk.read_at(0, &mut [0; 512]).is_err());
        }
        drop(disk);
        assert_eq!(std::fs::read(&path).unwrap()[..1024], [[1; 512], [0; 512]].concat());
    }

    #[test]
    fn only_whole_blocks_inside_are_written() {
        let (dir, path) = file(8192);
        let mut disk = BulkWriter::open(&path).unwrap();
        for (offset, length) in [(1, 512), (512, 100)] {
            let error = disk.write_at(offset, &vec![9; length]).unwrap_err();
            assert!(matches!(error, WriteError::Io { .. }), "{error}");
        }
        let error = disk.write_at(8192 - 512, &[9; 1024]).unwrap_err();
        assert!(matches!(error, WriteError::OutOfBounds { .. }));
        disk.flush().unwrap();
        assert!(std::fs::read(&path).unwrap().iter().all(|byte| *byte == 0));
        assert!(BulkWriter::open(dir.path()).is_err());
        assert!(BulkWriter::open(&dir.path().join("none")).is_err());
        assert!(BulkWriter::open(Path::new("/dev/null")).is_err());
    }

    #[test]
    fn a_disk_that_cannot_be_written_says_so() {
        // It is open for reading only: every write fails in the thread.
        let (_dir, path) = file(4 * MIB);
        let file = DirectFile::open(&path, Access::Read).unwrap();
        let (queue, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { file, queue, changed });
        let works = Arc::clone(&shared);
        let thread = Some(std::thread::spawn(move || works.work()));
        let mut disk = BulkWriter { shared, thread };
        // The first may be taken before it fails.
        let _ = disk.write_at(0, &vec![1; 2 << 20]);
        let error = disk.flush().unwrap_err();
        assert!(matches!(error, WriteError::Io { .. }), "{error}");
    }
}
