//! The persistent partition: checked, mounted, and what it keeps copied into the OS.
//!
//! Whatever is wrong with it, the OS boots, and says what it had to do without.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use anklume_host::mount::{self, Flags};
use anklume_host::sysfs::{BlockDevice, Sysfs};
use anklume_layout::Role;
use anklume_layout::report::{Growth, PERSIST, Persist, PersistState};
use anklume_medium::Medium;
use anklume_persist::Tree;

use crate::grow::Random;
use crate::journal::Journal;
use crate::modules::Loader;
use crate::recognise::FileSystem;
use crate::root::SYSROOT;
use crate::tools;

const MACHINE_ID: &str = "etc/machine-id";
const HOST_ID: &str = "etc/hostid";
/// Why nothing is kept on a medium that can only be read.
const WRITE_PROTECTED: &str = "the medium is write-protected";

/// The partition, mounted.
struct Kept {
    tree: Tree,
    /// Whether what changes can be kept, too.
    writable: bool,
}

/// Mounts the persistent partition of `disk` and restores what it keeps; makes the identity of a
/// machine that has none. The partition is let go afterwards with `release`, and if it cannot keep
/// anything more.
pub(crate) fn run(
    disk: &BlockDevice,
    growth: &Growth,
    release: bool,
    loader: &mut Loader,
    journal: &mut Journal,
) -> Persist {
    let mut persist = Persist {
        state: PersistState::Volatile,
        reason: None,
        partition: None,
        set_aside: Vec::new(),
    };
    let kept = match mounted(disk, growth, loader, &mut persist) {
        Ok(kept) => Some(kept),
        Err(reason) => {
            persist.reason = Some(reason);
            None
        }
    };
    let (os, known) = (Path::new(SYSROOT), Path::new(anklume_persist::KNOWN));
    let keeps = settle(kept.as_ref(), os, known, &mut persist);
    if kept.is_some() && (release || !keeps) {
        let let_go = if keeps { PersistState::Released } else { PersistState::Volatile };
        match mount::unmount(&place()) {
            Ok(()) => persist.state = let_go,
            Err(error) => persist.reason = Some(error.to_string()),
        }
    }
    say(&persist, journal);
    persist
}

fn say(persist: &Persist, journal: &mut Journal) {
    for path in &persist.set_aside {
        journal.say(&format!("the kept /{path} was damaged and is set aside"));
    }
    match (&persist.reason, persist.state) {
        (Some(reason), PersistState::Volatile) => {
            journal.say(&format!("nothing is kept after this boot: {reason}"));
        }
        (Some(reason), _) => journal.say(&format!("the persistent partition: {reason}")),
        (None, _) => {}
    }
}

/// Restores what is kept, and makes the identity that is missing. Whether the partition can keep what
/// changes from now on.
fn settle(kept: Option<&Kept>, os: &Path, known: &Path, persist: &mut Persist) -> bool {
    // What could not be read may be sound: nothing new may take its place, now or when settings are
    // saved later.
    let keeping = kept.filter(|kept| restore(&kept.tree, os, known, persist) && kept.writable);
    if let Err(reason) = identity(keeping.map(|kept| &kept.tree), os) {
        persist.reason.get_or_insert(reason);
    }
    keeping.is_some()
}

/// Where the partition is mounted before the OS becomes `/`.
fn place() -> PathBuf {
    Path::new(SYSROOT).join(PERSIST.trim_start_matches('/'))
}

/// Finds, checks and mounts the partition; else why not.
fn mounted(
    disk: &BlockDevice,
    growth: &Growth,
    loader: &mut Loader,
    persist: &mut Persist,
) -> Result<Kept, String> {
    let because = || growth.reason.clone().unwrap_or_else(|| "the medium has no room".to_owned());
    let partition = partition(disk).ok_or_else(because)?;
    persist.partition = Some(partition.name.clone());
    let mut journal = Journal::default();
    loader.load(&["ext4"], &mut journal);
    let writable = !partition.read_only && !disk.read_only;
    if writable {
        check(&partition)?;
    }
    let (flags, options) = manner(writable);
    let mounted = mount::mount("ext4", &partition.node(), &place(), flags, options);
    mounted.map_err(|error| error.to_string())?;
    let kept = Kept { tree: Tree::at(&place()), writable };
    if writable {
        // A full partition still says who this machine is.
        persist.reason = ready(&kept.tree, persist).err().map(|error| shown(&error));
        persist.state = PersistState::Mounted;
    } else {
        persist.reason = Some(WRITE_PROTECTED.to_owned());
    }
    Ok(kept)
}

/// How the partition is mounted. Where nothing can be written, ext4 must not replay its journal either:
/// after a power cut it would not be mounted at all.
fn manner(writable: bool) -> (Flags, &'static str) {
    let flags = mount::closed() | Flags::MS_NOATIME;
    if writable {
        (flags, "errors=remount-ro")
    } else {
        (flags | Flags::MS_RDONLY, FileSystem::Ext4.options())
    }
}

/// Makes the layout of a partition that has none.
fn ready(tree: &Tree, persist: &mut Persist) -> Result<(), anklume_persist::Error> {
    match tree.version() {
        Ok(Some(_)) => Ok(()),
        Ok(None) => tree.initialise(),
        Err(error) if error.source.kind() == io::ErrorKind::InvalidData => {
            tree.renew_version().inspect(|()| persist.set_aside.push("persist/VERSION".to_owned()))
        }
        Err(error) => Err(error),
    }
}

/// The error with paths as the OS will have them.
fn shown(error: &anklume_persist::Error) -> String {
    let path = error.path.strip_prefix(SYSROOT);
    let path = path.map_or_else(|_| error.path.clone(), |path| Path::new("/").join(path));
    format!("{} {}: {}", error.action, path.display(), error.source)
}

/// The persistent partition of the disk, recognised by its entry in the table.
fn partition(disk: &BlockDevice) -> Option<BlockDevice> {
    let place = Medium::at(&disk.node()).ok()?.partition(Role::Persist)?;
    let devices = Sysfs::at(Path::new("/sys")).block_devices().ok()?;
    let mine = (place.number, disk.name.clone());
    devices.into_iter().find(|device| device.partition.as_ref() == Some(&mine))
}

/// Lets the OS's own program replay the journal and mend what is safe to mend. What is not, it leaves
/// to people: it could delete files.
fn check(partition: &BlockDevice) -> Result<(), String> {
    let node = partition.node();
    tools::run("e2fsck", [OsStr::new("-p"), node.as_os_str()], &[0, 1])
        .map_err(|error| format!("{error} (to mend it, run e2fsck -f {})", node.display()))
}

/// Restores what is kept; whether all of it could be read.
fn restore(tree: &Tree, os: &Path, known: &Path, persist: &mut Persist) -> bool {
    let restored = anklume_persist::restore(tree, os);
    let paths: String = restored.restored.iter().map(|path| format!("{path}\n")).collect();
    if let Err(error) = std::fs::write(known, paths) {
        persist.reason.get_or_insert_with(|| error.to_string());
    }
    persist.set_aside.extend(restored.set_aside.into_iter().map(|(path, ..)| path));
    if let Some(error) = restored.failed.first() {
        persist.reason.get_or_insert_with(|| shown(error));
    }
    restored.failed.is_empty()
}

/// Makes the machine ID and the host ID, where there are none, and keeps them.
fn identity(tree: Option<&Tree>, os: &Path) -> Result<(), String> {
    let mut random = Random::open().map_err(|error| format!("opening /dev/random: {error}"))?;
    let (id, host) = (random.sixteen(), random.sixteen());
    random.finish().map_err(|error| format!("reading /dev/random: {error}"))?;
    let mut made = Vec::new();
    if !anklume_persist::has_machine_id(os) {
        let digits: String = machine_id(id).iter().map(|byte| format!("{byte:02x}")).collect();
        made.push((MACHINE_ID, format!("{digits}\n").into_bytes(), 0o444));
    }
    if !os.join(HOST_ID).exists() {
        made.push((HOST_ID, host_id(host).to_vec(), 0o644));
    }
    for (path, content, mode) in made {
        let kept = anklume_persist::make(tree, os, path, &content, mode);
        if let Some(error) = kept.map_err(|error| error.to_string())? {
            return Err(error.to_string());
        }
    }
    Ok(())
}

/// A machine ID is a UUID of version 4 (machine-id(5)).
fn machine_id(mut bytes: [u8; 16]) -> [u8; 16] {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes
}

/// Not zero, which means that there is none.
fn host_id(bytes: [u8; 16]) -> [u8; 4] {
    let [a, b, c, d, ..] = bytes;
    [a | 1, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_never_zero() {
        assert_eq!(host_id([0; 16]), [1, 0, 0, 0]);
        let id = machine_id([0xff; 16]);
        assert_eq!((id[6], id[8], id[0]), (0x4f, 0xbf, 0xff));
    }

    #[test]
    fn what_cannot_be_written_is_mounted_without_its_journal() {
        let (flags, options) = manner(false);
        assert!(flags.contains(Flags::MS_RDONLY | mount::closed()));
        assert_eq!(options, "noload");
        let (flags, options) = manner(true);
        assert!(!flags.contains(Flags::MS_RDONLY) && options != "noload");
    }

    /// A partition that keeps a machine ID and no host ID, restored into an empty OS.
    #[test]
    fn what_is_kept_counts_and_what_is_missing_is_kept_if_it_can_be() {
        const ID: &str = "0123456789abcdef0123456789abcdef\n";
        for writable in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let (root, os) = (dir.path().join("persist"), dir.path().join("os"));
            std::fs::create_dir_all(root.join("system/etc")).unwrap();
            std::fs::create_dir_all(os.join("etc")).unwrap();
            std::fs::write(root.join("system").join(MACHINE_ID), ID).unwrap();
            let kept = Kept { tree: Tree::at(&root), writable };
            let mut persist = Persist {
                state: PersistState::Volatile,
                reason: None,
                partition: None,
                set_aside: Vec::new(),
            };
            let known = dir.path().join("known");
            assert_eq!(settle(Some(&kept), &os, &known, &mut persist), writable);
            assert_eq!(persist.reason, None);
            assert_eq!(std::fs::read_to_string(os.join(MACHINE_ID)).unwrap(), ID);
            assert_eq!(std::fs::read_to_string(known).unwrap(), format!("{MACHINE_ID}\n"));
            assert_eq!(std::fs::read(os.join(HOST_ID)).unwrap().len(), 4);
            assert_eq!(root.join("system").join(HOST_ID).exists(), writable);
        }
    }
}
