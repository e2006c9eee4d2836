//! `anklume persist`: what the machine keeps between boots.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anklume_host::watch::Folders;
use anklume_layout::report::PersistState;
use anklume_persist::{ENTRIES, Entry, Kind, Saved, Tree, save};

use crate::machine::Machine;
use crate::output::Output;
use anklume_failure::{Context, Failure};

/// Upper layer of the overlay of `/etc`, as the initramfs mounts it: what was changed.
const CHANGES: &str = "overlay/etc/upper";

/// Copies what changed to the persistent partition.
pub(crate) fn save_now(machine: &Machine, out: &mut Output<'_>) -> Result<u8, Failure> {
    let Some(report) = machine.report()? else {
        out.say("nothing is kept: there is no boot report")?;
        return Ok(0);
    };
    if report.persist.state == PersistState::Volatile {
        let why = report.persist.reason.as_deref().unwrap_or("no reason known");
        out.say(format!("nothing is kept: {why}"))?;
        return Ok(0);
    }
    let (root, changes, known) = (&machine.paths.root, changes(machine)?, known(machine));
    let save_to = |place: &Path| save(&Tree::at(place), root, &changes, &known);
    let saved = if report.persist.state == PersistState::Mounted {
        // Two at a time would remove each other's unfinished files.
        let _lock = machine.lock("persist.lock")?;
        save_to(&machine.paths.persist)
    } else {
        machine.with_persist(&report, |place| Ok(save_to(place)))?
    };
    let list: String = saved.known.iter().map(|path| format!("{path}\n")).collect();
    let path = known_path(machine);
    anklume_host::file::replace(&path, list.as_bytes()).context(path.display())?;
    tell(&saved, out)
}

/// Time without a change after which settings are kept.
const QUIET: Duration = Duration::from_secs(1);

/// Saves now, and whenever something changes that may be kept, until the program is to end.
pub(crate) fn watch(machine: &Machine, out: &mut Output<'_>) -> Result<u8, Failure> {
    let state = machine.report()?.map(|report| report.persist.state);
    if matches!(state, None | Some(PersistState::Volatile)) {
        return save_now(machine, out);
    }
    // Before the first save: what changes meanwhile is not missed.
    let mut folders = Folders::watch(folders(&machine.paths.root)).context("inotify")?;
    loop {
        if let Err(error) = save_now(machine, out) {
            out.warn(error.message());
        }
        if !folders.wait(QUIET).context("inotify")? {
            return Ok(0);
        }
    }
}

/// The folders of what is kept.
fn folders(root: &Path) -> Vec<PathBuf> {
    let folder = |entry: &Entry| match entry.kind {
        Kind::Folder { .. } => Some(Path::new(entry.path)),
        Kind::File(_) | Kind::Link { .. } => Path::new(entry.path).parent(),
    };
    let folders: BTreeSet<&Path> = ENTRIES.iter().filter_map(folder).collect();
    folders.into_iter().map(|folder| root.join(folder)).collect()
}

fn known_path(machine: &Machine) -> PathBuf {
    machine.paths.root.join(anklume_persist::KNOWN.trim_start_matches('/'))
}

/// What was restored or saved on this boot. Without the list nothing is forgotten.
fn known(machine: &Machine) -> BTreeSet<String> {
    let list = std::fs::read_to_string(known_path(machine)).unwrap_or_default();
    list.lines().map(str::to_owned).collect()
}

fn tell(saved: &Saved, out: &mut Output<'_>) -> Result<u8, Failure> {
    for path in &saved.saved {
        out.say(format!("kept /{path}"))?;
    }
    for path in &saved.forgotten {
        out.say(format!("forgot /{path}"))?;
    }
    for (path, why) in &saved.refused {
        out.warn(format!("/{path} is not kept: {why}"));
    }
    let Some(error) = saved.failed.first() else { return Ok(0) };
    let more = saved.failed.len().saturating_sub(1);
    let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
    Err(Failure::failed(format!("{error}{more}"))
        .hint("df /persist tells whether it is full; the settings hold until the next restart"))
}

/// The folder with what was changed, as the paths of the OS: `etc` in it.
fn changes(machine: &Machine) -> Result<PathBuf, Failure> {
    let upper = machine.paths.state.join(CHANGES);
    let folder = machine.paths.state.join("changes");
    if !upper.is_dir() {
        return Err(Failure::refused(format!(
            "{} is not there: nothing is saved",
            upper.display()
        ))
        .hint("the initramfs makes it; a restart of the machine does"));
    }
    std::fs::create_dir_all(&folder).context(folder.display())?;
    let link = folder.join("etc");
    if std::fs::read_link(&link).ok().as_ref() != Some(&upper) {
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(&upper, &link).context(link.display())?;
    }
    Ok(folder)
}

/// Lists what is kept.
pub(crate) fn list(out: &mut Output<'_>) -> Result<u8, Failure> {
    for entry in ENTRIES {
        let path = entry.path;
        match entry.kind {
            Kind::File(_) => out.say(format!("/{path}"))?,
            Kind::Link { below } => out.say(format!("/{path} -> /{below}..."))?,
            Kind::Folder { names } => {
                for (begin, end, _) in names {
                    out.say(format!("/{path}/{begin}*{end}"))?;
                }
            }
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use anklume_layout::Slot;
    use anklume_layout::report::PersistState;
    use anklume_slots::Record;

    use crate::testing::Fake;

    #[test]
    fn the_folders_of_all_that_is_kept_are_watched() {
        let folders = super::folders(std::path::Path::new("/"));
        for folder in ["/etc", "/etc/default", "/etc/anklume", "/etc/ssh", "/etc/systemd/network"] {
            assert!(folders.contains(&folder.into()), "{folder}: {folders:?}");
        }
    }

    #[test]
    fn what_changed_is_kept_and_what_the_image_brings_is_not() {
        let fake = Fake::new(Slot::A, Record::new());
        fake.write("etc/hostname", "mine\n");
        fake.write("etc/locale.conf", "LANG=C.UTF-8\n");
        fake.write("run/anklume/overlay/etc/upper/hostname", "mine\n");
        let said = fake.run(&["persist", "save"]).unwrap();
        assert_eq!(said.stdout, "kept /etc/hostname\n");
        let kept = fake.machine().paths.persist.join("system/etc/hostname");
        assert_eq!(std::fs::read_to_string(kept).unwrap(), "mine\n");
        assert_eq!(fake.run(&["persist", "save"]).unwrap().stdout, "");
    }

    #[test]
    fn a_deleted_file_is_forgotten_and_one_that_was_never_there_is_not() {
        let fake = Fake::new(Slot::A, Record::new());
        fake.write("run/anklume/overlay/etc/upper/x", "");
        for path in ["hostname", "vconsole.conf"] {
            fake.write(&format!("persist/system/etc/{path}"), "KEYMAP=fr\n");
        }
        fake.write("run/anklume/kept", "etc/hostname\n");
        let said = fake.run(&["persist", "save"]).unwrap();
        assert_eq!(said.stdout, "forgot /etc/hostname\n");
        fake.remove("run/anklume/overlay/etc/upper/x");
        std::fs::remove_dir(fake.machine().paths.state.join("overlay/etc/upper")).unwrap();
        assert!(fake.run(&["persist", "save"]).is_err(), "without the overlay nothing is judged");
    }

    #[test]
    fn without_a_partition_nothing_is_kept_and_that_is_said() {
        let mut fake = Fake::new(Slot::A, Record::new());
        fake.change_report(|report| {
            report.persist.state = PersistState::Volatile;
            report.persist.reason = Some("a disc cannot be written".to_owned());
        });
        let said = fake.run(&["persist", "save"]).unwrap();
        assert_eq!(said.stdout, "nothing is kept: a disc cannot be written\n");
    }

    #[test]
    fn every_path_is_listed() {
        let fake = Fake::new(Slot::A, Record::new());
        let said = fake.run(&["persist", "list"]).unwrap().stdout;
        for path in ["/etc/machine-id\n", "/etc/ssh/ssh_host_*_key\n", "/etc/localtime -> /usr/"] {
            assert!(said.contains(path), "{said}");
        }
    }
}
