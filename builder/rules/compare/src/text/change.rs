//! One change of a file in a few words.

use crate::difference::Change;
use crate::shown::human_change;

/// The reasons for which a file differs, parted by semicolons.
pub(super) fn reasons(changes: &[Change]) -> String {
    changes.iter().map(reason).collect::<Vec<_>>().join("; ")
}

fn reason(change: &Change) -> String {
    match change {
        Change::Kind { before, after } => format!("{before} -> {after}"),
        Change::Content => "content".to_owned(),
        Change::Size { before, after } => format!("size {}", human_change(*before, *after)),
        Change::Target { before, after } => format!("target {before} -> {after}"),
        Change::Device { before, after } => format!("device {before} -> {after}"),
        Change::Mode { before, after } => format!("mode {before:04o} -> {after:04o}"),
        Change::Owner { before, after } => {
            format!("owner {}:{} -> {}:{}", before.uid, before.gid, after.uid, after.gid)
        }
        Change::Attribute { name } => format!("attribute {name}"),
        Change::Mtime { before, after } => format!("mtime {before} -> {after}"),
    }
}

/// The word under which changes of this kind are counted.
pub(super) fn word(change: &Change) -> &'static str {
    match change {
        Change::Kind { .. } => "kind",
        Change::Content => "content",
        Change::Size { .. } => "size",
        Change::Target { .. } => "target",
        Change::Device { .. } => "device",
        Change::Mode { .. } => "mode",
        Change::Owner { .. } => "owner",
        Change::Attribute { .. } => "attribute",
        Change::Mtime { .. } => "mtime",
    }
}
