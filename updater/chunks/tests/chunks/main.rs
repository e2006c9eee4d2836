//! Plans are carried out in memory, for random versions and for small ones that the project's own
//! writers make.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod model;
mod random;
mod sample;
mod versions;
