//! What an update does on the machine: refresh, check, prepare, activate.
//!
//! [`Updates`] carries out the orders of `anklume-bus`, in the D-Bus service and in the program itself. It
//! brings together who is trusted (`anklume-trust`), which release fits (`anklume-release`), where bytes
//! come from (`anklume-fetch`), and how they get into the other slot (`anklume-install`); what is not
//! decided here is a [`Site`]'s.
//!
//! # What is remembered
//! In the folder [`FOLDER`] of the persistent partition, each file replaced as a whole:
//!
//! | file | content |
//! |---|---|
//! | `trust.json` | what was signed, so that it never goes back |
//! | `state.json` | [`State`]: floor, held and failed versions, what is being written, what has no verdict |
//! | `writing.chunks` | chunk list of what is being written: what is in the slot already is found by it |
//! | `history.jsonl` | updates and what became of them |
//!
//! Nobody signs them: they can keep a machine from an update, and never bring it to one.
#![forbid(unsafe_code)]

mod disk;
mod engine;
mod failure;
mod keep;
mod log;
mod offer;
mod power;
mod refresh;
mod site;
mod state;
mod transfers;
mod write;

pub use engine::Updates;
pub use keep::{FOLDER, Folder, Keep};
pub use site::{Open, RollBack, Site};
pub use state::{Boot, Pending, State, Verdict, Writing, note_boot, settle};

/// What is remembered of the updates of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// What decides about further ones.
    pub state: State,
    /// The newest one, with what became of it.
    pub last: Option<anklume_bus::Dict>,
}

/// The files that [`remembered`] reads.
pub const REMEMBERED: [&str; 2] = [state::FILE, log::FILE];

/// What is remembered; what cannot be read is as good as nothing.
#[must_use]
pub fn remembered(keep: &dyn Keep) -> Remembered {
    let (state, _) = State::load(keep);
    let events = log::read(keep).unwrap_or_default();
    Remembered { state, last: log::updates(&events, 1).pop() }
}
