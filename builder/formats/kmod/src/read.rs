//! From text to index.

use std::collections::BTreeMap;

use crate::{Alias, Error, Index, Module, ModuleName, SoftDependencies};

/// The four files of one kernel. An empty text is an empty file; only `dep` has to say something
/// for the index to be of use.
#[derive(Debug, Clone, Copy, Default)]
pub struct Texts<'a> {
    /// `modules.dep`: `path: path path ...`, paths relative to the folder of the file.
    pub dep: &'a str,
    /// `modules.alias`: `alias <pattern> <module>`.
    pub alias: &'a str,
    /// `modules.softdep`: `softdep <module> pre: ... post: ...`.
    pub softdep: &'a str,
    /// `modules.builtin`: one path per line.
    pub builtin: &'a str,
}

impl Index {
    /// Reads an index. Empty lines and lines that start with `#` are skipped.
    ///
    /// # Errors
    /// [`Error::Line`] for a line that does not have the shape of its file, [`Error::Twice`] when
    /// two files would be the same module.
    pub fn parse(texts: &Texts<'_>) -> Result<Self, Error> {
        Ok(Self {
            modules: dependencies(texts.dep)?,
            aliases: aliases(texts.alias)?,
            soft: soft_dependencies(texts.softdep)?,
            builtin: builtin(texts.builtin)?,
        })
    }
}

fn dependencies(text: &str) -> Result<BTreeMap<ModuleName, Module>, Error> {
    const FILE: &str = "modules.dep";
    const EXPECTED: &str = "path.ko: path.ko ...";
    let mut modules: BTreeMap<ModuleName, Module> = BTreeMap::new();
    for (number, line) in lines(text) {
        let wrong = || wrong(FILE, number, EXPECTED, line);
        let (path, rest) = line.split_once(':').ok_or_else(wrong)?;
        let path = path.trim_ascii();
        let name = module_path(path).ok_or_else(wrong)?;
        let depends = rest
            .split_ascii_whitespace()
            .map(|path| module_path(path).ok_or_else(wrong))
            .collect::<Result<_, _>>()?;
        let module = Module { path: path.to_owned(), depends };
        if let Some(first) = modules.insert(name.clone(), module) {
            let found = path.to_owned();
            return Err(Error::Twice { file: FILE, line: number, name, first: first.path, found });
        }
    }
    Ok(modules)
}

fn aliases(text: &str) -> Result<Vec<Alias>, Error> {
    lines(text)
        .map(|(number, line)| {
            let mut words = line.split_ascii_whitespace();
            match (words.next(), words.next(), words.next(), words.next()) {
                (Some("alias"), Some(pattern), Some(module), None) => {
                    Ok(Alias { pattern: pattern.to_owned(), module: ModuleName::new(module) })
                }
                _ => Err(wrong("modules.alias", number, "alias pattern module", line)),
            }
        })
        .collect()
}

fn soft_dependencies(text: &str) -> Result<BTreeMap<ModuleName, SoftDependencies>, Error> {
    let mut all: BTreeMap<ModuleName, SoftDependencies> = BTreeMap::new();
    for (number, line) in lines(text) {
        let wrong = || wrong("modules.softdep", number, "softdep module pre: ... post: ...", line);
        let mut words = line.split_ascii_whitespace();
        let (Some("softdep"), Some(name)) = (words.next(), words.next()) else {
            return Err(wrong());
        };
        // A module may have several lines: they add up.
        let soft = all.entry(ModuleName::new(name)).or_default();
        let mut list = None;
        for word in words {
            match word {
                "pre:" => list = Some(&mut soft.pre),
                "post:" => list = Some(&mut soft.post),
                // Some modules of Linux forget the `pre:` (cifs in 6.12). modprobe loads nothing
                // for such words, and so do we.
                word => list.iter_mut().for_each(|list| list.push(word.to_owned())),
            }
        }
    }
    Ok(all)
}

fn builtin(text: &str) -> Result<BTreeMap<ModuleName, String>, Error> {
    lines(text)
        .map(|(number, line)| {
            let name = module_path(line)
                .ok_or_else(|| wrong("modules.builtin", number, "path.ko", line))?;
            Ok((name, line.to_owned()))
        })
        .collect()
}

/// The name of a module's path, for a path that stays below the folder of the index: it ends up
/// in calls that open files.
fn module_path(path: &str) -> Option<ModuleName> {
    let inside = !path.starts_with('/')
        && !path.contains(|c: char| c.is_whitespace() || c.is_control() || c == ':')
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if inside { ModuleName::of_path(path) } else { None }
}

/// The lines that say something, with their numbers from 1. White space in front does not make a
/// comment a path.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines().map(str::trim_ascii))
        .filter(|(_, l)| !l.is_empty() && !l.starts_with('#'))
}

fn wrong(file: &'static str, line: usize, expected: &'static str, found: &str) -> Error {
    Error::Line { file, line, expected, found: found.chars().take(80).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ModuleName {
        ModuleName::new(text)
    }

    #[test]
    fn four_texts_make_an_index() {
        let index = Index::parse(&Texts {
            dep: "kernel/a-b.ko.xz: kernel/c.ko.xz\nkernel/c.ko.xz:\n",
            alias: "# Aliases extracted from modules themselves.\nalias pci:v*d1* a_b\n",
            softdep: "softdep a_b pre: sha256 c post: d\nsoftdep c\n",
            builtin: "kernel/arch/x86/e.ko\n",
        })
        .unwrap();
        assert_eq!(index.module(&name("a_b")).unwrap().depends, [name("c")]);
        assert_eq!(index.matching("pci:v8d12"), [&name("a-b")]);
        assert_eq!(index.soft_dependencies(&name("a-b")).unwrap().pre, ["sha256", "c"]);
        assert_eq!(index.soft_dependencies(&name("a-b")).unwrap().post, ["d"]);
        assert!(index.is_builtin(&name("e")));
        assert!(!index.is_builtin(&name("c")));
    }

    #[test]
    fn a_bad_line_is_named() {
        let bad = |texts: Texts<'_>| match Index::parse(&texts) {
            Err(Error::Line { file, line, .. }) => (file, line),
            other => panic!("{other:?}"),
        };
        let dep = |dep| bad(Texts { dep, ..Texts::default() });
        assert_eq!(dep("a.ko:\nb.ko\n"), ("modules.dep", 2));
        assert_eq!(dep("a.ko: b\n"), ("modules.dep", 1));
        assert_eq!(dep("/a.ko:\n"), ("modules.dep", 1));
        assert_eq!(dep("a/../../b.ko:\n"), ("modules.dep", 1));
        assert_eq!(bad(Texts { alias: "alias x\n", ..Texts::default() }), ("modules.alias", 1));
        let softdep = "soft a b\n";
        assert_eq!(bad(Texts { softdep, ..Texts::default() }), ("modules.softdep", 1));
        assert_eq!(bad(Texts { builtin: "\n..\n", ..Texts::default() }), ("modules.builtin", 2));
    }

    #[test]
    fn words_of_no_list_are_skipped() {
        let softdep = "softdep cifs gcm\nsoftdep cifs sha512 pre: ccm\n";
        let index = Index::parse(&Texts { softdep, ..Texts::default() }).unwrap();
        let soft = index.soft_dependencies(&name("cifs")).unwrap();
        assert_eq!((soft.pre.as_slice(), soft.post.len()), (&["ccm".to_owned()][..], 0));
    }

    #[test]
    fn two_files_of_one_name_are_refused() {
        let dep = "a/dm-mod.ko:\nb/dm_mod.ko:\n";
        let error = Index::parse(&Texts { dep, ..Texts::default() }).unwrap_err();
        assert!(matches!(error, Error::Twice { line: 2, .. }), "{error}");
    }
}
