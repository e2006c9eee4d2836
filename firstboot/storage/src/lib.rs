//! Looks at the disks of this machine, and carries plans out on them.
//!
//! What is done is decided in `anklume_setup`; here is only how.
#![forbid(unsafe_code)]

mod adopt;
mod closed;
mod collect;
mod domain;
mod execute;
mod firmware;
pub mod hostid;
mod keys;
mod random;
mod rest;

pub use adopt::{Adopted, Existing, adopt, finish_names};
pub use closed::{none_is_open, open_part};
pub use collect::{CollectError, collect};
pub use domain::{DomainState, domain_state};
pub use execute::{ExecuteError, Here, Machine, execute, is_mounted, perform};
pub use keys::Keys;
pub use random::ids;
pub use rest::rest;
