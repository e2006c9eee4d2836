//! The files of an initramfs.
//!
//! It is a cpio archive of microcode, if any, and one compressed with zstd behind it
//! (Linux, `Documentation/driver-api/early-userspace/buffer-format.rst`).

use std::collections::BTreeMap;
use std::io::Read;

use anklume_compare::{File, Kind};
use anklume_cpio::Reader;
use sha2::{Digest, Sha256};

/// The most bytes of an initramfs, and of what it decompresses to.
pub(super) const BYTES_MAX: u64 = 256 << 20;
/// Magic of a zstd frame (RFC 8878 section 3.1.1).
const ZSTD: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
/// Start of a cpio header (Linux, as above: `070701` or `070702`).
const CPIO: &[u8] = b"07070";
/// Bits of the mode that are permissions.
const PERMISSIONS: u32 = 0o7777;

/// Reads `input` as an initramfs, for the fuzzer. Must not panic, or take more memory than
/// [`BYTES_MAX`] allows, whatever the bytes are. Returns the number of files.
pub fn fuzz_initramfs(input: &[u8]) -> usize {
    files(input).map_or(0, |files| files.len())
}

/// Every file of `bytes` by its path, without a leading slash; what is wrong if it is none.
pub(super) fn files(bytes: &[u8]) -> Result<BTreeMap<Vec<u8>, File>, String> {
    let mut files = BTreeMap::new();
    let rest = archives(bytes, &mut files)?;
    if rest.starts_with(&ZSTD) {
        let decoder = zstd::stream::read::Decoder::new(rest).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        let read = decoder.take(BYTES_MAX).read_to_end(&mut bytes);
        let read = read.map_err(|error| error.to_string())?;
        if u64::try_from(read).unwrap_or(u64::MAX) >= BYTES_MAX {
            return Err(format!("it decompresses to more than {BYTES_MAX} bytes"));
        }
        let rest = archives(&bytes, &mut files)?;
        return if rest.is_empty() { Ok(files) } else { Err(unknown(rest)) };
    }
    if rest.is_empty() { Ok(files) } else { Err(unknown(rest)) }
}

fn unknown(rest: &[u8]) -> String {
    let start: Vec<u8> = rest.iter().take(4).copied().collect();
    format!("expected a cpio archive or a zstd frame, found the bytes {start:02x?}")
}

/// Reads uncompressed archives; what follows them and their padding.
fn archives<'a>(
    mut bytes: &'a [u8],
    files: &mut BTreeMap<Vec<u8>, File>,
) -> Result<&'a [u8], String> {
    loop {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        bytes = bytes.get(zeros..).unwrap_or_default();
        if !bytes.starts_with(CPIO) {
            return Ok(bytes);
        }
        let mut reader = Reader::new(bytes);
        for entry in &mut reader {
            let entry = entry.map_err(|error| error.to_string())?;
            let name = entry.name.strip_prefix(b"/").unwrap_or(entry.name);
            files.insert(name.to_vec(), file(&entry));
        }
        bytes = reader.rest();
    }
}

fn file(entry: &anklume_cpio::Entry<'_>) -> File {
    use anklume_cpio::Kind as Cpio;
    let (major, minor) = entry.device;
    let kind = match entry.kind() {
        Some(Cpio::Directory) => Kind::Directory,
        Some(Cpio::Symlink) => Kind::Symlink { target: entry.data.to_vec() },
        Some(Cpio::CharacterDevice) => Kind::CharacterDevice { major, minor },
        _ => Kind::Regular {
            bytes: u64::try_from(entry.data.len()).unwrap_or(u64::MAX),
            sha256: Some(Sha256::digest(entry.data).into()),
            stored: None,
        },
    };
    File {
        kind,
        mode: entry.mode & PERMISSIONS,
        uid: entry.user,
        gid: entry.group,
        mtime: Some(u64::from(entry.mtime)),
        attributes: BTreeMap::new(),
        package: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anklume_cpio::Writer;

    fn archive(init: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), 7);
        writer.directory("etc", 0o755).unwrap();
        writer.file("init", 0o755, init).unwrap();
        writer.symlink("etc/link", "../init").unwrap();
        writer.finish().unwrap()
    }

    fn initramfs(init: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), 7);
        writer.file("kernel/microcode", 0o644, b"code").unwrap();
        let mut bytes = writer.finish_aligned(512).unwrap();
        bytes.extend(zstd::encode_all(&archive(init)[..], 3).unwrap());
        bytes
    }

    #[test]
    fn both_archives_are_read() {
        let found = files(&initramfs(b"one")).unwrap();
        let paths: Vec<_> = found.keys().map(|path| String::from_utf8_lossy(path)).collect();
        assert_eq!(paths, ["etc", "etc/link", "init", "kernel", "kernel/microcode"]);
        assert_eq!((found[&b"init"[..]].mode, found[&b"init"[..]].mtime), (0o755, Some(7)));
        let other = files(&initramfs(b"two")).unwrap();
        let differ: Vec<_> = found.iter().filter(|(path, file)| other[*path] != **file).collect();
        assert_eq!(differ.len(), 1);
        assert_eq!(differ[0].0, b"init");
        assert_eq!(files(&archive(b"x")).unwrap().len(), 3);
        assert_eq!(files(&[0; 100]).unwrap().len(), 0);
    }

    #[test]
    fn what_is_no_initramfs_is_refused() {
        let whole = initramfs(b"one");
        assert!(files(b"text").unwrap_err().contains("found the bytes"));
        assert!(files(&whole[..whole.len() - 1]).is_err());
        assert!(files(&archive(b"x")[..200]).is_err());
        let mut behind = archive(b"x");
        behind.extend(b"more");
        assert!(files(&behind).is_err());
        let no_cpio = zstd::encode_all(&b"text"[..], 3).unwrap();
        assert!(files(&no_cpio).is_err());
    }
}
