//! Overlay folders of this machine.

use std::fs;
use std::path::{Path, PathBuf};

use anklume_roottree::{Content, OverlayEntry, OverlayKind};

use crate::events::human_bytes;
use crate::failure::{Context, Failure};

/// Largest file of an overlay. A sparse one takes no room where it lies, but all of its zeros pass the
/// processor.
const MAX_FILE_BYTES: u64 = 4 << 30;
/// Deepest folder of an overlay.
const MAX_OVERLAY_DEPTH: usize = 64;

/// Reads a folder in the order of its names: the order of a directory differs between machines.
pub(super) fn read_overlay(folder: &Path) -> Result<Vec<OverlayEntry>, Failure> {
    let mut entries = Vec::new();
    walk(folder, Path::new(""), 0, &mut entries)?;
    Ok(entries)
}

fn walk(
    root: &Path,
    inside: &Path,
    depth: usize,
    entries: &mut Vec<OverlayEntry>,
) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let folder = root.join(inside);
    let what = || format!("the overlay {}", folder.display());
    if depth > MAX_OVERLAY_DEPTH {
        return Err(Failure::refused(format!(
            "{}: deeper than {MAX_OVERLAY_DEPTH} folders",
            what()
        ))
        .hint("an overlay holds the files of an image, not a whole machine"));
    }
    let read = fs::read_dir(&folder).context(what())?;
    let mut names = read
        .map(|entry| Ok(entry?.file_name()))
        .collect::<std::io::Result<Vec<_>>>()
        .context(what())?;
    names.sort();
    for name in names {
        let inside = inside.join(&name);
        let on_disk: PathBuf = root.join(&inside);
        let text = |path: &Path| {
            path.to_str().map(str::to_owned).ok_or_else(|| {
                Failure::refused(format!("{}: the name is not UTF-8", path.display()))
            })
        };
        let metadata = on_disk.symlink_metadata().context(what())?;
        let kind = if metadata.is_dir() {
            OverlayKind::Directory
        } else if metadata.is_symlink() {
            OverlayKind::Symlink(text(&fs::read_link(&on_disk).context(what())?)?)
        } else if metadata.is_file() {
            check_size(&on_disk, metadata.len())?;
            OverlayKind::File(Content::Source { key: text(&on_disk)?, size: metadata.len() })
        } else {
            return Err(Failure::refused(format!(
                "{} is neither a file, a folder nor a symbolic link",
                on_disk.display()
            ))
            .hint("images hold no devices, pipes or sockets; take it out of the overlay"));
        };
        let executable = metadata.permissions().mode() & 0o100 != 0;
        let folder = kind == OverlayKind::Directory;
        entries.push(OverlayEntry { path: text(&inside)?, kind, executable });
        if folder {
            walk(root, &inside, depth + 1, entries)?;
        }
    }
    Ok(())
}

fn check_size(file: &Path, bytes: u64) -> Result<(), Failure> {
    if bytes <= MAX_FILE_BYTES {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "the file {} of an overlay has {}, more than {}",
        file.display(),
        human_bytes(bytes),
        human_bytes(MAX_FILE_BYTES)
    ))
    .hint("an image is no place for data of this size; keep it on a disk of its own"))
}
