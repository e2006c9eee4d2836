//! The boot record, the last failure and the slots of small media made here.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod foreign;
mod last_failure;
mod record;
mod sample;
mod slots;

#[path = "../../../../builder/rules/osimage/tests/sample/mod.rs"]
mod os;
