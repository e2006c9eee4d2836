//! Compressing ahead: while packages are installed, which keeps one processor busy, the others
//! compress what is in them. The blocks are in the store when the root file system is packed.
//!
//! Which files will be in the image, and under which names, is not known yet and does not matter: a
//! block is found by its content.

use std::fs::{self, File};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anklume_blockstore::Store;
use anklume_definition::Definition;
use anklume_host::interrupt::interrupted;
use anklume_host::process::{Cmd, Stdin, Stdout};
use anklume_lock::Package;
use anklume_squashfs_writer::{Compressor, Options, Precompressor};
use sha2::{Digest, Sha256};

use super::archive::hex;

/// Lowest level that is worth it: with those below, compressing takes less time than unpacking.
const WORTHWHILE_LEVEL: u8 = 8;

/// Compresses the files of packages until it is told to stop.
pub(super) struct Ahead<'a> {
    /// Package files that were not looked at yet, the largest last.
    queue: Mutex<Vec<&'a Package>>,
    debs: &'a Path,
    definition: &'a Definition,
    options: &'a Options,
    store: &'a Store,
    /// Folder of notes about packages that were compressed before.
    notes: PathBuf,
    stop: AtomicBool,
    blocks: AtomicU64,
}

impl<'a> Ahead<'a> {
    /// For an image of `definition` with these `options` from `packages`, whose files are in `debs`.
    pub(super) fn new(
        packages: &'a [Package],
        debs: &'a Path,
        definition: &'a Definition,
        (options, store): (&'a Options, &'a Store),
        cache: &Path,
    ) -> Self {
        let mut queue: Vec<&Package> = packages.iter().collect();
        queue.sort_by_key(|package| package.size);
        Self {
            queue: Mutex::new(queue),
            debs,
            definition,
            options,
            store,
            notes: cache.join("ahead"),
            stop: AtomicBool::new(false),
            blocks: AtomicU64::new(0),
        }
    }

    /// Does `work`, and meanwhile compresses with the processors that `work` leaves idle. Returns
    /// what `work` does, and how many blocks were compressed.
    pub(super) fn during<T>(&self, work: impl FnOnce() -> T) -> (T, u64) {
        let Compressor::Zstd { level } = self.options.compressor;
        let threads = match level < WORTHWHILE_LEVEL {
            true => 0,
            false => idle_processors(),
        };
        let done = std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| self.run());
            }
            // Programs are started by this thread: they are told to end when their parent thread
            // does.
            let done = work();
            self.stop.store(true, Ordering::Relaxed);
            done
        });
        (done, self.blocks.load(Ordering::Relaxed))
    }

    fn run(&self) {
        let Ok(mut precompressor) = Precompressor::new(self.options, self.store) else { return };
        while let Some(package) = self.next() {
            // What cannot be done now is done when the file system is packed, where it is an error.
            let _ = self.package(package, &mut precompressor);
        }
    }

    fn next(&self) -> Option<&'a Package> {
        if self.stopped() { None } else { self.queue.lock().ok()?.pop() }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || interrupted()
    }

    fn package(&self, package: &Package, to: &mut Precompressor<'_>) -> io::Result<()> {
        let note = self.notes.join(self.note(package, to));
        if note.exists() {
            return Ok(());
        }
        let (reader, writer) = io::pipe()?;
        let unpack = Cmd::new("dpkg-deb").arg("--fsys-tarfile");
        let unpack = unpack.arg(self.debs.join(package.file_name()));
        let output = Stdout::File(File::from(OwnedFd::from(writer)));
        let mut running = unpack.start(Stdin::Null, output).map_err(io::Error::other)?;
        let mut archive = tar::Archive::new(reader);
        for entry in archive.entries()? {
            if self.stopped() {
                return Ok(());
            }
            let mut entry = entry?;
            let path = entry.path_bytes();
            let path = path.strip_prefix(b".").unwrap_or(&path);
            let whole = u64::from(self.options.block_bytes);
            if entry.size() >= whole && !self.definition.paths.leaves_out(path) {
                let made = to.file(&mut entry)?;
                self.blocks.fetch_add(made, Ordering::Relaxed);
            }
        }
        running.wait().map_err(io::Error::other)?;
        fs::create_dir_all(&self.notes)?;
        fs::write(note, "")
    }

    /// Name of the note that all of a package is in the store: what its blocks depend on.
    fn note(&self, package: &Package, to: &Precompressor<'_>) -> String {
        let paths = &self.definition.paths;
        let text = format!("{} {} {paths:?}", package.sha256, self.options.block_bytes);
        hex(&Sha256::new().chain_update(to.settings()).chain_update(text).finalize())[..32]
            .to_owned()
    }
}

/// Installing packages takes one processor; a machine with one has none to spare.
fn idle_processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use anklume_blockstore::Settings;
    use anklume_definition::Pattern;
    use anklume_lock::Archive;
    use anklume_squashfs_writer::Tails;

    use super::*;

    const BLOCK_BYTES: usize = 128 << 10;
    const DEFINITION: &str = include_str!("../../../../images/debian-test.toml");

    /// Makes a package file with three blocks and a tail in one file, and two in another.
    fn package(folder: &Path) -> Package {
        let tree = folder.join("tree");
        let write = |path: &str, content: &[u8]| {
            let path = tree.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        let control =
            "Package: made\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n";
        write("DEBIAN/control", control.as_bytes());
        let content: Vec<u8> = (0..3 * BLOCK_BYTES + 5).map(|i| (i / 1000) as u8).collect();
        write("usr/lib/made", &content);
        write("opt/other", &content[BLOCK_BYTES / 2..][..2 * BLOCK_BYTES]);
        write("usr/lib/small", b"small");
        let package = Package {
            name: "made".to_owned(),
            version: "1".to_owned(),
            architecture: "all".to_owned(),
            size: 1,
            sha256: anklume_lock::Sha256::new([1; 32]),
            path: "pool/made_1_all.deb".to_owned(),
            archive: Archive::Main,
        };
        let file = folder.join(package.file_name());
        let pack = Cmd::new("dpkg-deb").args(["--root-owner-group", "-b"]).args([&tree, &file]);
        pack.output().unwrap();
        package
    }

    /// How many blocks are compressed ahead for an image that leaves out what matches `pattern`.
    fn compressed(folder: &Path, package: &Package, (level, pattern): (u8, &str)) -> u64 {
        let mut definition = Definition::parse(DEFINITION, "x").unwrap();
        definition.paths.leave_out = vec![pattern.parse::<Pattern>().unwrap()];
        let options = Options {
            block_bytes: BLOCK_BYTES as u32,
            compressor: Compressor::Zstd { level },
            mkfs_time: 0,
            threads: NonZeroUsize::MIN,
            tails: Tails::default(),
        };
        let (store, _) = Store::open(Settings {
            folder: folder.join("cache"),
            limit_bytes: 1 << 30,
            shared: None,
        });
        let packages = std::slice::from_ref(package);
        let cache = &folder.join("cache");
        let ahead = Ahead::new(packages, folder, &definition, (&options, &store), cache);
        ahead.run();
        let blocks = ahead.blocks.into_inner();
        assert!(store.finish().warnings.is_empty());
        blocks
    }

    #[test]
    fn whole_blocks_of_what_stays_are_compressed_once() {
        let folder = tempfile::tempdir().unwrap();
        let package = package(folder.path());
        let compressed = |level, pattern| compressed(folder.path(), &package, (level, pattern));
        assert_eq!(compressed(15, "/opt"), 3);
        assert_eq!(compressed(15, "/opt"), 0);
        // What was left out before is not taken for compressed.
        assert_eq!(compressed(15, "/srv"), 2);
        assert_eq!(compressed(15, "/srv"), 0);
        assert_eq!(compressed(16, "/srv"), 5);
    }
}
