//! A volume that fits in the images of the fuzz target.

use anklume_iso9660::{Area, EfiImage, Entry, FileSpec, Params, plan};

/// Length of the image in bytes.
pub(crate) const IMAGE_BYTES: u64 = 80 * 2048;
/// Where the partitions begin.
pub(crate) const LIMIT: u64 = 64 * 2048;

pub(crate) fn params() -> Params {
    Params {
        volume_id: "ANKLUME".into(),
        system_id: "LINUX".into(),
        publisher: "VENTOY COMPATIBLE".into(),
        preparer: "ANKLUME-BUILD".into(),
        application: "ANKLUME".into(),
        timestamp: 1_770_091_506,
        volume_bytes: IMAGE_BYTES,
        limit_bytes: LIMIT,
        bios_core: Some((0..100).collect()),
        efi_image: Some(EfiImage { offset_bytes: LIMIT, sectors_512: 8 }),
    }
}

/// Without boot images.
pub(crate) fn data_params() -> Params {
    Params { bios_core: None, efi_image: None, ..params() }
}

pub(crate) fn alias(path: &str, offset_bytes: u64, size: u64) -> Entry {
    Entry::Alias(FileSpec { path: path.into(), offset_bytes, size })
}

pub(crate) fn inline(path: &str, content: &[u8]) -> Entry {
    Entry::Inline { path: path.into(), content: content.to_vec() }
}

pub(crate) fn entries() -> Vec<Entry> {
    vec![
        alias("EFI/BOOT/BOOTX64.EFI", LIMIT + 2048, 3000),
        alias("ANKLUME/OS.IMG", LIMIT + 8192, 8 * 2048),
        inline("BOOT/GRUB/LOOPBACK.CFG", b"source /boot/grub/grub.cfg\n"),
        inline("README", b""),
    ]
}

/// The image that holds `area` and nothing else.
pub(crate) fn image(area: &Area) -> Vec<u8> {
    let mut image = vec![0; usize::try_from(IMAGE_BYTES).unwrap()];
    let start = usize::try_from(area.offset_bytes).unwrap();
    image[start..start + area.bytes.len()].copy_from_slice(&area.bytes);
    image
}

pub(crate) fn full() -> Vec<u8> {
    image(&plan(&params(), &entries()).unwrap())
}

/// Byte where `needle` is in `image` for the `nth` time, from 0.
pub(crate) fn position(image: &[u8], needle: &[u8], nth: usize) -> usize {
    let mut found = image.windows(needle.len()).enumerate().filter(|(_, one)| *one == needle);
    found.nth(nth).unwrap().0
}

/// Byte where the directory record with this plain identifier begins.
pub(crate) fn record(image: &[u8], identifier: &str) -> usize {
    let needle = [&[u8::try_from(identifier.len()).unwrap()], identifier.as_bytes()].concat();
    // Path tables have other bytes between the length and the identifier.
    position(image, &needle, 0) - 32
}
