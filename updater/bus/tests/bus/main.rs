//! The service and its client on a message bus of their own.
#![expect(clippy::unwrap_used, reason = "tests run programs")]

mod alone;
mod authority;
mod fake;
mod idle;
mod interface;
mod jobs;
mod overlay;
