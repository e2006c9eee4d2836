//! An image with partitions, and foreign tools.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anklume_iso9660::{Area, EfiImage, Entry, FileSpec, Params, plan};
use tempfile::TempDir;

/// Length of the image of the tests, in bytes.
pub(crate) const IMAGE_BYTES: u64 = 24 << 20;
/// Where its ESP begins.
pub(crate) const ESP_OFFSET: u64 = 2 << 20;
/// Where its OS partition begins.
pub(crate) const OS_OFFSET: u64 = 8 << 20;
/// 2026-02-03 04:05:06 UTC.
pub(crate) const TIMESTAMP: u64 = 1_770_091_506;

pub(crate) fn params() -> Params {
    Params {
        volume_id: "ANKLUME".into(),
        system_id: "LINUX".into(),
        publisher: "ANKLUME; VENTOY COMPATIBLE".into(),
        preparer: "ANKLUME-BUILD".into(),
        application: "VENTOY COMPATIBLE".into(),
        timestamp: TIMESTAMP,
        volume_bytes: IMAGE_BYTES,
        limit_bytes: 1 << 20,
        bios_core: Some(pattern(3, 30_001)),
        efi_image: Some(EfiImage { offset_bytes: ESP_OFFSET, sectors_512: 8192 }),
    }
}

pub(crate) fn alias(path: &str, offset_bytes: u64, size: u64) -> Entry {
    Entry::Alias(FileSpec { path: path.into(), offset_bytes, size })
}

pub(crate) fn inline(path: &str, content: &[u8]) -> Entry {
    Entry::Inline { path: path.into(), content: content.to_vec() }
}

pub(crate) fn entries() -> Vec<Entry> {
    vec![
        alias("EFI/BOOT/BOOTX64.EFI", ESP_OFFSET + 4096, 100_003),
        alias("ANKLUME/OS.IMG", OS_OFFSET, 5_000_000),
        alias("ANKLUME/VMLINUZ", ESP_OFFSET + (1 << 20), 2048),
        alias("ANKLUME/INITRD.IMG", ESP_OFFSET + (1 << 20) + 2048, 1),
        inline("BOOT/GRUB/LOOPBACK.CFG", b"source /boot/grub/grub.cfg\n"),
        inline("BOOT/GRUB/EMPTY", b""),
        inline("README.TXT", &pattern(9, 5000)),
    ]
}

/// Bytes that differ from place to place.
pub(crate) fn pattern(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u8::try_from(state >> 24).unwrap()
    };
    (0..length).map(|_| next()).collect()
}

/// A GPT disk with the volume of [`params`] and [`entries`], and its content.
pub(crate) struct Image {
    pub(crate) dir: TempDir,
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) area: Area,
}

impl Image {
    pub(crate) fn new() -> Self {
        Self::with(&params(), &entries())
    }

    pub(crate) fn with(params: &Params, entries: &[Entry]) -> Self {
        let area = plan(params, entries).unwrap();
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("image");
        let file = File::create(&path).unwrap();
        file.set_len(params.volume_bytes).unwrap();
        let path_text = path.to_str().unwrap();
        let parts = ["-a", "2048", "-n", "1:2048:4095", "-t", "1:ef02", "-n", "2:4096:16383", "-t"];
        let more = ["2:ef00", "-n", "3:16384:47103", path_text];
        tool("sgdisk", "gdisk", &[&parts[..], &more].concat());
        let content = pattern(1, usize::try_from(params.volume_bytes - ESP_OFFSET).unwrap());
        // The backup GPT lies in the last 33 sectors.
        file.write_all_at(&content[..content.len() - 33 * 512], ESP_OFFSET).unwrap();
        file.write_all_at(&area.bytes, area.offset_bytes).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        Self { dir, path, bytes, area }
    }

    /// The content of the file at `path` by the plan.
    pub(crate) fn content(&self, path: &str) -> &[u8] {
        let file = self.area.files.iter().find(|file| file.path == path).unwrap();
        let start = usize::try_from(file.extent.offset_bytes).unwrap();
        &self.bytes[start..start + usize::try_from(file.extent.size).unwrap()]
    }
}

/// Runs a tool that must be there and succeed; its standard output, then its standard error.
pub(crate) fn tool(program: &str, package: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .output()
        .unwrap_or_else(|error| panic!("{program} (package {package}) must be installed: {error}"));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{text}", output.status);
    text
}

/// All files below `folder`, as paths relative to it.
pub(crate) fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}
