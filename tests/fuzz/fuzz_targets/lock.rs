//! Lock files, what apt says about package files, and lines of sources.list: whatever the text is,
//! the parsers answer with a value or with an error, for a lock with line and column. An accepted
//! lock reads back the same after it was written out; no path leaves its folder.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| anklume_lock::fuzz(data));
