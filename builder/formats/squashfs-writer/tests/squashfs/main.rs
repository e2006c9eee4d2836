//! Images against the entries they were made of, as `sqfs2tar`, `unsquashfs`, `backhand` and
//! this project's own reader see them.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod cache;
mod duplicates;
mod failures;
mod from_tar;
mod image;
mod inodes;
mod large;
mod node;
mod odd_tree;
mod ours;
mod random;
mod readers;
mod reports;
