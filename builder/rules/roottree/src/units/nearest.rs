//! The unit that was perhaps meant.

use super::find;
use crate::tree::Tree;
use std::cmp::Reverse;

/// The unit with the fewest letters to change in `wanted`, unless that is more than a third. Of
/// several, the one that starts like `wanted`: typing errors are rarely the first letter.
pub(super) fn name(tree: &Tree<'_>, wanted: &str) -> Option<String> {
    let names = find::names(tree).into_iter();
    let key = |name: &str| (distance(wanted, name), Reverse(common(wanted, name)));
    let near = names.map(|name| (key(&name), name)).min()?;
    let most = wanted.rsplit_once('.').map_or(wanted, |(stem, _)| stem).len().div_ceil(3);
    (near.0.0 <= most).then_some(near.1)
}

/// Bytes that both start with.
fn common(left: &str, right: &str) -> usize {
    left.bytes().zip(right.bytes()).take_while(|(left, right)| left == right).count()
}

/// Letters to insert, drop or replace (Levenshtein 1966).
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, from) in left.bytes().enumerate() {
        let mut diagonal = line;
        let mut before = line.saturating_add(1);
        for (cell, to) in row.iter_mut().skip(1).zip(right.bytes()) {
            let replaced = diagonal.saturating_add(usize::from(from != to));
            diagonal = *cell;
            let stepped = before.min(*cell).saturating_add(1);
            *cell = replaced.min(stepped);
            before = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = line.saturating_add(1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distances() {
        assert_eq!(distance("sshd.service", "ssh.service"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
