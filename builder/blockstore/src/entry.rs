//! How a compressed block is laid out in a file or an object.
//!
//! | byte | length | |
//! |-|-|-|
//! | 0 | 8 | magic: `ankblkL1` in a folder of one user, `ankblkS1` in a shared store |
//! | 8 | 4 | bytes of the payload, little-endian |
//! | 12 | 4 | zero |
//! | 16 | 32 | the [`BlockKey`] |
//! | 48 | 32 | seal: SHA-256, or HMAC-SHA256, over the 48 bytes before it and the payload |
//! | 80 | | payload: the compressed block; nothing follows it |
//!
//! There is no byte that the seal does not cover, and it covers the key: an entry is worth nothing
//! under another name. The format is this project's own; its version is the last byte of the magic.

use anklume_squashfs_writer::BlockKey;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::MacKey;

/// Bytes in front of the payload.
pub(crate) const HEADER_BYTES: usize = 80;
/// Bytes of the header that the seal covers.
const SEALED_BYTES: usize = 48;

/// What an entry starts with.
pub(crate) type Header = [u8; HEADER_BYTES];

/// What vouches for an entry.
#[derive(Clone, Copy)]
pub(crate) enum Seal<'a> {
    /// SHA-256: finds damage, not malice.
    Digest,
    /// HMAC-SHA256 under this secret.
    #[cfg_attr(not(any(feature = "shared", test)), expect(dead_code, reason = "objects have it"))]
    Mac(&'a MacKey),
}

impl Seal<'_> {
    fn magic(self) -> [u8; 8] {
        match self {
            Self::Digest => *b"ankblkL1",
            Self::Mac(_) => *b"ankblkS1",
        }
    }

    fn of(self, sealed: &[u8], payload: &[u8]) -> [u8; 32] {
        match self {
            Self::Digest => {
                Sha256::new().chain_update(sealed).chain_update(payload).finalize().into()
            }
            Self::Mac(key) => mac(key, sealed, payload).finalize().into_bytes().into(),
        }
    }

    fn matches(self, seal: &[u8], sealed: &[u8], payload: &[u8]) -> bool {
        match self {
            Self::Digest => seal == self.of(sealed, payload),
            // In constant time: the storage must not be able to find the MAC by trying.
            Self::Mac(key) => mac(key, sealed, payload).verify_slice(seal).is_ok(),
        }
    }
}

fn mac(key: &MacKey, sealed: &[u8], payload: &[u8]) -> Hmac<Sha256> {
    key.keyed().chain_update(sealed).chain_update(payload)
}

/// The 48 bytes that are the same for every payload of this key and length.
fn sealed_bytes(seal: Seal<'_>, key: &BlockKey, length: u32) -> [u8; SEALED_BYTES] {
    let mut sealed = [0; SEALED_BYTES];
    sealed[..8].copy_from_slice(&seal.magic());
    sealed[8..12].copy_from_slice(&length.to_le_bytes());
    sealed[16..].copy_from_slice(&key.0);
    sealed
}

/// Header and payload. `None` for a payload of 4 GiB or more, which no block has.
pub(crate) fn encode(seal: Seal<'_>, key: &BlockKey, payload: &[u8]) -> Option<Vec<u8>> {
    let sealed = sealed_bytes(seal, key, u32::try_from(payload.len()).ok()?);
    let seal = seal.of(&sealed, payload);
    let mut entry = Vec::with_capacity(HEADER_BYTES.checked_add(payload.len())?);
    entry.extend_from_slice(&sealed);
    entry.extend_from_slice(&seal);
    entry.extend_from_slice(payload);
    Some(entry)
}

/// Whether `header` and `payload`, together the whole entry, are what was stored under `key`.
pub(crate) fn is_valid(seal: Seal<'_>, key: &BlockKey, header: &Header, payload: &[u8]) -> bool {
    let Ok(length) = u32::try_from(payload.len()) else { return false };
    let (sealed, found) = header.split_at(SEALED_BYTES);
    sealed == sealed_bytes(seal, key, length) && seal.matches(found, sealed, payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(entry: &[u8]) -> Option<(&Header, &[u8])> {
        entry.split_first_chunk()
    }

    fn valid(seal: Seal<'_>, key: &BlockKey, entry: &[u8]) -> bool {
        split(entry).is_some_and(|(header, payload)| is_valid(seal, key, header, payload))
    }

    #[test]
    fn every_flipped_bit_and_every_cut_shows() {
        let secret = MacKey::from_bytes(&[3; 32]).unwrap();
        let key = BlockKey([7; 32]);
        for seal in [Seal::Digest, Seal::Mac(&secret)] {
            let entry = encode(seal, &key, b"compressed").unwrap();
            assert!(valid(seal, &key, &entry));
            for at in 0..entry.len() * 8 {
                let mut damaged = entry.clone();
                damaged[at / 8] ^= 1 << (at % 8);
                assert!(!valid(seal, &key, &damaged), "bit {at}");
            }
            for length in 0..entry.len() {
                assert!(!valid(seal, &key, &entry[..length]), "{length} bytes");
            }
            assert!(!valid(seal, &key, &[entry.as_slice(), &[0]].concat()));
            assert!(!valid(seal, &BlockKey([8; 32]), &entry));
        }
    }

    #[test]
    fn seals_do_not_stand_in_for_each_other() {
        let key = BlockKey([7; 32]);
        let ours = MacKey::from_bytes(&[3; 32]).unwrap();
        let theirs = MacKey::from_bytes(&[4; 32]).unwrap();
        let seals = [Seal::Digest, Seal::Mac(&ours), Seal::Mac(&theirs)];
        for (i, made) in seals.into_iter().enumerate() {
            let entry = encode(made, &key, b"compressed").unwrap();
            for (j, asked) in seals.into_iter().enumerate() {
                assert_eq!(valid(asked, &key, &entry), i == j);
            }
        }
    }

    #[test]
    fn the_layout_is_the_one_described() {
        let entry = encode(Seal::Digest, &BlockKey([7; 32]), b"compressed").unwrap();
        assert_eq!(entry[..16], *b"ankblkL1\x0a\0\0\0\0\0\0\0");
        assert_eq!(entry[16..48], [7; 32]);
        let digest = Sha256::digest([&entry[..48], b"compressed"].concat());
        assert_eq!(entry[48..80], *digest);
        assert_eq!(entry[80..], *b"compressed");
    }
}
