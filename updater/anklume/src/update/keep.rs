//! Where what is remembered of updates lies.

use std::io;
use std::path::PathBuf;

use anklume_layout::report::{BootReport, PersistState};
use anklume_update::{FOLDER, Folder, Keep, REMEMBERED};

use crate::machine::Machine;

/// The most bytes of a file that is copied.
const COPIED_BYTES: u64 = 16 << 20;

/// Does something with a machine.
trait WithMachine {
    fn with<T>(&self, action: impl FnOnce(&Machine) -> T) -> T;
}

impl WithMachine for &Machine {
    fn with<T>(&self, action: impl FnOnce(&Machine) -> T) -> T {
        action(self)
    }
}

/// The one that the program runs on; for threads, which cannot share one.
struct Here;

impl WithMachine for Here {
    fn with<T>(&self, action: impl FnOnce(&Machine) -> T) -> T {
        action(&Machine::here())
    }
}

/// With the OS in RAM the partition is mounted only while something is read or written.
struct Released<M> {
    machine: M,
    report: BootReport,
}

impl<M: WithMachine> Released<M> {
    fn with<T>(&self, action: impl FnOnce(&Folder) -> io::Result<T>) -> io::Result<T> {
        let done = self.machine.with(|machine| {
            machine.with_persist(&self.report, |place| action(&Folder(place.join(FOLDER))))
        });
        done.map_err(|failure| io::Error::other(failure.message().to_owned()))
    }
}

impl<M: WithMachine> Keep for Released<M> {
    fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        self.with(|folder| folder.read(name, limit))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.with(|folder| folder.write(name, bytes))?;
        if REMEMBERED.contains(&name) {
            // Only `anklume status` misses it.
            let _ = self.machine.with(|machine| in_memory(machine).write(name, bytes));
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.with(|folder| folder.remove(name))
    }

    fn free_bytes(&self) -> Option<u64> {
        self.with(|folder| Ok(folder.free_bytes())).ok().flatten()
    }
}

/// A folder in memory, forgotten at the end.
fn in_memory(machine: &Machine) -> Folder {
    Folder(machine.paths.state.join("updates"))
}

/// The folder, where that can be used at any time: on the persistent partition if there is one; else in
/// memory.
fn folder(machine: &Machine, report: &BootReport) -> Option<PathBuf> {
    match report.persist.state {
        PersistState::Mounted => Some(machine.paths.persist.join(FOLDER)),
        PersistState::Released => None,
        PersistState::Volatile => Some(in_memory(machine).0),
    }
}

/// The folder that everybody can read at any time; with the OS in RAM a copy.
pub(crate) fn readable(machine: &Machine, report: &BootReport) -> Folder {
    folder(machine, report).map_or_else(|| in_memory(machine), Folder)
}

/// Copies what is remembered to where everybody can read it, where that is another place.
pub(super) fn copy(machine: &Machine, report: &BootReport, keep: &dyn Keep) {
    if report.persist.state != PersistState::Released {
        return;
    }
    for name in REMEMBERED {
        if let Ok(Some(bytes)) = keep.read(name, COPIED_BYTES) {
            // Only `anklume status` misses it.
            let _ = in_memory(machine).write(name, &bytes);
        }
    }
}

/// The place for the running machine, for any thread.
pub(super) fn keep(report: &BootReport) -> Box<dyn Keep + Send + Sync> {
    match folder(&Machine::here(), report) {
        Some(folder) => Box::new(Folder(folder)),
        None => Box::new(Released { machine: Here, report: report.clone() }),
    }
}

/// The place for a machine.
pub(crate) fn place<'a>(machine: &'a Machine, report: &BootReport) -> Box<dyn Keep + 'a> {
    match folder(machine, report) {
        Some(folder) => Box::new(Folder(folder)),
        None => Box::new(Released { machine, report: report.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use anklume_layout::Slot;
    use anklume_slots::Record;
    use anklume_update::State;

    use super::*;
    use crate::testing::{Fake, report};

    #[test]
    fn with_the_os_in_ram_everybody_reads_a_copy() {
        let mut fake = Fake::new(Slot::A, Record::new());
        let there = tempfile::tempdir().unwrap();
        let keep = Folder(there.path().to_owned());
        let hold = |state: &mut State| assert!(state.held.insert("13.77".to_owned()));
        State::change(&keep, there.path(), hold).unwrap();
        let mut report = report(Slot::A);
        copy(fake.machine(), &report, &keep);
        assert!(!fake.run(&["status"]).unwrap().stdout.contains("13.77"), "it is not needed");
        report.persist.state = PersistState::Released;
        fake.change_report(|report| report.persist.state = PersistState::Released);
        copy(fake.machine(), &report, &keep);
        let said = fake.run(&["status"]).unwrap().stdout;
        assert!(said.contains("held back: 13.77"), "{said}");
    }
}
