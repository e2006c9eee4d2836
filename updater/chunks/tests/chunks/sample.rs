//! Small versions of an OS.

#[path = "../../../../builder/formats/uki/tests/sample/mod.rs"]
mod stub;

use std::num::NonZeroUsize;
use std::sync::Mutex;

use anklume_bytes::{ReadAt, ReadError};
use anklume_chunks::{ChunkList, Cuts, cut_boot, cut_os};
use anklume_fat::{FileSpec, Label, Params};
use anklume_squashfs_writer::{Compressor, Entry, Error, Kind, Options, Tails, write};
use anklume_verity::Builder;

/// Bytes that no compressor makes smaller.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(next).collect()
}

/// A file in memory.
#[derive(Default)]
struct Memory(Mutex<Vec<u8>>);

impl ReadAt for Memory {
    fn size(&self) -> u64 {
        self.0.lock().unwrap().size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.0.lock().unwrap().read_at(offset, buffer)
    }
}

impl anklume_squashfs_writer::Image for Memory {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        let mut held = self.0.lock().unwrap();
        let start = offset as usize;
        let length = held.len().max(start + bytes.len());
        held.resize(length, 0);
        held[start..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

/// A version: what is in its parts.
#[derive(Clone)]
pub(crate) struct Version {
    /// Files of the root file system by name, in order.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    pub(crate) kernel: Vec<u8>,
    pub(crate) initramfs: Vec<u8>,
    pub(crate) cmdline: String,
    pub(crate) salt: u8,
}

impl Version {
    pub(crate) fn new() -> Self {
        let file = |number: u64| {
            let length = 3000 + (number as usize * 7919) % 60_000;
            (format!("file-{number:03}"), noise(number + 100, length))
        };
        // The kernel is an image with sections itself.
        let kernel = [stub::stub(), noise(1, 700_000)].concat();
        Self {
            files: (0..200).map(file).collect(),
            kernel,
            initramfs: noise(2, 3_000_000),
            cmdline: "root hash one".to_owned(),
            salt: 1,
        }
    }

    /// Squashfs, verity superblock and hash tree.
    pub(crate) fn os(&self) -> Vec<u8> {
        let image = Memory::default();
        let options = Options {
            block_bytes: 16384,
            compressor: Compressor::Zstd { level: 3 },
            mkfs_time: 1,
            threads: NonZeroUsize::MIN,
            tails: Tails::Packed,
        };
        let entry =
            |path, kind| Entry { path, mode: 0o644, uid: 0, gid: 0, mtime: 1, xattrs: &[], kind };
        write::<Error>(&options, &image, None, &mut |_| {}, |writer| {
            writer.add(&entry(b"", Kind::Directory), &mut &[][..])?;
            for (path, content) in &self.files {
                let size = content.len() as u64;
                writer.add(&entry(path.as_bytes(), Kind::File { size }), &mut &content[..])?;
            }
            Ok(())
        })
        .unwrap();
        let mut os = image.0.into_inner().unwrap();
        let params = anklume_verity::Params { salt: vec![self.salt; 32], uuid: [self.salt; 16] };
        let mut builder = Builder::new(params, os.len() as u64).unwrap();
        builder.update(&os).unwrap();
        os.extend(builder.finish().unwrap().bytes);
        os
    }

    pub(crate) fn uki(&self) -> Vec<u8> {
        let cmdline = (".cmdline", self.cmdline.as_bytes());
        let sections = [cmdline, (".initrd", &self.initramfs[..]), (".linux", &self.kernel)];
        anklume_uki::add_sections(&stub::stub(), &sections).unwrap()
    }

    /// The FAT file system of the boot partition, which has room for more.
    pub(crate) fn boot(&self, total_bytes: u64) -> Vec<u8> {
        let contents = [
            ("UKI.EFI", self.uki()),
            ("LINUX", self.kernel.clone()),
            ("INITRD", self.initramfs.clone()),
            ("ENTRY.CFG", self.cmdline.clone().into_bytes()),
            ("EMPTY", Vec::new()),
            ("A/B/DEEP", b"deep".to_vec()),
        ];
        fat(total_bytes, self.salt.into(), &contents)
    }
}

/// A FAT file system with these files.
pub(crate) fn fat(total_bytes: u64, serial: u32, contents: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let spec = |(path, content): &(&str, Vec<u8>)| FileSpec {
        path: (*path).to_owned(),
        size: content.len() as u64,
    };
    let files: Vec<_> = contents.iter().map(spec).collect();
    let params = Params {
        total_bytes,
        label: Label::new("BOOT").unwrap(),
        serial,
        hidden_sectors: 0,
        timestamp: 1,
        align_bytes: 4096,
    };
    let layout = anklume_fat::plan(&params, &files).unwrap();
    let mut partition = vec![0; total_bytes as usize];
    let contents = contents.iter().map(|(_, content)| content);
    let places = layout.files.iter().map(|file| file.offset).zip(contents);
    let metadata = layout.metadata.iter().map(|(offset, bytes)| (*offset, bytes));
    for (offset, bytes) in metadata.chain(places) {
        partition[offset as usize..][..bytes.len()].copy_from_slice(bytes);
    }
    partition
}

/// An image file with the partitions of a version, and its list.
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    pub(crate) boot: Vec<u8>,
    pub(crate) os: Vec<u8>,
    pub(crate) cuts: [Cuts; 2],
    pub(crate) list: ChunkList,
}

impl Image {
    pub(crate) fn new(version: &Version) -> Self {
        let (boot, os) = (version.boot(12 << 20), version.os());
        let cuts = [cut_boot(&boot).unwrap(), cut_os(&os).unwrap()];
        let mut bytes = vec![0; 4096];
        bytes.extend(&boot);
        let os_at = bytes.len() as u64;
        bytes.extend(&os);
        let [of_boot, of_os] = &cuts;
        let specs = [
            of_boot.spec(&of_boot.hash(&boot).unwrap(), 4096),
            of_os.spec(&of_os.hash(&os).unwrap(), os_at),
        ];
        let [of_boot, of_os] = specs;
        let list = ChunkList::new(of_boot, of_os).unwrap();
        Self { bytes, boot, os, cuts, list }
    }
}
