//! The whole client against sources that are honest, broken and hostile.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod attacks;
mod clock;
mod flow;
mod foreign;
mod memory;
mod properties;
mod publish;
mod source;
