//! A store of compressed blocks: a folder of this machine and, if wanted, one that machines share.
//!
//! Compressing is most of the work of a build, and most blocks of an image are those of the last
//! one. [`Store`] keeps the compressed form of each block under its [`BlockKey`] and is what the
//! squashfs writer asks before it compresses. A store can make a build slower; it can neither
//! change an image nor make a build fail.
//!
//! # Local store
//!
//! One file per block, `FOLDER/blocks-v1/<key in hexadecimal>`, laid out as the module `entry` says. Entries
//! appear by renaming, so that any number of processes may use a folder at once without a lock; one
//! that is torn, cut, damaged or another block's is a miss and is removed. When the files together
//! exceed the limit, those not used for longest are removed.
//!
//! A folder belongs to one user. If another owns it, or others may write into it, it is refused
//! with a [`Warning`]: whoever can write into it can choose the bytes of an image. Below the folder
//! nothing is followed that a symbolic link points at.
//!
//! # Shared store
//!
//! One object per block, `URL/<key in hexadecimal>.v1`, in S3 (`s3://`), Google (`gs://`) or Azure
//! (`az://`) storage, on a web server that takes `PUT` (`http://`, `https://`) or in a folder that
//! machines mount (`file:///`). What comes from there is put into the local store as well.
//!
//! The writer decompresses what it gets and compares it with the content, so that the content of an
//! image is safe from any store. Its bytes are not: there are many compressed forms of one content,
//! and whoever controls the storage could answer another valid one. An image built against such a
//! store would differ from one that is built without, and that is what reproducible builds must
//! rule out. Objects therefore end their header with an HMAC-SHA256 over key and payload, under a
//! secret that the machines share and the storage does not know ([`MacKey`]). An object without a
//! valid one is a miss, also when it was valid under another name. Whoever has the secret is
//! trusted; there is no shared store without one.
//!
//! A storage that does not answer costs a bounded time: requests have a time limit, and after a few
//! failures in a row the store goes on without it, with one [`Warning`].
//!
//! Needs the feature `shared`, off by default: it brings an HTTP and TLS stack.
#![forbid(unsafe_code)]

mod entry;
mod key_file;
mod local;
mod settings;
#[cfg(feature = "shared")]
mod shared;
mod stats;
mod store;
mod warning;

pub use anklume_squashfs_writer::{BlockCache, BlockKey};
pub use key_file::{KeyError, MacKey};
pub use settings::{Settings, Shared, SharedError};
pub use stats::{Stats, Tier};
pub use store::{Store, Summary};
pub use warning::{Refusal, Warning};
