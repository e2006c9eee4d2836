//! The format without foreign tools: refusals, damage, hostile bytes, and the seeds for fuzzing.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod damage;
mod refusal;
mod round_trip;
mod sample;
mod seeds;
