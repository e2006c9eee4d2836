//! Writes a version into the slot that does not run, and makes it the one that boots.
#![forbid(unsafe_code)]
