//! Invariant: whatever the bytes, reading a volume ends with a result or an error, within bounds,
//! and when the check finds no problem, every listed file lies within the image.
//!
//! The input is a list of patches, see `anklume_iso9660::fuzzing::image`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|patches: &[u8]| {
    let image = anklume_iso9660::fuzzing::image(patches);
    // An error is a fine answer.
    let _answer = anklume_iso9660::fuzzing::examine(&image);
});
