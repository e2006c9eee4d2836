//! Settings on a message bus of their own with fake services, and accounts in a folder.
#![expect(clippy::unwrap_used, reason = "tests run programs")]

mod accounts;
mod bus;
mod machine;
mod manager;
mod network;
