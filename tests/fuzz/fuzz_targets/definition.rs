//! Image definitions: whatever the text is, the parser answers with a definition or with an error
//! that has a line and a column. An accepted definition never leaves out the root directory, and
//! reads back the same after it was written out as TOML.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| anklume_definition::fuzz(data));
