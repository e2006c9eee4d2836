//! The four top-level roles, and the files that they sign.

use std::fmt;

/// A top-level role (TUF 1.0, section 2.1): who may say what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Which keys the roles have.
    Root,
    /// Which snapshot is the newest; signed anew before it expires, release or not.
    Timestamp,
    /// Which targets file belongs to it.
    Snapshot,
    /// Length and digest of every release file.
    Targets,
}

impl Role {
    /// All of them, in the order in which a client asks for their files.
    pub const ALL: [Self; 4] = [Self::Root, Self::Timestamp, Self::Snapshot, Self::Targets];

    /// Its name in metadata.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Timestamp => "timestamp",
            Self::Snapshot => "snapshot",
            Self::Targets => "targets",
        }
    }

    /// Name of its file in metadata, without the version that may stand before it.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::Root => "root.json",
            Self::Timestamp => "timestamp.json",
            Self::Snapshot => "snapshot.json",
            Self::Targets => "targets.json",
        }
    }

    /// Longest file that is read, in bytes. Whoever downloads must not take more: an endless answer
    /// is an attack. A root with 20 keys has 6 KiB, a target some 300 bytes.
    #[must_use]
    pub const fn limit(self) -> u64 {
        match self {
            Self::Root => 64 << 10,
            Self::Timestamp | Self::Snapshot => 16 << 10,
            Self::Targets => 1 << 20,
        }
    }

    /// Name of its file with its version before it: `7.root.json`.
    #[must_use]
    pub fn versioned_file(self, version: u64) -> String {
        format!("{version}.{}", self.file())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
