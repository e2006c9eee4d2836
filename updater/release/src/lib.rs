//! Releases: what a repository of updates holds, and which release a machine takes.
#![forbid(unsafe_code)]
