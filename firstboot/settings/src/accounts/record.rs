//! The file of accounts.

use serde::{Deserialize, Deserializer, Serialize};

use super::password::PasswordHash;
use crate::keys::AuthorizedKey;
use crate::names::{GroupName, UserName};

/// Version of the file.
const VERSION: u32 = 1;
/// Most bytes of the file.
pub(crate) const MOST_BYTES: usize = 256 << 10;
/// Most accounts.
const MOST_ACCOUNTS: usize = 64;
/// User IDs of people; `UID_MIN` and `UID_MAX` of Debian's login.defs(5).
pub(crate) const UIDS: std::ops::RangeInclusive<u32> = 1000..=59_999;

/// Groups of who administers a machine. Those that an OS does not have are left out.
pub const ADMIN_GROUPS: [&str; 4] = ["adm", "incus-admin", "sudo", "systemd-journal"];

/// Accounts of people.
///
/// A machine that goes to another version of the OS, or back, still lets its people in: fields that are
/// not known are ignored, names that this version has for itself are the business of
/// [`merge`](crate::merge()), which refuses one account and not all, and keys of a kind that is not taken
/// any more are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    version: u32,
    /// The accounts, each name once.
    pub accounts: Vec<Account>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Account {
    /// Its name, and that of its own group.
    #[serde(deserialize_with = "name")]
    pub name: UserName,
    /// User ID, and that of its own group.
    pub uid: u32,
    /// Name of the person.
    #[serde(default)]
    pub full_name: String,
    /// Password. `None`: no password lets in.
    #[serde(default)]
    pub password: Option<PasswordHash>,
    /// When the password was changed, in days since 1970.
    #[serde(default)]
    pub password_day: u32,
    /// Further groups.
    #[serde(default)]
    pub groups: Vec<GroupName>,
    /// SSH keys.
    #[serde(default, deserialize_with = "ssh_keys")]
    pub ssh_keys: Vec<AuthorizedKey>,
    /// Whether sudo asks for no password.
    #[serde(default)]
    pub sudo_without_password: bool,
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UserName, D::Error> {
    let name = UserName::of_form(String::deserialize(deserializer)?);
    name.map_err(|_| serde::de::Error::custom("no name of an account"))
}

fn ssh_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<AuthorizedKey>, D::Error> {
    let lines = Vec::<String>::deserialize(deserializer)?;
    Ok(lines.iter().filter_map(|line| AuthorizedKey::parse(line).ok()).collect())
}

impl Default for Accounts {
    fn default() -> Self {
        Self { version: VERSION, accounts: Vec::new() }
    }
}

impl Accounts {
    /// Reads the file.
    ///
    /// # Errors
    /// What does not fit, without any content of it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MOST_BYTES {
            return Err(format!("{} bytes, expected at most {MOST_BYTES}", text.len()));
        }
        let accounts: Self = serde_json::from_str(text).map_err(|error| {
            // The text of the error may quote a value.
            let (line, column) = (error.line(), error.column());
            format!("line {line}, column {column}: not what an account is made of")
        })?;
        accounts.check()?;
        Ok(accounts)
    }

    fn check(&self) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!("version {}, expected {VERSION}", self.version));
        }
        if self.accounts.len() > MOST_ACCOUNTS {
            return Err(format!("more than {MOST_ACCOUNTS} accounts"));
        }
        for (index, account) in self.accounts.iter().enumerate() {
            if !UIDS.contains(&account.uid) {
                return Err(format!(
                    "{} has user ID {}, expected {} to {}",
                    account.name,
                    account.uid,
                    UIDS.start(),
                    UIDS.end()
                ));
            }
            if account.full_name.chars().any(|c| c.is_control() || c == ':') {
                return Err(format!("{} has a full name that passwd(5) cannot hold", account.name));
            }
            let mut earlier = self.accounts.iter().take(index);
            if earlier.any(|other| other.name == account.name || other.uid == account.uid) {
                return Err(format!("{} or its user ID is there twice", account.name));
            }
        }
        Ok(())
    }

    /// The file.
    #[must_use]
    pub fn text(&self) -> String {
        // Nothing in it can fail to be JSON: all keys are text.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The account of this name.
    #[must_use]
    pub fn find(&self, name: &UserName) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == *name)
    }

    /// Adds an account, in place of an earlier one of its name.
    pub fn put(&mut self, account: Account) {
        match self.accounts.iter_mut().find(|known| known.name == account.name) {
            Some(known) => *known = account,
            None => self.accounts.push(account),
        }
    }

    /// Takes over the passwords that were changed in `shadow`, a text of shadow(5). Whether any was.
    pub fn take_passwords(&mut self, shadow: &str) -> bool {
        let mut changed = false;
        for account in &mut self.accounts {
            let lines = shadow.lines().map(|line| line.split(':').collect::<Vec<_>>());
            let mut lines = lines.filter(|fields| fields.first() == Some(&account.name.as_str()));
            let Some(fields) = lines.next() else { continue };
            // `!` and `*` alone: none, as `passwd -d` and `passwd -l` of an account without one leave it.
            let hash = fields.get(1).copied().unwrap_or_default();
            let password = match PasswordHash::parse(hash) {
                Ok(hash) => Some(hash),
                Err(_) if matches!(hash, "!" | "*" | "!*" | "!!") => None,
                // An empty field would let everybody in: not kept.
                Err(_) => continue,
            };
            if account.password != password {
                account.password = password;
                let day = fields.get(2).and_then(|day| day.parse().ok());
                account.password_day = day.unwrap_or(account.password_day);
                changed = true;
            }
        }
        changed
    }
}

#[cfg(test)]
pub(crate) fn sample(name: &str, uid: u32) -> Account {
    Account {
        name: UserName::parse(name).unwrap(),
        uid,
        full_name: "Marie C.".into(),
        password: Some(PasswordHash::parse("$6$salt$hash").unwrap()),
        password_day: 20_000,
        groups: ADMIN_GROUPS.iter().map(|name| GroupName::parse(name).unwrap()).collect(),
        ssh_keys: Vec::new(),
        sudo_without_password: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Accounts {
        Accounts {
            accounts: vec![sample("marie", 1000), sample("paul", 1001)],
            ..Accounts::default()
        }
    }

    #[test]
    fn the_file_is_read_as_it_was_written() {
        assert_eq!(Accounts::parse(&two().text()), Ok(two()));
        // Of a later version of the OS.
        let later = two().text().replace("\"uid\"", "\"homes\": 3, \"uid\"");
        assert_eq!(Accounts::parse(&later), Ok(two()));
        let text = two().text();
        for (from, to) in [
            ("1000", "0"),
            ("1000", "999"),
            ("1000", "60000"),
            ("1001", "1000"),
            ("paul", "marie"),
            ("marie", "../x"),
            ("Marie C.", "a:0:0"),
            ("$6$salt$hash", "plain"),
            ("\"version\": 1", "\"version\": 2"),
            ("{", "["),
        ] {
            let error = Accounts::parse(&text.replacen(from, to, 1)).unwrap_err();
            assert!(!error.contains("salt") && !error.contains("plain"), "{error}");
        }
        // A name that the OS has taken since, and a key that it does not take any more.
        let taken = text.replacen("paul", "sshd", 1);
        let taken = taken.replacen("\"ssh-keys\": []", "\"ssh-keys\": [\"ssh-dss AAAA\"]", 1);
        let accounts = Accounts::parse(&taken).unwrap();
        assert_eq!(accounts.accounts[1].name.as_str(), "sshd");
        assert!(accounts.accounts[0].ssh_keys.is_empty());
        assert!(Accounts::parse(&" ".repeat(MOST_BYTES + 1)).is_err());
    }

    #[test]
    fn changed_passwords_are_taken_over() {
        let mut accounts = two();
        let same = "root:*:1::::::\nmarie:$6$salt$hash:20000:0:99999:7:::\n";
        assert!(!accounts.take_passwords(same));
        assert!(accounts.take_passwords("marie:$y$j9T$a$b:20100:0:99999:7:::\npaul:!:1::::::\n"));
        let [marie, paul] = &accounts.accounts[..] else { panic!() };
        assert_eq!(marie.password.as_ref().unwrap().as_str(), "$y$j9T$a$b");
        assert_eq!((marie.password_day, &paul.password), (20_100, &None));
        // An empty password, and a broken line.
        assert!(!accounts.take_passwords("marie::20100:0:99999:7:::\npaul\n"));
    }
}
