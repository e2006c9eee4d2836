//! Writes a tree of many small files, all different, and fails if that takes more memory than it may:
//!
//! `many_files FILES IMAGE`
#![expect(clippy::print_stdout, reason = "a program for people")]
#![expect(clippy::unwrap_used, reason = "a program for measurements")]

mod support;

use std::fs::{self, File};
use std::io;
use std::num::NonZeroUsize;

use anklume_squashfs_writer::{Compressor, Entry, Error, Kind, Options, Tails, write};
use support::ImageFile;

/// The most memory that may be resident.
const MEMORY_BYTES: u64 = 200_000_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let files: u32 = arguments[1].parse().unwrap();
    let mut file = File::options();
    file.read(true).write(true).create(true).truncate(true);
    let image = ImageFile(file.open(&arguments[2]).unwrap());
    let options = Options {
        block_bytes: 128 << 10,
        compressor: Compressor::Zstd { level: 3 },
        mkfs_time: 0,
        threads: NonZeroUsize::new(2).unwrap(),
        tails: Tails::Packed,
    };
    let summary = write(&options, &image, None, &mut |_| {}, |writer| {
        writer.add(&entry(b"", Kind::Directory), &mut io::empty())?;
        for number in 0..files {
            if number % 100 == 0 {
                let directory = format!("directory-{:06}", number / 100);
                writer.add(&entry(directory.as_bytes(), Kind::Directory), &mut io::empty())?;
            }
            let path = format!("directory-{:06}/a-file-{number:09}.txt", number / 100);
            let content = format!("content of file number {number}\n").repeat(20);
            let kind = Kind::File { size: content.len() as u64 };
            writer.add(&entry(path.as_bytes(), kind), &mut content.as_bytes())?;
        }
        Ok::<(), Error>(())
    });
    println!("{:?}", summary.unwrap());
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    println!("{} MB of memory at most", kib * 1024 / 1_000_000);
    assert!(kib * 1024 <= MEMORY_BYTES, "more than {MEMORY_BYTES} bytes of memory");
}

fn entry<'a>(path: &'a [u8], kind: Kind<'a>) -> Entry<'a> {
    Entry { path, mode: 0o755, uid: 0, gid: 0, mtime: 0, xattrs: &[], kind }
}
