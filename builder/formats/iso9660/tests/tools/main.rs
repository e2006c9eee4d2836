//! The format against foreign tools, in both directions.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod foreign;
mod image;
mod written;
