//! Invariant: any bytes are what a machine remembers of its updates, state and history, without a panic.
//! What cannot be read is as good as nothing, and is told; every version that was read is one; what was
//! read is written and read back the same; and the newest update has a verdict.
#![no_main]

use std::cell::RefCell;
use std::io;

use anklume_release::names;
use anklume_update::{Keep, State, remembered};
use libfuzzer_sys::fuzz_target;

/// Every file has these bytes.
struct Same(RefCell<Vec<u8>>);

impl Keep for Same {
    fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let bytes = self.0.borrow().clone();
        match u64::try_from(bytes.len()) {
            Ok(length) if length <= limit => Ok(Some(bytes)),
            _ => Err(io::Error::other(format!("{name} is too long"))),
        }
    }

    fn write(&self, _: &str, bytes: &[u8]) -> io::Result<()> {
        *self.0.borrow_mut() = bytes.to_vec();
        Ok(())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        None
    }
}

fn versions(state: &State) -> impl Iterator<Item = &String> {
    let writing = state.writing.iter().map(|writing| &writing.version);
    let pending = state.pending.iter().map(|pending| &pending.version);
    let named = state.floor.iter().chain(&state.held).chain(state.failed.keys());
    named.chain(writing).chain(pending)
}

fuzz_target!(|data: &[u8]| {
    let keep = Same(RefCell::new(data.to_vec()));
    if let Some(update) = remembered(&keep).last {
        let verdict = update.get("verdict").and_then(|verdict| verdict.as_str());
        assert!(matches!(verdict, Some("pending" | "good" | "failed")), "{update:?}");
    }
    let (mut state, damage) = State::load(&keep);
    if damage.is_some() {
        assert_eq!(state, State::default());
        return;
    }
    assert!(versions(&state).all(|version| names::is_version(version)));
    if let Some(writing) = &mut state.writing {
        // A number with a point may come back as its neighbour.
        writing.took.clear();
    }
    state.store(&keep).expect("it is in memory");
    assert_eq!(State::load(&keep), (state, None));
});
