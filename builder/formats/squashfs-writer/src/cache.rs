//! What was compressed before.

/// Name of a compressed block: SHA-256 over the content's own SHA-256, the compressor with all its
/// settings, and the version of the library that compresses. Blocks with the same key have the same
/// compressed bytes, on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockKey(pub [u8; 32]);

/// A store of compressed blocks. The writer decompresses what it gets and compares it with the
/// content before it uses it, so that a store that answers nonsense costs time and nothing else.
///
/// Called from many threads at once.
pub trait BlockCache: Sync {
    /// The stored form of a block, or nothing. Never more than `limit` bytes: what is longer than
    /// the content is not a compressed form of it.
    fn get(&self, key: &BlockKey, limit: usize) -> Option<Vec<u8>>;

    /// Offers the stored form of a block. Failing is not the writer's concern.
    fn put(&self, key: &BlockKey, stored: &[u8]);
}
