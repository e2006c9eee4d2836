//! Accounts of people and the files of an OS become the files of a machine.
//!
//! passwd(5), group(5), shadow(5), gshadow(5). Every line that is not an account's own stays as it is, to
//! the byte, but for groups of the OS, which get members. The same accounts twice give the same as once.

use super::record::{Account, Accounts, UIDS};
use crate::names::{GroupName, UserName};

/// The shell of people.
const SHELL: &str = "/bin/bash";

/// The four files.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Databases {
    /// `/etc/passwd`.
    pub passwd: String,
    /// `/etc/shadow`.
    pub shadow: String,
    /// `/etc/group`.
    pub group: String,
    /// `/etc/gshadow`.
    pub gshadow: String,
}

/// Without passwords.
impl std::fmt::Debug for Databases {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (passwd, group) = (&self.passwd, &self.group);
        let mut shown = formatter.debug_struct("Databases");
        shown.field("passwd", passwd).field("group", group).finish_non_exhaustive()
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    /// The new files.
    pub databases: Databases,
    /// Accounts that are in them.
    pub accounts: Vec<UserName>,
    /// Accounts that are not, and why.
    pub refused: Vec<(UserName, MergeRefusal)>,
    /// Groups of accounts that this OS does not have.
    pub missing_groups: Vec<(UserName, GroupName)>,
}

/// Why an account is not in the files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeRefusal {
    /// The OS has a user of this name.
    #[error("the OS has a user of this name with ID {found}, expected none or {expected}")]
    Name {
        /// Its ID, as the file has it.
        found: String,
        /// That of the account.
        expected: u32,
    },
    /// The OS has a group of this name.
    #[error("the OS has a group of this name with ID {found}, expected none or {expected}")]
    Group {
        /// Its ID, as the file has it.
        found: String,
        /// That of the account.
        expected: u32,
    },
    /// The user ID is another user's.
    #[error("user ID {id} belongs to {owner}")]
    Uid {
        /// The ID.
        id: u32,
        /// Whose it is.
        owner: String,
    },
    /// The group ID is another group's.
    #[error("group ID {id} belongs to group {owner}")]
    Gid {
        /// The ID.
        id: u32,
        /// Whose it is.
        owner: String,
    },
}

/// Adds `accounts` to the files of an OS.
#[must_use]
pub fn merge(databases: &Databases, accounts: &[Account]) -> Merged {
    let mut merged = Merged { databases: databases.clone(), ..Merged::default() };
    for account in accounts {
        // Against what is there by now, which includes the accounts before.
        match conflict(&merged.databases, account) {
            Some(refusal) => merged.refused.push((account.name.clone(), refusal)),
            None => {
                merged.accounts.push(account.name.clone());
                merged.add(account);
            }
        }
    }
    merged
}

/// The lowest ID of people that no user, group or account has; `None` if all are taken.
#[must_use]
pub fn free_uid(databases: &Databases, accounts: &Accounts) -> Option<u32> {
    let files = [&databases.passwd, &databases.group];
    let lines = files.into_iter().flat_map(|file| file.lines());
    let in_files = lines.filter_map(|line| field(line, 2).parse::<u32>().ok());
    let taken: std::collections::BTreeSet<u32> =
        in_files.chain(accounts.accounts.iter().map(|account| account.uid)).collect();
    UIDS.into_iter().find(|id| !taken.contains(id))
}

fn field(line: &str, index: usize) -> &str {
    line.split(':').nth(index).unwrap_or_default()
}

fn conflict(databases: &Databases, account: &Account) -> Option<MergeRefusal> {
    let name = account.name.as_str();
    let is_ours = |id: &str| id.parse() == Ok(account.uid);
    for line in databases.passwd.lines() {
        let (owner, id) = (field(line, 0), field(line, 2));
        match (owner == name, is_ours(id)) {
            (true, false) => {
                let (found, expected) = (id.to_owned(), account.uid);
                return Some(MergeRefusal::Name { found, expected });
            }
            (false, true) => {
                return Some(MergeRefusal::Uid { id: account.uid, owner: owner.to_owned() });
            }
            _ => {}
        }
    }
    for line in databases.group.lines() {
        let (owner, id) = (field(line, 0), field(line, 2));
        match (owner == name, is_ours(id)) {
            (true, false) => {
                let (found, expected) = (id.to_owned(), account.uid);
                return Some(MergeRefusal::Group { found, expected });
            }
            (false, true) => {
                return Some(MergeRefusal::Gid { id: account.uid, owner: owner.to_owned() });
            }
            _ => {}
        }
    }
    None
}

impl Merged {
    fn add(&mut self, account: &Account) {
        let (name, id) = (account.name.as_str(), account.uid);
        let databases = &mut self.databases;
        add_line(&mut databases.group, name, &format!("{name}:x:{id}:"));
        add_line(&mut databases.gshadow, name, &format!("{name}:!::"));
        let person = &account.full_name;
        let user = format!("{name}:x:{id}:{id}:{person}:/home/{name}:{SHELL}");
        add_line(&mut databases.passwd, name, &user);
        set_password(&mut databases.shadow, account);
        for group in &account.groups {
            if databases.group.lines().any(|line| field(line, 0) == group.as_str()) {
                add_member(&mut databases.group, group, name);
                add_member(&mut databases.gshadow, group, name);
            } else {
                self.missing_groups.push((account.name.clone(), group.clone()));
            }
        }
    }
}

/// Adds a line, if there is none of this name.
fn add_line(file: &mut String, name: &str, line: &str) {
    if file.lines().any(|line| field(line, 0) == name) {
        return;
    }
    if !file.is_empty() && !file.ends_with('\n') {
        file.push('\n');
    }
    file.push_str(line);
    file.push('\n');
}

/// Replaces the line of `name`, if there is one.
fn change_line(file: &mut String, name: &str, change: impl Fn(&str) -> String) {
    let changed = file.split_inclusive('\n').map(|line| {
        let text = line.strip_suffix('\n').unwrap_or(line);
        if field(text, 0) != name {
            return line.to_owned();
        }
        let end = line.get(text.len()..).unwrap_or_default();
        format!("{}{end}", change(text))
    });
    *file = changed.collect();
}

/// The defaults of useradd(8): no password lets in, no age.
fn set_password(shadow: &mut String, account: &Account) {
    let name = account.name.as_str();
    let hash = account.password.as_ref().map_or("!", |hash| hash.as_str());
    let day = account.password_day.max(1).to_string();
    add_line(shadow, name, &format!("{name}:{hash}:{day}:0:99999:7:::"));
    change_line(shadow, name, |line| {
        let mut fields: Vec<&str> = line.split(':').collect();
        if fields.get(1) == Some(&hash) {
            return line.to_owned();
        }
        fields.resize(9, "");
        for (field, new) in fields.iter_mut().skip(1).zip([hash, &day]) {
            *field = new;
        }
        fields.join(":")
    });
}

/// The members are the last of four fields.
fn add_member(file: &mut String, group: &GroupName, name: &str) {
    change_line(file, group.as_str(), |line| {
        let members = field(line, 3);
        if line.split(':').count() != 4 || members.split(',').any(|member| member == name) {
            return line.to_owned();
        }
        let comma = if members.is_empty() { "" } else { "," };
        format!("{line}{comma}{name}")
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::sample;
    use super::*;

    fn os() -> Databases {
        Databases {
            passwd: "root:x:0:0:root:/root:/bin/bash\nincus:x:998:998::/:/usr/sbin/nologin\n"
                .into(),
            shadow: "root:*:20000:0:99999:7:::\nincus:!*:20000::::::\n".into(),
            group: "root:x:0:\nadm:x:4:syslog\nsudo:x:27:\nincus-admin:x:997:\n".into(),
            gshadow: "root:*::\nadm:*::syslog\nsudo:*::\nincus-admin:!::\n".into(),
        }
    }

    fn same(a: &Databases, b: &Databases) -> bool {
        a == b
    }

    #[test]
    fn an_account_is_added_to_all_files() {
        let merged = merge(&os(), &[sample("marie", 1000)]);
        let files = &merged.databases;
        let user = "marie:x:1000:1000:Marie C.:/home/marie:/bin/bash\n";
        assert_eq!(files.passwd, os().passwd + user);
        assert_eq!(files.shadow, os().shadow + "marie:$6$salt$hash:20000:0:99999:7:::\n");
        let group = "root:x:0:\nadm:x:4:syslog,marie\nsudo:x:27:marie\nincus-admin:x:997:marie\n";
        assert_eq!(files.group, format!("{group}marie:x:1000:\n"));
        let gshadow = "root:*::\nadm:*::syslog,marie\nsudo:*::marie\nincus-admin:!::marie\n";
        assert_eq!(files.gshadow, format!("{gshadow}marie:!::\n"));
        assert_eq!(merged.missing_groups.len(), 1);
        assert_eq!(merged.missing_groups[0].1.as_str(), "systemd-journal");
        assert!(same(&merge(files, &[sample("marie", 1000)]).databases, files));
    }

    #[test]
    fn a_new_password_replaces_the_old_one_and_nothing_else() {
        let mut account = sample("marie", 1000);
        let first = merge(&os(), std::slice::from_ref(&account)).databases;
        account.password = None;
        account.password_day = 20_100;
        let second = merge(&first, &[account]).databases;
        assert_eq!(second.shadow, os().shadow + "marie:!:20100:0:99999:7:::\n");
        assert_eq!((&second.passwd, &second.group), (&first.passwd, &first.group));
        // Changed by `passwd` and `chsh`: both stay.
        let mut other = first.clone();
        other.passwd = other.passwd.replace("/home/marie:/bin/bash", "/home/marie:/bin/sh");
        assert!(same(&merge(&other, &[sample("marie", 1000)]).databases, &other));
    }

    #[test]
    fn what_does_not_fit_the_os_is_refused_and_the_rest_is_there() {
        let mut new = os();
        new.passwd += "marie:x:995:995::/:/usr/sbin/nologin\nbuild:x:1001:1001::/:/bin/sh\n";
        new.group += "luc:x:1002:\nstaff:x:1003:\n";
        let accounts = [
            sample("marie", 1000),
            sample("paul", 1001),
            sample("luc", 1004),
            sample("eve", 1003),
            sample("anne", 1005),
        ];
        let merged = merge(&new, &accounts);
        let refused: Vec<_> =
            merged.refused.iter().map(|(name, why)| (name.as_str(), why)).collect();
        let [("marie", MergeRefusal::Name { .. }), ("paul", MergeRefusal::Uid { .. }), ..] =
            &refused[..]
        else {
            panic!("{refused:?}")
        };
        let [.., ("luc", MergeRefusal::Group { .. }), ("eve", MergeRefusal::Gid { .. })] =
            &refused[..]
        else {
            panic!("{refused:?}")
        };
        assert_eq!(merged.accounts, [accounts[4].name.clone()]);
        assert!(merged.databases.passwd.starts_with(&new.passwd));
        assert!(!merged.databases.shadow.contains("marie"));
    }

    #[test]
    fn the_first_free_id_is_free_everywhere() {
        let mut files = os();
        files.passwd += "a:x:1000:1000::/:/bin/sh\n";
        files.group += "b:x:1001:\n";
        let mut accounts = Accounts::default();
        accounts.put(sample("marie", 1002));
        assert_eq!(free_uid(&files, &accounts), Some(1003));
    }

    #[test]
    fn hashes_are_not_shown() {
        let merged = merge(&os(), &[sample("marie", 1000)]);
        assert!(!format!("{merged:?}").contains("$6$"));
    }

    proptest! {
        /// Whatever the files are: other lines stay, and twice is once.
        #[test]
        fn other_lines_stay(
            passwd in "([a-z]{0,3}(:[a-z0-9]{0,4}){0,7}\n?){0,5}",
            group in "([a-z]{0,3}(:[a-z0-9,]{0,4}){0,4}\n?){0,5}",
            shadow in "([a-z]{0,3}(:[a-z0-9]{0,4}){0,9}\n?){0,5}",
        ) {
            let files = Databases { passwd, group: group.clone(), shadow, gshadow: group };
            let once = merge(&files, &[sample("marie", 1000), sample("ab", 1001)]);
            let (passwd, shadow) = (&once.databases.passwd, &once.databases.shadow);
            for (old, new) in [(&files.passwd, passwd), (&files.shadow, shadow)] {
                let others = |text: &str| -> Vec<String> {
                    let own = |line: &&str| !["marie", "ab"].contains(&field(line, 0));
                    text.lines().filter(own).map(str::to_owned).collect()
                };
                prop_assert_eq!(others(old), others(new));
            }
            for (old, new) in files.group.lines().zip(once.databases.group.lines()) {
                prop_assert!(new.starts_with(old));
            }
            let twice = merge(&once.databases, &[sample("marie", 1000), sample("ab", 1001)]);
            prop_assert!(twice.databases == once.databases);
            prop_assert_eq!(twice.refused.len(), once.refused.len());
        }
    }
}
