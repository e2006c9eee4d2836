//! Names: of hosts, users, keyboards, time zones. Each type holds only what its service takes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, FieldError, rule};

/// A text with a rule.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $field:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes `text` if it is one.
            ///
            /// # Errors
            /// What is wrong with it.
            pub fn parse(text: &str) -> Result<Self, FieldError> {
                let check: fn(&str) -> Result<(), Fault> = $check;
                check(text).map_err(|fault| fault.of($field))?;
                Ok(Self(text.to_owned()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = FieldError;
            fn try_from(text: String) -> Result<Self, FieldError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}
pub(crate) use name;

name!(
    /// The name of a machine: labels of letters, digits and hyphens with dots between (RFC 1123 section
    /// 2.1), at most 64 bytes as Linux has it (`HOST_NAME_MAX`).
    HostName, "hostname", host_name
);
name!(
    /// A domain to search names in, as [`HostName`] but longer.
    DomainName, "search", domain_name
);
name!(
    /// A name of a machine for people; `PRETTY_HOSTNAME` of machine-info(5).
    PrettyName, "pretty-name", |text| printable(text, 64)
);
name!(
    /// A keymap of the console, such as `fr-latin9`; vconsole.conf(5).
    Keymap, "keyboard.keymap", |text| plain(text, 64, "-_.()")
);
name!(
    /// A layout, model, variant or list of options of X11, such as `fr` or `fr,us`.
    KeyboardName, "keyboard.x11", |text| plain(text, 128, "-_.,:()+")
);
name!(
    /// A locale, such as `fr_FR.UTF-8`; the value of `LANG`.
    Locale, "locale", locale
);
name!(
    /// A time zone of the IANA database, such as `Europe/Paris`.
    Timezone, "timezone", timezone
);
name!(
    /// The name of a person's account: a lower-case letter or `_`, then those, digits and hyphens, at most
    /// 32 bytes, as useradd(8) recommends and every tool takes. None that Debian or the OS gives away.
    UserName, "admin.name", user_name
);
name!(
    /// The name of a group, of the same form as that of a user.
    GroupName, "group", account_name
);

impl UserName {
    /// A name of the right form, whoever else has it: an account that was made when nobody had.
    pub(crate) fn of_form(text: String) -> Result<Self, Fault> {
        account_name(&text).map(|()| Self(text))
    }
}

/// The locale of every system.
impl Default for Locale {
    fn default() -> Self {
        Self("C.UTF-8".to_owned())
    }
}

/// Whether there is something, and not too much.
pub(crate) fn sized(text: &str, most: usize) -> Result<(), Fault> {
    match text.len() {
        0 => Err(Fault::Empty),
        found if found > most => Err(Fault::Long { found, most }),
        _ => Ok(()),
    }
}

/// Text without control characters.
pub(crate) fn printable(text: &str, most: usize) -> Result<(), Fault> {
    sized(text, most)?;
    match text.chars().find(|c| c.is_control()) {
        Some(odd) => Err(Fault::Character(odd)),
        None if text.trim().is_empty() => Err(Fault::Empty),
        None => Ok(()),
    }
}

/// Letters, digits and `others`, no option of a program.
fn plain(text: &str, most: usize, others: &str) -> Result<(), Fault> {
    sized(text, most)?;
    if let Some(odd) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !others.contains(*c)) {
        return Err(Fault::Character(odd));
    }
    if text.starts_with(['-', '.']) {
        return Err(rule(
            "it has to start with a letter or digit",
            "il faut commencer par une lettre ou un chiffre",
        ));
    }
    Ok(())
}

fn labels(text: &str, most: usize) -> Result<(), Fault> {
    sized(text, most)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if let Some(odd) = text.chars().find(|c| !fits(*c)) {
        return Err(Fault::Character(odd));
    }
    for label in text.split('.') {
        let edge = label.starts_with('-') || label.ends_with('-');
        if label.is_empty() || label.len() > 63 || edge {
            return Err(rule(
                "between dots there have to be 1 to 63 characters, no hyphen first or last",
                "entre les points il faut 1 à 63 caractères, sans tiret au début ni à la fin",
            ));
        }
    }
    Ok(())
}

fn host_name(text: &str) -> Result<(), Fault> {
    labels(text, 64)?;
    // RFC 1123 section 2.1: the last label has a letter, else it could be an address.
    if text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
        return Err(rule(
            "it would look like a number or an address",
            "on le prendrait pour un nombre ou une adresse",
        ));
    }
    if text.eq_ignore_ascii_case("localhost") || text.to_ascii_lowercase().starts_with("localhost.")
    {
        return Err(rule(
            "localhost is what every machine calls itself",
            "localhost est le nom que chaque machine se donne",
        ));
    }
    Ok(())
}

fn domain_name(text: &str) -> Result<(), Fault> {
    labels(text, 253)
}

fn locale(text: &str) -> Result<(), Fault> {
    plain(text, 64, "_.@-")?;
    let language = text.split(['_', '.', '@']).next().unwrap_or_default();
    let is_code =
        matches!(language.len(), 2 | 3) && language.bytes().all(|b| b.is_ascii_lowercase());
    if is_code || language == "C" || language == "POSIX" {
        return Ok(());
    }
    Err(rule("expected a locale such as fr_FR.UTF-8", "attendu : une locale comme fr_FR.UTF-8"))
}

fn timezone(text: &str) -> Result<(), Fault> {
    plain(text, 64, "/_+-")?;
    // Each part is a name in a folder of the database.
    let part = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic());
    if text.split('/').all(part) && text.split('/').count() <= 3 {
        return Ok(());
    }
    Err(rule(
        "expected a time zone such as Europe/Paris",
        "attendu : un fuseau horaire comme Europe/Paris",
    ))
}

fn account_name(text: &str) -> Result<(), Fault> {
    sized(text, 32)?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if let Some(odd) = text.chars().find(|c| !fits(*c)) {
        return Err(Fault::Character(odd));
    }
    if text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
        return Ok(());
    }
    Err(rule(
        "it has to start with a lower-case letter",
        "il faut commencer par une lettre minuscule",
    ))
}

/// Users and groups of Debian's `base-passwd`, and those that the packages of the OS make; a user of such
/// a name would get the rights of the group.
const RESERVED: &str = "\
    adm anklume audio backup bin cdrom clock crontab daemon dialout dip disk dnsmasq \
    fax floppy games halt incus incus-admin input irc kmem kvm list lp mail man \
    messagebus netdev news nobody nogroup operator plugdev polkitd proxy render root \
    sasl sgx shadow shutdown src sshd staff sudo sync sys tape tss tty users utmp uucp \
    video voice wheel www-data";

fn user_name(text: &str) -> Result<(), Fault> {
    account_name(text)?;
    if RESERVED.split(' ').any(|name| name == text) || text.starts_with("systemd-") {
        return Err(rule(
            "the system itself has a user or group of this name",
            "le système a déjà un utilisateur ou un groupe de ce nom",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes<T, E>(parse: fn(&str) -> Result<T, E>, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(parse(text).is_ok(), "{text:?}");
        }
        for text in bad {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn hosts() {
        let long = ["a".repeat(64), format!("{}.a", "a".repeat(62)), "a.".repeat(33)];
        takes(
            HostName::parse,
            &["a", "3com", "Host-1.example", "xn--caf-dma", &long[1]],
            &[
                "",
                "-a",
                "a-",
                "a..b",
                ".a",
                "a.",
                "a b",
                "é",
                "a_b",
                "10.0.0.1",
                "7",
                "localhost",
                "LOCALHOST",
                "localhost.localdomain",
                "a\n",
                &long[0],
                &long[2],
            ],
        );
        takes(
            PrettyName::parse,
            &["Marie's host é"],
            &["", " ", "a\nb", "\u{1b}[0m", &"a".repeat(65)],
        );
    }

    #[test]
    fn keyboards_locales_and_zones() {
        takes(
            Keymap::parse,
            &["fr", "fr-latin9", "fr_CH-latin1"],
            &["", "-h", "../fr", "a b", "é"],
        );
        takes(KeyboardName::parse, &["fr,us", "compose:rctrl", "pc105"], &["", "$(id)", "a\"b"]);
        takes(
            Locale::parse,
            &["C", "C.UTF-8", "fr_FR.UTF-8", "ca_ES.UTF-8@valencia"],
            &["", "french", "fr FR", "/etc", "FR", "fr;id"],
        );
        takes(
            Timezone::parse,
            &["UTC", "Etc/GMT+5", "Europe/Paris", "America/Port-au-Prince", "America/Indiana/Knox"],
            &[
                "",
                "/etc/passwd",
                "../x",
                "Europe/../x",
                "Europe/",
                "Europe//Paris",
                "a b",
                "a/b/c/d",
            ],
        );
    }

    #[test]
    fn users() {
        takes(
            UserName::parse,
            &["marie", "_x", "a-1", &"a".repeat(32)],
            &[
                "",
                "1a",
                "-a",
                "Marie",
                "a.b",
                "a:b",
                "a$",
                "root",
                "sudo",
                "systemd-x",
                &"a".repeat(33),
            ],
        );
        // Sorted, so that one sees whether a name is there.
        assert!(RESERVED.split(' ').is_sorted());
    }

    #[test]
    fn errors_name_the_field_in_both_languages() {
        use anklume_language::Language;
        let error = HostName::parse("a_b").unwrap_err();
        assert_eq!(error.to_string(), "hostname: the character '_' cannot be there");
        let french = "hostname : le caractère '_' n'est pas permis";
        assert_eq!(error.text(Language::French), french);
    }
}
