//! Accounts on the running machine.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, lchown, symlink,
};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};

use super::merge::{Databases, MergeRefusal, Merged, free_uid, merge};
use super::password::hash_password;
use super::record::{ADMIN_GROUPS, Account, Accounts};
use crate::error::Error;
use crate::fault::rule;
use crate::files::{self, failed};
use crate::names::{GroupName, UserName};
use crate::settings::Admin;

/// The folder of SSH keys: a file for each account, by its name.
pub const AUTHORIZED_KEYS_FOLDER: &str = "etc/ssh/authorized_keys.d";
/// Rules of sudo. Their names have no dot: sudo ignores files with one.
const SUDOERS_FOLDER: &str = "etc/sudoers.d";
const SUDOERS_PREFIX: &str = "anklume-";
/// The lock of lckpwdf(3), which `passwd` and `useradd` take.
const LOCK: &str = "etc/.pwd.lock";
const HOMES: &str = "var/home";
const SKELETON: &str = "etc/skel";

/// What was done with accounts.
#[derive(Debug, Default)]
pub struct AccountsReport {
    /// Accounts that can be used.
    pub accounts: Vec<UserName>,
    /// Accounts that do not fit this OS, and why.
    pub refused: Vec<(UserName, MergeRefusal)>,
    /// Groups of accounts that this OS does not have.
    pub missing_groups: Vec<(UserName, GroupName)>,
    /// Homes that were made.
    pub homes: Vec<UserName>,
    /// What could not be done for an account that can be used nevertheless.
    pub failed: Vec<(UserName, Error)>,
}

/// The accounts in `file`; none if there is no such file.
///
/// # Errors
/// [`Error::File`], [`Error::Accounts`].
pub fn read_accounts(file: &Path) -> Result<Accounts, Error> {
    let Some(text) = files::read(file)? else { return Ok(Accounts::default()) };
    Accounts::parse(&text).map_err(|cause| Error::Accounts { path: file.to_owned(), cause })
}

/// Mode 0600: it has hashed passwords.
fn write_accounts(file: &Path, accounts: &Accounts) -> Result<(), Error> {
    files::write_as(file, &accounts.text(), 0o600)
}

/// Moves the accounts of the file `from` into the file `to`; those whose name or user ID is there already are
/// dropped. The OS at `root` is not changed.
///
/// # Errors
/// As [`read_accounts`]; [`Error::Locked`]. `from` is removed last.
pub fn move_accounts(root: &Path, from: &Path, to: &Path) -> Result<(), Error> {
    let _lock = lock(root)?;
    let old = read_accounts(from)?;
    if old.accounts.is_empty() {
        return files::remove(from);
    }
    let mut new = read_accounts(to)?;
    for account in old.accounts {
        let taken = |other: &Account| other.name == account.name || other.uid == account.uid;
        if !new.accounts.iter().any(taken) {
            new.put(account);
        }
    }
    write_accounts(to, &new)?;
    files::remove(from)
}

/// Puts an admin into `file`, for the OS at `root`: a new one gets the first free user ID, one who is there
/// keeps it. [`apply_accounts`] makes the account. `today` is in days since 1970.
///
/// # Errors
/// [`Error::Field`] and [`Error::Hash`] before anything is changed; [`Error::File`], [`Error::Accounts`].
pub fn set_admin(root: &Path, file: &Path, admin: &Admin, today: u32) -> Result<Account, Error> {
    if let Some(error) = admin.check().into_iter().next() {
        return Err(Error::Field(error.within("admin")));
    }
    let password = match (&admin.password, &admin.password_hash) {
        (Some(password), _) => Some(hash_password(password)?),
        (None, hash) => hash.clone(),
    };
    let _lock = lock(root)?;
    let mut accounts = read_accounts(file)?;
    let databases = read_databases(root)?;
    let known = accounts.find(&admin.name).map(|account| account.uid);
    let uid = known.or_else(|| free_uid(&databases, &accounts)).ok_or_else(|| {
        Error::Field(rule("all user IDs are taken", "tous les numéros sont pris").of("admin.name"))
    })?;
    let mut groups = Vec::new();
    for group in ADMIN_GROUPS {
        groups.push(GroupName::parse(group).map_err(Error::Field)?);
    }
    let account = Account {
        name: admin.name.clone(),
        uid,
        full_name: admin.full_name.clone(),
        password,
        password_day: today,
        groups,
        ssh_keys: admin.ssh_keys.clone(),
        sudo_without_password: admin.sudo_without_password,
    };
    // Before it is kept: an account that this OS would refuse can be given another name now.
    let merged = merge(&databases, std::slice::from_ref(&account));
    if !merged.refused.is_empty() {
        let fault = rule(
            "the system itself has a user or group of this name",
            "le système a déjà un utilisateur ou un groupe de ce nom",
        );
        return Err(Error::Field(fault.of("admin.name")));
    }
    accounts.put(account.clone());
    write_accounts(file, &accounts)?;
    Ok(account)
}

/// Takes the passwords that were changed on the OS at `root` over into `file`. Whether any was.
///
/// # Errors
/// As [`read_accounts`]; [`Error::Locked`].
pub fn keep_passwords(root: &Path, file: &Path) -> Result<bool, Error> {
    let _lock = lock(root)?;
    let mut accounts = read_accounts(file)?;
    let shadow = files::read(&root.join("etc/shadow"))?.unwrap_or_default();
    let changed = accounts.take_passwords(&shadow);
    if changed {
        write_accounts(file, &accounts)?;
    }
    Ok(changed)
}

/// Makes the accounts of `file` on the OS at `root`: in its four files, with SSH keys, a rule of sudo and a
/// home each. May be run again.
///
/// # Errors
/// What keeps all accounts from being made. The files are then as they were, or those that were replaced
/// before are complete: `passwd`, without which nobody of them can log in, is the last.
pub fn apply_accounts(root: &Path, file: &Path) -> Result<AccountsReport, Error> {
    let accounts = read_accounts(file)?;
    let lock = lock(root)?;
    let databases = read_databases(root)?;
    let merged = merge(&databases, &accounts.accounts);
    write_databases(root, &databases, &merged.databases)?;
    drop(lock);
    let Merged { accounts: names, refused, missing_groups, .. } = merged;
    let mut report = AccountsReport { refused, missing_groups, ..AccountsReport::default() };
    let made: Vec<_> = accounts.accounts.iter().filter(|a| names.contains(&a.name)).collect();
    for account in &made {
        let mut note = |result: Result<(), Error>| {
            if let Err(error) = result {
                report.failed.push((account.name.clone(), error));
            }
        };
        note(write_keys(root, account));
        note(write_sudo(root, account));
        match make_home(root, account) {
            Ok(true) => report.homes.push(account.name.clone()),
            Ok(false) => {}
            Err(error) => note(Err(error)),
        }
    }
    report.accounts = names;
    Ok(report)
}

/// Freed when it is dropped.
fn lock(root: &Path) -> Result<File, Error> {
    let path = root.join(LOCK);
    let open = File::options().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = open.map_err(failed(&path))?;
    let whole = nix::libc::flock {
        l_type: nix::libc::F_WRLCK as _,
        l_whence: nix::libc::SEEK_SET as _,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    // Belongs to the open file, and meets the locks of lckpwdf(3), which belong to processes.
    match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole)) {
        Ok(_) => Ok(file),
        Err(nix::Error::EAGAIN | nix::Error::EACCES) => Err(Error::Locked { path }),
        Err(error) => Err(failed(&path)(error.into())),
    }
}

fn database(root: &Path, name: &str) -> Result<String, Error> {
    let path = root.join("etc").join(name);
    let missing = || failed(&path)(io::ErrorKind::NotFound.into());
    files::read(&path)?.ok_or_else(missing)
}

fn read_databases(root: &Path) -> Result<Databases, Error> {
    Ok(Databases {
        passwd: database(root, "passwd")?,
        shadow: database(root, "shadow")?,
        group: database(root, "group")?,
        gshadow: database(root, "gshadow")?,
    })
}

fn write_databases(root: &Path, old: &Databases, new: &Databases) -> Result<(), Error> {
    for (name, old, new, mode) in [
        ("group", &old.group, &new.group, 0o644),
        ("gshadow", &old.gshadow, &new.gshadow, 0o640),
        ("shadow", &old.shadow, &new.shadow, 0o640),
        ("passwd", &old.passwd, &new.passwd, 0o644),
    ] {
        if old != new {
            files::write(&root.join("etc").join(name), new, mode)?;
        }
    }
    Ok(())
}

/// sshd reads it as the account's user, so others may read it; nobody but root may change it.
fn write_keys(root: &Path, account: &Account) -> Result<(), Error> {
    let path = root.join(AUTHORIZED_KEYS_FOLDER).join(account.name.as_str());
    if account.ssh_keys.is_empty() {
        return files::remove(&path);
    }
    let text: String = account.ssh_keys.iter().map(|key| format!("{key}\n")).collect();
    files::write_as(&path, &text, 0o644)
}

fn write_sudo(root: &Path, account: &Account) -> Result<(), Error> {
    let path = root.join(SUDOERS_FOLDER).join(format!("{SUDOERS_PREFIX}{}", account.name));
    if !account.sudo_without_password {
        return files::remove(&path);
    }
    files::write_as(&path, &format!("{} ALL=(ALL:ALL) NOPASSWD: ALL\n", account.name), 0o440)
}

/// Makes the home, if there is none. It gets its name when it is whole.
fn make_home(root: &Path, account: &Account) -> Result<bool, Error> {
    let homes = root.join(HOMES);
    let home = homes.join(account.name.as_str());
    if home.symlink_metadata().is_ok() {
        return Ok(false);
    }
    let new = homes.join(format!(".{}.new", account.name));
    let make = || {
        fs::create_dir_all(&homes)?;
        match fs::remove_dir_all(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => copy_folder(&root.join(SKELETON), &new, account.uid, 0)?,
        }
        fs::set_permissions(&new, fs::Permissions::from_mode(0o700))?;
        fs::rename(&new, &home)
    };
    make().map(|()| true).map_err(failed(&home))
}

/// How deep a skeleton can be.
const MOST_DEPTH: u32 = 16;

/// Copies files, folders and links, for the user and group `id`. A folder that is not there is empty.
fn copy_folder(from: &Path, to: &Path, id: u32, depth: u32) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(to)?;
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        entries => Some(entries?),
    };
    for entry in entries.into_iter().flatten() {
        let entry = entry?;
        let (path, copy): (PathBuf, PathBuf) = (entry.path(), to.join(entry.file_name()));
        let metadata = entry.metadata()?;
        let mode = fs::Permissions::from_mode(metadata.mode() & 0o777);
        if metadata.is_symlink() {
            symlink(fs::read_link(&path)?, &copy)?;
        } else if metadata.is_dir() && depth < MOST_DEPTH {
            copy_folder(&path, &copy, id, depth.saturating_add(1))?;
            fs::set_permissions(&copy, mode)?;
        } else if metadata.is_file() {
            fs::copy(&path, &copy)?;
            fs::set_permissions(&copy, mode)?;
        } else {
            continue;
        }
        lchown(&copy, Some(id), Some(id))?;
    }
    lchown(to, Some(id), Some(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_programs_do_not_change_accounts_at_once() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let file = root.path().join("accounts.json");
        let held = lock(root.path()).unwrap();
        assert!(matches!(lock(root.path()), Err(Error::Locked { .. })));
        assert!(matches!(keep_passwords(root.path(), &file), Err(Error::Locked { .. })));
        drop(held);
        assert!(!keep_passwords(root.path(), &file).unwrap());
    }
}
