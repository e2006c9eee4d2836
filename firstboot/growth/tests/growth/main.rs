//! Growth of small disks in memory: what is decided, and what a power cut can leave behind.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod crash;
mod decisions;
mod execution;
mod foreign;
mod random;
mod sample;
