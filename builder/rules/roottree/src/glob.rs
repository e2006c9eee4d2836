//! Patterns over paths.

use crate::path;

/// A pattern over whole paths: `?` is one character and `*` any number, neither of them a slash; a
/// component `**` is any number of components, also none. Everything else stands for itself, also
/// brackets, since `usr/bin/[` is a file of every Debian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    components: Vec<String>,
}

impl Glob {
    /// Reads a pattern; leading slashes mean the tree's root.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let names = pattern.split('/').filter(|name| !name.is_empty() && *name != ".");
        Self { components: names.map(str::to_owned).collect() }
    }

    /// Whether the pattern describes all of `path`.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        let pattern: Vec<&str> = self.components.iter().map(String::as_str).collect();
        wild(&pattern, &names, |part| *part == "**", |part, name| component(part, name))
    }

    /// The directories before the first wildcard: everything that matches lies in them.
    #[must_use]
    pub fn fixed_prefix(&self) -> String {
        let fixed = self.components.iter().take_while(|part| !part.contains(['*', '?']));
        fixed.fold(String::new(), |prefix, part| path::join(&prefix, part))
    }
}

fn component(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    wild(&pattern, &name, |part| *part == '*', |part, found| *part == '?' || part == found)
}

/// Matches with one kind of wildcard for any number of items. Only the last wildcard seen is ever
/// widened, so this takes at most `pattern` times `items` steps.
fn wild<P, I>(
    pattern: &[P],
    items: &[I],
    is_any: impl Fn(&P) -> bool,
    fits: impl Fn(&P, &I) -> bool,
) -> bool {
    let (mut at, mut item) = (0_usize, 0_usize);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(found) = items.get(item) {
        match pattern.get(at) {
            Some(part) if is_any(part) => {
                retry = Some((at.saturating_add(1), item));
                at = at.saturating_add(1);
            }
            Some(part) if fits(part, found) => {
                at = at.saturating_add(1);
                item = item.saturating_add(1);
            }
            _ => {
                let Some((after, from)) = retry else { return false };
                let from = from.saturating_add(1);
                retry = Some((after, from));
                (at, item) = (after, from);
            }
        }
    }
    pattern.iter().skip(at).all(is_any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stop_at_slashes_and_double_stars_do_not() {
        let matches = |pattern, path| Glob::new(pattern).matches(path);
        assert!(matches("/usr/lib/*.so*", "usr/lib/libc.so.6"));
        assert!(!matches("usr/*", "usr/lib/x"));
        assert!(matches("usr/**/*.ko", "usr/lib/modules/a/b.ko"));
        assert!(matches("usr/**/x", "usr/x"));
        assert!(matches("usr/share/doc/**", "usr/share/doc"));
        assert!(matches("**", "a/b"));
        assert!(matches("usr/bin/[", "usr/bin/["));
        assert!(!matches("usr/bin/[", "usr/bin/x"));
        assert!(matches("?/*b*c", "ä/abbbc"));
        assert!(!matches("a/b", "a"));
        assert!(!matches("a", "a/b"));
        assert!(matches("**/a/**/b", "a/x/a/b"));
    }

    #[test]
    fn hostile_patterns_take_no_time() {
        let pattern = "*a".repeat(100) + "b";
        assert!(!Glob::new(&pattern).matches(&"a".repeat(255)));
        assert_eq!(Glob::new("usr/lib/x*/y").fixed_prefix(), "usr/lib");
    }
}
