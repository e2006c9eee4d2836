//! Files of a folder that a program changes, and every state that a power cut can leave of them.
//!
//! What [`crate::crash_states`] is for blocks. [`Recording::of`] reads a trace of the program's system
//! calls; [`Recording::states`] derives the states, [`Recording::without_flush`] takes one flush out.
//! Nothing here runs a program or touches a file.
//!
//! # The model
//! It is weaker than any file system that keeps POSIX's word, so what holds here holds on ext4. It takes
//! from fsync(2) of POSIX.1-2017 what is promised, and nothing else (Pillai et al., "All File Systems Are
//! Not Created Equal", OSDI 2014, calls this an abstract persistence model):
//!
//! - What was written to a file, its length and its mode are durable once that file was flushed. Before
//!   that each change is there or not; of a write there may be a beginning, and where the file grew there
//!   may be zeros in place of the whole, of the beginning or of the end. Zeros behind a durable end are
//!   what ext4 leaves with `data=ordered` too, where an append does not need a new block.
//! - An entry of a folder, made, replaced or removed, is durable once that folder was flushed. Before that
//!   every subset of the changes may be there, in any order of arrival; of two changes to one name the
//!   later one that is there counts. Flushing a file promises nothing about its name. On ext4 it keeps
//!   that as well, and changes of entries arrive in their order: states that are fewer, and among these.
//! - A rename is atomic: the new name is there and the old one is not, or neither happened. If only the
//!   folder of the new name was flushed, the old one may be there as well.
//!
//! Up to [`MOST_STATES`] combinations between two flushes all are looked at; of more, each change alone and
//! each one missing, with a choice that is the same in every run. Of a long write some places are torn.

mod data;
mod reader;
mod recording;
mod states;
mod trace;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

pub use recording::Recording;
pub use states::State;
pub use trace::{CALLS, MARK, TraceError};

/// So many combinations of what is not durable are all looked at.
pub const MOST_STATES: usize = 4096;

/// The umask that the recorded program must run with.
pub const UMASK: u32 = 0o022;

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Node {
    /// A folder; what is in it has paths of its own.
    Folder {
        /// Permissions.
        mode: u32,
    },
    /// A regular file.
    File {
        /// Permissions.
        mode: u32,
        /// Content.
        bytes: Rc<[u8]>,
    },
    /// A symbolic link.
    Link {
        /// Where it leads.
        target: PathBuf,
    },
}

/// What is below a folder, by its path from there. A folder comes before what is in it.
pub type Snapshot = BTreeMap<PathBuf, Node>;
