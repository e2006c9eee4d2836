//! A tar archive of hostile bytes.
//!
//! Invariant: indexing never panics and ends; what is indexed lies within the input, every path
//! resolves or is refused, and the archive composed from it has the same tree, also the second
//! time, byte for byte.
#![no_main]

use anklume_roottree::{Change, Glob, Index, apt, packages, plan, read_file, write};
use libfuzzer_sys::fuzz_target;

const EPOCH: u64 = 1 << 33;

fn compose(tar: &[u8], index: &Index, changes: &[Change]) -> Vec<u8> {
    let mut out = Vec::new();
    let pieces = plan(index, changes, EPOCH).expect("these changes fit every tree");
    let no_sources = |_: &str| Err(std::io::Error::other("no sources"));
    write(&pieces, tar, &no_sources, &mut out, &mut |_| ()).expect("the index lies in the input");
    out
}

fuzz_target!(|bytes: &[u8]| {
    let _ = packages(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = apt::apt_sources(&[("a.sources", text), ("a.list", text)]);
    }
    let Ok(index) = Index::read(bytes, &mut |_| ()) else { return };
    for entry in index.entries() {
        assert!(entry.range().end <= bytes.len() as u64);
        let _ = read_file(bytes, &index, &entry.path, 1 << 16);
    }
    let first = compose(bytes, &index, &[]);
    let again = Index::read(&first[..], &mut |_| ()).expect("composed archives are sound");
    assert_eq!(index.entries().len(), again.entries().len());
    for (old, new) in index.entries().iter().zip(again.entries()) {
        assert_eq!(old.path, new.path);
        let (old, new) = (index.content(old), again.content(new));
        assert_eq!((old.mode, old.uid, old.gid), (new.mode, new.uid, new.gid));
        assert_eq!((old.size, old.mtime.min(EPOCH)), (new.size, new.mtime));
        assert_eq!(old.attributes, new.attributes);
    }
    assert!(first == compose(&first, &again, &[]));
    let _ = compose(bytes, &index, &[Change::DropMatching(Glob::new("**/a*"))]);
});
