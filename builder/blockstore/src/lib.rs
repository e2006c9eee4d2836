//! A store of compressed blocks.
