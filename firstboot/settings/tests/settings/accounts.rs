//! Accounts in the files of an OS.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anklume_settings::{Account, Accounts, AccountsReport, Admin, Error, Secret, move_accounts};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nincus:x:998:998::/:/usr/sbin/nologin\n";

fn file(root: &Path) -> PathBuf {
    root.join("pool/accounts.json")
}

fn read_accounts(root: &Path) -> Result<Accounts, Error> {
    anklume_settings::read_accounts(&file(root))
}

fn set_admin(root: &Path, admin: &Admin, today: u32) -> Result<Account, Error> {
    anklume_settings::set_admin(root, &file(root), admin, today)
}

fn apply_accounts(root: &Path) -> Result<AccountsReport, Error> {
    anklume_settings::apply_accounts(root, &file(root))
}

fn keep_passwords(root: &Path) -> Result<bool, Error> {
    anklume_settings::keep_passwords(root, &file(root))
}

/// The `/etc` that an OS begins with, beside what was kept of the last boot.
fn os(root: &Path) {
    let etc = root.join("etc");
    fs::create_dir_all(etc.join("skel/.config")).unwrap();
    fs::write(etc.join("skel/.profile"), "umask 022\n").unwrap();
    for (name, text, mode) in [
        ("passwd", PASSWD, 0o644),
        ("shadow", "root:*:20000:0:99999:7:::\nincus:!*:20000::::::\n", 0o640),
        ("group", "root:x:0:\nsudo:x:27:\nincus-admin:x:997:\n", 0o644),
        ("gshadow", "root:*::\nsudo:*::\nincus-admin:!::\n", 0o640),
    ] {
        fs::write(etc.join(name), text).unwrap();
        fs::set_permissions(etc.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn read(root: &Path, name: &str) -> String {
    fs::read_to_string(root.join(name)).unwrap()
}

fn mode(path: PathBuf) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o7777
}

fn admin(text: &str) -> Admin {
    toml::from_str(&format!("name = \"marie\"\n{text}")).unwrap()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn an_account_outlasts_its_os() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    os(root);
    let admin = admin(&format!("password = \"geheim\"\nssh-keys = [\"{KEY} desk\"]\n"));
    let account = set_admin(root, &admin, 20_500).unwrap();
    assert_eq!(account.uid, 1000);
    assert_eq!(mode(root.join("pool/accounts.json")), 0o600);
    assert!(!read(root, "pool/accounts.json").contains("geheim"));
    assert_eq!(read(root, "etc/passwd"), PASSWD, "not before it is applied");
    // Now, at the next start with the same OS, and twice in it.
    for _ in 0..2 {
        os(root);
        for _ in 0..2 {
            let report = apply_accounts(root).unwrap();
            assert_eq!(report.accounts.len(), 1);
            assert!(report.refused.is_empty());
            // `adm` and `systemd-journal`.
            assert_eq!(report.missing_groups.len(), 2);
            let user = "marie:x:1000:1000::/home/marie:/bin/bash\n";
            assert_eq!(read(root, "etc/passwd"), format!("{PASSWD}{user}"));
            assert!(read(root, "etc/shadow").contains("\nmarie:$y$j9T$"));
            assert!(read(root, "etc/group").contains("sudo:x:27:marie\n"));
            assert_eq!(
                (mode(root.join("etc/shadow")), mode(root.join("etc/passwd"))),
                (0o640, 0o644)
            );
            let keys = "etc/ssh/authorized_keys.d/marie";
            assert_eq!((read(root, keys), mode(root.join(keys))), (format!("{KEY} desk\n"), 0o644));
            assert!(!root.join("etc/sudoers.d/anklume-marie").exists());
        }
    }
    // The name of the account is a system user's in the next version.
    fs::write(root.join("etc/passwd"), format!("{PASSWD}marie:x:990:990::/:/bin/false\n")).unwrap();
    let report = apply_accounts(root).unwrap();
    assert_eq!((report.accounts.len(), report.refused.len()), (0, 1));
    assert!(!read(root, "etc/passwd").contains("1000"));
}

#[test]
fn homes_are_made_once_and_belong_to_their_users() {
    if !is_root() {
        println!("skipped: only root gives files away");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    os(root);
    set_admin(root, &admin("password = \"geheim\""), 1).unwrap();
    // A power cut left one that was not whole.
    fs::create_dir_all(root.join("var/home/.marie.new/x")).unwrap();
    let report = apply_accounts(root).unwrap();
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    assert_eq!(report.homes.len(), 1);
    let home = root.join("var/home/marie");
    assert_eq!(mode(home.clone()), 0o700);
    for path in ["", ".profile", ".config"] {
        let metadata = home.join(path).symlink_metadata().unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (1000, 1000), "{path}");
    }
    assert!(!home.join("x").exists() && !root.join("var/home/.marie.new").exists());
    fs::write(home.join(".profile"), "mine\n").unwrap();
    assert!(apply_accounts(root).unwrap().homes.is_empty());
    assert_eq!(read(root, "var/home/marie/.profile"), "mine\n");
}

#[test]
fn an_admin_without_a_password_has_a_key_and_may_use_sudo() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    os(root);
    let with_key = format!("ssh-keys = [\"{KEY}\"]\nsudo-without-password = true\n");
    set_admin(root, &admin(&with_key), 1).unwrap();
    apply_accounts(root).unwrap();
    let rule = root.join("etc/sudoers.d/anklume-marie");
    assert_eq!(fs::read_to_string(&rule).unwrap(), "marie ALL=(ALL:ALL) NOPASSWD: ALL\n");
    assert_eq!(mode(rule.clone()), 0o440);
    assert!(read(root, "etc/shadow").contains("\nmarie:!:1:"));
    // A password instead: the account stays, key and rule go.
    let account = set_admin(root, &admin("password = \"geheim\""), 2).unwrap();
    assert_eq!(account.uid, 1000);
    apply_accounts(root).unwrap();
    assert!(!rule.exists() && !root.join("etc/ssh/authorized_keys.d/marie").exists());
    assert!(read(root, "etc/shadow").contains("\nmarie:$y$"));
}

#[test]
fn a_changed_password_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    os(root);
    set_admin(root, &admin("password-hash = \"$6$a$b\""), 20_000).unwrap();
    apply_accounts(root).unwrap();
    assert!(!keep_passwords(root).unwrap());
    let changed = read(root, "etc/shadow").replace("$6$a$b:20000", "$6$c$d:20300");
    fs::write(root.join("etc/shadow"), changed).unwrap();
    assert!(keep_passwords(root).unwrap());
    os(root);
    apply_accounts(root).unwrap();
    assert!(read(root, "etc/shadow").contains("\nmarie:$6$c$d:20300:"));
}

#[test]
fn what_cannot_be_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    os(root);
    assert!(apply_accounts(root).unwrap().accounts.is_empty());
    let nobody = set_admin(root, &admin(""), 1);
    assert!(matches!(nobody, Err(Error::Field(error)) if error.field == "admin.password"));
    // A user of the OS.
    fs::write(root.join("etc/passwd"), format!("{PASSWD}marie:x:990:990::/:/bin/false\n")).unwrap();
    let taken = set_admin(root, &admin("password = \"x\""), 1);
    assert!(matches!(taken, Err(Error::Field(error)) if error.field == "admin.name"));
    assert!(!root.join("pool/accounts.json").exists());
    fs::create_dir(root.join("pool")).unwrap();
    fs::write(
        root.join("pool/accounts.json"),
        "{\"version\": 1, \"accounts\": [{\"name\": \"$6$x\"}]}",
    )
    .unwrap();
    let damaged = apply_accounts(root).unwrap_err();
    assert!(matches!(damaged, Error::Accounts { .. }));
    assert!(!damaged.to_string().contains("$6$"), "{damaged}");
    fs::remove_file(root.join("pool/accounts.json")).unwrap();
    fs::remove_file(root.join("etc/shadow")).unwrap();
    assert!(matches!(read_accounts(root), Ok(accounts) if accounts.accounts.is_empty()));
    assert!(matches!(apply_accounts(root), Err(Error::File { .. })));
}

#[test]
fn accounts_move_from_memory_to_the_disk() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    os(root);
    let memory = root.join("run/accounts.json");
    let named = |name: &str| -> Admin {
        toml::from_str(&format!("name = \"{name}\"\npassword-hash = \"$6$a$b\"")).unwrap()
    };
    for name in ["marie", "paul"] {
        anklume_settings::set_admin(root, &memory, &named(name), 1).unwrap();
    }
    // The disk knows a Marie of its own, with another ID.
    let other = "{\"version\": 1, \"accounts\": [{\"name\": \"marie\", \"uid\": 1007}]}";
    fs::create_dir(root.join("pool")).unwrap();
    fs::write(file(root), other).unwrap();
    move_accounts(root, &memory, &file(root)).unwrap();
    let all: Vec<_> = read_accounts(root).unwrap().accounts.into_iter().map(|a| a.uid).collect();
    assert_eq!((all, memory.exists()), (vec![1007, 1001], false));
    // Again, with nothing to move.
    move_accounts(root, &memory, &file(root)).unwrap();
    assert_eq!(read_accounts(root).unwrap().accounts.len(), 2);
}

#[test]
fn secrets_are_not_shown() {
    let admin = admin("password = \"geheim\"");
    assert!(!format!("{admin:?}").contains("geheim"));
    assert_eq!(admin.password, Some(Secret::new("geheim".into())));
}
