//! Package files of the distribution: which ones, where from, and a folder of just these.

mod apt;
mod fetch;
mod index;
mod pool;
mod sums;

pub(super) use apt::Apt;
pub(super) use fetch::{NEWEST, Place, Sources, Wanted, all_bases, digest, total_bytes};
pub(super) use pool::Pool;
pub(super) use sums::Sums;
