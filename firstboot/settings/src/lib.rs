//! Host name, keyboard, time zone, network and accounts, by the services of the system.
//!
//! # What is wanted
//! [`Settings`] is data: it comes from a file of answers or from a person, and every part of it is valid
//! by its type; [`Settings::check`] says what does not fit together. Errors name the field, in English and
//! French. Secrets ([`Secret`]) are not in `Debug` output, and are not written when settings are.
//!
//! # How it is set
//! [`apply_machine`] asks `hostname1`, `locale1` and `timedate1` of systemd; where there is no such
//! service, it writes the file that the service would have written, which counts from the next start on.
//! [`NetworkManager`] keeps one connection for each [`Network`], found again by its name, so that applying
//! the same settings twice changes nothing. No call asks a person for a password: the caller is root.
//!
//! # Accounts
//! `/etc` is forgotten at the end, and `passwd`, `shadow`, `group` and `gshadow` cannot be kept: a new version of
//! the OS brings system accounts of its own in them, and old files would take these away. So accounts of people
//! are in one small file, wherever the caller keeps it; [`apply_accounts`] adds them to the files of the OS. It
//! never changes the line of a system account; what does not fit the new version is refused and said, the other
//! accounts are there all the same. `passwd` changes the copy in RAM only: [`keep_passwords`] takes it over into
//! the file. Whoever can write that file can make himself root, so that it has to lie where nobody else writes: on
//! the data disk, or in RAM. Outside are only the keys of [`UNLOCK_KEYS_FILE`], which run one command.
//!
//! Records in `/etc/userdb` would do without all this, but need `libnss-systemd` and a second way
//! through PAM, and the tools of Debian do not show such users in their groups.
//!
//! Homes are `/var/home/NAME`, made from `/etc/skel` where there is none, and as forgotten as the rest of
//! `/var`. A data pool that is to keep them is mounted over `/var/home` (not over single homes, so that a
//! home is never made beside the mount) before [`apply_accounts`] runs again; an existing home is left as
//! it is. Keys are in [`AUTHORIZED_KEYS_FOLDER`], not in the home, so that whoever has a key gets in when
//! the pool is closed; `sshd_config` has to name that folder:
//! `AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/authorized_keys.d/%u`.
#![forbid(unsafe_code)]

mod accounts;
mod bus;
mod error;
mod fault;
mod files;
mod keys;
mod machine;
mod names;
mod network;
mod nm;
mod secret;
mod settings;
mod sources;

pub use accounts::apply::{
    AUTHORIZED_KEYS_FOLDER, AccountsReport, apply_accounts, keep_passwords, move_accounts,
    read_accounts, set_admin,
};
pub use accounts::merge::{Databases, MergeRefusal, Merged, free_uid, merge};
pub use accounts::password::{PasswordHash, hash_password};
pub use accounts::record::{ADMIN_GROUPS, Account, Accounts};
pub use accounts::unlock::{UNLOCK_KEYS_FILE, apply_unlock_keys, keep_unlock_keys};
pub use bus::Services;
pub use error::{Error, Reason};
pub use fault::{Fault, FieldError};
pub use keys::{AuthorizedKey, KeyError, KeyFault, KeyList, parse_keys, read_keys};
pub use machine::{Done, apply_machine};
pub use names::{
    DomainName, GroupName, HostName, KeyboardName, Keymap, Locale, PrettyName, Timezone, UserName,
};
pub use network::{
    Addressing, Cidr, Interface, Mac, Network, Ssid, StaticAddresses, VlanId, Wifi, WifiSecurity,
};
pub use nm::{AccessPoint, Change, Connected, Device, DeviceKind, NetworkManager, Security};
pub use secret::Secret;
pub use settings::{Admin, Keyboard, Settings, X11Keyboard};
pub use sources::{SourceError, keys_from_folder, keys_from_url, text_from_url};
