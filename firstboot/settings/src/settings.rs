//! What is wanted of the machine.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::accounts::password::PasswordHash;
use crate::fault::{Fault, FieldError, rule};
use crate::keys::AuthorizedKey;
use crate::names::{
    HostName, KeyboardName, Keymap, Locale, PrettyName, Timezone, UserName, printable,
};
use crate::network::Network;
use crate::secret::Secret;

/// Settings of a machine. What is absent is left as it is.
///
/// Written out, it has no secrets; [`Settings::secrets`] names those that are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Name of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<HostName>,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pretty_name: Option<PrettyName>,
    /// Value of `LANG`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    /// Time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Timezone>,
    /// Whether the clock is set by the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ntp: Option<bool>,
    /// Keyboard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyboard: Option<Keyboard>,
    /// Who administers the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<Admin>,
    /// Networks. Empty: NetworkManager's own way, DHCP on every cable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
}

/// A keyboard. Where only one half is given, `locale1` finds the other.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keyboard {
    /// Keymap of the console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keymap: Option<Keymap>,
    /// Layout of X11, from which Debian makes that of its consoles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x11: Option<X11Keyboard>,
}

/// A keyboard as X11 names it; xkeyboard-config(7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct X11Keyboard {
    /// Layout, such as `fr`.
    pub layout: KeyboardName,
    /// Model, such as `pc105`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<KeyboardName>,
    /// Variant, such as `oss`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<KeyboardName>,
    /// Options, such as `compose:rctrl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<KeyboardName>,
}

/// Who administers the machine: a password, SSH keys, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Admin {
    /// Name of the account.
    pub name: UserName,
    /// Name of the person.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub full_name: String,
    /// Password.
    #[serde(default, skip_serializing)]
    pub password: Option<Secret>,
    /// Password as crypt(5) has it, for files of answers that should not hold the password.
    #[serde(default, skip_serializing)]
    pub password_hash: Option<PasswordHash>,
    /// SSH keys, as lines of `authorized_keys`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ssh_keys: Vec<AuthorizedKey>,
    /// Without a password only: whether sudo asks for none. Otherwise the admin cannot use sudo.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sudo_without_password: bool,
    /// Whether the SSH keys may ask for the passphrase of the locked data disk, before the account is there. They
    /// are then kept outside of the disk.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlock_over_ssh: bool,
}

/// Most bytes of a password: more is cut by some tools, and a line of `chpasswd` or PAM has an end.
const MOST_PASSWORD_BYTES: usize = 512;

impl Settings {
    /// Everything that does not fit together; empty if the settings can be applied.
    #[must_use]
    pub fn check(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if self.keyboard.as_ref().is_some_and(|k| k.keymap.is_none() && k.x11.is_none()) {
            errors.push(Fault::Missing.of("keyboard.keymap"));
        }
        if let Some(admin) = &self.admin {
            errors.extend(admin.check().into_iter().map(|error| error.within("admin")));
        }
        errors.extend(check_networks(&self.networks));
        errors
    }

    /// Names of the fields with secrets, which are not written out.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let mut names = Vec::new();
        if let Some(admin) = &self.admin {
            let given = admin.password.as_ref().map(|_| "admin.password");
            let hash = admin.password_hash.as_ref().map(|_| "admin.password-hash");
            names.extend(given.into_iter().chain(hash).map(str::to_owned));
        }
        for (index, network) in self.networks.iter().enumerate() {
            if network.wifi.as_ref().is_some_and(|wifi| wifi.passphrase.is_some()) {
                names.push(format!("networks[{index}].wifi.passphrase"));
            }
        }
        names
    }

    /// Gives each secret that is in them, hashed passwords too, for who has to keep them out of something.
    pub fn each_secret(&self, give: &mut dyn FnMut(&str)) {
        if let Some(admin) = &self.admin {
            admin.password.iter().for_each(|password| give(password.expose()));
            admin.password_hash.iter().for_each(|hash| give(hash.as_str()));
        }
        let wifis = self.networks.iter().filter_map(|network| network.wifi.as_ref());
        wifis.filter_map(|wifi| wifi.passphrase.as_ref()).for_each(|secret| give(secret.expose()));
    }

    /// Puts in a secret that is kept elsewhere, at a field as [`Settings::secrets`] names it. `false` if there is
    /// no such field in these settings.
    ///
    /// # Errors
    /// A hashed password that is none.
    pub fn set_secret(&mut self, field: &str, secret: Secret) -> Result<bool, FieldError> {
        if let Some(index) = network_of(field) {
            let wifi = self.networks.get_mut(index).and_then(|network| network.wifi.as_mut());
            let Some(wifi) = wifi else { return Ok(false) };
            wifi.passphrase = Some(secret);
            return Ok(true);
        }
        let Some(admin) = self.admin.as_mut() else { return Ok(false) };
        match field {
            "admin.password" => admin.password = Some(secret),
            "admin.password-hash" => {
                let hash = PasswordHash::parse(secret.expose());
                admin.password_hash = Some(hash.map_err(|error| error.within("admin"))?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Where `networks[N].wifi.passphrase` leads to.
fn network_of(field: &str) -> Option<usize> {
    field.strip_prefix("networks[")?.strip_suffix("].wifi.passphrase")?.parse().ok()
}

/// What is wrong with a list of networks.
pub(crate) fn check_networks(networks: &[Network]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let (mut ids, mut vlans) = (BTreeSet::new(), BTreeSet::new());
    for (index, network) in networks.iter().enumerate() {
        let field = format!("networks[{index}]");
        errors.extend(network.check().into_iter().map(|error| error.within(&field)));
        // Its interface is named by the number alone.
        if network.vlan.is_some_and(|vlan| !vlans.insert(vlan.number())) {
            let fault = rule("an earlier VLAN has this number", "un VLAN précédent a ce numéro");
            errors.push(fault.of(format!("{field}.vlan")));
        }
        if !ids.insert(network.id()) {
            let fault = rule(
                "an earlier entry is for the same interface, Wi-Fi or VLAN",
                "une entrée précédente concerne la même interface, le même Wi-Fi ou VLAN",
            );
            errors.push(fault.of(field));
        }
    }
    errors
}

impl Admin {
    /// Everything that does not fit together.
    #[must_use]
    pub fn check(&self) -> Vec<FieldError> {
        let has_password = self.password.is_some() || self.password_hash.is_some();
        let mut errors = Vec::new();
        let mut wrong = |field: &str, fault: Fault| errors.push(fault.of(field));
        if let Some(fault) = full_name(&self.full_name) {
            wrong("full-name", fault);
        }
        if let Some(password) = &self.password {
            if let Err(fault) = password_text(password.expose()) {
                wrong("password", fault);
            }
            if self.password_hash.is_some() {
                wrong(
                    "password-hash",
                    rule(
                        "there is a password as well: one of the two",
                        "il y a aussi un mot de passe : l'un des deux",
                    ),
                );
            }
        }
        if !has_password && self.ssh_keys.is_empty() {
            wrong(
                "password",
                rule(
                    "a password or an SSH key is needed: otherwise nobody can log in",
                    "il faut un mot de passe ou une clé SSH : sinon personne ne peut se connecter",
                ),
            );
        }
        if self.unlock_over_ssh && self.ssh_keys.is_empty() {
            wrong("unlock-over-ssh", rule("it needs an SSH key", "il faut une clé SSH"));
        }
        if has_password && self.sudo_without_password {
            wrong(
                "sudo-without-password",
                rule(
                    "there is a password, and sudo asks for it",
                    "il y a un mot de passe, et sudo le demande",
                ),
            );
        }
        errors
    }
}

/// The field of passwd(5) ends at a colon, and finger(1) cuts it at commas.
fn full_name(text: &str) -> Option<Fault> {
    if text.is_empty() {
        return None;
    }
    let odd = text.chars().find(|c| matches!(c, ':' | ','));
    odd.map(Fault::Character).or_else(|| printable(text, 128).err())
}

fn password_text(text: &str) -> Result<(), Fault> {
    match text.chars().find(|c| c.is_control()) {
        // It could not be typed at a login prompt.
        Some(odd) => Err(Fault::Character(odd)),
        None => crate::names::sized(text, MOST_PASSWORD_BYTES),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    fn settings(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    /// Fields with errors.
    fn wrong(text: &str) -> Vec<String> {
        settings(text).check().into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn an_admin_can_get_in() {
        let admin = |rest: &str| wrong(&format!("[admin]\nname = \"marie\"\n{rest}"));
        let key = format!("ssh-keys = [\"{KEY} desk\"]\n");
        assert_eq!(admin("password = \"x\""), [""; 0]);
        assert_eq!(admin("password-hash = \"$6$a$b\""), [""; 0]);
        assert_eq!(admin(&key), [""; 0]);
        assert_eq!(admin(&format!("{key}sudo-without-password = true")), [""; 0]);
        assert_eq!(admin(""), ["admin.password"]);
        assert_eq!(admin("password = \"\""), ["admin.password"]);
        assert_eq!(admin("password = \"a\\nb\""), ["admin.password"]);
        let both = "password = \"x\"\npassword-hash = \"$6$a$b\"";
        assert_eq!(admin(both), ["admin.password-hash"]);
        let sudo = "password = \"x\"\nsudo-without-password = true";
        assert_eq!(admin(sudo), ["admin.sudo-without-password"]);
        assert_eq!(admin("password = \"x\"\nfull-name = \"a:b\""), ["admin.full-name"]);
        assert_eq!(admin(&format!("{key}unlock-over-ssh = true")), [""; 0]);
        let unlock = "password = \"x\"\nunlock-over-ssh = true";
        assert_eq!(admin(unlock), ["admin.unlock-over-ssh"]);
        assert_eq!(wrong("[keyboard]"), ["keyboard.keymap"]);
    }

    #[test]
    fn the_same_network_twice_is_named() {
        let two =
            "[[networks]]\ninterface = \"eth0\"\n[[networks]]\ninterface = \"eth0\"\nvlan = 7\n";
        assert_eq!(wrong(two), [""; 0]);
        let again = format!("{two}[[networks]]\ninterface = \"eth0\"\nipv6 = \"off\"\n");
        assert_eq!(wrong(&again), ["networks[2]"]);
        let vlan = format!("{two}[[networks]]\ninterface = \"eth1\"\nvlan = 7\n");
        assert_eq!(wrong(&vlan), ["networks[2].vlan"]);
        let wifi = "[[networks]]\n[[networks]]\n[networks.wifi]\nssid = \"a\"\n";
        assert_eq!(wrong(wifi), ["networks[1].wifi.passphrase"]);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for text in ["color = 1", "[admin]\nname = \"a\"\nshell = \"x\"", "hostname = \"a_b\""] {
            assert!(toml::from_str::<Settings>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_are_neither_shown_nor_written_but_named() {
        let text = "hostname = \"a\"\n[admin]\nname = \"marie\"\npassword = \"geheim-1\"\n\
                    [[networks]]\n[networks.wifi]\nssid = \"b\"\npassphrase = \"geheim-2\"\n";
        let settings = settings(text);
        let hashed = PasswordHash::parse("$6$a$geheim-3").unwrap();
        let shown = format!("{settings:?} {hashed:?} {:?}", settings.check());
        assert!(!shown.contains("geheim"), "{shown}");
        let written = toml::to_string(&settings).unwrap();
        assert!(!written.contains("geheim"), "{written}");
        assert_eq!(settings.secrets(), ["admin.password", "networks[0].wifi.passphrase"]);
        let mut given = Vec::new();
        settings.each_secret(&mut |secret| given.push(secret.to_owned()));
        assert_eq!(given, ["geheim-1", "geheim-2"]);
        let again: Settings = toml::from_str(&written).unwrap();
        let missing: Vec<_> = again.check().into_iter().map(|error| error.field).collect();
        assert_eq!(missing, ["admin.password", "networks[0].wifi.passphrase"]);
    }

    #[test]
    fn secrets_are_put_in_where_they_are_named() {
        let text = "[admin]\nname = \"marie\"\n[[networks]]\n[networks.wifi]\nssid = \"b\"\n";
        let mut settings = settings(text);
        let secret = || Secret::new("geheim-12".to_owned());
        for (field, fits) in [
            ("admin.password", true),
            ("networks[0].wifi.passphrase", true),
            ("networks[1].wifi.passphrase", false),
            ("networks[0].ipv4", false),
            ("admin.name", false),
            ("", false),
        ] {
            assert_eq!(settings.set_secret(field, secret()), Ok(fits), "{field}");
        }
        assert_eq!(settings.check(), []);
        assert_eq!(settings.secrets(), ["admin.password", "networks[0].wifi.passphrase"]);
        assert!(settings.set_secret("admin.password-hash", secret()).is_err());
    }

    #[test]
    fn without_secrets_it_is_read_as_it_was_written() {
        let text = format!(
            "hostname = \"a\"\npretty-name = \"A b\"\nlocale = \"fr_FR.UTF-8\"\n\
             timezone = \"Europe/Paris\"\nntp = true\n[keyboard]\nkeymap = \"fr\"\n\
             x11 = {{ layout = \"fr\", variant = \"oss\" }}\n[admin]\nname = \"marie\"\n\
             ssh-keys = [\"{KEY} desk\"]\nsudo-without-password = true\n[[networks]]\n\
             interface = \"52:54:00:12:34:56\"\n[networks.ipv4.static]\n\
             addresses = [\"192.0.2.10/24\"]\ngateway = \"192.0.2.1\"\n"
        );
        let once = settings(&text);
        assert_eq!(once.check(), []);
        assert_eq!(settings(&toml::to_string(&once).unwrap()), once);
    }
}
