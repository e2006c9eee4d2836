//! What a store could not do.

use std::io;
use std::path::PathBuf;

/// Something that makes a build slower, never wrong. Printed by the caller.
#[derive(Debug, thiserror::Error)]
pub enum Warning {
    /// The folder is not used: it is not this user's alone.
    #[error("block store {} is not used: {refusal}", .folder.display())]
    Refused {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        refusal: Refusal,
    },
    /// The folder is not used: it cannot be made or opened.
    #[error("block store {} is not used: {source}", .folder.display())]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// From the first failed write on, nothing is put into the folder; what it has is still used.
    #[error("block store {} takes no more blocks: {source}", .folder.display())]
    NotWritable {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The shared store is not used: this build of the program cannot reach it.
    #[error("shared block store {url} is not used: {reason}")]
    SharedUnusable {
        /// Its URL, without credentials.
        url: String,
        /// Why.
        reason: String,
    },
    /// Several requests failed; for the rest of the build the shared store is not used.
    #[error("shared block store {url} is not used any more: {failures} requests failed, {last}")]
    SharedOff {
        /// Its URL, without credentials.
        url: String,
        /// Requests that failed.
        failures: u32,
        /// What the last failure was.
        last: String,
    },
    /// Several uploads failed; for the rest of the build nothing is put into the shared
    /// store. What it has is still used.
    #[error("shared block store {url} takes no more blocks: {failures} uploads failed, {last}")]
    SharedNotWritable {
        /// Its URL, without credentials.
        url: String,
        /// Uploads that failed.
        failures: u32,
        /// What the last failure was.
        last: String,
    },
    /// Objects of the shared store have no valid MAC: another secret is in use, they are damaged,
    /// or somebody tampers with them.
    #[error("shared block store {url}: {rejected} blocks have no valid mac under this key")]
    SharedRejected {
        /// Its URL, without credentials.
        url: String,
        /// Objects that were rejected.
        rejected: u64,
    },
    /// Blocks are not in the shared store that should be: it takes them too slowly.
    #[error("shared block store {url}: {dropped} blocks were not uploaded, it is too slow")]
    SharedSlow {
        /// Its URL, without credentials.
        url: String,
        /// Blocks that were not uploaded.
        dropped: u64,
    },
}

/// Why a folder that could be used is not.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Another user owns it.
    #[error("its owner is user {found}, expected {expected}")]
    Owner {
        /// User ID of this process.
        expected: u32,
        /// User ID of the owner.
        found: u32,
    },
    /// Group or others may write into it.
    #[error("its mode is {found:04o}, expected no write permission for group and others")]
    Mode {
        /// Its permission bits.
        found: u32,
    },
}
