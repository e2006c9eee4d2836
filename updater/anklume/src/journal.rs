//! Where the boot history is kept, and how it is written.
//!
//! On the persistent partition, if it is mounted. With the OS in RAM it is mounted for the time of a
//! write only, since the medium may be pulled out at any other time; what is read then is a copy in
//! `/run`. Without a persistent partition the history is in `/run` alone, and forgotten at the end.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anklume_history::{Event, FILE, FOLDER, History, MAX_READ_BYTES, parse, rotated};
use anklume_host::file;
use anklume_host::lock::Lock;
use anklume_host::mount::{self, Flags};
use anklume_host::sysfs::Sysfs;
use anklume_layout::Role;
use anklume_layout::report::{BootReport, PersistState};
use anklume_persist::Tree;

use crate::machine::Machine;
use crate::output::Output;
use anklume_failure::{Context, Failure};

/// How long another program may write to the history or the partition: a stick may be slow.
const PATIENCE: Duration = Duration::from_secs(60);

impl Machine {
    /// The folder of the history that can be read without mounting anything.
    fn readable_folder(&self, report: &BootReport) -> PathBuf {
        match report.persist.state {
            PersistState::Mounted => self.paths.persist.join(FOLDER),
            PersistState::Released | PersistState::Volatile => self.paths.state.join(FOLDER),
        }
    }

    /// The history, as far as it can be read without mounting anything.
    pub(crate) fn history(&self, report: &BootReport) -> Result<History, Failure> {
        let path = self.readable_folder(report).join(FILE);
        Ok(parse(&read(&path).context(path.display())?))
    }

    /// The history as the medium has it, at the start of a boot. With the OS in RAM, a copy of it is
    /// left in `/run`.
    pub(crate) fn take_over_history(&self, report: &BootReport, out: &mut Output<'_>) -> History {
        let released = report.persist.state == PersistState::Released;
        let copy = self.paths.state.join(FOLDER);
        if released && !copy.join(FILE).exists() {
            let taken = self.with_persist(report, |folder| read(&folder.join(FOLDER).join(FILE)));
            let kept = taken.and_then(|bytes| {
                make_folder(&copy).context(copy.display())?;
                file::replace(&copy.join(FILE), &bytes).context(copy.display())
            });
            if let Err(error) = kept {
                out.warn(format!("the boot history of the medium: {}", error.message()));
            }
        }
        self.history(report).unwrap_or_else(|error| {
            out.warn(format!("the boot history: {}", error.message()));
            History::default()
        })
    }

    /// Writes events into the history. A history that cannot be written is a warning: what it tells
    /// of has happened all the same.
    pub(crate) fn note(&self, report: &BootReport, events: &[Event], out: &mut Output<'_>) {
        if events.is_empty() {
            return;
        }
        let text: String = events.iter().map(Event::line).collect();
        if let Err(error) = self.append(report, &text) {
            out.warn(format!("the boot history was not written: {}", error.message()));
        }
    }

    fn append(&self, report: &BootReport, text: &str) -> Result<(), Failure> {
        let _lock = self.lock("history.lock")?;
        let folder = self.readable_folder(report);
        append(&folder, text).context(folder.display())?;
        if report.persist.state == PersistState::Released {
            self.with_persist(report, |persist| append(&persist.join(FOLDER), text))?;
        }
        Ok(())
    }

    /// Does something with the persistent partition, which is mounted meanwhile.
    pub(crate) fn with_persist<T>(
        &self,
        report: &BootReport,
        action: impl FnOnce(&Path) -> io::Result<T>,
    ) -> Result<T, Failure> {
        let _lock = self.lock("persist.lock")?;
        let node = self.persist_node(report)?;
        // Names and sizes are alike of two sticks of one kind; the disk's own GUID is not.
        let medium = (self.open)(report).map_err(|error| Failure::failed(error.to_string()))?;
        // A change of the boot record makes udev look at the disk again; it may look for minutes.
        let _held = medium.hold().ok();
        let place = self.paths.state.join("persist");
        make_folder(&place).context(place.display())?;
        let flags = mount::closed() | Flags::MS_NOATIME;
        mount::mount("ext4", &node, &place, flags, "")
            .map_err(|error| Failure::failed(error.to_string()))?;
        let done = action(&place).context(place.display());
        let ended = mount::unmount(&place).map_err(|error| Failure::failed(error.to_string()));
        let value = done?;
        ended?;
        Ok(value)
    }

    /// The node of the persistent partition, if the kernel still has it where the report says.
    fn persist_node(&self, report: &BootReport) -> Result<PathBuf, Failure> {
        let gone = || Failure::failed("the medium with the persistent partition is gone");
        let name = report.persist.partition.as_deref().ok_or_else(gone)?;
        let sysfs = Sysfs::at(&self.paths.sys);
        let partition = sysfs.block_device(name).ok_or_else(gone)?;
        let disk = sysfs.block_device(partition.disk()).ok_or_else(gone)?;
        let (major, minor) = disk.number;
        let same_disk = report.medium.disk_number == format!("{major}:{minor}")
            && report.medium.disk_bytes == disk.bytes;
        let same_serial = report.medium.serial == disk.serial;
        let number = partition.partition.as_ref().map(|(number, _)| *number);
        if !same_disk || !same_serial || number != Some(Role::Persist.number()) {
            return Err(Failure::failed(format!("{name} belongs to another medium now")));
        }
        Ok(self.paths.dev.join(name))
    }

    /// Only one program at a time; until the lock is dropped. Only root's: others could hold it for ever.
    pub(crate) fn lock(&self, name: &str) -> Result<Lock, Failure> {
        let path = self.paths.state.join(name);
        Lock::make(&path, PATIENCE).context(path.display())
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(folder)
}

/// The end of a history; no file is an empty one.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = match open(path, OpenOptions::new().read(true)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let limit = u64::try_from(MAX_READ_BYTES).unwrap_or(u64::MAX);
    let length = file.metadata()?.len();
    // One byte more: the reader must see that there is more before it.
    file.seek(SeekFrom::Start(length.saturating_sub(limit).saturating_sub(1)))?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a regular file: the history may have become anything, and a pipe would wait for ever.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    if fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(io::Error::other(format!("{} is not a regular file", path.display())));
    }
    options.open(path)
}

/// Appends lines durably, and shortens a history that has become too long.
fn append(folder: &Path, text: &str) -> io::Result<()> {
    if !folder.is_dir() {
        make_folder(folder)?;
        sync_parent(folder)?;
    }
    let path = folder.join(FILE);
    let is_new = !path.exists();
    let mut file =
        open(&path, OpenOptions::new().read(true).append(true).create(true).mode(0o644))?;
    // A line that was cut off must not take the next one along.
    let torn = if ends_in_a_line(&mut file)? { "" } else { "\n" };
    file.write_all(format!("{torn}{text}").as_bytes())?;
    file.sync_all()?;
    if is_new {
        sync_parent(&path)?;
    }
    let bytes = read(&path)?;
    let Some(newest) = rotated(&bytes) else { return Ok(()) };
    let history = parse(&bytes);
    if history.damaged > history.events.len() {
        // Not a torn line or two: somebody may want to look.
        let place = Tree::at(folder.parent().unwrap_or(folder));
        place.keep_damaged(&path).map_err(|error| error.source)?;
    }
    // Of another process's attempt that the power was cut in.
    file::remove_unfinished(&path)?;
    file::replace(&path, &newest)
}

fn ends_in_a_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn sync_parent(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

#[cfg(test)]
mod cuts;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;
    use crate::testing::Fake;
    use anklume_history::{KEPT_BYTES, Moment, RolledBack};
    use anklume_layout::Slot;

    fn line() -> String {
        Event::Rollback(RolledBack {
            boot_id: "1".to_owned(),
            at: Moment::new(1),
            from: Slot::A,
            to: Slot::B,
            record: None,
        })
        .line()
    }

    #[test]
    fn a_torn_line_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let history = folder.path().join("history");
        append(&history, &line()).unwrap();
        let path = history.join(FILE);
        fs::write(&path, format!("{}{{\"event\":", line())).unwrap();
        append(&history, &line()).unwrap();
        let found = parse(&read(&path).unwrap());
        assert_eq!((found.events.len(), found.damaged), (2, 1));
    }

    #[test]
    fn a_long_history_is_shortened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, line().repeat(2 * MAX_READ_BYTES / line().len())).unwrap();
        assert_eq!(read(&path).unwrap().len(), MAX_READ_BYTES + 1);
        append(folder.path(), &line()).unwrap();
        let left = fs::read(&path).unwrap();
        assert!(left.len() <= KEPT_BYTES && left.ends_with(line().as_bytes()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_history_is_set_aside_when_it_is_shortened() {
        let persist = tempfile::tempdir().unwrap();
        let folder = persist.path().join(FOLDER);
        fs::create_dir(&folder).unwrap();
        let noise = "noise\n".repeat(KEPT_BYTES / 4);
        fs::write(folder.join(FILE), &noise).unwrap();
        append(&folder, &line()).unwrap();
        assert_eq!(fs::read_to_string(folder.join(FILE)).unwrap(), line());
        let damaged: Vec<_> = fs::read_dir(persist.path().join("damaged")).unwrap().collect();
        let kept = damaged[0].as_ref().unwrap().path();
        assert!(kept.to_string_lossy().ends_with("-boots.jsonl"), "{kept:?}");
        assert_eq!(fs::read_to_string(kept).unwrap(), noise + &line());
    }

    #[test]
    fn only_root_can_hold_a_lock() {
        let fake = Fake::new(Slot::A, anklume_slots::Record::new());
        let _lock = fake.machine().lock("some.lock").unwrap();
        let path = fake.machine().paths.state.join("some.lock");
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(path).unwrap());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn only_a_file_is_a_history() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(FILE)).unwrap();
        assert!(read(&folder.path().join(FILE)).is_err());
        assert!(append(folder.path(), "x\n").is_err());
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("link")).unwrap();
        assert!(read(&folder.path().join("link")).is_err());
        assert!(read(&folder.path().join("none")).unwrap().is_empty());
    }

    /// A disk with its partitions, as the kernel shows them.
    fn disk(fake: &Fake, number: &str, serial: &str, partition: &str) {
        let node = "sys/devices/pci0/block/sda";
        for (file, text) in [
            ("dev", number),
            ("size", "62333952\n"),
            ("device/serial", serial),
            ("sda7/dev", "8:7\n"),
            ("sda7/size", "4096\n"),
            ("sda7/partition", partition),
        ] {
            fake.write(&format!("{node}/{file}"), text);
        }
        for (name, target) in [("sda", "sda"), ("sda7", "sda/sda7")] {
            let link = format!("../../devices/pci0/block/{target}");
            fake.link(&format!("sys/class/block/{name}"), &link);
        }
    }

    #[test]
    fn only_the_reported_partition_is_mounted() {
        let report = crate::testing::report(Slot::A);
        for (number, serial, partition, found) in [
            ("8:0", "4C530001", "7", true),
            ("8:16", "4C530001", "7", false),
            ("8:0", "another", "7", false),
            ("8:0", "4C530001", "6", false),
        ] {
            let fake = Fake::new(Slot::A, anklume_slots::Record::new());
            assert!(fake.machine().persist_node(&report).is_err(), "the medium is gone");
            disk(&fake, number, serial, partition);
            let node = fake.machine().persist_node(&report);
            assert_eq!(node.is_ok(), found, "{number} {serial} {partition}: {node:?}");
        }
    }

    #[test]
    fn another_stick_of_the_same_kind_is_not_mounted() {
        let report = crate::testing::report(Slot::A);
        let mut fake = Fake::new(Slot::A, anklume_slots::Record::new());
        disk(&fake, "8:0", "4C530001", "7");
        fake.break_medium(StoreError::Gone("another disk".to_owned()));
        let failure = fake.machine().with_persist(&report, |_| Ok(())).unwrap_err();
        assert!(failure.to_string().contains("another disk"), "{failure}");
    }

    #[test]
    fn with_the_os_in_ram_a_medium_that_is_gone_is_no_failure() {
        let mut fake = Fake::new(Slot::A, anklume_slots::Record::new());
        fake.change_report(|report| report.persist.state = PersistState::Released);
        let said = fake.run(&["boot", "started"]).unwrap();
        assert!(said.stderr.contains("the medium with the persistent partition is gone"));
        let said = fake.run(&["boot", "history"]).unwrap();
        assert!(said.stdout.contains("running"), "{}", said.stdout);
        assert_eq!(fake.history(), "", "nothing is written where it would be forgotten");
    }
}
