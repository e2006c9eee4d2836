//! The folder of one machine: damage, strangers' files, limits, folders that cannot be used.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anklume_blockstore::{BlockCache, BlockKey, Refusal, Settings, Stats, Store, Warning};
use common::{block, key, settings, store};

fn entry_path(folder: &Path, key: &BlockKey) -> PathBuf {
    let name: String = key.0.iter().map(|byte| format!("{byte:02x}")).collect();
    folder.join("blocks-v1").join(name)
}

fn finish(store: Store) -> Stats {
    let summary = store.finish();
    assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
    summary.stats
}

/// The files below `folder` that are no entries, by name.
fn strangers(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder.join("blocks-v1")).unwrap();
    let mut names: Vec<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.len() != 64);
    names.sort();
    names
}

#[test]
fn what_is_put_is_got_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b");
    let first = store(&path, 1 << 20);
    assert_eq!(first.get(&key(1), 9000), None);
    first.put(&key(1), &block(1));
    first.put(&key(2), &[]);
    assert_eq!(first.get(&key(1), block(1).len()), Some(block(1)));
    assert_eq!(first.get(&key(2), 0), Some(vec![]));
    let stats = finish(first);
    assert_eq!((stats.local.hits, stats.local.misses, stats.local.written), (2, 1, 2));
    assert_eq!((stats.asked, stats.hits()), (3, 2));
    let bytes = block(1).len() as u64;
    assert_eq!((stats.local.read_bytes, stats.local.written_bytes), (bytes, bytes));
    assert_eq!(stats.shared, Stats::default().shared);

    let second = store(&path, 1 << 20);
    assert_eq!(second.get(&key(1), 9000), Some(block(1)));
    assert_eq!(finish(second).local.hits, 1);
    // Nobody else has a business there.
    for made in ["a", "a/b", "a/b/blocks-v1"] {
        let mode = fs::metadata(folder.path().join(made)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700, "{made}");
    }
}

#[test]
fn longer_than_asked_for_is_a_miss() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 1 << 20);
    store.put(&key(1), &block(1));
    assert_eq!(store.get(&key(1), block(1).len() - 1), None);
    // It stays: the length that was asked for may have been wrong.
    assert_eq!(store.get(&key(1), block(1).len()), Some(block(1)));
    assert_eq!(finish(store).local.rejected, 1);
}

#[test]
fn any_flipped_byte_is_a_miss_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 1 << 20);
    store.put(&key(1), b"compressed");
    let path = entry_path(folder.path(), &key(1));
    let good = fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut damaged = good.clone();
        damaged[at] ^= 0x40;
        fs::write(&path, &damaged).unwrap();
        assert_eq!(store.get(&key(1), 4096), None, "byte {at}");
        assert!(!path.exists(), "byte {at}");
    }
    let stats = finish(store);
    assert_eq!((stats.local.rejected, stats.local.hits), (good.len() as u64, 0));
}

#[test]
fn any_other_length_is_a_miss_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 1 << 20);
    store.put(&key(1), b"compressed");
    let path = entry_path(folder.path(), &key(1));
    let good = fs::read(&path).unwrap();
    for length in 0..good.len() {
        fs::write(&path, &good[..length]).unwrap();
        assert_eq!(store.get(&key(1), 4096), None, "{length} bytes");
        assert!(!path.exists(), "{length} bytes");
    }
    fs::write(&path, [good.as_slice(), b"x"].concat()).unwrap();
    assert_eq!(store.get(&key(1), 4096), None);
    assert!(!path.exists());
}

#[test]
fn an_entry_under_another_name_is_a_miss() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 1 << 20);
    store.put(&key(1), &block(1));
    store.put(&key(2), &block(2));
    let (one, two) = (entry_path(folder.path(), &key(1)), entry_path(folder.path(), &key(2)));
    fs::rename(one, two).unwrap();
    assert_eq!(store.get(&key(2), 9000), None);
}

#[test]
fn strangers_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = folder.path().join("blocks-v1");
    let first = store(folder.path(), 8192);
    let names = ["README", "new-", "new-1-2-3", "new-1-x", "0123", "new-folder-1"];
    for name in names {
        fs::write(blocks.join(name), "theirs").unwrap();
        age(&blocks.join(name), Duration::from_secs(90_000));
    }
    fs::write(folder.path().join("other"), "theirs").unwrap();
    fs::create_dir(blocks.join("new-1-1")).unwrap();
    // A writer that was killed long ago, and one that still writes.
    fs::write(blocks.join("new-77-5"), "left").unwrap();
    age(&blocks.join("new-77-5"), Duration::from_secs(4000));
    fs::write(blocks.join("new-78-5"), "busy").unwrap();
    for number in 0..20 {
        first.put(&key(number), &block(number));
    }
    assert!(finish(first).evicted > 0);
    let mut left: Vec<&str> = names.to_vec();
    left.extend(["new-1-1", "new-78-5"]);
    left.sort_unstable();
    assert_eq!(strangers(folder.path()), left);
    assert_eq!(fs::read(folder.path().join("other")).unwrap(), b"theirs");
}

#[test]
fn links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 1 << 20);
    store.put(&key(1), &block(1));
    let (one, two) = (entry_path(folder.path(), &key(1)), entry_path(folder.path(), &key(2)));
    // A link to a valid entry is still none.
    let target = outside.path().join("target");
    fs::rename(&one, &target).unwrap();
    symlink(&target, &one).unwrap();
    symlink(outside.path().join("missing"), &two).unwrap();
    let before = fs::read(&target).unwrap();
    assert_eq!(store.get(&key(1), 9000), None);
    store.put(&key(1), &block(1));
    store.put(&key(2), &block(2));
    assert_eq!(store.get(&key(1), 9000), Some(block(1)));
    assert_eq!(store.get(&key(2), 9000), Some(block(2)));
    assert!(!fs::symlink_metadata(&one).unwrap().is_symlink());
    assert_eq!(fs::read(&target).unwrap(), before);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!(finish(store).local.rejected, 1);
}

#[test]
fn a_linked_subfolder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), folder.path().join("blocks-v1")).unwrap();
    let (store, warnings) = Store::open(settings(folder.path(), 1 << 20));
    assert!(matches!(warnings.as_slice(), [Warning::Unusable { .. }]), "{warnings:?}");
    store.put(&key(1), &block(1));
    assert_eq!(store.get(&key(1), 9000), None);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn pipes_and_folders_in_place_of_entries_do_not_hang() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 1 << 20);
    let (one, two) = (entry_path(folder.path(), &key(1)), entry_path(folder.path(), &key(2)));
    nix::unistd::mkfifo(&one, nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::create_dir(&two).unwrap();
    assert_eq!(store.get(&key(1), 9000), None);
    assert_eq!(store.get(&key(2), 9000), None);
    store.put(&key(2), &block(2));
    // One bad place does not end writing.
    store.put(&key(3), &block(3));
    assert_eq!(store.get(&key(3), 9000), Some(block(3)));
    let stats = finish(store);
    assert_eq!((stats.local.rejected, stats.local.failed), (2, 1));
    assert_eq!(strangers(folder.path()), [""; 0]);
}

#[test]
fn a_file_in_place_of_the_folder_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "theirs").unwrap();
    for path in [file.clone(), file.join("below")] {
        let (store, warnings) = Store::open(settings(&path, 1 << 20));
        assert!(matches!(warnings.as_slice(), [Warning::Unusable { .. }]), "{warnings:?}");
        store.put(&key(1), &block(1));
        assert_eq!(store.get(&key(1), 9000), None);
        assert_eq!(finish(store), Stats { asked: 1, ..Stats::default() });
    }
    assert_eq!(fs::read(&file).unwrap(), b"theirs");
}

#[test]
fn a_folder_that_loses_its_place_warns_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), 1 << 20);
    store.put(&key(1), &block(1));
    // Permissions do not bind root; nothing can be made in a folder that is gone.
    fs::remove_dir_all(folder.path().join("blocks-v1")).unwrap();
    for number in 0..10 {
        store.put(&key(number), &block(number));
        assert_eq!(store.get(&key(number), 9000), None);
    }
    let summary = store.finish();
    assert!(matches!(summary.warnings.as_slice(), [Warning::NotWritable { .. }]));
    assert_eq!((summary.stats.local.written, summary.stats.local.failed), (1, 1));
}

#[test]
fn a_read_only_folder_still_gives() {
    let folder = tempfile::tempdir().unwrap();
    let first = store(folder.path(), 1 << 20);
    first.put(&key(1), &block(1));
    finish(first);
    let blocks = folder.path().join("blocks-v1");
    fs::set_permissions(&blocks, Permissions::from_mode(0o500)).unwrap();
    let second = store(folder.path(), 1 << 20);
    assert_eq!(second.get(&key(1), 9000), Some(block(1)));
    second.put(&key(2), &block(2));
    let warnings = second.finish().warnings;
    let root = nix::unistd::geteuid().is_root();
    assert!(root || matches!(warnings.as_slice(), [Warning::NotWritable { .. }]), "{warnings:?}");
    fs::set_permissions(&blocks, Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_full_disk_warns_once_and_leaves_nothing_half_written() {
    // A limit on the length of files fails writes as a full disk does, and needs no mount.
    let folder = tempfile::tempdir().unwrap();
    let output = common::rerun("full_disk_child", folder.path(), "ulimit -f 8; trap '' XFSZ");
    assert!(output.contains("child done"), "{output}");
}

#[test]
fn full_disk_child() {
    let Some(folder) = common::child_folder() else { return };
    let store = store(&folder, 1 << 20);
    store.put(&key(1), &block(1));
    store.put(&key(2), &vec![0; 100_000]);
    store.put(&key(3), &block(3));
    assert_eq!(store.get(&key(1), 9000), Some(block(1)));
    assert_eq!(store.get(&key(2), 1 << 20), None);
    assert_eq!(store.get(&key(3), 9000), None);
    let summary = store.finish();
    assert!(matches!(summary.warnings.as_slice(), [Warning::NotWritable { .. }]));
    assert_eq!(strangers(&folder), [""; 0]);
    println!("child done");
}

#[test]
fn folders_that_others_write_into_are_refused() {
    for mode in [0o770, 0o707, 0o1777, 0o720] {
        for sub in ["", "blocks-v1"] {
            let folder = tempfile::tempdir().unwrap();
            finish(store(folder.path(), 1 << 20));
            let open = folder.path().join(sub);
            fs::set_permissions(&open, Permissions::from_mode(mode)).unwrap();
            let (store, warnings) = Store::open(settings(folder.path(), 1 << 20));
            assert!(
                matches!(
                    warnings.as_slice(),
                    [Warning::Refused { refusal: Refusal::Mode { found }, .. }] if *found == mode
                ),
                "{warnings:?}"
            );
            store.put(&key(1), &block(1));
            assert!(!entry_path(folder.path(), &key(1)).exists());
        }
    }
}

#[test]
fn a_folder_of_another_user_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = common::folder_of_another_user(folder.path());
    let other = fs::metadata(&theirs).unwrap().uid();
    let (_store, warnings) = Store::open(settings(&theirs, 1 << 20));
    assert!(
        matches!(
            warnings.as_slice(),
            [Warning::Refused { refusal: Refusal::Owner { found, .. }, .. }] if *found == other
        ),
        "{warnings:?}"
    );
}

/// Makes the last use of a file earlier.
fn age(path: &Path, by: Duration) {
    let file = File::open(path).unwrap();
    file.set_modified(SystemTime::now() - by).unwrap();
}

#[test]
fn the_limit_is_kept_and_what_was_not_used_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    let first = store(folder.path(), 1 << 20);
    for number in 0..10 {
        first.put(&key(number), &[number; 4000]);
        age(
            &entry_path(folder.path(), &key(number)),
            Duration::from_secs(1000 - u64::from(number)),
        );
    }
    // Used now, although written first.
    assert!(first.get(&key(0), 4096).is_some());
    assert!(first.get(&key(3), 4096).is_some());
    assert_eq!(finish(first).folder_bytes, 10 * 4096);

    let second = store(folder.path(), 6 * 4096);
    let stats = finish(second);
    assert_eq!((stats.evicted, stats.evicted_bytes), (5, 5 * 4096));
    assert_eq!(stats.folder_bytes, 5 * 4096);
    let third = store(folder.path(), 6 * 4096);
    let left: Vec<u8> = (0..10).filter(|&number| third.get(&key(number), 4096).is_some()).collect();
    assert_eq!(left, [0, 3, 7, 8, 9]);
}

#[test]
fn the_limit_is_kept_while_writing() {
    let folder = tempfile::tempdir().unwrap();
    let limit = 20 * 4096;
    let store = store(folder.path(), limit);
    for number in 0..100 {
        store.put(&key(number), &[number; 4000]);
        let files = fs::read_dir(folder.path().join("blocks-v1")).unwrap().count() as u64;
        assert!(files * 4096 <= limit, "{files} files after {number}");
    }
    // Longer than all together may be: not stored, and nothing goes for it.
    store.put(&key(200), &vec![1; 30 * 4096]);
    assert!(store.get(&key(99), 4096).is_some());
    let stats = finish(store);
    assert_eq!(stats.local.written, 100);
    assert_eq!(stats.evicted * 4096 + stats.folder_bytes, 100 * 4096);
}

#[test]
fn builds_that_do_not_know_of_each_other_keep_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let limit = 32 * 4096;
    let stores = [store(folder.path(), limit), store(folder.path(), limit)];
    for number in 0..120 {
        stores[usize::from(number % 2)].put(&key(number), &[number; 4000]);
        let files = fs::read_dir(folder.path().join("blocks-v1")).unwrap().count() as u64;
        assert!(files * 4096 <= limit + 2 * (limit / 16), "{files} files after {number}");
    }
    stores.into_iter().for_each(|store| assert!(finish(store).folder_bytes <= limit));
}

#[test]
fn a_limit_of_nothing_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, warnings) = Store::open(Settings { limit_bytes: 0, ..settings(folder.path(), 1) });
    assert!(warnings.is_empty());
    store.put(&key(1), &block(1));
    assert_eq!(store.get(&key(1), 9000), None);
    assert_eq!(finish(store).local.written, 0);
}

#[cfg(not(feature = "shared"))]
#[test]
fn a_shared_store_that_was_not_built_is_a_warning() {
    use anklume_blockstore::{MacKey, Shared};
    let folder = tempfile::tempdir().unwrap();
    let shared = Shared::new("s3://bucket", MacKey::from_bytes(&[1; 32]).unwrap()).unwrap();
    let (store, warnings) =
        Store::open(Settings { shared: Some(shared), ..settings(folder.path(), 1 << 20) });
    assert!(matches!(warnings.as_slice(), [Warning::SharedUnusable { .. }]), "{warnings:?}");
    store.put(&key(1), &block(1));
    assert_eq!(store.get(&key(1), 9000), Some(block(1)));
}
