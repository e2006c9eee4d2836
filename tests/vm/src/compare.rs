//! Where two images differ, in words that lead to the cause.
//!
//! As with [`crate::image`], none of this project's parsers take part.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Take};
use std::ops::Range;
use std::path::Path;

use anklume_layout::{Role, Slot};

use crate::image::{OsPartition, partitions};
use crate::{Failure, Workdir, tool};

/// Bytes that are compared at a time.
const PIECE_BYTES: u64 = 1 << 20;
/// Names of differing files that are shown.
const SHOWN: usize = 40;

/// The first byte that `a` and `b` do not share; none when they are equal. A file that only goes on
/// after the end of the other differs there.
///
/// # Errors
///
/// When one cannot be read.
pub fn first_difference(a: &Path, b: &Path) -> Result<Option<u64>, Failure> {
    difference_within(a, b, 0..u64::MAX)
}

/// How the image `b` differs from `a`, which it does: the first byte, the first byte in every
/// partition of `a`, and the names of what differs in the OS.
///
/// A changed file of the OS changes the root hash, and by it boot files that come first.
///
/// # Errors
///
/// When `a` has no partition table or the OS cannot be looked into.
pub fn describe(workdir: &Workdir, a: &Path, b: &Path) -> Result<String, Failure> {
    let first = first_difference(a, b)?;
    let mut text = format!("a difference at byte {}", first.unwrap_or_default());
    for (name, range) in partitions(a)? {
        let Some(offset) = difference_within(a, b, range.clone())? else { continue };
        text += &format!("\n  {name} differs at byte {offset}, {} in it", offset - range.start);
        if name != Role::Os(Slot::A).label() {
            continue;
        }
        let (listing_a, listing_b) = (listing(a)?, listing(b)?);
        let lines = listing_a.symmetric_difference(&listing_b).take(SHOWN);
        lines.for_each(|line| text += &format!("\n  listing: {line}"));
        let contents = contents(workdir, a, b)?;
        contents.lines().take(SHOWN).for_each(|line| text += &format!("\n  content: {line}"));
    }
    Ok(text)
}

fn difference_within(a: &Path, b: &Path, range: Range<u64>) -> Result<Option<u64>, Failure> {
    let (mut from_a, mut from_b) = (open(a, &range)?, open(b, &range)?);
    let (mut piece_a, mut piece_b) = (Vec::new(), Vec::new());
    let mut offset = range.start;
    loop {
        piece(&mut from_a, a, &mut piece_a)?;
        piece(&mut from_b, b, &mut piece_b)?;
        if piece_a != piece_b {
            let equal = piece_a.iter().zip(&piece_b).take_while(|(a, b)| a == b).count();
            return Ok(Some(offset + equal as u64));
        }
        if piece_a.is_empty() {
            return Ok(None);
        }
        offset += piece_a.len() as u64;
    }
}

/// The bytes `range` of a file.
fn open(path: &Path, range: &Range<u64>) -> Result<Take<File>, Failure> {
    let mut file = File::open(path).map_err(Failure::file("open", path))?;
    file.seek(SeekFrom::Start(range.start)).map_err(Failure::file("read", path))?;
    Ok(file.take(range.end - range.start))
}

/// The next bytes of `file`; none at its end.
fn piece(file: &mut impl Read, path: &Path, buffer: &mut Vec<u8>) -> Result<(), Failure> {
    buffer.clear();
    let read = file.take(PIECE_BYTES).read_to_end(buffer);
    read.map(drop).map_err(Failure::file("read", path))
}

/// Modes, owners, sizes, times and names of the OS's files.
fn listing(image: &Path) -> Result<BTreeSet<String>, Failure> {
    let offset = OsPartition::find(image)?.offset_bytes.to_string();
    let options = ["-lln", "-UTC", "-o", offset.as_str()].map(OsStr::new);
    let printed =
        tool::run("unsquashfs", "squashfs-tools", options.into_iter().chain([image.as_os_str()]))?;
    Ok(String::from_utf8_lossy(&printed).lines().map(str::to_owned).collect())
}

/// What `diff -r` says about the files of both. Device nodes need privileges to be unpacked and
/// have no content; they are in the listing.
fn contents(workdir: &Workdir, a: &Path, b: &Path) -> Result<String, Failure> {
    let script = r#"
        for image in a b; do
            file=$1; offset=$2; shift 2
            unsquashfs -quiet -no-progress -ignore-errors -no-xattrs -o "$offset" -d "$image" \
                "$file" >/dev/null 2>&1 || true
        done
        diff --recursive --brief --no-dereference a b 2>&1 || true"#;
    let folder = workdir.unique("contents");
    std::fs::create_dir(&folder).map_err(Failure::file("create", &folder))?;
    let script = format!("cd '{}' || exit 1\n{script}", folder.display());
    let mut arguments = vec!["-c".into(), script.into(), "sh".into()];
    for image in [a, b] {
        let image = image.canonicalize().map_err(Failure::file("find", image))?;
        arguments.push(image.clone().into_os_string());
        arguments.push(OsPartition::find(&image)?.offset_bytes.to_string().into());
    }
    let printed = tool::run("sh", "dash", arguments)?;
    Ok(String::from_utf8_lossy(&printed).into_owned())
}
