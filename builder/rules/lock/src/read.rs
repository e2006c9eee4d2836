//! Text to lock.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::Deserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::value::{ARCHITECTURE, NAME, PATH, VERSION, WORD};
use crate::{Archive, Error, Lock, Package, Problem, Requested, Sha256, TreeName};

/// Longest lock in bytes. One of five hundred packages has 150 kilobytes.
pub const MAX_BYTES: usize = 8 << 20;
/// The version of the format, key `lock-version`.
pub const FORMAT: i64 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LockText {
    #[serde(rename = "lock-version")]
    _version: i64,
    #[serde(deserialize_with = "word")]
    suite: String,
    components: Spanned<BTreeSet<Word>>,
    #[serde(deserialize_with = "architecture")]
    architecture: String,
    #[serde(deserialize_with = "epoch")]
    epoch: u64,
    requested: RequestedText,
    // A list without packages is no table at all.
    #[serde(default)]
    root: Vec<PackageText>,
    #[serde(default)]
    tools: Vec<PackageText>,
    #[serde(default)]
    container: Vec<PackageText>,
    #[serde(default)]
    modules: Vec<PackageText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestedText {
    root: Vec<Spanned<Name>>,
    tools: Vec<Spanned<Name>>,
    // Locks of images without a container or without modules do not have these.
    #[serde(default)]
    container: Vec<Spanned<Name>>,
    #[serde(default)]
    modules: Vec<Spanned<Name>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PackageText {
    name: Spanned<Name>,
    #[serde(deserialize_with = "version")]
    version: String,
    #[serde(deserialize_with = "architecture")]
    architecture: String,
    size: u64,
    sha256: Sha256,
    #[serde(deserialize_with = "path")]
    path: String,
    archive: Archive,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        NAME.read(from).map(Self)
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Word(String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        WORD.read(from).map(Self)
    }
}

fn word<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    WORD.read(from)
}

fn architecture<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    ARCHITECTURE.read(from)
}

fn version<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    VERSION.read(from)
}

fn path<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    PATH.read(from)
}

fn epoch<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let epoch = u64::deserialize(from)?;
    // The file system of the image has 32 bits for it.
    if u32::try_from(epoch).is_err() {
        let text = format!("epoch is {epoch}, expected seconds since 1970 before the year 2106");
        return Err(serde::de::Error::custom(text));
    }
    Ok(epoch)
}

impl Lock {
    /// Reads the lock `text`, TOML 1.0, of the file that messages call `file_name`.
    ///
    /// # Errors
    /// [`Error`] with line and column of the first problem: not TOML, another format version, an
    /// unknown or missing key, a value that its rule refuses, a package that is listed twice, a
    /// package that was asked for and is not listed.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, Error> {
        let error = |offset: usize, problem| {
            let (line, column) = line_and_column(text, offset);
            Error { file: file_name.to_owned(), line, column, problem }
        };
        if text.len() > MAX_BYTES {
            return Err(error(0, Problem::TooLong { found: text.len(), limit: MAX_BYTES }));
        }
        let content = |toml: &toml::de::Error| {
            let offset = toml.span().map_or(text.len(), |span| span.start);
            error(offset, Problem::Content { message: toml.message().to_owned() })
        };
        // First of all: another version may have other keys.
        let document = DeTable::parse(text).map_err(|toml| content(&toml))?;
        if let Some((offset, found)) = format_version(&document)
            && found != FORMAT
        {
            return Err(error(offset, Problem::Version { found, expected: FORMAT }));
        }
        let raw: LockText = toml::from_str(text).map_err(|toml| content(&toml))?;
        check(&raw).map_err(|(offset, problem)| error(offset, problem))?;
        Ok(raw.into())
    }
}

fn format_version(document: &Spanned<DeTable<'_>>) -> Option<(usize, i64)> {
    let value = document.get_ref().get("lock-version")?;
    match value.get_ref() {
        DeValue::Integer(number) => {
            let found = i64::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some((value.span().start, found))
        }
        _ => None,
    }
}

/// Checks what one value alone cannot show.
fn check(lock: &LockText) -> Result<(), (usize, Problem)> {
    if lock.components.get_ref().is_empty() {
        let message = "components is empty, expected at least one".to_owned();
        return Err((lock.components.span().start, Problem::Content { message }));
    }
    let trees = [
        (TreeName::Root, &lock.root, &lock.requested.root),
        (TreeName::Tools, &lock.tools, &lock.requested.tools),
        (TreeName::Container, &lock.container, &lock.requested.container),
        (TreeName::Modules, &lock.modules, &lock.requested.modules),
    ];
    for (tree, packages, requested) in trees {
        let tree = tree.as_str();
        let mut names = BTreeSet::new();
        for package in packages {
            let name = &package.name.get_ref().0;
            if !names.insert(name) {
                let problem = Problem::Duplicate { name: name.clone(), tree };
                return Err((package.name.span().start, problem));
            }
        }
        for request in requested {
            let name = &request.get_ref().0;
            if !names.contains(name) {
                return Err((request.span().start, Problem::Absent { name: name.clone(), tree }));
            }
        }
    }
    Ok(())
}

impl From<LockText> for Lock {
    fn from(raw: LockText) -> Self {
        let packages = |list: Vec<PackageText>| {
            let mut packages: Vec<Package> = list.into_iter().map(Package::from).collect();
            packages.sort();
            packages
        };
        let names = |list: Vec<Spanned<Name>>| list.into_iter().map(|n| n.into_inner().0).collect();
        Self {
            suite: raw.suite,
            components: raw.components.into_inner().into_iter().map(|word| word.0).collect(),
            architecture: raw.architecture,
            epoch: raw.epoch,
            requested: Requested {
                root: names(raw.requested.root),
                tools: names(raw.requested.tools),
                container: names(raw.requested.container),
                modules: names(raw.requested.modules),
            },
            root: packages(raw.root),
            tools: packages(raw.tools),
            container: packages(raw.container),
            modules: packages(raw.modules),
        }
    }
}

impl From<PackageText> for Package {
    fn from(raw: PackageText) -> Self {
        let PackageText { name, version, architecture, size, sha256, path, archive } = raw;
        let name = name.into_inner().0;
        Self { name, version, architecture, size, sha256, path, archive }
    }
}

/// Line and character of byte `offset`, both from 1; of the end when the text is shorter.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    text.char_indices().take_while(|(at, _)| *at < offset).fold(
        (1_usize, 1_usize),
        |(line, column), (_, c)| match c {
            '\n' => (line.saturating_add(1), 1),
            _ => (line, column.saturating_add(1)),
        },
    )
}

/// Tries `bytes` as a lock, for a fuzzer.
///
/// # Panics
/// When a lock that was accepted is refused, or read differently, after it was written out, or
/// differs from itself.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    crate::apt::fuzz(text);
    match Lock::parse(text, "fuzz") {
        Ok(lock) => {
            let written = lock.to_text();
            assert_eq!(Lock::parse(&written, "again").as_ref(), Ok(&lock), "{written}");
            assert!(crate::differences(&lock, &lock).is_empty());
        }
        Err(error) => assert!(error.line >= 1 && error.column >= 1, "{error}"),
    }
}
