//! Where a user says that updates come from.

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::error::Error;
use crate::url::{Url, UrlFault, scheme};

/// The longest name of a file of a repository, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 1024;

/// Where updates come from, as it was given.
///
/// [`Location::parse`] looks at the text only; whether something is there [`Source::open`] tells.
///
/// [`Source::open`]: crate::Source::open
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// The folder of a repository on a web server.
    Web(Url),
    /// The folder of a repository, or an image file with its bundle beside it.
    Path(PathBuf),
}

/// Why a text is no location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocationFault {
    /// Nothing.
    #[error("it is empty")]
    Empty,
    /// A NUL, which no path has.
    #[error("it has a NUL in it")]
    Nul,
    /// Neither `http`, `https` nor `file`.
    #[error("its scheme is {0:?}, expected http, https or file")]
    Scheme(String),
    /// An address of a web server that is none.
    #[error(transparent)]
    Url(UrlFault),
    /// A `file:` URL that names another machine.
    #[error("it names the machine {0:?}, and files are looked for on this one")]
    Machine(String),
    /// A `file:` URL without an absolute path.
    #[error("it has no absolute path")]
    Relative,
}

impl Location {
    /// Reads `http://…`, `https://…`, `file:/…`, `file:///…` or a path.
    ///
    /// A path may be relative to the current folder; whoever hands it to another process makes it
    /// absolute first.
    ///
    /// # Errors
    /// [`Error::Location`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let fault = |fault| Error::Location { text: text.to_owned(), fault };
        if text.is_empty() {
            return Err(fault(LocationFault::Empty));
        }
        if text.contains('\0') {
            return Err(fault(LocationFault::Nul));
        }
        let Some(scheme) = scheme(text) else { return Ok(Self::Path(text.into())) };
        let rest = &text[scheme.len() + 1..];
        match scheme.to_ascii_lowercase().as_str() {
            "file" => file_url(rest).map(Self::Path).map_err(fault),
            "http" | "https" if rest.starts_with("//") => {
                Url::folder(text).map(Self::Web).map_err(|url| fault(LocationFault::Url(url)))
            }
            _ if rest.starts_with("//") => Err(fault(LocationFault::Scheme(scheme.to_owned()))),
            // A file name may have a colon in it.
            _ => Ok(Self::Path(text.into())),
        }
    }
}

impl Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web(url) => url.fmt(f),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

/// The path of a `file:` URL (RFC 8089), given what follows the colon.
fn file_url(rest: &str) -> Result<PathBuf, LocationFault> {
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(rest) => {
            let slash = rest.find('/').unwrap_or(rest.len());
            let (machine, path) = rest.split_at(slash);
            if !(machine.is_empty() || machine.eq_ignore_ascii_case("localhost")) {
                return Err(LocationFault::Machine(machine.to_owned()));
            }
            path
        }
    };
    if !path.starts_with('/') {
        return Err(LocationFault::Relative);
    }
    let bytes = decode(path);
    if bytes.contains(&0) {
        return Err(LocationFault::Nul);
    }
    Ok(OsString::from_vec(bytes).into())
}

/// Percent-decodes; what is not encoded stays.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        let value =
            digit(0).zip(digit(1)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        match value.filter(|_| *byte == b'%') {
            Some(value) => {
                bytes.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    bytes
}

/// Refuses what is not the relative path of a file: names come from metadata, and below a folder
/// `..` would lead out of it.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    let is_name = name.len() <= MAX_NAME_BYTES
        && name.split('/').all(is_part)
        && !name.contains(|c: char| c.is_control() || c == '\\');
    if is_name { Ok(()) } else { Err(Error::Name { name: name.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations() {
        for (text, expected) in [
            ("http://h/x", "http://h/x/"),
            ("HTTPS://H", "https://h/"),
            ("file:///a%20b/%zz", "/a b/%zz"),
            ("file:/a", "/a"),
            ("FILE://LocalHost/a", "/a"),
            ("a/b.iso", "a/b.iso"),
            ("./http://x", "./http://x"),
            ("name:with:colons", "name:with:colons"),
        ] {
            assert_eq!(Location::parse(text).unwrap().to_string(), expected, "{text}");
        }
        for (text, expected) in [
            ("", LocationFault::Empty),
            ("a\0b", LocationFault::Nul),
            ("file:///a%00", LocationFault::Nul),
            ("file://other/a", LocationFault::Machine("other".into())),
            ("file:a", LocationFault::Relative),
            ("file://", LocationFault::Relative),
            ("ftp://h/x", LocationFault::Scheme("ftp".into())),
            ("http://h?x", LocationFault::Url(UrlFault::Query)),
        ] {
            match Location::parse(text) {
                Err(Error::Location { fault, .. }) => assert_eq!(fault, expected, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn names_stay_below_the_folder() {
        for name in ["a", "a/b.iso", "a..b/...", "metadata/1.root.json"] {
            check_name(name).unwrap();
        }
        let long = "a".repeat(1025);
        for name in ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\0", "a\nb", "a\\b", &long] {
            assert!(matches!(check_name(name), Err(Error::Name { .. })), "{name}");
        }
    }
}
