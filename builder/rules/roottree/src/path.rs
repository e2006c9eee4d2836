//! Paths inside a tree: relative, without `.` and `..`, ordered so that a directory's content
//! follows it at once.

use std::cmp::Ordering;

/// Longest path in bytes: Linux's `PATH_MAX` less the zero byte (`limits.h`).
pub const MAX_PATH_BYTES: usize = 4095;
/// Longest name in bytes: Linux's `NAME_MAX` (`limits.h`).
pub const MAX_NAME_BYTES: usize = 255;
/// The most symbolic links followed for one path, as Linux does (path_resolution(7)).
pub const MAX_LINKS: usize = 40;

/// A path that no tree can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing, where a name must be.
    #[error("empty")]
    Empty,
    /// Starts with a slash.
    #[error("absolute")]
    Absolute,
    /// Has a `..` component.
    #[error("leaves its directory with ..")]
    Parent,
    /// Has a zero byte.
    #[error("contains a zero byte")]
    Zero,
    /// Longer than [`MAX_PATH_BYTES`], or a name longer than [`MAX_NAME_BYTES`].
    #[error("too long")]
    TooLong,
}

/// `raw` as a path of an archive: `./usr//bin/` becomes `usr/bin`, and the root is empty.
///
/// # Errors
/// [`PathError`]: absolute, with `..`, with a zero byte, or too long.
pub fn normalise(raw: &str) -> Result<String, PathError> {
    if raw.starts_with('/') {
        return Err(PathError::Absolute);
    }
    in_tree(raw)
}

/// `raw` as a path of a tree: as [`normalise`], but leading slashes mean the tree's root.
///
/// # Errors
/// [`PathError`]: with `..`, with a zero byte, or too long.
pub fn in_tree(raw: &str) -> Result<String, PathError> {
    if raw.len() > MAX_PATH_BYTES {
        return Err(PathError::TooLong);
    }
    let mut path = String::with_capacity(raw.len());
    for name in raw.split('/') {
        match name {
            "" | "." => continue,
            ".." => return Err(PathError::Parent),
            _ if name.len() > MAX_NAME_BYTES => return Err(PathError::TooLong),
            _ if name.contains('\0') => return Err(PathError::Zero),
            _ => push(&mut path, name),
        }
    }
    Ok(path)
}

/// The directory that holds `path`; `None` for the root.
#[must_use]
pub fn parent(path: &str) -> Option<&str> {
    match path.rsplit_once('/') {
        Some((parent, _)) => Some(parent),
        None if path.is_empty() => None,
        None => Some(""),
    }
}

/// The last name of `path`.
#[must_use]
pub fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// `directory/name`, where the root's directory is empty.
#[must_use]
pub fn join(directory: &str, name: &str) -> String {
    let mut path = directory.to_owned();
    push(&mut path, name);
    path
}

/// Whether `path` lies in `directory`, at any depth.
#[must_use]
pub fn is_below(path: &str, directory: &str) -> bool {
    match path.strip_prefix(directory) {
        Some(rest) if directory.is_empty() => !rest.is_empty(),
        Some(rest) => rest.starts_with('/'),
        None => false,
    }
}

/// The order of archives: by bytes, but the slash before every other byte, so that a directory's
/// content follows it before its next sibling (`usr`, `usr/bin`, `usr-old`).
#[must_use]
pub fn order(left: &str, right: &str) -> Ordering {
    let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
    left.bytes().map(rank).cmp(right.bytes().map(rank))
}

fn push(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('/');
    }
    path.push_str(name);
}

/// What a path component is, for [`walk`].
pub(crate) enum Step<'a> {
    Directory,
    Link(&'a str),
    Other,
}

/// Why a path leads nowhere.
pub(crate) enum WalkError {
    Loop,
    NotADirectory(String),
    TooLong,
}

/// Follows the symbolic links of `path` (and of its last component, if `follow_last`) inside a
/// tree whose root is the root of absolute links. Components that do not exist are kept as they
/// are, so that a new path gets its place too.
pub(crate) fn walk<'a>(
    path: &str,
    follow_last: bool,
    view: impl Fn(&str) -> Option<Step<'a>>,
) -> Result<String, WalkError> {
    let mut done = String::new();
    let mut todo: Vec<String> = components(path);
    let mut links = 0_usize;
    while let Some(component) = todo.pop() {
        if component == ".." {
            done.truncate(parent(&done).map_or(0, str::len));
            continue;
        }
        let next = join(&done, &component);
        if next.len() > MAX_PATH_BYTES {
            return Err(WalkError::TooLong);
        }
        match view(&next) {
            Some(Step::Link(target)) if follow_last || !todo.is_empty() => {
                links = links.saturating_add(1);
                if links > MAX_LINKS {
                    return Err(WalkError::Loop);
                }
                if target.starts_with('/') {
                    done.clear();
                }
                todo.extend(components(target));
            }
            Some(Step::Link(_) | Step::Other) if !todo.is_empty() => {
                return Err(WalkError::NotADirectory(next));
            }
            _ => done = next,
        }
    }
    Ok(done)
}

/// Components of `path`, the last one first, without the empty ones and `.`.
fn components(path: &str) -> Vec<String> {
    let real = path.split('/').filter(|name| !name.is_empty() && *name != ".");
    let mut names: Vec<String> = real.map(str::to_owned).collect();
    names.reverse();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_spell_one_path_in_many_ways() {
        assert_eq!(normalise("./usr//bin/./x/").as_deref(), Ok("usr/bin/x"));
        assert_eq!(normalise("./").as_deref(), Ok(""));
        assert_eq!(normalise("/etc/passwd"), Err(PathError::Absolute));
        assert_eq!(normalise("usr/../etc"), Err(PathError::Parent));
        assert_eq!(normalise("a\0b"), Err(PathError::Zero));
        assert_eq!(normalise(&"n".repeat(256)), Err(PathError::TooLong));
        assert_eq!(normalise(&"n/".repeat(2048)), Err(PathError::TooLong));
        assert_eq!(in_tree("/etc//passwd").as_deref(), Ok("etc/passwd"));
    }

    #[test]
    fn content_follows_its_directory_before_the_next_sibling() {
        let mut paths = ["usr-old", "usr/bin/x", "usr", "usr.d", "usr/bin", "", "usr/bin-old"];
        paths.sort_by(|left, right| order(left, right));
        assert_eq!(paths, ["", "usr", "usr/bin", "usr/bin/x", "usr/bin-old", "usr-old", "usr.d"]);
    }

    #[test]
    fn below_means_a_whole_component() {
        assert!(is_below("usr/bin", "usr"));
        assert!(is_below("usr", ""));
        assert!(!is_below("usr-old", "usr"));
        assert!(!is_below("usr", "usr"));
        assert!(!is_below("", ""));
    }
}
