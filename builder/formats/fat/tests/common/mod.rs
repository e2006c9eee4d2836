//! Sample file systems.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

use anklume_fat::{FileSpec, Label, Layout, Params, plan};

pub(crate) const MIB: u64 = 1 << 20;
/// 2026-02-03 04:05:06 UTC.
pub(crate) const TIME: u64 = 1_770_091_506;

pub(crate) fn params(total_bytes: u64) -> Params {
    Params {
        total_bytes,
        label: Label::new("ANKLUME A").unwrap(),
        serial: 0x1234_abcd,
        hidden_sectors: 4096,
        timestamp: TIME,
        align_bytes: 2048,
    }
}

pub(crate) fn files(list: &[(&str, u64)]) -> Vec<FileSpec> {
    list.iter().map(|(path, size)| FileSpec { path: (*path).to_owned(), size: *size }).collect()
}

/// Files of all kinds of sizes, in directories.
pub(crate) fn sample_files() -> Vec<FileSpec> {
    files(&[
        ("EFI/BOOT/BOOTX64.EFI", 300_001),
        ("EFI/ANKLUME/STATE.1", 1024),
        ("EFI/ANKLUME/STATE.2", 1024),
        ("VMLINUZ", 4096),
        ("EMPTY", 0),
        ("BOOT/GRUB/LOOPBACK.CFG", 1),
        ("BOOT/A/B/C/D.E", 2048),
        ("INITRD.IMG", 100_000),
    ])
}

/// Bytes that differ between files and between blocks of a file.
pub(crate) fn content(path: &str, size: u64) -> Vec<u8> {
    let seed = path.bytes().fold(7_u64, |seed, byte| seed % 65521 * 31 + u64::from(byte));
    (0..size).map(|index| (index * 7 + index / 251 + seed) as u8).collect()
}

/// The image of a layout.
pub(crate) fn image(layout: &Layout) -> Vec<u8> {
    let mut image = vec![0; layout.total_bytes as usize];
    let mut put = |offset: u64, bytes: &[u8]| {
        let range = &mut image[offset as usize..][..bytes.len()];
        assert!(range.iter().all(|byte| *byte == 0), "two pieces at {offset}");
        range.copy_from_slice(bytes);
    };
    for (offset, bytes) in &layout.metadata {
        put(*offset, bytes);
    }
    for file in &layout.files {
        put(file.offset, &content(&file.path, file.size));
    }
    image
}

pub(crate) fn sample(total_bytes: u64) -> (Layout, Vec<u8>) {
    let layout = plan(&params(total_bytes), &sample_files()).unwrap();
    let image = image(&layout);
    (layout, image)
}
