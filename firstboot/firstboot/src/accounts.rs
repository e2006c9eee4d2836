//! The accounts of this machine, and where they are kept.
//!
//! Whoever can write the file of accounts can make himself root of a machine that somebody then types the passphrase
//! of his data into. So it lies on the pool, and there are no accounts before that is open; a machine without a pool
//! has them in RAM. Outside of the pool are only public keys that may run `data open` over SSH, for who wants that.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anklume_settings::{
    Admin, apply_accounts, apply_unlock_keys, keep_unlock_keys, move_accounts, read_accounts,
    set_admin,
};
use anklume_setup::paths;

use crate::{record, say};
use anklume_failure::{Context, Failure};

/// Accounts of a machine without a pool.
const IN_RAM: &str = "run/anklume/accounts.json";
/// The name of the file on the pool.
const ON_POOL: &str = "accounts.json";
/// What a key may run before there are accounts.
const UNLOCK: &str = "/usr/bin/anklume-firstboot data open";

/// Where accounts are, as of now.
pub(crate) struct Accounts {
    root: PathBuf,
    has_pool: bool,
    is_open: bool,
}

impl Accounts {
    /// Those of this machine.
    pub(crate) fn here() -> Result<Self, Failure> {
        let root = PathBuf::from("/");
        Ok(Self { root, has_pool: record::read()?.is_some(), is_open: record::is_open() })
    }

    fn in_ram(&self) -> PathBuf {
        self.root.join(IN_RAM)
    }

    /// While the pool is open. Something else is mounted in its place while Incus works in RAM.
    fn on_pool(&self) -> Option<PathBuf> {
        let pool = self.root.join(paths::POOL.trim_start_matches('/'));
        (self.has_pool && self.is_open).then(|| pool.join(ON_POOL))
    }

    /// The file that an account goes to.
    fn file(&self) -> Result<PathBuf, Failure> {
        match (self.on_pool(), self.has_pool) {
            (Some(file), _) => Ok(file),
            (None, false) => Ok(self.in_ram()),
            (None, true) => {
                Err(Failure::refused("accounts are kept on the data disk, which is locked")
                    .hint("`anklume data open`, then once more"))
            }
        }
    }

    /// Makes every account that there is, and lets keys unlock the data disk.
    pub(crate) fn apply(&self) -> Result<(), Failure> {
        let unlock = self.has_pool.then_some(UNLOCK);
        if let Err(error) = apply_unlock_keys(&self.root, unlock) {
            say(format!("unlocking over SSH: {error}"));
        }
        for file in self.on_pool().into_iter().chain([self.in_ram()]) {
            make(&self.root, &file)?;
        }
        Ok(())
    }

    /// Puts an administrator in, and makes the account.
    pub(crate) fn set(&self, admin: &Admin) -> Result<(), Failure> {
        set_admin(&self.root, &self.file()?, admin, today()).context("the account")?;
        let keys = if admin.unlock_over_ssh { admin.ssh_keys.as_slice() } else { &[] };
        keep_unlock_keys(&self.root, keys).context("keys that unlock the data disk")?;
        self.apply()
    }

    /// Puts an administrator in until the machine is switched off, also where there is a pool.
    pub(crate) fn set_for_now(&self, admin: &Admin) -> Result<(), Failure> {
        set_admin(&self.root, &self.in_ram(), admin, today()).context("the account")?;
        self.apply()
    }

    /// Accounts that were made in RAM go onto a pool that this machine made. One that was made elsewhere has its own.
    pub(crate) fn move_to_pool(&self) -> Result<(), Failure> {
        let Some(file) = self.on_pool() else { return Ok(()) };
        move_accounts(&self.root, &self.in_ram(), &file).context("moving accounts to the data disk")
    }

    /// Takes passwords that were changed over onto the pool, as long as it is open.
    pub(crate) fn keep_passwords(&self) -> Result<(), Failure> {
        let Some(file) = self.on_pool() else { return Ok(()) };
        anklume_settings::keep_passwords(&self.root, &file).map(drop).context("keeping passwords")
    }

    /// Whether nobody can log in, and nothing that is locked would change that.
    pub(crate) fn are_missing(&self) -> bool {
        self.file().is_ok() && !self.are_there()
    }

    /// Whether anybody can log in.
    pub(crate) fn are_there(&self) -> bool {
        let files = self.on_pool().into_iter().chain([self.in_ram()]);
        let some = |file: PathBuf| read_accounts(&file).is_ok_and(|all| !all.accounts.is_empty());
        files.into_iter().any(some)
    }
}

/// Those of one file; what is not done is said.
fn make(root: &Path, file: &Path) -> Result<(), Failure> {
    let report = apply_accounts(root, file).context("making accounts")?;
    for (name, why) in &report.refused {
        say(format!("{name} is not made: {why}"));
    }
    for (name, group) in &report.missing_groups {
        say(format!("{name}: this OS has no group {group}"));
    }
    for (name, error) in &report.failed {
        say(format!("{name}: {error}"));
    }
    Ok(())
}

/// Days since 1970.
fn today() -> u32 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    u32::try_from(seconds / 86_400).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use anklume_settings::{AuthorizedKey, PasswordHash, UserName};

    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    fn machine(root: &Path, has_pool: bool, is_open: bool) -> Accounts {
        Accounts { root: root.to_owned(), has_pool, is_open }
    }

    /// The files of an OS as it starts: nothing of `/etc` and `/run` is left.
    fn boot(root: &Path) {
        for folder in ["etc", "run/anklume"] {
            let path = root.join(folder);
            let pool = root.join("run/anklume/pool");
            let kept = root.join("pool-disk");
            if folder.starts_with("run") && pool.exists() {
                fs::rename(&pool, &kept).unwrap();
            }
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            if folder.starts_with("run") && kept.exists() {
                fs::rename(&kept, &pool).unwrap();
            }
        }
        fs::create_dir_all(root.join("run/anklume/pool")).unwrap();
        for (name, text) in [
            ("passwd", "root:x:0:0:root:/root:/bin/bash\n"),
            ("shadow", "root:*:1::::::\n"),
            ("group", "root:x:0:\n"),
            ("gshadow", "root:*::\n"),
        ] {
            fs::write(root.join("etc").join(name), text).unwrap();
        }
    }

    fn admin(unlock: bool) -> Admin {
        Admin {
            name: UserName::parse("ada").unwrap(),
            full_name: String::new(),
            password: None,
            password_hash: Some(PasswordHash::parse("$6$a$b").unwrap()),
            ssh_keys: vec![AuthorizedKey::parse(KEY).unwrap()],
            sudo_without_password: false,
            unlock_over_ssh: unlock,
        }
    }

    fn has_ada(root: &Path) -> bool {
        fs::read_to_string(root.join("etc/passwd")).unwrap().contains("ada:x:1000")
    }

    #[test]
    fn accounts_are_on_the_pool_and_come_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        boot(root);
        let open = machine(root, true, true);
        open.set(&admin(true)).unwrap();
        assert!(has_ada(root) && open.are_there());
        assert!(root.join("run/anklume/pool/accounts.json").exists());
        // All that the medium keeps has no password and no account.
        for entry in fs::read_dir(root.join("etc/anklume")).unwrap().flatten() {
            let text = fs::read_to_string(entry.path()).unwrap();
            assert!(!text.contains("$6$") && !text.contains("ada"), "{entry:?}: {text}");
        }
        let unlock = fs::read(root.join("etc/anklume/unlock-keys")).unwrap();
        boot(root);
        fs::create_dir_all(root.join("etc/anklume")).unwrap();
        fs::write(root.join("etc/anklume/unlock-keys"), unlock).unwrap();
        let locked = machine(root, true, false);
        locked.apply().unwrap();
        assert!(!has_ada(root) && !locked.are_there() && !locked.are_missing());
        let line = fs::read_to_string(root.join("etc/ssh/authorized_keys.d/root")).unwrap();
        assert!(line.contains("command=\"/usr/bin/anklume-firstboot data open\""), "{line}");
        assert!(locked.set(&admin(false)).unwrap_err().message().contains("locked"));
        locked.set_for_now(&admin(false)).unwrap();
        assert!(has_ada(root) && locked.are_there());
        boot(root);
        machine(root, true, true).apply().unwrap();
        assert!(has_ada(root));
        // Not wanted any more.
        machine(root, true, true).set(&admin(false)).unwrap();
        assert!(!root.join("etc/ssh/authorized_keys.d/root").exists());
    }

    #[test]
    fn what_somebody_writes_to_the_medium_is_no_account() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        boot(root);
        let forged = "{\"version\": 1, \"accounts\": [{\"name\": \"ada\", \"uid\": 1000}]}";
        fs::create_dir_all(root.join("etc/anklume")).unwrap();
        fs::write(root.join("etc/anklume/accounts.json"), forged).unwrap();
        for (has_pool, is_open) in [(false, false), (true, false), (true, true)] {
            let accounts = machine(root, has_pool, is_open);
            accounts.apply().unwrap();
            assert!(!has_ada(root) && !accounts.are_there());
            assert_eq!(accounts.are_missing(), !has_pool || is_open);
        }
    }

    #[test]
    fn without_a_pool_an_account_ends_with_the_boot() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        boot(root);
        // Incus in RAM: something is mounted where a pool would be.
        let accounts = machine(root, false, true);
        accounts.set(&admin(false)).unwrap();
        assert!(has_ada(root) && accounts.are_there());
        assert!(!root.join("run/anklume/pool/accounts.json").exists());
        boot(root);
        machine(root, false, false).apply().unwrap();
        assert!(!has_ada(root) && !machine(root, false, false).are_there());
    }

    #[test]
    fn a_new_pool_takes_the_accounts_and_later_passwords() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        boot(root);
        machine(root, false, false).set(&admin(false)).unwrap();
        let open = machine(root, true, true);
        open.move_to_pool().unwrap();
        open.set(&admin(false)).unwrap();
        assert!(!root.join("run/anklume/accounts.json").exists());
        let shadow = root.join("etc/shadow");
        let changed = fs::read_to_string(&shadow).unwrap().replace("$6$a$b", "$6$c$d");
        fs::write(&shadow, changed).unwrap();
        open.keep_passwords().unwrap();
        boot(root);
        machine(root, true, true).apply().unwrap();
        assert!(has_ada(root));
        assert!(fs::read_to_string(&shadow).unwrap().contains("$6$c$d"));
    }
}
