//! Changes in folders: inotify(7).

use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::interrupt::interrupted;

/// How often it is looked whether somebody wants an end, and whether a folder is there by now.
const LOOK: Duration = Duration::from_secs(5);

/// Folders whose entries are made, changed, renamed or deleted.
///
/// A folder is watched, not its files: on an overlay, who watches a file that the lower layer brought
/// is not told when another is renamed over it. What happens between two waits is not lost.
#[derive(Debug)]
pub struct Folders {
    inotify: Inotify,
    folders: Vec<PathBuf>,
}

impl Folders {
    /// Begins to watch those of `folders` that exist; the others as soon as they do.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn watch(folders: Vec<PathBuf>) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let mut this = Self { inotify, folders };
        this.look_for_new();
        Ok(this)
    }

    /// Waits for a change, and then until there was none for `quiet`, as tools change several files at
    /// once; for ten times as long at most. Whether there was one: no when the program is to end.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn wait(&mut self, quiet: Duration) -> io::Result<bool> {
        while !self.changes_within(LOOK)? {
            if interrupted() {
                return Ok(false);
            }
            self.look_for_new();
        }
        let first = Instant::now();
        while first.elapsed() < quiet.saturating_mul(10) && self.changes_within(quiet)? {}
        self.look_for_new();
        Ok(!interrupted())
    }

    /// Adding a watch that is there already changes nothing.
    fn look_for_new(&mut self) {
        let what = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_ONLYDIR;
        for folder in &self.folders {
            // One that is not there is looked for again.
            let _ = self.inotify.add_watch(folder, what);
        }
    }

    fn changes_within(&self, time: Duration) -> io::Result<bool> {
        let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
        let mut wanted = [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)];
        match poll(&mut wanted, timeout) {
            Ok(0) | Err(nix::Error::EINTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        match self.inotify.read_events() {
            Ok(events) => Ok(!events.is_empty()),
            Err(nix::Error::EAGAIN) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const QUIET: Duration = Duration::from_millis(10);

    #[test]
    fn what_is_made_renamed_or_deleted_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("before"), "x").unwrap();
        let mut folders = Folders::watch(vec![dir.path().to_owned()]).unwrap();
        assert!(!folders.changes_within(QUIET).unwrap());
        for change in [
            &(|| fs::write(path("new"), "x").unwrap()) as &dyn Fn(),
            &|| fs::rename(path("new"), path("before")).unwrap(),
            &|| fs::remove_file(path("before")).unwrap(),
        ] {
            change();
            assert!(folders.wait(QUIET).unwrap());
            assert!(!folders.changes_within(QUIET).unwrap());
        }
    }

    #[test]
    fn a_folder_is_watched_as_soon_as_it_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let later = dir.path().join("later");
        let watched = vec![dir.path().to_owned(), later.clone()];
        let mut folders = Folders::watch(watched).unwrap();
        fs::create_dir(&later).unwrap();
        assert!(folders.wait(QUIET).unwrap());
        fs::write(later.join("file"), "x").unwrap();
        assert!(folders.wait(QUIET).unwrap());
    }
}
