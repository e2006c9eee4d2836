//! Looks at the disks of this machine, and carries plans out on them.
//!
//! What is done is decided in `anklume_setup`; here is only how.
#![forbid(unsafe_code)]

mod adopt;
mod collect;
mod domain;
mod execute;
mod firmware;
pub mod hostid;
mod keys;
mod random;
mod rest;

pub use adopt::{Adopted, Existing, adopt};
pub use collect::{CollectError, collect};
pub use domain::{DomainState, domain_state};
pub use execute::{ExecuteError, Here, Machine, execute, perform};
pub use keys::Keys;
pub use random::ids;
pub use rest::rest;
