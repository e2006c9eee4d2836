//! What several test programs need.

use std::fs;
use std::path::Path;

/// A file that has all that is looked at in a program for the initramfs: a static ELF program for
/// x86-64 with one segment.
pub(crate) fn init(folder: &Path) -> String {
    let mut bytes = vec![0_u8; 64 + 56];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    for (at, byte) in [(16, 2), (18, 62), (24, 1), (32, 64), (54, 56), (56, 1), (64, 1)] {
        bytes[at] = byte;
    }
    let path = folder.join("init");
    // The program of the OS lies beside it.
    fs::write(folder.join("anklume"), &bytes).unwrap();
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}
