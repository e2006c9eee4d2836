//! Options that can be refused before anything is done.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anklume_host::file::{PARTIAL_NAME_BYTES, is_writable_folder};

use crate::failure::Failure;

/// Longest name of a file on the file systems of Linux, in bytes.
const MAX_NAME_BYTES: usize = 255;
/// The longest extension of what lies beside an image.
const LONGEST_EXTENSION: &str = "manifest.json";
/// How a page about a build begins.
const PAGE_BEGINNING: &[u8; 15] = b"<!DOCTYPE html>";

/// Debian policy section 5.6.7: at least two characters of `a-z0-9+-.`, the first alphanumeric. To apt
/// a hyphen at the end means to remove the package.
pub(super) fn check_package(name: &str) -> Result<(), Failure> {
    let first = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let rest =
        name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c));
    if name.len() < 2 || !first || !rest || name.ends_with('-') {
        return Err(Failure::refused(format!("`{name}` is not the name of a package")).hint(
            "--package takes one name of lower-case letters, digits, `+`, `-` and `.`, not `-` last",
        ));
    }
    Ok(())
}

/// The version stands in file names, os-release and the boot menu.
pub(super) fn check_version(version: &str) -> Result<(), Failure> {
    if !anklume_release::names::is_version(version) {
        return Err(Failure::refused(format!("`{version}` is not a version"))
            .hint("--image-version takes up to 32 lower-case letters, digits, `.`, `_`, `~`, `^`, `+` and `-`"));
    }
    Ok(())
}

/// A mirror becomes a word of a line of sources.list.
pub(super) fn check_mirror(url: &str) -> Result<(), Failure> {
    let bare = !url.chars().any(|c| c.is_whitespace() || c.is_control() || c == '#');
    let scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    // Only a folder of this machine has no host; apt takes it with one slash, too.
    let folder = ["file:/", "copy:/"].iter().any(|start| {
        url.strip_prefix(start).is_some_and(|path| !path.trim_start_matches('/').is_empty())
    });
    let good = folder
        || url
            .split_once("://")
            .is_some_and(|(name, rest)| scheme(name) && !rest.is_empty() && !rest.starts_with('/'));
    if bare && good {
        return Ok(());
    }
    Err(Failure::refused(format!("`{url}` is not the address of a mirror"))
        .hint("--mirror takes an address without spaces, such as http://mirror.example/debian"))
}

/// Refuses the folders of a running system as an overlay: their content is this machine's, and part
/// of it never ends.
pub(super) fn check_overlay(overlay: &Path) -> Result<(), Failure> {
    let shown = overlay.display();
    if !overlay.is_dir() {
        return Err(Failure::refused(format!("the overlay {shown} is not a folder"))
            .hint("an overlay is a folder whose content is copied over the root tree"));
    }
    let real = overlay.canonicalize().unwrap_or_else(|_| overlay.to_owned());
    let kernels = ["/proc", "/sys"].iter().any(|folder| real.starts_with(folder));
    if kernels || real == Path::new("/") || real == Path::new("/dev") {
        return Err(Failure::refused(format!(
            "the overlay {shown} is a part of this running machine"
        ))
        .hint("copy what the image needs into a folder of its own"));
    }
    Ok(())
}

/// The folder that a file of this path is made in.
pub(super) fn folder_of(file: &Path) -> PathBuf {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_owned()
}

/// Refuses a path that no file can be made at; `option` is what names another one.
pub(super) fn check_new_file(file: &Path, option: &str) -> Result<(), Failure> {
    let shown = file.display();
    let text = file.as_os_str().as_encoded_bytes();
    let folder_like = text.ends_with(b"/") || text.ends_with(b"/.");
    let name = file.file_name().filter(|_| !folder_like).ok_or_else(|| {
        Failure::refused(format!("{shown} is not the name of a file"))
            .hint(format!("{option} takes the path of a file, not of a folder"))
    })?;
    if name.len() > longest_name() {
        return Err(Failure::refused(format!("the file name of {shown} is too long"))
            .hint(format!("{option} takes a name of up to {} bytes", longest_name())));
    }
    let folder = folder_of(file);
    if !folder.is_dir() {
        return Err(Failure::refused(format!("{} is not a folder", folder.display()))
            .hint(format!("create it, or choose another output with {option}")));
    }
    if !is_writable_folder(&folder) {
        return Err(Failure::refused(format!(
            "no file can be made in the folder {}",
            folder.display()
        ))
        .hint(format!("change its permissions, or choose another output with {option}")));
    }
    Ok(())
}

/// Refuses to make `file` where this build reads: one of `files`, or something below `folders`.
pub(super) fn check_no_input(
    file: &Path,
    option: &str,
    files: &[&Path],
    folders: &[PathBuf],
) -> Result<(), Failure> {
    let place = place(file);
    let real = |path: &Path| path.canonicalize().ok();
    let is = |input: &&&Path| self::place(input) == place || real(input).as_ref() == Some(&place);
    let holds = |folder: &&PathBuf| real(folder).is_some_and(|real| place.starts_with(real));
    let input = files.iter().find(is).copied();
    match input.or_else(|| folders.iter().find(holds).map(PathBuf::as_path)) {
        None => Ok(()),
        Some(input) => Err(Failure::refused(format!(
            "{option} {}: the build reads {}",
            file.display(),
            input.display()
        ))
        .hint(format!("{option} takes another name"))),
    }
}

/// Refuses to replace a file that is no page about a build.
pub(super) fn check_old_page(page: &Path) -> Result<(), Failure> {
    let Ok(metadata) = page.symlink_metadata() else { return Ok(()) };
    let mut beginning = [0; PAGE_BEGINNING.len()];
    let mut read = || File::open(page).and_then(|mut file| file.read_exact(&mut beginning));
    if metadata.is_file() && read().is_ok() && beginning == *PAGE_BEGINNING {
        return Ok(());
    }
    Err(Failure::refused(format!("{} exists and is no page about a build", page.display()))
        .hint("--report replaces pages only; remove the file, or take another name"))
}

/// A path by its real folder, whether or not there is something.
pub(super) fn place(file: &Path) -> PathBuf {
    let folder = folder_of(file);
    let folder = folder.canonicalize().unwrap_or(folder);
    file.file_name().map_or(folder.clone(), |name| folder.join(name))
}

/// Bytes that a name may have.
fn longest_name() -> usize {
    MAX_NAME_BYTES - PARTIAL_NAME_BYTES - LONGEST_EXTENSION.len() - 1
}

#[cfg(test)]
mod tests {
    use super::super::companions::beside;
    use super::*;

    #[test]
    fn mirrors_are_addresses() {
        for good in
            ["http://mirror.example/debian", "https://[::1]:80", "file:///srv/debian", "file:/srv"]
        {
            check_mirror(good).unwrap();
        }
        for bad in [
            "",
            "mirror.example",
            "http:/mirror.example",
            "http://",
            "http:///debian",
            "://a",
            "1://a",
            "http://a b",
            "http://a\nb",
            "http://a\tb",
            "http://a\u{1b}",
            "http://a#b",
            "file://",
            "file:///",
        ] {
            assert_eq!(
                check_mirror(bad).unwrap_err().kind(),
                crate::failure::Kind::Refused,
                "{bad}"
            );
        }
    }

    #[test]
    fn names_have_room_for_what_is_added_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = |length: usize| folder.path().join(format!("{}.iso", "a".repeat(length - 4)));
        let most = longest_name();
        check_new_file(&path(most), "-o").unwrap();
        assert!(check_new_file(&path(most + 1), "-o").is_err());
        let longest = beside(&path(most), LONGEST_EXTENSION);
        anklume_host::file::OutputFile::create(&longest).unwrap();
    }
}
