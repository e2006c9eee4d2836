//! Reading the files of an initramfs ends without a panic and within its bound of memory, whatever
//! its archives and its zstd frame hold.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _count = anklume_build::image::fuzz_initramfs(data);
});
