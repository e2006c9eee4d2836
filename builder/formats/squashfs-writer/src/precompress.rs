//! Compressing blocks before their image is written.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

use crate::cache::BlockCache;
use crate::codec::{Codec, KeyMaker};
use crate::intake::is_zero;
use crate::{Error, Options};

/// Puts compressed blocks into a cache, for an image that will be written later with the same
/// options: while its files are still on their way, say. What is put there and never used costs room
/// and nothing else.
pub struct Precompressor<'a> {
    codec: Codec,
    keys: KeyMaker,
    cache: &'a dyn BlockCache,
    content: Vec<u8>,
    stored: Vec<u8>,
}

impl<'a> Precompressor<'a> {
    /// For images with these `options`.
    ///
    /// # Errors
    /// [`Error`] for options that no image can have, and when there is no compressor.
    pub fn new(options: &Options, cache: &'a dyn BlockCache) -> Result<Self, Error> {
        options.check()?;
        Ok(Self {
            codec: Codec::new(options.compressor).map_err(Error::Compress)?,
            keys: KeyMaker::new(options.compressor),
            cache,
            content: vec![0; options.block_length()?],
            stored: Vec::new(),
        })
    }

    /// SHA-256 of everything but its content that the stored form of a block depends on: the
    /// compressor, its settings and its version.
    #[must_use]
    pub fn settings(&self) -> [u8; 32] {
        self.keys.settings()
    }

    /// Takes the content of a file, and says how many blocks of it were not in the cache. Its end,
    /// where that does not fill a block, is left out: with what it shares a fragment block is not
    /// known yet.
    ///
    /// # Errors
    /// What `content` or the compressor says.
    pub fn file(&mut self, content: &mut dyn Read) -> io::Result<u64> {
        let mut made = 0_u64;
        loop {
            match content.read_exact(&mut self.content) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(made),
                read => read?,
            }
            made = made.saturating_add(u64::from(self.block()?));
        }
    }

    /// Takes the block in `content`, and says whether it was compressed.
    fn block(&mut self) -> io::Result<bool> {
        // A hole has no stored form.
        if is_zero(&self.content) {
            return Ok(false);
        }
        let key = self.keys.key(&Sha256::digest(&self.content).into());
        if self.cache.get(&key, self.content.len()).is_some() {
            return Ok(false);
        }
        let compressed = self.codec.compress(&self.content, &mut self.stored)?;
        self.cache.put(&key, if compressed { &self.stored } else { &self.content });
        Ok(true)
    }
}
