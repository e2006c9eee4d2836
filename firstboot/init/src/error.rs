//! Why the machine cannot boot.

use std::io;
use std::path::{Path, PathBuf};

use anklume_host::{dm, mount};
use anklume_layout::cmdline;

use crate::copy;

/// An end of the boot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the kernel command line has no {key}=", key = cmdline::ROOT_HASH)]
    NoRootHash,
    #[error("{key}= on the kernel command line: {0}", key = cmdline::ROOT_HASH)]
    BadRootHash(anklume_verity::Error),
    #[error("{}: {reason}", path.display())]
    Configuration { path: PathBuf, reason: String },
    #[error("{action} {}: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Mount(#[from] mount::Error),
    #[error(transparent)]
    Mapper(#[from] dm::Error),
    #[error("loading the OS into RAM: {0}")]
    Copy(#[from] copy::Error),
    #[error("{what} has {found}, expected {expected}")]
    Unexpected { what: String, expected: &'static str, found: String },
    #[error("the OS has no {0}")]
    Incomplete(String),
    /// The text is the whole list of what was seen.
    #[error("{0}")]
    NotFound(String),
    #[error("internal error: {0}")]
    Panic(String),
}

/// Makes an [`Error::File`] of what the operating system said about `path`.
pub(crate) fn at<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> Error + 'a {
    move |source| Error::File { action, path: path.to_owned(), source }
}
