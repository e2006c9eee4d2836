//! What a file can hold before it was flushed.

use std::collections::BTreeSet;
use std::rc::Rc;

/// So many places of a write are torn.
const TORN: usize = 12;
/// So many of a write that is longer than a page.
const TORN_LONG: usize = 6;
/// Bytes of a page, and of a block of ext4.
const PAGE_BYTES: usize = 4096;

/// A change of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Write { offset: usize, bytes: Rc<[u8]> },
    Length(usize),
    Mode(u32),
}

/// Content and permissions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Content {
    pub(crate) mode: u32,
    pub(crate) bytes: Rc<[u8]>,
}

impl Content {
    /// With changes, one after the other.
    pub(crate) fn with<'a>(&self, changes: impl IntoIterator<Item = &'a Change>) -> Self {
        let (mut mode, mut bytes) = (self.mode, self.bytes.to_vec());
        for change in changes {
            match change {
                Change::Write { offset, bytes: new } => overwrite(&mut bytes, *offset, new),
                Change::Length(length) => bytes.resize(*length, 0),
                Change::Mode(new) => mode = *new,
            }
        }
        Self { mode, bytes: bytes.into() }
    }
}

fn overwrite(bytes: &mut Vec<u8>, offset: usize, new: &[u8]) {
    let end = offset.saturating_add(new.len());
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    if let Some(part) = bytes.get_mut(offset..end) {
        part.copy_from_slice(new);
    }
}

/// Everything that a file can hold of which `changes` are not durable: first what is, last everything.
pub(crate) fn contents(durable: &Content, changes: &[Change]) -> Vec<Content> {
    let mut found = BTreeSet::new();
    for (index, change) in changes.iter().enumerate() {
        let (before, behind) = changes.split_at(index);
        let behind = behind.get(1..).unwrap_or_default();
        let begun = durable.with(before);
        for part in parts(change, begun.bytes.len()).iter().map(Vec::as_slice).chain([&[][..]]) {
            found.insert(begun.with(part));
            found.insert(begun.with(part.iter().chain(behind)));
        }
    }
    let whole = durable.with(changes);
    found.remove(durable);
    found.remove(&whole);
    let last = (whole != *durable).then_some(whole);
    [durable.clone()].into_iter().chain(found).chain(last).collect()
}

/// Parts of a change to a file of `length` bytes.
fn parts(change: &Change, length: usize) -> Vec<Vec<Change>> {
    let Change::Write { offset, bytes } = change else { return Vec::new() };
    let end = offset.saturating_add(bytes.len());
    let grown = Change::Length(end.max(length));
    let mut parts = vec![vec![grown.clone()]];
    for at in places(bytes.len()) {
        let (first, second) = bytes.split_at(at.min(bytes.len()));
        let first = Change::Write { offset: *offset, bytes: first.into() };
        let second = Change::Write { offset: offset.saturating_add(at), bytes: second.into() };
        parts.extend([vec![first.clone()], vec![first, grown.clone()], vec![second]]);
    }
    parts
}

/// Where a write of `length` bytes is torn: behind its first byte, before its last, evenly between,
/// and at the ends of pages.
fn places(length: usize) -> BTreeSet<usize> {
    let most = if length > PAGE_BYTES { TORN_LONG } else { TORN };
    let evenly = (1..most).filter_map(|part| length.checked_mul(part)?.checked_div(most));
    let page = length.saturating_sub(1) / PAGE_BYTES;
    let ends = [1, length.saturating_sub(1), PAGE_BYTES, page.saturating_mul(PAGE_BYTES)];
    evenly.chain(ends).filter(|at| (1..length).contains(at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: &str) -> Content {
        Content { mode: 0o644, bytes: bytes.as_bytes().into() }
    }

    fn write(offset: usize, bytes: &str) -> Change {
        Change::Write { offset, bytes: bytes.as_bytes().into() }
    }

    fn texts(durable: &str, changes: &[Change]) -> Vec<String> {
        let contents = contents(&content(durable), changes);
        contents.iter().map(|c| String::from_utf8(c.bytes.to_vec()).unwrap()).collect()
    }

    #[test]
    fn an_append_is_there_torn_or_zeros() {
        let found = texts("a\n", &[write(2, "bc\n")]);
        let torn = ["a\n\0\0\0", "a\n\0\0\n", "a\n\0c\n", "a\nb", "a\nb\0\0", "a\nbc", "a\nbc\0"];
        assert_eq!(found, [&["a\n"], &torn[..], &["a\nbc\n"]].concat());
    }

    #[test]
    fn of_what_is_overwritten_any_part_is_old() {
        assert_eq!(texts("abcd", &[write(0, "xy")]), ["abcd", "aycd", "xbcd", "xycd"]);
    }

    #[test]
    fn a_change_may_be_missing_before_a_later_one() {
        let found = texts("old", &[Change::Length(0), write(0, "n")]);
        assert_eq!(found, ["old", "", "\0", "nld", "n"]);
    }

    #[test]
    fn permissions_come_alone_as_well() {
        let changes = [write(0, "n"), Change::Mode(0o600)];
        let found = contents(&content(""), &changes);
        let mut modes: Vec<_> = found.iter().map(|c| (c.mode, c.bytes.to_vec())).collect();
        modes.dedup();
        let bytes = [&b""[..], b"\0", b"n"];
        for mode in [0o644, 0o600] {
            for bytes in bytes {
                assert!(modes.contains(&(mode, bytes.to_vec())), "{mode:o} {bytes:?}");
            }
        }
        assert_eq!(modes.len(), 6);
    }

    #[test]
    fn a_long_write_is_torn_at_pages_and_few_places() {
        let places = places(10_000);
        assert!([1, 4096, 8192, 9999].iter().all(|at| places.contains(at)));
        assert!(places.len() <= TORN_LONG + 4);
        assert!(super::places(1).is_empty() && super::places(0).is_empty());
    }

    #[test]
    fn nothing_changed_is_one_content() {
        assert_eq!(texts("a", &[]), ["a"]);
        assert_eq!(texts("a", &[write(0, "a")]), ["a"]);
    }
}
