//! Files of the cache: each has a digest beside it, and is used only while it has that digest.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use anklume_bytes::{ReadAt, ReadError};
use anklume_host::file::{FileReader, replace};
use anklume_report::Cache;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::archive::hex;
use crate::events::Reporter;
use crate::failure::{Context, Failure};

/// Extension of the digests.
pub(super) const SEAL: &str = ".sum";
/// Folders of the cache whose content goes into images; `blocks-v1` sees to itself.
pub(super) const FOLDERS: [&str; 8] =
    ["archive", "debs", "trees", "modules", "initramfs", "loader", "made", "ahead"];
/// The permission of everybody to write.
const OTHERS_WRITE: u32 = 0o002;
/// Bytes that one thread hashes at a time.
const PIECE_BYTES: u64 = 1 << 20;

/// The files that a build wanted from the cache, in the order in which it had them.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<Vec<Cache>>);

impl Asked {
    /// Notes what became of the file at `path`: it was there or was made, which took all the time
    /// since `start`.
    pub(super) fn note(&self, name: &str, path: &Path, was_there: bool, start: Instant) {
        let length = path.metadata().map_or(0, |data| data.len());
        let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let cache = Cache {
            name: name.to_owned(),
            hits: u64::from(was_there),
            misses: u64::from(!was_there),
            bytes: if was_there { length } else { 0 },
            milliseconds: Some(milliseconds),
        };
        if let Ok(mut caches) = self.0.lock() {
            caches.push(cache);
        }
    }

    /// What was noted.
    pub(super) fn caches(&self) -> Vec<Cache> {
        self.0.lock().map(|caches| caches.clone()).unwrap_or_default()
    }
}

/// Refuses a cache that everybody may write into, or that belongs to somebody else: digests beside
/// files tell of damage, not of intent.
pub(super) fn check_owners(cache: &Path) -> Result<(), Failure> {
    let own = anklume_host::process::effective_user();
    for folder in [cache.to_owned()].into_iter().chain(FOLDERS.map(|name| cache.join(name))) {
        let Ok(metadata) = folder.metadata() else { continue };
        let (mode, owner) = (metadata.mode() & 0o7777, metadata.uid());
        let shown = folder.display();
        let refused = if !metadata.is_dir() {
            format!("{shown} in the way of the cache is not a folder")
        } else if mode & OTHERS_WRITE != 0 {
            format!("the cache folder {shown} has mode {mode:04o}: everybody can write into it")
        } else if owner != own && owner != 0 {
            format!("the cache folder {shown} belongs to user {owner}, not to {own}")
        } else {
            continue;
        };
        return Err(Failure::refused(refused)
            .hint("what is in the cache goes into images: --cache names another folder"));
    }
    Ok(())
}

/// The content of a file. Anything else than a file is not opened: that may wait for ever. What
/// everybody may have written is not there either.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    match path.metadata() {
        Ok(metadata) if metadata.is_file() && metadata.mode() & OTHERS_WRITE == 0 => fs::read(path),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Whether `path` is there as it was made. What is damaged is reported and removed, so that it is
/// made again.
pub(super) fn is_whole(path: &Path, reporter: &Reporter) -> Result<bool, Failure> {
    let what = || format!("reading {}", path.display());
    let seal = seal_path(path);
    for path in [path, &seal] {
        if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            reporter.note(&format!("{} is a folder and will be removed", path.display()));
            fs::remove_dir_all(path).context(format!("removing {}", path.display()))?;
        }
    }
    // Opening anything else than a file may wait for ever.
    if !path.is_file() {
        return Ok(false);
    }
    let Ok(sealed) = read(&seal) else { return Ok(false) };
    if path.metadata().context(what())?.mode() & OTHERS_WRITE != 0 {
        reporter
            .note(&format!("everybody can write into {}: it will be made again", path.display()));
        return Ok(false);
    }
    let found = named_digest(path).context(what())?;
    if sealed.trim_ascii_end() == found.as_bytes() {
        // Says when it was used; see `trim`.
        let _ = fs::File::open(&seal).and_then(|seal| seal.set_modified(SystemTime::now()));
        return Ok(true);
    }
    reporter.note(&format!("{} is damaged and will be made again", path.display()));
    for path in [path, &seal] {
        fs::remove_file(path).context(format!("removing {}", path.display()))?;
    }
    Ok(false)
}

/// Notes the digest of `path`, which was just made.
pub(super) fn seal(path: &Path) -> Result<(), Failure> {
    let found = named_digest(path).context(format!("reading {}", path.display()))?;
    let seal = seal_path(path);
    let text = format!("{found}\n");
    replace(&seal, text.as_bytes()).context(format!("writing {}", seal.display()))
}

pub(super) fn seal_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(SEAL);
    PathBuf::from(name)
}

/// The digest of a file together with its name: another file of the cache, copied over this one with
/// its seal, is not this one.
fn named_digest(path: &Path) -> Result<String, ReadError> {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let content = digest(path)?;
    Ok(hex(&Sha256::new().chain_update(content).chain_update(name).finalize()))
}

/// SHA-256 over the SHA-256 of every MiB, which all cores can work at, and the length.
pub(super) fn digest(path: &Path) -> Result<String, ReadError> {
    let failed = |source| ReadError::Io { offset: 0, length: 0, source };
    let reader = FileReader::open(path).map_err(failed)?;
    let size = reader.size();
    let piece = |number: u64| {
        let start = number * PIECE_BYTES;
        let bytes = reader.read_vec(start, PIECE_BYTES.min(size - start), PIECE_BYTES)?;
        Ok(Sha256::digest(bytes))
    };
    let pieces: Result<Vec<_>, ReadError> =
        (0..size.div_ceil(PIECE_BYTES)).into_par_iter().map(piece).collect();
    let mut hash = Sha256::new();
    pieces?.iter().for_each(|piece| hash.update(piece));
    hash.update(size.to_le_bytes());
    Ok(hex(&hash.finalize()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_was_there_and_what_was_made_is_noted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tree.tar");
        fs::write(&path, "12345").unwrap();
        let asked = Asked::default();
        asked.note("root tree", &path, true, Instant::now());
        asked.note("initramfs", &path, false, Instant::now());
        let [tree, initramfs] = &asked.caches()[..] else { panic!("{asked:?}") };
        assert_eq!((tree.hits, tree.misses, tree.bytes), (1, 0, 5));
        assert_eq!((initramfs.hits, initramfs.misses, initramfs.bytes), (0, 1, 0));
        assert!(tree.name == "root tree" && tree.milliseconds.is_some());
    }

    #[test]
    fn a_cache_that_others_may_change_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, trees) = (folder.path().join("cache"), folder.path().join("cache/trees"));
        check_owners(&cache).unwrap();
        fs::create_dir_all(&trees).unwrap();
        check_owners(&cache).unwrap();
        for path in [&trees, &cache] {
            let set = |mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            set(0o777);
            let failure = check_owners(&cache).unwrap_err();
            assert!(failure.message().contains(&format!("{} has mode 0777", path.display())));
            set(0o775);
            check_owners(&cache).unwrap();
        }
        fs::remove_dir(&trees).unwrap();
        fs::write(&trees, "").unwrap();
        let failure = check_owners(&cache).unwrap_err();
        assert!(failure.message().contains("is not a folder"), "{}", failure.message());
    }

    #[test]
    fn what_is_no_file_is_neither_waited_for_nor_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let reporter = Reporter::new(false);
        let [fifo, sealed, in_the_way] =
            ["fifo", "sealed", "folder"].map(|name| folder.path().join(name));
        let make_fifo = |path: &Path| {
            anklume_host::process::Cmd::new("mkfifo").arg(path).output().unwrap();
        };
        make_fifo(&fifo);
        assert_eq!(read(&fifo).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!is_whole(&fifo, &reporter).unwrap());
        fs::write(&sealed, "content").unwrap();
        make_fifo(&seal_path(&sealed));
        assert!(!is_whole(&sealed, &reporter).unwrap());
        fs::create_dir_all(in_the_way.join("with/content")).unwrap();
        assert!(!is_whole(&in_the_way, &reporter).unwrap());
        // An entry is made where these were.
        for path in [&fifo, &sealed, &in_the_way] {
            replace(path, b"content").unwrap();
            seal(path).unwrap();
            assert!(is_whole(path, &reporter).unwrap());
        }
    }

    #[test]
    fn only_what_is_as_it_was_made_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let reporter = Reporter::new(false);
        let path = folder.path().join("entry.tar");
        assert!(!is_whole(&path, &reporter).unwrap());
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
        fs::write(&path, &bytes).unwrap();
        // Not sealed: whoever made it did not finish.
        assert!(!is_whole(&path, &reporter).unwrap());
        assert!(path.exists());
        seal(&path).unwrap();
        assert!(is_whole(&path, &reporter).unwrap());
        for open in [seal_path(&path), path.clone()] {
            fs::set_permissions(&open, fs::Permissions::from_mode(0o646)).unwrap();
            assert!(!is_whole(&path, &reporter).unwrap());
            for path in [&path, &seal_path(&path)] {
                let _ = fs::remove_file(path);
            }
            fs::write(&path, &bytes).unwrap();
            seal(&path).unwrap();
            assert!(is_whole(&path, &reporter).unwrap());
        }
        let other = folder.path().join("other.tar");
        fs::copy(&path, &other).unwrap();
        fs::copy(seal_path(&path), seal_path(&other)).unwrap();
        assert!(!is_whole(&other, &reporter).unwrap());
        for (at, length) in [(0, bytes.len()), (2_500_000, bytes.len()), (7, bytes.len() - 1)] {
            let mut damaged = bytes[..length].to_vec();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            assert!(!is_whole(&path, &reporter).unwrap());
            assert!(!path.exists() && !seal_path(&path).exists());
            fs::write(&path, &bytes).unwrap();
            seal(&path).unwrap();
        }
    }
}
