//! The paths that are kept.

use crate::form::{self, Check};

/// A path of the OS that is kept.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Path from the root of the OS, without a leading `/`.
    pub path: &'static str,
    /// What is there.
    pub kind: Kind,
}

/// What is at a path.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A file.
    File(FileKind),
    /// A symbolic link to a place below this folder of the OS.
    Link {
        /// The folder, without a leading `/` and with one at its end.
        below: &'static str,
    },
    /// The files of a folder with these names; others in it are not kept.
    Folder {
        /// Names: what they begin and end with.
        names: &'static [(&'static str, &'static str, FileKind)],
    },
}

/// Form of a file.
#[derive(Debug, Clone, Copy)]
pub struct FileKind {
    /// Permissions. The owner is root.
    pub mode: u32,
    /// Most bytes.
    pub most_bytes: u64,
    /// Whether the content can be.
    pub check: Check,
}

const fn file(mode: u32, most_bytes: u64, check: Check) -> FileKind {
    FileKind { mode, most_bytes, check }
}

const fn at(path: &'static str, kind: FileKind) -> Entry {
    Entry { path, kind: Kind::File(kind) }
}

/// Most bytes of a file with settings.
const SETTINGS_BYTES: u64 = 64 << 10;
const SETTINGS: FileKind = file(0o644, SETTINGS_BYTES, form::text);
const PLAIN_SETTINGS: FileKind = file(0o644, SETTINGS_BYTES, form::plain_settings);
const SECRET_SETTINGS: FileKind = file(0o600, SETTINGS_BYTES, form::text);

/// Every path that is kept.
pub const ENTRIES: &[Entry] = &[
    at("etc/machine-id", file(0o444, 33, form::machine_id)),
    at("etc/hostid", file(0o644, 4, form::host_id)),
    at("etc/hostname", file(0o644, 256, form::host_name)),
    at("etc/machine-info", SETTINGS),
    at("etc/locale.conf", PLAIN_SETTINGS),
    at("etc/vconsole.conf", PLAIN_SETTINGS),
    at("etc/default/keyboard", PLAIN_SETTINGS),
    Entry { path: "etc/localtime", kind: Kind::Link { below: "usr/share/zoneinfo/" } },
    at("etc/timezone", file(0o644, 256, form::text)),
    at("etc/adjtime", file(0o644, 256, form::text)),
    at("etc/anklume/health.conf", SETTINGS),
    at("etc/anklume/update.conf", SETTINGS),
    at("etc/anklume/pool.toml", SETTINGS),
    at("etc/anklume/setup.toml", SETTINGS),
    // Public keys that may run one command; accounts themselves are not for a partition that nobody signs.
    at("etc/anklume/unlock-keys", file(0o600, SETTINGS_BYTES, form::text)),
    Entry {
        path: "etc/ssh",
        kind: Kind::Folder {
            names: &[
                ("ssh_host_", "_key", file(0o600, 16 << 10, form::private_key)),
                ("ssh_host_", "_key.pub", file(0o644, 16 << 10, form::text)),
            ],
        },
    },
    Entry {
        path: "etc/NetworkManager/system-connections",
        kind: Kind::Folder { names: &[("", ".nmconnection", SECRET_SETTINGS)] },
    },
    Entry {
        path: "etc/systemd/network",
        kind: Kind::Folder {
            names: &[
                ("", ".network", SETTINGS),
                ("", ".netdev", SETTINGS),
                ("", ".link", SETTINGS),
            ],
        },
    },
];

/// Paths that earlier versions kept, with secrets in them: they are removed.
pub(crate) const NO_MORE: &[&str] = &["etc/anklume/accounts.json"];

/// Most files of a folder that are kept.
pub(crate) const MOST_FILES: usize = 256;

impl Entry {
    /// The kind of the file `name` in a folder; `None` for what is not kept.
    pub(crate) fn file_kind(&self, name: &str) -> Option<FileKind> {
        let Kind::Folder { names } = self.kind else { return None };
        let hidden = name.starts_with('.') || name.len() > 200 || !form::is_line(name.as_bytes());
        let found = names.iter().find(|(begin, end, _)| {
            name.len() > begin.len() + end.len() && name.starts_with(begin) && name.ends_with(end)
        });
        found.filter(|_| !hidden).map(|(_, _, kind)| *kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(path: &str) -> &'static Entry {
        ENTRIES.iter().find(|entry| entry.path == path).unwrap()
    }

    #[test]
    fn only_files_with_known_names_are_kept() {
        let ssh = folder("etc/ssh");
        let mode = |name: &str| ssh.file_kind(name).map(|kind| kind.mode);
        assert_eq!(mode("ssh_host_ed25519_key"), Some(0o600));
        assert_eq!(mode("ssh_host_ed25519_key.pub"), Some(0o644));
        for name in ["sshd_config", "ssh_host__key", "ssh_host_a_key\n.pub", "ssh_host_key.pub.old"]
        {
            assert_eq!(mode(name), None, "{name}");
        }
        let network = folder("etc/NetworkManager/system-connections");
        assert!(network.file_kind("my wifi.nmconnection").is_some());
        assert!(network.file_kind(".hidden.nmconnection").is_none());
        assert!(network.file_kind(".nmconnection").is_none());
    }

    #[test]
    fn paths_stay_in_etc() {
        for entry in ENTRIES {
            assert!(entry.path.starts_with("etc/") && !entry.path.contains(".."), "{}", entry.path);
        }
    }
}
