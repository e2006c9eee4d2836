//! A web server for tests that does what servers should not.
#![forbid(unsafe_code)]
