//! What a step of a plan does.

use std::fmt;

use anklume_gpt::Piece;

/// A secret that an action needs; its value is not part of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// What a person types at every start.
    Passphrase,
    /// The key that was written down.
    Recovery,
    /// 32 random bytes that ZFS encrypts with.
    Data,
    /// What is to take the place of one of them.
    New,
}

/// An argument of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// Itself.
    Text(String),
    /// The path of a file in RAM that holds the key, byte for byte, while the program runs.
    KeyFile(Key),
}

/// Whether something else may use a disk while it is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing may.
    Alone,
    /// Other parts of it are in use: by the OS, or by the pool on it.
    InUse,
}

/// One thing that is done. Everything that a plan does to a machine is one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Compare what the disk `index` of the plan says of itself with what was confirmed, on the open
    /// device.
    CheckIdentity {
        /// Of the plan's disks, from 0.
        disk: usize,
        /// Whether something else may use it.
        access: Access,
    },
    /// Make sure that these bytes are on a disk of the plan: it is as it was when the plan was made.
    Expect {
        /// Of the plan's disks, from 0.
        disk: usize,
        /// What it is, for messages.
        object: &'static str,
        /// Where and what.
        piece: Piece,
    },
    /// Run a program to its end; it must exit with 0.
    Run {
        /// Its name, looked up in `PATH`.
        program: &'static str,
        /// Its arguments.
        arguments: Vec<Argument>,
    },
    /// Run a program whose failure is what is wanted or does not matter: closing what may not be open.
    Try {
        /// Its name, looked up in `PATH`.
        program: &'static str,
        /// Its arguments.
        arguments: Vec<Argument>,
    },
    /// Unmount what is mounted at a folder and below; what keeps it in use is an error, after a while.
    Unmount {
        /// The folder.
        path: &'static str,
    },
    /// Close an opened LUKS volume, if it is open; what keeps it open is an error.
    CloseVolume {
        /// Its name in `/dev/mapper`.
        name: String,
    },
    /// Write zeros to a disk of the plan.
    Zero {
        /// Of the plan's disks, from 0.
        disk: usize,
        /// Whether something else may use it.
        access: Access,
        /// First byte.
        offset: u64,
        /// Length.
        bytes: u64,
    },
    /// Write zeros to both ends of a partition that nothing uses, or to all of it.
    ZeroEnds {
        /// Its node.
        node: String,
        /// How many at each end.
        bytes: u64,
    },
    /// Write bytes to a disk of the plan.
    Write {
        /// Of the plan's disks, from 0.
        disk: usize,
        /// Whether something else may use it.
        access: Access,
        /// What it is, for messages.
        object: &'static str,
        /// Where and what.
        piece: Piece,
    },
    /// Make what was written to a disk of the plan durable.
    Flush {
        /// Of the plan's disks, from 0.
        disk: usize,
        /// Whether something else may use it.
        access: Access,
    },
    /// Make a folder with these permissions, if it is missing.
    Folder {
        /// Its path.
        path: String,
        /// Permissions.
        mode: u32,
    },
    /// Make sure that these datasets of ZFS are encrypted with the key of another one, which is loaded, and that no other
    /// key is below that one, or none: whoever had the disk could have put others there.
    Encrypted {
        /// Whose key.
        root: String,
        /// The datasets.
        datasets: Vec<String>,
        /// One whose children have keys of their own.
        apart: Option<String>,
    },
    /// Make sure that each of these datasets of ZFS, if it is there, has a key of its own, and everything below it the
    /// same one. Another one in its place, or one with another one below it, is given another name
    /// ([`set_aside`](crate::domain::set_aside)), so that nobody uses it; one that is missing, or whose key is not loaded,
    /// is left, and keeps nothing else from being opened.
    OwnKeys {
        /// The datasets.
        datasets: Vec<String>,
    },
    /// Write a new random key of 32 bytes to this file, durably; one that is there stays.
    NewKey {
        /// Its path.
        path: String,
    },
    /// Make a dataset of ZFS, if it is missing.
    Dataset {
        /// Its name.
        name: String,
        /// Its properties, as `canmount=off`.
        options: Vec<String>,
    },
    /// Make a subvolume of BTRFS, if it is missing.
    Subvolume {
        /// Its path.
        path: String,
    },
    /// Give this machine a host ID, by which ZFS knows who uses a pool, if it has none.
    HostId,
    /// Write the pool's record to this file, durably, with the old one in place until the new one is whole.
    Record {
        /// Its path.
        path: &'static str,
    },
}

impl Action {
    /// A program and its arguments.
    pub(crate) fn run(program: &'static str, arguments: &[&str]) -> Self {
        Self::Run { program, arguments: texts(arguments) }
    }

    /// A program whose failure does not matter.
    pub(crate) fn attempt(program: &'static str, arguments: &[&str]) -> Self {
        Self::Try { program, arguments: texts(arguments) }
    }

    /// The same, but its failure does not matter.
    #[must_use]
    pub(crate) fn may_fail(self) -> Self {
        match self {
            Self::Run { program, arguments } => Self::Try { program, arguments },
            other => other,
        }
    }

    /// Adds arguments to a program's.
    #[must_use]
    pub(crate) fn with(mut self, more: impl IntoIterator<Item = Argument>) -> Self {
        if let Self::Run { arguments, .. } | Self::Try { arguments, .. } = &mut self {
            arguments.extend(more);
        }
        self
    }

    /// The keys that it needs.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        let arguments = match self {
            Self::Run { arguments, .. } | Self::Try { arguments, .. } => arguments.as_slice(),
            _ => &[],
        };
        arguments.iter().filter_map(|argument| match argument {
            Argument::KeyFile(key) => Some(*key),
            Argument::Text(_) => None,
        })
    }

    /// Whether something on a disk is overwritten by it.
    #[must_use]
    pub fn destroys(&self) -> bool {
        match self {
            Self::Zero { .. } | Self::ZeroEnds { .. } | Self::Write { .. } => true,
            Self::Run { program, arguments } | Self::Try { program, arguments } => {
                let first = arguments.first().map(ToString::to_string).unwrap_or_default();
                matches!(*program, "wipefs" | "mkfs.btrfs" | "mkfs.ext4")
                    || (*program == "zpool" && first == "create")
                    || (*program == "cryptsetup" && first == "luksFormat")
            }
            _ => false,
        }
    }
}

fn texts(words: &[&str]) -> Vec<Argument> {
    words.iter().map(|word| Argument::Text((*word).to_owned())).collect()
}

/// As one would type it; a key is named in angle brackets.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run { program, arguments } | Self::Try { program, arguments } => {
                f.write_str(program)?;
                arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
            }
            Self::Unmount { path } => write!(f, "umount --recursive {path}"),
            Self::CloseVolume { name } => write!(f, "cryptsetup close {name}"),
            Self::CheckIdentity { disk, .. } => {
                write!(f, "(check the identity of disk {})", person(*disk))
            }
            Self::Expect { disk, object, .. } => {
                write!(f, "(check that the {object} of disk {} is as it was)", person(*disk))
            }
            Self::Zero { disk, offset, bytes, .. } => {
                write!(f, "(write {bytes} zeros at byte {offset} of disk {})", person(*disk))
            }
            Self::ZeroEnds { node, bytes } => {
                write!(f, "(write {bytes} zeros to both ends of {node})")
            }
            Self::Write { disk, object, piece, .. } => {
                let (length, offset) = (piece.bytes.len(), piece.offset);
                write!(
                    f,
                    "({object}: write {length} bytes at byte {offset} of disk {})",
                    person(*disk)
                )
            }
            Self::Flush { disk, .. } => write!(f, "(flush disk {})", person(*disk)),
            Self::Encrypted { root, datasets, apart } => {
                let datasets = datasets.join(" ");
                write!(
                    f,
                    "(check that the key of {root} encrypts {datasets} and all below {root}"
                )?;
                match apart {
                    Some(apart) => write!(f, " but what is below {apart})"),
                    None => f.write_str(")"),
                }
            }
            Self::OwnKeys { datasets } => {
                write!(f, "(check that each has a key of its own: {})", datasets.join(" "))
            }
            Self::NewKey { path } => write!(f, "(write a random key to {path}, if it is missing)"),
            Self::Dataset { name, options } => {
                f.write_str("(if it is missing) zfs create")?;
                options.iter().try_for_each(|option| write!(f, " -o {option}"))?;
                write!(f, " {name}")
            }
            Self::Subvolume { path } => {
                write!(f, "(if it is missing) btrfs subvolume create {path}")
            }
            Self::HostId => f.write_str("(give this machine a host ID, if it has none)"),
            Self::Folder { path, mode } => write!(f, "mkdir -p -m {mode:o} {path}"),
            Self::Record { path } => write!(f, "(write {path})"),
        }
    }
}

/// People count from 1.
fn person(index: usize) -> usize {
    index.saturating_add(1)
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
        match self {
            Self::Text(text) if !text.is_empty() && text.chars().all(plain) => f.write_str(text),
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', r"'\''")),
            Self::KeyFile(Key::Passphrase) => f.write_str("<passphrase>"),
            Self::KeyFile(Key::Recovery) => f.write_str("<recovery key>"),
            Self::KeyFile(Key::Data) => f.write_str("<random key>"),
            Self::KeyFile(Key::New) => f.write_str("<new key>"),
        }
    }
}
