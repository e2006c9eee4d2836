//! SSH keys that may ask for the passphrase of a locked data disk, and nothing else.
//!
//! Accounts are on the disk. Until it is open, whoever wants to open it over SSH logs in as root with a key that runs
//! one command. The list of these keys lies where others may be able to write: a key that somebody adds to it
//! gets as far as that command.

use std::path::Path;

use super::apply::AUTHORIZED_KEYS_FOLDER;
use crate::error::Error;
use crate::files;
use crate::keys::{AuthorizedKey, read_keys};

/// The list, from the root of the OS.
pub const UNLOCK_KEYS_FILE: &str = "etc/anklume/unlock-keys";

/// Keeps these keys; none removes the list.
///
/// # Errors
/// [`Error::File`].
pub fn keep_unlock_keys(root: &Path, keys: &[AuthorizedKey]) -> Result<(), Error> {
    let path = root.join(UNLOCK_KEYS_FILE);
    if keys.is_empty() {
        return files::remove(&path);
    }
    files::write_as(&path, &lines("", keys), 0o600)
}

/// Lets the keys of the list run `command`, an absolute path with arguments, as root over SSH; with none, no key
/// does. Gives their number.
///
/// # Errors
/// [`Error::File`].
pub fn apply_unlock_keys(root: &Path, command: Option<&str>) -> Result<usize, Error> {
    let path = root.join(AUTHORIZED_KEYS_FOLDER).join("root");
    let text = files::read(&root.join(UNLOCK_KEYS_FILE))?.unwrap_or_default();
    // Lines with options of their own are refused, so that there is no other command.
    let keys = read_keys(&text).keys;
    match command {
        Some(command) if !keys.is_empty() => {
            let options = format!("restrict,pty,command=\"{command}\" ");
            files::write_as(&path, &lines(&options, &keys), 0o644)?;
            Ok(keys.len())
        }
        _ => files::remove(&path).map(|()| 0),
    }
}

fn lines(options: &str, keys: &[AuthorizedKey]) -> String {
    keys.iter().map(|key| format!("{options}{key}\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    const COMMAND: Option<&str> = Some("/bin/open it");

    #[test]
    fn a_key_runs_the_command_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let keys = [AuthorizedKey::parse(&format!("{KEY} desk")).unwrap()];
        keep_unlock_keys(root, &keys).unwrap();
        assert_eq!(apply_unlock_keys(root, COMMAND).unwrap(), 1);
        let of_root = root.join("etc/ssh/authorized_keys.d/root");
        let line = format!("restrict,pty,command=\"/bin/open it\" {KEY} desk\n");
        assert_eq!(fs::read_to_string(&of_root).unwrap(), line);
        // No data disk any more; then the list is gone.
        assert_eq!(apply_unlock_keys(root, None).unwrap(), 0);
        assert!(!of_root.exists());
        keep_unlock_keys(root, &[]).unwrap();
        assert_eq!(apply_unlock_keys(root, COMMAND).unwrap(), 0);
        assert!(!of_root.exists() && !root.join(UNLOCK_KEYS_FILE).exists());
    }

    #[test]
    fn a_forged_list_gives_no_other_command() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("etc/anklume")).unwrap();
        let forged = format!(
            "command=\"/bin/sh\" {KEY}\nno-touch-required {KEY}\n{KEY} x\\\",command=\"/bin/sh\nroot\n"
        );
        fs::write(root.join(UNLOCK_KEYS_FILE), forged).unwrap();
        assert_eq!(apply_unlock_keys(root, COMMAND).unwrap(), 1);
        let text = fs::read_to_string(root.join("etc/ssh/authorized_keys.d/root")).unwrap();
        assert!(text.starts_with("restrict,pty,command=\"/bin/open it\" ssh-ed25519 "), "{text}");
        assert_eq!(text.lines().count(), 1);
    }
}
