//! The identifiers that containers have on the host: lines of `/etc/subuid` and `/etc/subgid` for root.
//!
//! Incus runs as root and gives its containers users out of what these files give to `root`. With the files
//! but without root's lines it runs privileged containers only; without the files or `newuidmap`, it takes
//! a thousand million identifiers from 1000000 on (`shared/idmap/set_load.go` and
//! `internal/server/sys/os.go` of 6.0.4). The maintainer script of Debian's `incus-base` adds root's lines
//! when it is installed first and there are none: 1000000 to 1000999999, or later if someone has some of
//! these. So an image that was made with its package has them, and [`missing`] finds nothing to add.

use std::fmt;

/// Files that give identifiers away (subuid(5), subgid(5)).
pub const FILES: [&str; 2] = ["/etc/subuid", "/etc/subgid"];
/// How many identifiers Incus should have: enough for containers with a range of their own each.
pub const COUNT: u64 = 1_000_000_000;
/// The first one that is given away.
pub const FIRST: u64 = 1_000_000;
/// The last identifier of Linux; 2^32 - 1 means none.
const LAST: u64 = 0xffff_fffe;

/// A range of identifiers that belongs to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Name or number of the user.
    pub owner: String,
    /// The first identifier.
    pub first: u64,
    /// How many.
    pub count: u64,
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.owner, self.first, self.count)
    }
}

/// The ranges of a file. Lines that are none are left out, as `newuidmap` does.
pub fn parse(text: &str) -> impl Iterator<Item = Range> {
    text.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let range = Range {
            owner: fields.next().filter(|owner| !owner.is_empty())?.to_owned(),
            first: fields.next()?.parse().ok()?,
            count: fields.next()?.parse().ok()?,
        };
        (fields.next().is_none() && range.count > 0).then_some(range)
    })
}

/// There is no room for root's range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no {COUNT} identifiers in a row are left for root behind {0}")]
pub struct NoRoom(u64);

/// The range to add to a file for root: behind all that others have. `None` when root has enough.
///
/// # Errors
/// When there are not so many left.
pub fn missing(text: &str) -> Result<Option<Range>, NoRoom> {
    let is_enough = |range: &Range| matches!(&*range.owner, "root" | "0") && range.count >= COUNT;
    if parse(text).any(|range| is_enough(&range)) {
        return Ok(None);
    }
    let ends = parse(text).map(|range| range.first.saturating_add(range.count));
    let first = ends.max().unwrap_or(0).max(FIRST);
    let last = first.saturating_add(COUNT.saturating_sub(1));
    if last > LAST {
        return Err(NoRoom(first));
    }
    Ok(Some(Range { owner: "root".to_owned(), first, count: COUNT }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_gets_a_range_of_its_own() {
        for (text, expected) in [
            ("", Some("root:1000000:1000000000")),
            ("user:100000:65536\n", Some("root:1000000:1000000000")),
            ("user:1000000:65536\n", Some("root:1065536:1000000000")),
            ("root:100000:65536\n", Some("root:1000000:1000000000")),
            ("root:1000000:1000000000\n", None),
            ("user:100000:65536\n0:2000000:1000000000", None),
            ("# a comment\nroot:x:1\nroot:1\n::\n", Some("root:1000000:1000000000")),
        ] {
            let found = missing(text).unwrap().map(|range| range.to_string());
            assert_eq!(found.as_deref(), expected, "{text:?}");
        }
        assert!(missing("user:4000000000:1000000").is_err());
        assert!(missing("user:18446744073709551615:18446744073709551615").is_err());
    }
}
