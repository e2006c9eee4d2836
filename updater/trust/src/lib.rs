//! The Update Framework (TUF), specification 1.0: which release files a machine trusts.
//!
//! Bytes in, verdicts out. No file, no network, no clock: [`Client`] says which file to ask for and
//! takes its bytes; the time and what was seen before are arguments; [`Stored`] is what to keep.
//! [`publish`] makes the files that it reads.
//!
//! # Roles
//!
//! | file | says | signed with |
//! |---|---|---|
//! | `N.root.json` | the keys of all roles; signed with the old and the new root keys | keys kept offline |
//! | `timestamp.json` | the newest snapshot; expires soon | a key that is at hand |
//! | `N.snapshot.json` | the targets file that belongs to it | a key that is at hand |
//! | `N.targets.json` | names, lengths and SHA-256 of the release files | the key of releases |
//!
//! # Profile
//!
//! Stricter than the specification allows, so that there is less to get wrong:
//!
//! - Keys are Ed25519. Other kinds are ignored, their signatures do not count: a role can move to
//!   another kind by naming both. A key's name is the SHA-256 of its signed form; a public key counts
//!   once even if it has two names.
//! - Length and SHA-256 are there wherever a file names another one.
//! - No delegations.
//! - JSON without fractions and without a key twice; nested at most [`MAX_DEPTH`] deep; at most
//!   [`Role::limit`] bytes and [`MAX_SIGNATURES`] signatures.
//! - One version is one file: the same version with other content is refused.
//!
//! Made here are consistent snapshots: the version is part of a file's name, and only `timestamp.json`
//! is ever replaced. On a plain web server, a mirror or a stick, a release then appears with one rename
//! of one small file, and whoever is in the middle of a refresh still finds what belongs together.
//! Sources without them are read too.
//!
//! # Time
//!
//! Files made here hold their signing time (`x-anklume-issued`, which other implementations ignore), so
//! that a machine whose clock is behind learns what the time is at least: [`Clock`].
//!
//! # What is remembered
//!
//! Versions never go back, across refreshes: [`Stored`]. When a root rotates the keys of timestamp or
//! snapshot, what was signed with the old ones is forgotten in the same step (specification, section
//! 5.3.11). What is stored is no anchor of trust; that is the root in the image.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod client;
mod clock;
mod connect;
mod digest;
mod envelope;
mod error;
mod json;
mod key;
mod metadata;
mod moment;
mod node;
pub mod publish;
mod role;
mod stored;

pub use client::{Client, Staleness, Wanted};
pub use clock::Clock;
pub use connect::Memory;
pub use digest::{Digest, NotHex};
pub use envelope::MAX_SIGNATURES;
pub use error::{Error, Expired, TimeSource};
pub use json::MAX_DEPTH;
pub use key::{KeyId, PublicKey, RoleKeys};
pub use metadata::{FileInfo, Header, MAX_NAME_BYTES, Root, Snapshot, Target, Targets, Timestamp};
pub use moment::Moment;
pub use role::Role;
pub use stored::{MAX_STORED_BYTES, Stored};
