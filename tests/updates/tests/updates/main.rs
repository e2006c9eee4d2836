//! Updates of a medium, from sources that do what they should not.
//!
//! The engine is the real one; the images are small ones, published by the program that publishes; the
//! medium is an image file with both slots, and the network a web server that does as it is told. After
//! everything that goes wrong three things are looked at: that one clear error says what, that nothing
//! else than the slot that does not run has changed, and that the next update turns out well.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod choice;
mod damage;
mod disk;
mod history;
mod interrupted;
mod local;
mod machine;
mod memory;
mod metadata;
mod network;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../../../../builder/build/tests/image/sample/mod.rs"]
mod sample;
mod shelf;
mod steps;
