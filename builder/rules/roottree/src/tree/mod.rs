//! A tree with changes on top, and the archive that it becomes.

mod change;
mod member;
mod piece;
mod read;
mod state;
mod view;
mod write;

pub use change::{Change, Content, Node, NodeKind};
pub use member::{Data, Member, MemberKind};
pub use piece::{Piece, archive_bytes};
pub use write::{Sources, write};

use crate::error::Error;
use crate::index::Index;
use crate::path::order;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// An indexed tree with changes applied: what the image will hold.
#[derive(Debug, Clone)]
pub struct Tree<'a> {
    index: &'a Index,
    /// For each entry of the index, whether it is still there.
    kept: Vec<bool>,
    /// What was added, or put in the place of an entry that is no longer kept.
    added: BTreeMap<Key, Node>,
}

/// A path in the order of archives.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key(String);

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        order(&self.0, &other.0)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The archive that `changes`, applied in their order, make of the tree of `index`. `epoch` is
/// the latest time stamp, in seconds since 1970 (reproducible-builds.org, `SOURCE_DATE_EPOCH`).
///
/// # Errors
/// As [`Tree::apply`].
pub fn plan(index: &Index, changes: &[Change], epoch: u64) -> Result<Vec<Piece>, Error> {
    let mut tree = Tree::new(index);
    for change in changes {
        tree.apply(change)?;
    }
    Ok(tree.pieces(epoch))
}
