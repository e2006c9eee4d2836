//! Incus over its socket: objects that are checked, and made if missing.
//!
//! # Why not `preseed`
//! `incus admin init --preseed` merges into what is there and rolls back as well as it can. Here each object is
//! looked at first ([`wanted`], [`plan`]): it is created, completed or left alone, and one that is there
//! but different is named and not touched. A second run does nothing, and a run that was cut after any
//! step is finished by the next one.
//!
//! # Layers
//! | module | |
//! |---|---|
//! | [`names`], [`wanted`], [`plan`], [`request`], [`operation`] | pure: data, and decisions on data |
//! | [`nftables`], [`sysctl`], [`idmap`] | pure: what the system around Incus needs |
//! | [`Client`] | effects: the socket |
//!
//! # What Incus answers
//! Checked against Incus 6.0.4, whose description is `doc/rest-api.md` and `doc/rest-api.yaml` of its source:
//!
//! - Every answer is a JSON object with `type`, which decides: the answer to `.../wait` has HTTP status 200
//!   even when it is an error, since its head is sent before the operation ends.
//! - `.../wait?timeout=N` of an operation that still runs is an *error* after N seconds. So the operation
//!   itself is asked what became of it.
//! - An operation is forgotten five seconds after its end.
//! - Lists may be `null` when they are empty.

pub mod idmap;
pub mod names;
pub mod nftables;
pub mod operation;
pub mod pick;
pub mod plan;
pub mod request;
pub mod sysctl;
pub mod wanted;

mod answer;
mod apply;
mod client;
mod error;
mod image;
mod instance;
mod recover;
mod socket;
mod transport;
mod upload;
mod wait;

pub use apply::Applied;
pub use client::{Client, FOLDER, Limits, Reply, Server, Settings};
pub use error::{AnswerFault, Error};
pub use image::{Image, ImageFiles, ImageKind, Imported, MovedAlias};
pub use instance::{Executed, Instance, Launch, Output, Stopped, Turn};
pub use recover::{RECOVER_VERSIONS, Recovery, UnknownVolume};
pub use socket::{SOCKETS, find_socket};
