//! Packs a tar archive, to compare this crate with `tar2sqfs` and `mksquashfs`:
//!
//! `mkfs_bench ARCHIVE IMAGE LEVEL THREADS [BLOCK_KIB] [packed|small]`
//!
//! Prints wall and CPU seconds, peak memory and what the writer says of the image. The archive's
//! members are sorted first, by reading their headers; that is not part of the time that is printed.
//! What squashfs cannot hold is left out, as `tar2sqfs` does.
#![expect(clippy::print_stdout, reason = "a program for people")]
#![expect(clippy::unwrap_used, reason = "a program for measurements")]

mod support;

use std::fs::{self, File};
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use anklume_squashfs_writer::{
    Compressor, Entry, Error, Kind, Options, Tails, Xattr, order, write,
};
use support::ImageFile;

struct Member {
    path: Vec<u8>,
    mode: u16,
    uid: u32,
    gid: u32,
    mtime: u32,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    kind: tar::EntryType,
    link: Vec<u8>,
    device: (u32, u32),
    data: u64,
    size: u64,
}

/// Reads a part of the archive.
struct Part<'a>(&'a File, u64, u64);

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(usize::try_from(self.2).unwrap());
        let count = self.0.read_at(&mut buffer[..length], self.1)?;
        self.1 += count as u64;
        self.2 -= count as u64;
        Ok(count)
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number =
        |at: usize, default: u32| arguments.get(at).map_or(default, |text| text.parse().unwrap());
    let archive = File::open(&arguments[1]).unwrap();
    let members = members(&archive);
    let image = ImageFile(
        File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&arguments[2])
            .unwrap(),
    );
    let options = Options {
        block_bytes: number(5, 128) << 10,
        compressor: Compressor::Zstd { level: u8::try_from(number(3, 3)).unwrap() },
        mkfs_time: 0,
        threads: NonZeroUsize::new(number(4, 2) as usize).unwrap(),
        tails: if arguments.get(6).is_some_and(|text| text == "small") {
            Tails::SmallFiles
        } else {
            Tails::Packed
        },
    };
    let (start, before) = (Instant::now(), cpu_seconds());
    let mut reports = 0_u64;
    let summary = write(&options, &image, None, &mut |_| reports += 1, |writer| {
        members.iter().try_for_each(|member| add(writer, member, &archive))
    });
    let summary: anklume_squashfs_writer::Summary =
        summary.unwrap_or_else(|error: Error| panic!("{error}"));
    image.0.set_len(summary.bytes).unwrap();
    println!(
        "wall {:.2} s, cpu {:.2} s, peak {} kB, {reports} reports",
        start.elapsed().as_secs_f64(),
        cpu_seconds() - before,
        status("VmHWM:"),
    );
    println!("{summary:?}");
}

fn add(
    writer: &mut anklume_squashfs_writer::Writer<'_>,
    member: &Member,
    archive: &File,
) -> Result<(), Error> {
    let (major, minor) = member.device;
    let kind = match member.kind {
        tar::EntryType::Directory => Kind::Directory,
        tar::EntryType::Symlink => Kind::Symlink(&member.link),
        tar::EntryType::Link => Kind::HardLink { to: &member.link },
        tar::EntryType::Block => Kind::BlockDevice { major, minor },
        tar::EntryType::Char => Kind::CharDevice { major, minor },
        tar::EntryType::Fifo => Kind::Fifo,
        _ => Kind::File { size: member.size },
    };
    let xattrs: Vec<Xattr<'_>> =
        member.xattrs.iter().map(|(name, value)| Xattr { name, value }).collect();
    let &Member { mode, uid, gid, mtime, .. } = member;
    let entry = Entry { path: &member.path, mode, uid, gid, mtime, xattrs: &xattrs, kind };
    let size = if let Kind::File { size } = kind { size } else { 0 };
    writer.add(&entry, &mut Part(archive, member.data, size))
}

fn members(archive: &File) -> Vec<Member> {
    // Contents are skipped: a large buffer would read them all the same.
    let mut reader = tar::Archive::new(io::BufReader::with_capacity(1 << 12, archive));
    let mut members: Vec<Member> =
        reader.entries_with_seek().unwrap().map(|entry| member(entry.unwrap())).collect();
    if !members.iter().any(|member| member.path.is_empty()) {
        members.push(root());
    }
    members.sort_by(|a, b| order(&a.path, &b.path));
    // Of several names, the first one has the content.
    for at in 0..members.len() {
        if members[at].kind != tar::EntryType::Link {
            continue;
        }
        let target =
            members.binary_search_by(|other| order(&other.path, &members[at].link)).unwrap();
        if target > at {
            let (path, link) = (members[at].path.clone(), members[target].path.clone());
            members.swap(at, target);
            members[at].path = path.clone();
            members[target].path = link;
            members[target].link = path;
        } else if members[target].kind == tar::EntryType::Link {
            members[at].link = members[target].link.clone();
        }
    }
    members
}

fn member<R: Read>(mut entry: tar::Entry<'_, R>) -> Member {
    let mut xattrs = Vec::new();
    if let Some(records) = entry.pax_extensions().unwrap() {
        for record in records.map(|record| record.unwrap()) {
            let name = record.key_bytes().strip_prefix(b"SCHILY.xattr.");
            if let Some(name) = name.filter(|name| !name.starts_with(b"system.")) {
                xattrs.push((name.to_vec(), record.value_bytes().to_vec()));
            }
        }
    }
    let header = entry.header();
    Member {
        path: clean(&entry.path_bytes()),
        mode: (header.mode().unwrap() & 0o7777) as u16,
        uid: header.uid().unwrap() as u32,
        gid: header.gid().unwrap() as u32,
        mtime: header.mtime().unwrap() as u32,
        xattrs,
        kind: header.entry_type(),
        link: match header.entry_type() {
            tar::EntryType::Link => clean(&entry.link_name_bytes().unwrap()),
            _ => entry.link_name_bytes().unwrap_or_default().to_vec(),
        },
        device: (
            header.device_major().ok().flatten().unwrap_or(0),
            header.device_minor().ok().flatten().unwrap_or(0),
        ),
        data: entry.raw_file_position(),
        size: entry.size(),
    }
}

fn clean(path: &[u8]) -> Vec<u8> {
    let path = path.strip_prefix(b".").unwrap_or(path);
    let path = path.strip_prefix(b"/").unwrap_or(path);
    path.strip_suffix(b"/").unwrap_or(path).to_vec()
}

fn root() -> Member {
    Member {
        path: Vec::new(),
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: 0,
        xattrs: Vec::new(),
        kind: tar::EntryType::Directory,
        link: Vec::new(),
        device: (0, 0),
        data: 0,
        size: 0,
    }
}

/// User and system time of this process, at the kernel's usual hundred ticks a second.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn status(field: &str) -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").to_owned()
}
