//! Images under test: where they are, and where in them the OS lies.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anklume_layout::cmdline::TORAM_RATIO;
use anklume_layout::{Role, SECTOR_BYTES, Slot};
use serde_json::Value;

use crate::{Failure, tool};

/// The test image as ISO.
pub const TEST_ISO: &str = "ANKLUME_TEST_IMAGE";
/// The test image as raw disk with both slots.
pub const TEST_RAW: &str = "ANKLUME_TEST_RAW";
/// The test image with a later version number.
pub const TEST_NEXT: &str = "ANKLUME_TEST_NEXT";
/// The product as ISO.
pub const PRODUCT_ISO: &str = "ANKLUME_PRODUCT_IMAGE";
/// The product with a later version number.
pub const PRODUCT_NEXT: &str = "ANKLUME_PRODUCT_NEXT";
/// The program `anklume-build`, with `anklume-init` and `anklume` beside it.
pub const BUILDER: &str = "ANKLUME_BUILD";

/// Size of a verity block in bytes, and alignment of the hash area.
const VERITY_BLOCK_BYTES: u64 = 4096;
/// Byte offset of `inode_table_start` in the squashfs superblock, u64 LE.
const INODE_TABLE_START: u64 = 64;
/// Byte offset of `bytes_used` in the squashfs superblock, u64 LE.
const BYTES_USED: u64 = 40;

/// The image that the environment variable `name` names.
///
/// # Errors
///
/// When it is not set or there is no such file: a scenario without an image has failed.
pub fn from_environment(name: &'static str) -> Result<PathBuf, Failure> {
    let hint = "run ci/test-images, or build the image with `cargo xtask image --image \
                images/debian-test.toml` and name the file";
    let wrong = |what: &str| Failure::Environment { name, reason: format!("{what}; {hint}") };
    let path = PathBuf::from(std::env::var_os(name).ok_or_else(|| wrong("is not set"))?);
    if path.is_file() { Ok(path) } else { Err(wrong(&format!("no file {}", path.display()))) }
}

/// Labels and bytes of the partitions in `image`, as `sfdisk` sees them.
///
/// # Errors
///
/// When there is no partition table.
pub fn partitions(image: &Path) -> Result<Vec<(String, Range<u64>)>, Failure> {
    let table = tool::run("sfdisk", "fdisk", ["--json".as_ref(), image.as_os_str()])?;
    let table: Value = serde_json::from_slice(&table).unwrap_or_default();
    let entries = table["partitiontable"]["partitions"].as_array();
    let of_entry = |entry: &Value| {
        let (start, size) = (entry["start"].as_u64()?, entry["size"].as_u64()?);
        let range = start * SECTOR_BYTES..(start + size) * SECTOR_BYTES;
        Some((entry["name"].as_str()?.to_owned(), range))
    };
    Ok(entries.into_iter().flatten().filter_map(of_entry).collect())
}

/// Bytes of the partition `role` in `image`.
///
/// # Errors
///
/// When there is no such partition.
pub fn partition(image: &Path, role: Role) -> Result<Range<u64>, Failure> {
    let partitions = partitions(image)?;
    let found = partitions.iter().find(|(label, _)| label == role.label());
    found.map(|(_, range)| range.clone()).ok_or_else(|| Failure::Image {
        path: image.into(),
        expected: role.label().into(),
        found: format!("{partitions:?}"),
    })
}

/// Where slot A's OS lies in an image, as foreign tools and plain reads see it: none of this
/// project's parsers take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OsPartition {
    /// First byte of the partition.
    pub offset_bytes: u64,
    /// First byte after the file data of the squashfs, relative to the partition.
    pub data_end_bytes: u64,
    /// First byte of the verity superblock, relative to the partition.
    pub hash_offset_bytes: u64,
}

impl OsPartition {
    /// Finds it in `image` with `sfdisk`.
    ///
    /// # Errors
    ///
    /// When there is no such partition, or no squashfs with a verity superblock in it.
    pub fn find(image: &Path) -> Result<Self, Failure> {
        Self::find_in(image, Slot::A)
    }

    /// Finds that of a slot.
    ///
    /// # Errors
    ///
    /// As [`OsPartition::find`].
    pub fn find_in(image: &Path, slot: Slot) -> Result<Self, Failure> {
        let offset_bytes = partition(image, Role::Os(slot))?.start;
        let wrong = |expected: &str, found: String| Failure::Image {
            path: image.into(),
            expected: expected.into(),
            found,
        };
        let file = File::open(image).map_err(Failure::file("open", image))?;
        let read = |at: u64| {
            let mut field = [0; 8];
            let result = file.read_exact_at(&mut field, offset_bytes + at);
            result.map_err(Failure::file("read", image)).map(|()| field)
        };
        if !read(0)?.starts_with(b"hsqs") {
            return Err(wrong("a squashfs superblock", format!("{:x?}", read(0)?)));
        }
        let used = u64::from_le_bytes(read(BYTES_USED)?);
        let hash_offset_bytes = used.next_multiple_of(VERITY_BLOCK_BYTES);
        let magic = read(hash_offset_bytes)?;
        if &magic != b"verity\0\0" {
            return Err(wrong("a verity superblock", format!("{magic:x?}")));
        }
        let data_end_bytes = u64::from_le_bytes(read(INODE_TABLE_START)?);
        Ok(Self { offset_bytes, data_end_bytes, hash_offset_bytes })
    }

    /// Memory of a machine that runs this OS from the medium: what the kernel takes for itself is
    /// missing to as much as the initramfs wants before it copies the OS into RAM.
    #[must_use]
    pub fn little_memory_bytes(&self) -> u64 {
        (self.hash_offset_bytes * TORAM_RATIO) >> 20 << 20
    }

    /// A byte of file data, in the image: at `tenths` of the data's length.
    #[must_use]
    pub fn data_byte(&self, tenths: u64) -> u64 {
        self.offset_bytes + self.data_end_bytes / 10 * tenths
    }

    /// A byte of the top block of the hash tree, in the image: the block after the superblock's.
    #[must_use]
    pub fn top_hash_byte(&self) -> u64 {
        self.offset_bytes + self.hash_offset_bytes + VERITY_BLOCK_BYTES
    }
}
