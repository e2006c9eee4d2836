//! Compressing and decompressing blocks.

use std::io;

use sha2::{Digest, Sha256};
use zstd::bulk;

use crate::Compressor;
use crate::cache::BlockKey;

/// Compresses blocks independently of each other, with state that is set up once.
pub(crate) struct Codec {
    compressor: bulk::Compressor<'static>,
    decompressor: bulk::Decompressor<'static>,
    /// Receives what is decompressed only to be compared.
    scratch: Vec<u8>,
}

impl Codec {
    pub(crate) fn new(kind: Compressor) -> io::Result<Self> {
        let Compressor::Zstd { level } = kind;
        Ok(Self {
            compressor: bulk::Compressor::new(level.into())?,
            decompressor: bulk::Decompressor::new()?,
            scratch: Vec::new(),
        })
    }

    /// Compresses `content` into `stored`, and says whether that made it shorter. If it did not,
    /// `stored` is empty, and the content is stored as it is.
    pub(crate) fn compress(&mut self, content: &[u8], stored: &mut Vec<u8>) -> io::Result<bool> {
        stored.clear();
        // With room for the worst case, the compressor need not watch the end.
        stored.reserve(zstd::zstd_safe::compress_bound(content.len()));
        self.compressor.compress_to_buffer(content, stored)?;
        let shorter = stored.len() < content.len();
        if !shorter {
            stored.clear();
        }
        Ok(shorter)
    }

    /// Decompresses `stored` into `content`, which receives at most `limit` bytes.
    pub(crate) fn decompress(
        &mut self,
        stored: &[u8],
        limit: usize,
        content: &mut Vec<u8>,
    ) -> io::Result<()> {
        content.clear();
        content.reserve_exact(limit);
        self.decompressor.decompress_to_buffer(stored, content).map(|_| ())
    }

    /// Whether `stored`, which may be anything, is a stored form of `content`.
    pub(crate) fn is_form_of(&mut self, stored: &[u8], content: &[u8]) -> bool {
        if stored.len() >= content.len() {
            return stored == content;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let same =
            self.decompress(stored, content.len(), &mut scratch).is_ok() && scratch == content;
        self.scratch = scratch;
        same
    }
}

/// What makes the keys of an image's blocks: the compressor, its settings and its version.
#[derive(Clone)]
pub(crate) struct KeyMaker(Sha256);

impl KeyMaker {
    pub(crate) fn new(kind: Compressor) -> Self {
        let version = zstd::zstd_safe::version_string();
        let settings = format!("{} version={version}\0", kind.settings());
        Self(Sha256::new_with_prefix(settings))
    }

    /// Digest of everything but its content that the stored form of a block depends on.
    pub(crate) fn settings(&self) -> [u8; 32] {
        self.0.clone().finalize().into()
    }

    /// The key of a block whose content has this SHA-256.
    pub(crate) fn key(&self, hash: &[u8; 32]) -> BlockKey {
        BlockKey(self.0.clone().chain_update(hash).finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_forms_are_recognised_and_nothing_else() {
        let mut codec = Codec::new(Compressor::Zstd { level: 3 }).unwrap();
        let content: Vec<u8> = (0..5000_u32).map(|i| (i % 7) as u8).collect();
        let mut stored = Vec::new();
        assert!(codec.compress(&content, &mut stored).unwrap());
        assert!(codec.is_form_of(&stored, &content));
        assert!(codec.is_form_of(&content, &content));
        assert!(!codec.is_form_of(&stored[..stored.len() - 1], &content));
        assert!(!codec.is_form_of(&[], &content));
        assert!(!codec.is_form_of(&stored, &content[1..]));
        assert!(!codec.is_form_of(&stored, &[content.as_slice(), b"x"].concat()));
        assert!(!codec.is_form_of(&content[..100], &content));
        let mut other = content.clone();
        other[4000] ^= 1;
        assert!(!codec.is_form_of(&stored, &other));
        assert!(!codec.is_form_of(&other, &content));
    }

    #[test]
    fn what_does_not_compress_is_stored_as_it_is() {
        let mut codec = Codec::new(Compressor::Zstd { level: 19 }).unwrap();
        let mut stored = vec![1; 10];
        let content: Vec<u8> = Sha256::digest(b"noise").to_vec();
        assert!(!codec.compress(&content, &mut stored).unwrap());
        assert!(stored.is_empty());
    }

    #[test]
    fn keys_depend_on_content_and_settings() {
        let [three, four] =
            [3, 4].map(|level| KeyMaker::new(Compressor::Zstd { level }).key(&[1; 32]));
        assert_ne!(three, four);
        let maker = KeyMaker::new(Compressor::Zstd { level: 3 });
        assert_eq!(maker.key(&[1; 32]), three);
        assert_ne!(maker.key(&[2; 32]), three);
    }
}
