//! Files of settings, and files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown, symlink};
use std::path::Path;

use anklume_host::file::OutputFile;
use nix::fcntl::OFlag;

use crate::error::Error;

/// Most bytes of a file that is read.
const MOST_BYTES: u64 = 4 << 20;

pub(crate) fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |cause| Error::File { path, cause }
}

/// A regular file of text; `None` if there is none.
pub(crate) fn read(path: &Path) -> Result<Option<String>, Error> {
    read_text(path).map_err(failed(path))
}

fn read_text(path: &Path) -> io::Result<Option<String>> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = match File::options().read(true).custom_flags(flags.bits()).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > MOST_BYTES {
        return Err(io::Error::other(format!("no regular file of at most {MOST_BYTES} bytes")));
    }
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Replaces a file. If there is one, the new one gets its owner, group and mode; otherwise `mode`.
pub(crate) fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    replace(path, text, mode, true).map_err(failed(path))
}

/// Replaces a file; the new one has `mode` and is this process's, whatever was there.
pub(crate) fn write_as(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    replace(path, text, mode, false).map_err(failed(path))
}

fn replace(path: &Path, text: &str, mode: u32, keep: bool) -> io::Result<()> {
    let old = path.symlink_metadata().ok().filter(|old| keep && old.is_file());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let output = OutputFile::create_replacing(path)?;
    // Closed to others before anything is in it.
    output.file().set_permissions(fs::Permissions::from_mode(0o600))?;
    if let Some(old) = &old {
        let new = output.file().metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            fchown(output.file(), Some(old.uid()), Some(old.gid()))?;
        }
    }
    let mode = old.map_or(mode, |old| old.mode() & 0o7777);
    output.file().set_permissions(fs::Permissions::from_mode(mode))?;
    output.file().write_all(text.as_bytes())?;
    output.finish()
}

/// Makes `path` a symbolic link to `target`, whatever it was.
pub(crate) fn link(path: &Path, target: &Path) -> Result<(), Error> {
    let made = || {
        let new = path.with_extension("new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => symlink(target, &new)?,
        }
        fs::rename(&new, path)
    };
    made().map_err(failed(path))
}

/// Removes a file, if there is one.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path)(error)),
        _ => Ok(()),
    }
}

/// `text`, a file of `NAME=VALUE` lines, with these variables: set, or removed where the value is `None`.
/// Other lines and comments stay as they are.
pub(crate) fn set_variables(text: &str, variables: &[(&str, Option<&str>)]) -> String {
    let is_changed = |line: &&str| {
        let name = line.trim_start().split('=').next().unwrap_or_default().trim_end();
        variables.iter().any(|(variable, _)| *variable == name)
    };
    let mut new: Vec<String> = text.lines().filter(|l| !is_changed(l)).map(str::to_owned).collect();
    for (name, value) in variables {
        let Some(value) = value else { continue };
        new.push(format!("{name}={}", quoted(value)));
    }
    new.iter().map(|line| format!("{line}\n")).collect()
}

/// The last value of a variable in such a text, without quotes; `None` if it is not set.
pub(crate) fn variable(text: &str, name: &str) -> Option<String> {
    let value = text.lines().rev().find_map(|line| {
        let (variable, value) = line.split_once('=')?;
        (variable.trim() == name).then_some(value.trim())
    })?;
    let inside = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    let mut plain = String::new();
    let mut characters = inside('"').unwrap_or_else(|| inside('\'').unwrap_or(value)).chars();
    while let Some(c) = characters.next() {
        let escaped = if c == '\\' { characters.next() } else { None };
        plain.push(escaped.unwrap_or(c));
    }
    Some(plain)
}

/// As os-release(5) has it: shell's double quotes where they are needed.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || ",:_+-./@".contains(c);
    if value.chars().all(plain) {
        return value.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_set_and_the_rest_stays() {
        let old = "# mine\nKEYMAP=us\nFONT=x\n XKBLAYOUT = \"us\"\nBROKEN";
        let new = set_variables(old, &[("KEYMAP", Some("fr")), ("XKBLAYOUT", None)]);
        assert_eq!(new, "# mine\nFONT=x\nBROKEN\nKEYMAP=fr\n");
        // Twice is once.
        assert_eq!(set_variables(&new, &[("KEYMAP", Some("fr")), ("XKBLAYOUT", None)]), new);
        let pretty = set_variables("", &[("PRETTY_HOSTNAME", Some("Ma \"$boîte\" `\\"))]);
        assert_eq!(variable(&pretty, "PRETTY_HOSTNAME").as_deref(), Some("Ma \"$boîte\" `\\"));
        assert_eq!(variable(old, "XKBLAYOUT").as_deref(), Some("us"));
        assert_eq!(variable("A=1\nA='b c'\n", "A").as_deref(), Some("b c"));
        assert_eq!(variable("A=\n", "A").as_deref(), Some(""));
        assert_eq!(variable(old, "BROKEN"), None);
        assert_eq!(pretty, "PRETTY_HOSTNAME=\"Ma \\\"\\$boîte\\\" \\`\\\\\"\n");
    }

    #[test]
    fn a_file_keeps_its_mode_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/shadow");
        write(&path, "one\n", 0o640).unwrap();
        let mode = |path: &Path| fs::symlink_metadata(path).unwrap().mode() & 0o7777;
        assert_eq!(mode(&path), 0o640);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        write(&path, "two\n", 0o640).unwrap();
        assert_eq!((mode(&path), read(&path).unwrap().as_deref()), (0o600, Some("two\n")));
        write_as(&path, "three\n", 0o440).unwrap();
        assert_eq!(mode(&path), 0o440);
        let at = folder.path().join("link");
        link(&at, &path).unwrap();
        link(&at, &path).unwrap();
        assert_eq!(fs::read_link(&at).unwrap(), path);
        assert!(read(&at).is_err());
        assert!(read(&folder.path().join("none")).unwrap().is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        remove(&at).unwrap();
        remove(&at).unwrap();
    }
}
