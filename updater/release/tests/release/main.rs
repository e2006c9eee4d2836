//! Descriptions of releases, and which one a machine takes.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod choose;
mod fits;
mod form;
mod properties;
mod sample;
mod settings;
mod window;
