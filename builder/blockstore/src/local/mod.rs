//! The blocks in a folder of this machine.

mod evict;
mod folder;

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use anklume_squashfs_writer::BlockKey;

use self::folder::{Folder, OpenError, Opened};
use crate::Warning;
use crate::entry::{self, HEADER_BYTES, Header, Seal};
use crate::stats::{Counters, add};

/// Subfolder of the blocks. Its name has the version of their format, so that an older program does
/// not remove what a newer one wrote.
const SUBFOLDER: &str = "blocks-v1";
/// A disk gives files whole blocks; the limit is about what they take there.
const DISK_BLOCK_BYTES: u64 = 4096;

/// Blocks in a folder, one file each; see [`crate`].
///
/// What is stored is never trusted to be whole or ours, nor to stay: other processes add, replace
/// and remove entries meanwhile.
#[derive(Debug)]
pub(crate) struct Local {
    path: PathBuf,
    folder: Folder,
    limit_bytes: u64,
    /// Bytes of disk that the entries took when this process last looked.
    used_bytes: AtomicU64,
    /// Bytes of disk that this process wrote since.
    unseen_bytes: AtomicU64,
    /// How many of those there may be before it has to look again.
    room_bytes: AtomicU64,
    /// Held while one thread removes entries.
    evicting: Mutex<()>,
    /// Set when a write failed; nothing is written any more.
    read_only: AtomicBool,
    /// The failure that set [`Self::read_only`].
    write_error: Mutex<Option<io::Error>>,
    pub(crate) counters: Counters,
    evicted: AtomicU64,
    evicted_bytes: AtomicU64,
}

/// What [`Local::finish`] leaves behind.
pub(crate) struct Finished {
    pub(crate) warning: Option<Warning>,
    pub(crate) evicted: u64,
    pub(crate) evicted_bytes: u64,
    pub(crate) folder_bytes: u64,
}

/// How a lookup ended.
enum Lookup {
    Found(Vec<u8>),
    Absent,
    /// Something lies there that is no entry for this block; it is left alone.
    Foreign,
    /// One of our entries, damaged.
    Damaged,
}

impl Local {
    /// Opens the blocks of `path`, which is made if it does not exist.
    pub(crate) fn open(path: &Path, limit_bytes: u64) -> Result<Self, Warning> {
        let folder = Folder::open(path, SUBFOLDER).map_err(|error| match error {
            OpenError::Refused(refusal) => Warning::Refused { folder: path.to_owned(), refusal },
            OpenError::Io(source) => Warning::Unusable { folder: path.to_owned(), source },
        })?;
        let used = folder.list().map_or(0, |entries| evict::bytes(&entries));
        Ok(Self {
            path: path.to_owned(),
            folder,
            limit_bytes,
            used_bytes: AtomicU64::new(used),
            unseen_bytes: AtomicU64::default(),
            room_bytes: AtomicU64::new(room_bytes(used, limit_bytes)),
            evicting: Mutex::default(),
            read_only: AtomicBool::new(false),
            write_error: Mutex::default(),
            counters: Counters::default(),
            evicted: AtomicU64::default(),
            evicted_bytes: AtomicU64::default(),
        })
    }

    /// The payload of an entry, which is at most `limit` bytes long.
    pub(crate) fn get(&self, key: &BlockKey, limit: usize) -> Option<Vec<u8>> {
        let name = file_name(key);
        match self.look_up(&name, key, limit) {
            Ok(Lookup::Found(payload)) => {
                self.counters.hit(&payload);
                return Some(payload);
            }
            Ok(Lookup::Absent) => {}
            Ok(Lookup::Foreign) => self.counters.reject(),
            Ok(Lookup::Damaged) => {
                self.counters.reject();
                // If another process has just replaced it by a good one, that is lost: a miss.
                self.folder.remove(&name);
            }
            Err(_) => self.counters.fail(),
        }
        self.counters.miss();
        None
    }

    fn look_up(&self, name: &CString, key: &BlockKey, limit: usize) -> io::Result<Lookup> {
        let mut file = match self.folder.open_entry(name)? {
            Opened::File(file) => file,
            Opened::Link => return Ok(Lookup::Foreign),
            Opened::Nothing => return Ok(Lookup::Absent),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(Lookup::Foreign);
        }
        let Some(length) = usize::try_from(metadata.len())
            .ok()
            .and_then(|length| length.checked_sub(HEADER_BYTES))
        else {
            return Ok(Lookup::Damaged);
        };
        if length > limit {
            return Ok(Lookup::Foreign);
        }
        let (header, payload) = match read_entry(&mut file, length) {
            // It became shorter after its length was asked for, which no process of ours does.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(Lookup::Damaged);
            }
            read => read?,
        };
        if !entry::is_valid(Seal::Digest, key, &header, &payload) {
            return Ok(Lookup::Damaged);
        }
        // What cannot be noted counts as not used: in a folder that is read-only, nothing is
        // removed either.
        let _ = folder::note_use(&file);
        Ok(Lookup::Found(payload))
    }

    /// Stores a block, unless an earlier write failed or it alone exceeds the limit.
    pub(crate) fn put(&self, key: &BlockKey, payload: &[u8]) {
        if self.read_only.load(Ordering::Relaxed) {
            return;
        }
        let Some(bytes) = entry::encode(Seal::Digest, key, payload) else { return };
        let disk = disk_bytes(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if disk > self.limit_bytes {
            return;
        }
        match self.folder.write_entry(&file_name(key), &bytes) {
            Ok(()) => self.counters.write(payload.len()),
            Err(error) => {
                self.counters.fail();
                if !folder::is_passing(&error) {
                    self.stop_writing(error);
                }
                return;
            }
        }
        self.unseen_bytes.fetch_add(disk, Ordering::Relaxed);
        // One thread makes room, the others go on. What they write meanwhile it has to look at, for
        // nobody may write after that.
        if self.must_look()
            && let Ok(_guard) = self.evicting.try_lock()
        {
            while self.must_look() && self.evict() {}
        }
    }

    fn must_look(&self) -> bool {
        self.unseen_bytes.load(Ordering::Relaxed) > self.room_bytes.load(Ordering::Relaxed)
    }

    fn stop_writing(&self, error: io::Error) {
        if !self.read_only.swap(true, Ordering::Relaxed) {
            *self.write_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    /// Looks at what is there, whoever wrote it, and removes what exceeds the limit; false when it
    /// could not look. One thread at a time.
    fn evict(&self) -> bool {
        let seen = self.unseen_bytes.load(Ordering::Relaxed);
        let Ok(entries) = self.folder.list() else { return false };
        let mut left = evict::bytes(&entries);
        for victim in evict::choose(entries, self.limit_bytes) {
            // Another process may have been faster; either way it is gone.
            if self.folder.remove(&victim.name) {
                add(&self.evicted, 1);
                add(&self.evicted_bytes, victim.disk_bytes);
            }
            left = left.saturating_sub(victim.disk_bytes);
        }
        self.used_bytes.store(left, Ordering::Relaxed);
        self.room_bytes.store(room_bytes(left, self.limit_bytes), Ordering::Relaxed);
        // What other threads wrote meanwhile stays counted: some of it twice, which the next look
        // corrects, but nothing is forgotten.
        self.unseen_bytes.fetch_sub(seen, Ordering::Relaxed);
        true
    }

    /// Keeps the limit, removes what writers that were killed left behind, and says what happened.
    pub(crate) fn finish(&self) -> Finished {
        self.folder.remove_leftovers();
        self.evict();
        let error = self.write_error.lock().unwrap_or_else(PoisonError::into_inner).take();
        Finished {
            warning: error.map(|source| Warning::NotWritable { folder: self.path.clone(), source }),
            evicted: self.evicted.load(Ordering::Relaxed),
            evicted_bytes: self.evicted_bytes.load(Ordering::Relaxed),
            folder_bytes: self.used_bytes.load(Ordering::Relaxed),
        }
    }
}

/// The header and the `length` bytes behind it.
fn read_entry(file: &mut File, length: usize) -> io::Result<(Header, Vec<u8>)> {
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header)?;
    let mut payload = vec![0; length];
    file.read_exact(&mut payload)?;
    Ok((header, payload))
}

/// Bytes of disk that may be written before looking again, when the entries take `used`: a
/// sixteenth of the limit at most, so that builds at the same time, which do not know of each
/// other, exceed it by no more than that each.
fn room_bytes(used: u64, limit: u64) -> u64 {
    limit.saturating_sub(used).min(limit / 16)
}

/// Bytes of disk that a file of `bytes` takes.
fn disk_bytes(bytes: u64) -> u64 {
    bytes.checked_next_multiple_of(DISK_BLOCK_BYTES).unwrap_or(u64::MAX)
}

/// The key in hexadecimal.
pub(crate) fn hexadecimal(key: &BlockKey) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| DIGITS[usize::from(nibble)];
    key.0.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn file_name(key: &BlockKey) -> CString {
    // Without a zero byte, this cannot fail.
    CString::new(hexadecimal(key)).unwrap_or_default()
}
