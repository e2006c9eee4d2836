//! What the cache forgets: files that were not used for the longest time, when there are too many.
//!
//! Compressed blocks have a limit of their own (`--block-cache`). Package files stay: a lock may want
//! them when no mirror has them any more.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::cached::SEAL;

/// Folders of the cache, with the most bytes that they keep.
const LIMITS: [(&str, u64); 6] = [
    ("trees", 12 << 30),
    ("modules", 256 << 20),
    ("initramfs", 1 << 30),
    ("loader", 256 << 20),
    ("made", 4 << 20),
    ("ahead", 32 << 20),
];
/// What was used since may be in use by another build.
const IN_USE: Duration = Duration::from_secs(24 * 60 * 60);
/// Room that a file takes at least, in bytes.
const LEAST_BYTES: u64 = 4096;

/// A file of the cache, with the seal beside it if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    path: PathBuf,
    bytes: u64,
    /// How long ago it was used.
    unused: Duration,
    /// A build did not finish it.
    partial: bool,
}

/// Removes what exceeds the limits of `cache`. What cannot be removed stays.
pub(super) fn trim(cache: &Path) {
    for (name, limit) in LIMITS {
        for path in excess(files(&cache.join(name)), limit) {
            // The seal last: without the file, it is not looked at.
            let _ = fs::remove_file(&path);
            let _ = fs::remove_file(super::cached::seal_path(&path));
        }
    }
}

fn files(folder: &Path) -> Vec<Kept> {
    let now = SystemTime::now();
    let age = |time: SystemTime| now.duration_since(time).unwrap_or_default();
    let kept = |path: PathBuf| {
        let metadata = path.symlink_metadata().ok()?;
        let name = path.file_name()?.to_str()?;
        if !metadata.is_file() || name.ends_with(SEAL) {
            return None;
        }
        let used = super::cached::seal_path(&path).metadata().and_then(|seal| seal.modified());
        let used = used.or_else(|_| metadata.modified()).ok()?;
        Some(Kept {
            partial: name.starts_with('.') && name.ends_with(".part"),
            bytes: metadata.len().max(LEAST_BYTES),
            unused: age(used),
            path,
        })
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| kept(entry.path())).collect()
}

/// The files to remove, so that the rest takes at most `limit` bytes, if enough are out of use.
fn excess(mut files: Vec<Kept>, limit: u64) -> Vec<PathBuf> {
    files.sort_by(|a, b| (b.partial, b.unused, &b.path).cmp(&(a.partial, a.unused, &a.path)));
    let mut total: u64 = files.iter().map(|file| file.bytes).sum();
    let mut gone = Vec::new();
    for file in files.into_iter().filter(|file| file.unused > IN_USE) {
        if file.partial || total > limit {
            total = total.saturating_sub(file.bytes);
            gone.push(file.path);
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(name: &str, bytes: u64, hours: u64) -> Kept {
        let unused = Duration::from_secs(hours * 60 * 60);
        Kept { path: name.into(), bytes, unused, partial: name.starts_with('.') }
    }

    #[test]
    fn the_longest_unused_goes_first_and_what_is_in_use_stays() {
        let files = || vec![kept("new", 10, 1), kept("old", 10, 100), kept("mid", 10, 50)];
        assert_eq!(excess(files(), 30), [""; 0].map(PathBuf::from));
        assert_eq!(excess(files(), 29), ["old"].map(PathBuf::from));
        assert_eq!(excess(files(), 15), ["old", "mid"].map(PathBuf::from));
        assert_eq!(excess(files(), 0), ["old", "mid"].map(PathBuf::from));
    }

    #[test]
    fn what_nobody_finishes_goes_whatever_its_size() {
        let files = vec![kept(".x.part", 1, 25), kept(".y.part", 1, 23), kept("old", 1, 99)];
        assert_eq!(excess(files, 10), [".x.part"].map(PathBuf::from));
    }

    #[test]
    fn a_seal_goes_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let loader = folder.path().join("loader");
        fs::create_dir(&loader).unwrap();
        let old = SystemTime::now() - 3 * IN_USE;
        let make = |name: &str, bytes: u64, used: SystemTime| {
            let path = loader.join(name);
            let file = fs::File::create(&path).unwrap();
            file.set_len(bytes).unwrap();
            super::super::cached::seal(&path).unwrap();
            file.set_modified(old).unwrap();
            let seal = fs::File::open(super::super::cached::seal_path(&path)).unwrap();
            seal.set_modified(used).unwrap();
        };
        make("a.tar", 200 << 20, old);
        make("b.tar", 100 << 20, SystemTime::now());
        trim(folder.path());
        let mut left: Vec<_> =
            fs::read_dir(&loader).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["b.tar", "b.tar.sum"]);
    }
}
