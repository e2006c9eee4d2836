//! Repositories of updates: keys, publishing, withdrawing, checking.
//!
//! A repository is a folder of plain files ([`anklume_release::names`]). What is published is written
//! under names that nothing refers to yet; one rename of `timestamp.json` makes it the newest. So readers
//! see the old release or the new one, and so does whoever comes after a program that was killed.

mod bundle;
mod check;
mod clock;
mod keyring;
mod keys;
mod metadata;
mod numbers;
mod publish;
mod store;

pub(crate) use check::check;
pub(crate) use keys::run as keys;
pub(crate) use publish::{run as publish, withdraw};
