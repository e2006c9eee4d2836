//! Inspecting any image ends without a panic, whatever its partition table, boot records, ISO 9660
//! view, FAT file systems, manifest, UKI, squashfs and verity superblocks say, and the text about it
//! has no control characters. The tables inside the squashfs are not read.
//!
//! The input is a list of patches of an image of zeros; see `anklume_build::image::fuzz`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _facts = anklume_build::image::fuzz(data);
});
