//! What a person wants of a machine's disks, and the plan that makes it.
//!
//! Facts (an [`Inventory`](anklume_inventory::Inventory)) and a request give a [`Plan`]: a list of steps in
//! words, each with the actions that it is made of. The plan that is shown is the one that is carried out:
//! whoever executes it does these actions and nothing else.
//!
//! A plan that destroys what is on a disk is made of [`ConfirmedDisk`]s, and those are only made by naming
//! the disk. There is no other way to one:
//!
//! ```compile_fail,E0451
//! use anklume_setup::ConfirmedDisk;
//! let inventory = anklume_inventory::Inventory::parse(b"{}").unwrap();
//! let disk = ConfirmedDisk { disk: inventory.disks[0].clone() };
//! ```
//!
//! ```compile_fail,E0277
//! use anklume_setup::ConfirmedDisk;
//! let inventory = anklume_inventory::Inventory::parse(b"{}").unwrap();
//! let disk: ConfirmedDisk = inventory.disks[0].clone().into();
//! ```
//!
//! ```no_run
//! use anklume_setup::ConfirmedDisk;
//! let inventory = anklume_inventory::Inventory::parse(b"{}").unwrap();
//! let disk: ConfirmedDisk =
//!     ConfirmedDisk::typed(&inventory, &inventory.disks[0], "a1b2").unwrap();
//! ```
//!
//! Secrets are not part of a plan: an action names the [`Key`] that it needs.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod action;
pub mod adopt;
mod answers;
mod confirm;
mod create;
pub mod domain;
mod luks;
mod native;
mod open;
mod plan;
mod pool;
pub mod rekey;
mod request;
mod rest;
mod table;
mod zfs;

pub use action::{Access, Action, Argument, Key};
pub use answers::{Data, DiskFilter, MatchError, SecretSource, What};
pub use confirm::{ConfirmedDisk, NotConfirmed};
pub use create::{Ids, create};
pub use domain::{DomainFault, DomainName};
pub use luks::Cost;
pub use native::MAPPER as KEYSTORE_MAPPER;
pub use open::{Found, NotFound, abandon, close, find, open};
pub use plan::{Plan, PlanDisk, Step, Work};
pub use pool::{MapperNames, Pool, PoolDisk, PoolError};
pub use request::{Backend, Encryption, NewPool, OnlyZfs, Redundancy, Refused};
pub use rest::{ConfirmedRest, NoRest, Rest, boot_disk};
pub use zfs::{SAFE_ENCRYPTION, Version, ZPOOL};

/// Name of the data partition in its table, and label of what is on it.
pub const LABEL: &str = "anklume-data";

/// Where things are in the running OS.
pub mod paths {
    /// The pool's file system as a whole; root's alone.
    pub const POOL: &str = "/run/anklume/pool";
    /// Incus's own state.
    pub const INCUS: &str = "/var/lib/incus";
    /// Homes of people.
    pub const HOME: &str = "/var/home";
    /// What a machine knows of its pool; one of the files that it keeps between boots.
    pub const RECORD: &str = "/etc/anklume/pool.toml";
    /// The same, on the pool: for a machine whose boot medium was lost.
    pub const RECORD_ON_POOL: &str = "/run/anklume/pool/pool.toml";
    /// What Incus has for its storage pool, on BTRFS.
    pub const STORAGE: &str = "/run/anklume/pool/storage";
    /// The same of each domain, by its name, on BTRFS.
    pub const DOMAINS: &str = "/run/anklume/pool/domains";
    /// The part of a pool that ZFS encrypts which is not encrypted: the volume with the keys, and the record.
    pub const LOCKED: &str = "/run/anklume/locked";
    /// The volume with the keys.
    pub const KEYSTORE: &str = "/run/anklume/locked/keystore";
    /// The keys, while the pool is being unlocked.
    pub const KEYS: &str = "/run/anklume/keystore";
    /// The record, on the part that is not encrypted.
    pub const RECORD_BESIDE_KEYS: &str = "/run/anklume/locked/pool.toml";
}
