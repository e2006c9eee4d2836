//! What undoes something runs although this program was asked to stop. A test alone in its process: the request stays.

use anklume_host::interrupt;
use anklume_host::process::{Cmd, ProcessError};
use nix::sys::signal::{Signal, raise};

#[test]
fn what_undoes_something_runs_to_its_end() {
    interrupt::install().unwrap();
    raise(Signal::SIGTERM).unwrap();
    assert!(interrupt::interrupted());
    let folder = tempfile::tempdir().unwrap();
    let touch = |name: &str| {
        let path = folder.path().join(name);
        (Cmd::new("sh").args(["-c", "sleep 0.3; touch \"$0\""]).arg(&path), path)
    };
    let (command, path) = touch("stopped");
    assert!(matches!(command.output(), Err(ProcessError::Interrupted { .. })));
    assert!(!path.exists());
    let (command, path) = touch("undone");
    command.to_the_end().output().unwrap();
    assert!(path.exists());
}
