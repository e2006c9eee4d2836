//! Versions made by the project's own writers are installed on disks in memory: on honest ones, on ones
//! that lie, from sources that do, and with the power cut at every moment.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod crash;
mod disk;
mod lies;
mod machine;
mod random;
mod refused;
mod resume;
#[path = "../../../chunks/tests/chunks/sample.rs"]
#[allow(dead_code, reason = "another crate's tests use the rest")]
mod sample;
mod seeds;
mod source;
mod surveyed;
