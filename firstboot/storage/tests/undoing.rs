//! Actions that undo something are done after Ctrl-C, too. A test alone in its process: the request to stop stays.

use anklume_host::interrupt;
use anklume_setup::{Action, Argument, Pool};
use anklume_storage::{Here, Keys, perform};
use nix::sys::signal::{Signal, raise};

#[test]
fn what_may_fail_is_done_although_the_program_was_asked_to_stop() {
    interrupt::install().unwrap();
    raise(Signal::SIGINT).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("done");
    let words = ["-c", "sleep 0.3; touch \"$0\"", path.to_str().unwrap()];
    let arguments: Vec<_> = words.iter().map(|word| Argument::Text((*word).to_owned())).collect();
    let program = "sh";
    let done = |action: &Action| perform(&[], &Pool::none(), action, &Keys::default(), &mut Here);
    let run = Action::Run { program, arguments: arguments.clone() };
    assert!(done(&run).is_err() && !path.exists());
    done(&Action::Try { program, arguments }).unwrap();
    assert!(path.exists());
}
