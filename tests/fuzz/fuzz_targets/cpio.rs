//! Invariant: reading ends without a panic, consumes at least a header for each entry and nothing
//! outside the input; files that the writer accepts are read back with the same name and data.
#![no_main]

use anklume_cpio::{Kind, Reader, Writer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut reader = Reader::new(input);
    let mut entries = Vec::new();
    let mut left = input.len();
    while let Some(entry) = reader.next() {
        let Ok(entry) = entry else { break };
        assert!(reader.rest().len() + 110 <= left, "an entry has a header");
        left = reader.rest().len();
        entries.push(entry);
    }
    let mut writer = Writer::new(Vec::new(), 0);
    let mut written = Vec::new();
    for entry in &entries {
        let Ok(name) = std::str::from_utf8(entry.name) else { continue };
        if writer.file(name, entry.mode, entry.data).is_ok() {
            written.push((entry.name, entry.data));
        }
    }
    let archive = writer.finish().expect("vectors take everything");
    let read: Vec<_> = Reader::new(&archive)
        .map(|entry| entry.expect("what was written is read"))
        .filter(|entry| entry.kind() == Some(Kind::File))
        .map(|entry| (entry.name.to_vec(), entry.data.to_vec()))
        .collect();
    let written: Vec<_> =
        written.into_iter().map(|(name, data)| (name.to_vec(), data.to_vec())).collect();
    assert_eq!(read, written);
});
