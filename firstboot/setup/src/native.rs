//! ZFS's own encryption.
//!
//! A dataset of ZFS has one key. So that a passphrase and a recovery key both open it, and each can be changed
//! alone, its key is 32 random bytes in a small LUKS2 volume, which lies in a file on the part of the pool
//! that is not encrypted.

use crate::action::{Action, Argument, Key};
use crate::luks::{self, Cost};
use crate::{Pool, paths, zfs};

/// Name of the opened volume in `/dev/mapper`.
pub(crate) const MAPPER: &str = "anklume-keystore";
/// Size of the volume: a header of LUKS2 takes half of it.
const SIZE: &str = "32M";
/// The key of all data.
const DATA_KEY: &str = "/run/anklume/keystore/data.key";

fn node() -> String {
    format!("/dev/mapper/{MAPPER}")
}

/// The volume with the keys, and the dataset that is encrypted with one of them. All is closed afterwards.
pub(crate) fn create(pool: &Pool, cost: Cost) -> Vec<Action> {
    let mut actions = vec![
        Action::run("zfs", &["create", "-o", "mountpoint=legacy", zfs::KEYSTORE]),
        Action::Folder { path: paths::LOCKED.to_owned(), mode: 0o700 },
        zfs::mount(&[], zfs::KEYSTORE, paths::LOCKED),
        Action::run("truncate", &["--size", SIZE, paths::KEYSTORE]),
        luks::format(paths::KEYSTORE, &pool.file_system, cost),
        luks::add_recovery(paths::KEYSTORE),
        luks::open(paths::KEYSTORE, MAPPER, Key::Passphrase, false),
        Action::run("mkfs.ext4", &["-q", &node()]),
        Action::Folder { path: paths::KEYS.to_owned(), mode: 0o700 },
        Action::run("mount", &["-o", "nodev,nosuid,noexec", &node(), paths::KEYS]),
        Action::run("install", &["-m", "0400"])
            .with([Argument::KeyFile(Key::Data), Argument::Text(DATA_KEY.to_owned())]),
        Action::run(
            "zfs",
            &[
                "create",
                "-o",
                "encryption=aes-256-gcm",
                "-o",
                "keyformat=raw",
                "-o",
                &format!("keylocation=file://{DATA_KEY}"),
                "-o",
                "canmount=off",
                zfs::DATA,
            ],
        ),
        Action::run("zfs", &["unload-key", zfs::DATA]),
    ];
    actions.extend(close_keystore());
    actions.push(Action::run("zpool", &["sync", zfs::ZPOOL]));
    actions.push(Action::run("umount", &[paths::LOCKED]));
    actions
}

/// What tries both keys on the closed volume.
pub(crate) fn prove() -> Vec<Action> {
    vec![
        zfs::mount(&[], zfs::KEYSTORE, paths::LOCKED),
        luks::prove(paths::KEYSTORE, 0, Key::Passphrase),
        luks::prove(paths::KEYSTORE, 1, Key::Recovery),
        Action::run("umount", &[paths::LOCKED]),
    ]
}

/// What gives the key of the data to ZFS; the volume with the keys is closed again at once.
pub(crate) fn unlock(key: Key) -> Vec<Action> {
    let mut actions = vec![
        Action::Folder { path: paths::LOCKED.to_owned(), mode: 0o700 },
        zfs::mount(&[], zfs::KEYSTORE, paths::LOCKED),
        luks::open(paths::KEYSTORE, MAPPER, key, false),
        Action::Folder { path: paths::KEYS.to_owned(), mode: 0o700 },
        Action::run("mount", &["-o", "ro,nodev,nosuid,noexec", &node(), paths::KEYS]),
        Action::run("zfs", &["load-key", zfs::DATA]),
    ];
    actions.extend(close_keystore());
    actions
}

fn close_keystore() -> [Action; 2] {
    [Action::run("umount", &[paths::KEYS]), luks::close(MAPPER)]
}

/// What undoes a part of [`unlock`].
pub(crate) fn abandon() -> [Action; 2] {
    [Action::attempt("umount", &[paths::KEYS]), Action::attempt("cryptsetup", &["close", MAPPER])]
}
