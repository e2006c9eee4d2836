//! The superblock that cryptsetup puts in front of a hash tree.

use anklume_bytes::{le_u16, le_u32, le_u64};

use crate::layout::{BLOCK, MAX_DATA_BLOCKS};
use crate::{BLOCK_BYTES, Error, TreeLayout, hash_offset_layout};

/// The most salt bytes that a superblock holds.
pub const MAX_SALT_BYTES: usize = 256;

/// Bytes of the structure; the rest of its 4096-byte block is zero.
const BYTES: usize = 512;

// `struct verity_sb` of cryptsetup, `lib/verity/verity.c`. Integers are little-endian. Each is a
// byte offset.
/// Eight bytes, [`MAGIC`].
const SIGNATURE: usize = 0;
/// `u32`, 1.
const VERSION: usize = 8;
/// `u32`: 0 is Chrome OS, 1 is everything else.
const HASH_TYPE: usize = 12;
/// 16 bytes, in the order of their text form.
const UUID: usize = 16;
/// Name of the hash algorithm as the kernel spells it, 32 bytes, padded with zeros.
const ALGORITHM: usize = 32;
/// `u32`, bytes.
const DATA_BLOCK_SIZE: usize = 64;
/// `u32`, bytes.
const HASH_BLOCK_SIZE: usize = 68;
/// `u64`, blocks.
pub(crate) const DATA_BLOCKS: usize = 72;
/// `u16`, bytes; six bytes of padding follow.
const SALT_SIZE: usize = 80;
/// 256 bytes, of which [`SALT_SIZE`] count; 168 bytes of padding follow.
const SALT: usize = 88;

const MAGIC: [u8; 8] = *b"verity\0\0";
const SHA256: [u8; 32] = *b"sha256\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// A superblock of version 1, hash type 1, SHA-256, with 4096-byte blocks: the only kind that
/// exists here, so that these four are not fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superblock {
    /// Data blocks of 4096 bytes, 1 to [`MAX_DATA_BLOCKS`].
    pub data_blocks: u64,
    /// Salt, at most [`MAX_SALT_BYTES`].
    pub salt: Vec<u8>,
    /// UUID, in the order of its text form.
    pub uuid: [u8; 16],
}

impl Superblock {
    /// Bytes of a data block.
    pub const DATA_BLOCK_BYTES: u64 = BLOCK_BYTES;
    /// Bytes of a hash block.
    pub const HASH_BLOCK_BYTES: u64 = BLOCK_BYTES;
    /// The hash algorithm, as the kernel spells it.
    pub const ALGORITHM: &'static str = "sha256";

    /// Parses the superblock at the start of `bytes`, which holds at least its 512 bytes. Padding
    /// is not looked at, as in cryptsetup.
    ///
    /// # Errors
    /// [`Error::ShortSuperblock`] and [`Error::Superblock`] for what is no superblock,
    /// [`Error::Unsupported`] and [`Error::DataBlocks`] for one that this crate does not handle.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let Some(raw) = bytes.first_chunk::<BYTES>() else {
            return Err(Error::ShortSuperblock { expected: BYTES, found: bytes.len() });
        };
        check_kind(raw)?;
        let data_blocks = le_u64(raw, DATA_BLOCKS).unwrap_or_default();
        hash_offset_layout(data_blocks)?;
        let salt_bytes = usize::from(le_u16(raw, SALT_SIZE).unwrap_or(u16::MAX));
        let salt = take::<MAX_SALT_BYTES>(raw, SALT);
        let salt = salt.get(..salt_bytes).ok_or_else(|| Error::Superblock {
            field: "salt size",
            offset: SALT_SIZE,
            expected: format!("at most {MAX_SALT_BYTES}"),
            found: salt_bytes.to_string(),
        })?;
        Ok(Self { data_blocks, salt: salt.to_vec(), uuid: take(raw, UUID) })
    }

    /// The 4096 bytes that stand in front of the top hash block.
    ///
    /// # Errors
    /// [`Error::SaltLength`] and [`Error::DataBlocks`] when a field is out of its range.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        hash_offset_layout(self.data_blocks)?;
        let too_long = || Error::SaltLength { limit: MAX_SALT_BYTES, found: self.salt.len() };
        if self.salt.len() > MAX_SALT_BYTES {
            return Err(too_long());
        }
        let salt_bytes = u16::try_from(self.salt.len()).map_err(|_| too_long())?;
        let mut block = vec![0; BLOCK];
        let fields: [(usize, &[u8]); 10] = [
            (SIGNATURE, &MAGIC),
            (VERSION, &1_u32.to_le_bytes()),
            (HASH_TYPE, &1_u32.to_le_bytes()),
            (UUID, &self.uuid),
            (ALGORITHM, &SHA256),
            (DATA_BLOCK_SIZE, &4096_u32.to_le_bytes()),
            (HASH_BLOCK_SIZE, &4096_u32.to_le_bytes()),
            (DATA_BLOCKS, &self.data_blocks.to_le_bytes()),
            (SALT_SIZE, &salt_bytes.to_le_bytes()),
            (SALT, &self.salt),
        ];
        for (offset, value) in fields {
            anklume_bytes::put(&mut block, offset, value).ok_or_else(too_long)?;
        }
        Ok(block)
    }

    /// Bytes of data in front of the superblock.
    ///
    /// # Errors
    /// [`Error::DataBlocks`] when [`Superblock::data_blocks`] is out of its range.
    pub fn data_bytes(&self) -> Result<u64, Error> {
        self.data_blocks
            .checked_mul(BLOCK_BYTES)
            .ok_or(Error::DataBlocks { limit: MAX_DATA_BLOCKS, found: self.data_blocks })
    }

    /// The levels of the tree behind the superblock.
    ///
    /// # Errors
    /// [`Error::DataBlocks`] when [`Superblock::data_blocks`] is out of its range.
    pub fn layout(&self) -> Result<TreeLayout, Error> {
        hash_offset_layout(self.data_blocks)
    }

    /// First byte of the 4096-byte block whose digest is the root hash, counted from the start of
    /// the data, when the superblock follows the data; see [`crate::root_hash_of`].
    ///
    /// # Errors
    /// [`Error::DataBlocks`] when [`Superblock::data_blocks`] is out of its range.
    pub fn top_block_offset(&self) -> Result<u64, Error> {
        self.layout()?
            .top_block_offset(self.data_bytes()?)
            .ok_or(Error::DataBlocks { limit: MAX_DATA_BLOCKS, found: self.data_blocks })
    }
}

/// Checks the fields that have only one value here.
fn check_kind(raw: &[u8; BYTES]) -> Result<(), Error> {
    let signature: [u8; 8] = take(raw, SIGNATURE);
    if signature != MAGIC {
        return Err(Error::Superblock {
            field: "signature",
            offset: SIGNATURE,
            expected: MAGIC.escape_ascii().to_string(),
            found: signature.escape_ascii().to_string(),
        });
    }
    let numbers = [
        ("version", VERSION, 1),
        ("hash type", HASH_TYPE, 1),
        ("data block size", DATA_BLOCK_SIZE, 4096),
        ("hash block size", HASH_BLOCK_SIZE, 4096),
    ];
    for (field, offset, expected) in numbers {
        let found = le_u32(raw, offset).unwrap_or_default();
        if found != expected {
            let (expected, found) = (expected.to_string(), found.to_string());
            return Err(Error::Unsupported { field, expected, found });
        }
    }
    let algorithm: [u8; 32] = take(raw, ALGORITHM);
    // A C string: what follows its end does not count.
    let name = algorithm.split(|&byte| byte == 0).next().unwrap_or_default();
    if name != Superblock::ALGORITHM.as_bytes() {
        return Err(Error::Unsupported {
            field: "hash algorithm",
            expected: Superblock::ALGORITHM.to_owned(),
            found: name.escape_ascii().to_string(),
        });
    }
    Ok(())
}

/// The `N` bytes at `offset`; every caller asks for bytes inside the structure.
fn take<const N: usize>(raw: &[u8; BYTES], offset: usize) -> [u8; N] {
    raw.get(offset..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Superblock {
        Superblock { data_blocks: 129, salt: vec![9; 32], uuid: *b"0123456789abcdef" }
    }

    #[test]
    fn fields_are_contiguous() {
        let fields = [
            (SIGNATURE, 8),
            (VERSION, 4),
            (HASH_TYPE, 4),
            (UUID, 16),
            (ALGORITHM, 32),
            (DATA_BLOCK_SIZE, 4),
            (HASH_BLOCK_SIZE, 4),
            (DATA_BLOCKS, 8),
            (SALT_SIZE, 2 + 6),
            (SALT, MAX_SALT_BYTES + 168),
        ];
        let end = fields.iter().fold(0, |end, &(offset, bytes)| {
            assert_eq!(offset, end);
            offset + bytes
        });
        assert_eq!(end, BYTES);
    }

    #[test]
    fn encoding_and_parsing_agree() {
        for salt in [vec![], vec![1; 32], vec![2; MAX_SALT_BYTES]] {
            let superblock = Superblock { salt, ..sample() };
            let block = superblock.encode().unwrap();
            assert_eq!(block.len(), BLOCK);
            assert_eq!(Superblock::parse(&block).unwrap(), superblock);
        }
        let long = Superblock { salt: vec![0; MAX_SALT_BYTES + 1], ..sample() };
        assert!(matches!(long.encode(), Err(Error::SaltLength { found: 257, .. })));
        let empty = Superblock { data_blocks: 0, ..sample() };
        assert!(matches!(empty.encode(), Err(Error::DataBlocks { .. })));
    }

    #[test]
    fn damage_is_told_from_other_kinds() {
        let with = |offset: usize, value: u8| {
            let mut block = sample().encode().unwrap();
            block[offset] = value;
            Superblock::parse(&block).unwrap_err()
        };
        assert!(matches!(with(0, b'V'), Error::Superblock { field: "signature", .. }));
        assert!(matches!(with(VERSION, 2), Error::Unsupported { field: "version", .. }));
        assert!(matches!(with(HASH_TYPE, 0), Error::Unsupported { field: "hash type", .. }));
        assert!(matches!(with(ALGORITHM + 3, b'5'), Error::Unsupported { .. }));
        assert!(matches!(with(DATA_BLOCK_SIZE + 1, 2), Error::Unsupported { .. }));
        assert!(matches!(with(HASH_BLOCK_SIZE + 1, 2), Error::Unsupported { .. }));
        assert!(matches!(with(DATA_BLOCKS + 7, 1), Error::DataBlocks { .. }));
        assert!(matches!(with(SALT_SIZE + 1, 2), Error::Superblock { field: "salt size", .. }));
        let block = sample().encode().unwrap();
        assert!(matches!(Superblock::parse(&block[..511]), Err(Error::ShortSuperblock { .. })));
        assert!(Superblock::parse(&block[..512]).is_ok());
    }
}
