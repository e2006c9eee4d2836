//! ZFS's own encryption.
//!
//! A dataset of ZFS has one key. So that a passphrase and a recovery key both open it, and each can be changed
//! alone, its key is 32 random bytes in a small LUKS2 volume, which lies in a file on the part of the pool
//! that is not encrypted. The key of each domain lies beside it.
//!
//! Keys are loaded from there whatever a dataset says of itself (`zfs load-key -L`): who had the disk could have put one
//! in its place whose key he knows.

use crate::action::{Action, Argument, Key};
use crate::luks::{self, Cost};
use crate::{DomainName, Pool, domain, paths, zfs};

/// Name of the opened volume in `/dev/mapper`.
pub const MAPPER: &str = "anklume-keystore";
/// Size of the volume: a header of LUKS2 takes half of it.
const SIZE: &str = "32M";
/// The key of all data.
const DATA_KEY: &str = "/run/anklume/keystore/data.key";

/// The options of a dataset that is encrypted with the key in this file.
fn encrypted_with(file: &str) -> [String; 3] {
    let location = format!("keylocation=file://{file}");
    ["encryption=aes-256-gcm".to_owned(), "keyformat=raw".to_owned(), location]
}

/// The key of a domain.
fn domain_key(name: &DomainName) -> String {
    format!("{}/domain-{name}.key", paths::KEYS)
}

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
        mount_keys("nodev,nosuid,noexec"),
        Action::run("install", &["-m", "0400"])
            .with([Argument::KeyFile(Key::Data), Argument::Text(DATA_KEY.to_owned())]),
        create_data(),
        Action::run("zfs", &["unload-key", zfs::DATA]),
    ];
    actions.extend(close_keystore());
    actions.push(Action::run("zpool", &["sync", zfs::ZPOOL]));
    actions.push(Action::run("umount", &[paths::LOCKED]));
    actions
}

fn create_data() -> Action {
    let options = encrypted_with(DATA_KEY);
    let mut words = vec!["create"];
    for option in options.iter().map(String::as_str).chain(["canmount=off"]) {
        words.extend(["-o", option]);
    }
    words.push(zfs::DATA);
    Action::run("zfs", &words)
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

/// What gives the keys of the data and of its domains to ZFS; the volume with the keys is closed again at once.
pub(crate) fn unlock(key: Key, domains: &[DomainName]) -> Vec<Action> {
    let mut actions = vec![
        Action::Folder { path: paths::LOCKED.to_owned(), mode: 0o700 },
        zfs::mount(&[], zfs::KEYSTORE, paths::LOCKED),
        luks::open(paths::KEYSTORE, MAPPER, key, false),
        Action::Folder { path: paths::KEYS.to_owned(), mode: 0o700 },
        mount_keys("ro,nodev,nosuid,noexec"),
        load(DATA_KEY, zfs::DATA),
    ];
    actions.extend(load_domains(domains));
    actions.extend(close_keystore());
    actions
}

/// What gives the keys of domains to ZFS. One that cannot be loaded does not keep the others closed.
pub(crate) fn load_domains(domains: &[DomainName]) -> impl Iterator<Item = Action> {
    domains.iter().map(|name| load(&domain_key(name), &name.dataset()).may_fail())
}

fn load(file: &str, dataset: &str) -> Action {
    Action::run("zfs", &["load-key", "-L", &format!("file://{file}"), dataset])
}

fn mount_keys(options: &str) -> Action {
    Action::run("mount", &["-o", options, &node(), paths::KEYS])
}

/// What opens the volume with the keys on a pool that is open, for writing. It may be open since a power cut or an
/// error.
pub(crate) fn open_keystore(key: Key) -> Vec<Action> {
    let mut actions: Vec<Action> = abandon().into();
    actions.push(luks::open(paths::KEYSTORE, MAPPER, key, false));
    actions.push(Action::Folder { path: paths::KEYS.to_owned(), mode: 0o700 });
    actions.push(mount_keys("nodev,nosuid,noexec"));
    actions
}

/// A domain's key and the dataset that is encrypted with it, while the volume with the keys is open.
pub(crate) fn create_domain(name: &DomainName) -> Vec<Action> {
    let file = domain_key(name);
    let mut actions = vec![
        Action::NewKey { path: file.clone() },
        // The volume is a file on the pool: nothing is encrypted with a key that a power cut could take back.
        Action::run("zpool", &["sync", zfs::ZPOOL]),
    ];
    let options = encrypted_with(&file);
    actions.extend(domain::datasets(name, &options.each_ref().map(String::as_str)));
    // A new one has it; one that was there may not.
    actions.push(load(&file, &name.dataset()).may_fail());
    let dataset = name.dataset();
    let datasets = vec![dataset.clone()];
    actions.push(Action::Encrypted { root: dataset, datasets, apart: None });
    actions
}

/// What closes the volume with the keys.
pub(crate) fn close_keystore() -> [Action; 2] {
    [Action::run("umount", &[paths::KEYS]), luks::close(MAPPER)]
}

/// What closes the volume with the keys, whether it is open or not.
pub(crate) fn abandon() -> [Action; 2] {
    [Action::attempt("umount", &[paths::KEYS]), Action::attempt("cryptsetup", &["close", MAPPER])]
}
