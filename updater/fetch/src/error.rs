//! What can go wrong, in terms of what a user can do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::bundle::BundleFault;
use crate::location::LocationFault;
use crate::url::UrlFault;

/// Why something was not fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What should say where updates come from does not.
    #[error("{text:?} is no place for updates to come from: {fault}")]
    Location {
        /// The text.
        text: String,
        /// What is wrong with it.
        fault: LocationFault,
    },
    /// Not the relative path of a file of a repository.
    #[error("{name:?} is no name of a file of a repository")]
    Name {
        /// The name.
        name: String,
    },
    /// The caller asked for ranges that are not ascending and disjoint, or end behind the file.
    #[error(
        "{object}: bytes {start} to {end} cannot be asked for: the last ones end at byte {after}, the file at byte {length}"
    )]
    Ranges {
        /// URL or path.
        object: String,
        /// First byte of the range.
        start: u64,
        /// End of the range.
        end: u64,
        /// End of the range in front of it.
        after: u64,
        /// Length of the file.
        length: u64,
    },
    /// No server answered.
    #[error("{url}: {fault}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What happened.
        fault: ReachFault,
    },
    /// The server could not show that it is the one that was asked for.
    #[error("{url}: no secure connection: {fault}")]
    Tls {
        /// What was asked for.
        url: String,
        /// What is wrong.
        fault: TlsFault,
    },
    /// A proxy that cannot be used.
    #[error("the proxy: {fault}")]
    Proxy {
        /// What is wrong with it.
        fault: ProxyFault,
    },
    /// There is no such file.
    #[error("{object}: not found")]
    NotFound {
        /// URL or path.
        object: String,
    },
    /// The server does not want to give the file.
    #[error("{url}: refused with status {status}")]
    Refused {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
    },
    /// The server cannot give the file now.
    #[error("{url}: the server is busy or broken, status {status}{}", .wait.map_or(String::new(), |wait| format!(", and asks to come back in {} s", wait.as_secs())))]
    Busy {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
        /// How long to wait, if it said so.
        wait: Option<Duration>,
    },
    /// The file ends too early.
    #[error("{object}: ends at byte {found}, expected {expected}")]
    Truncated {
        /// URL or path.
        object: String,
        /// The length that is signed, or the end of what was asked for.
        expected: u64,
        /// Where it ends.
        found: u64,
    },
    /// The file is longer than it may be.
    #[error("{object}: has more than {expected} bytes{}", .found.map_or(String::new(), |found| format!(": {found}")))]
    TooLong {
        /// URL or path.
        object: String,
        /// The length that is signed, or the limit.
        expected: u64,
        /// Its length, if that is known.
        found: Option<u64>,
    },
    /// The file was replaced while it was fetched.
    #[error("{object}: was replaced while it was fetched")]
    Changed {
        /// URL or path.
        object: String,
    },
    /// The server sent the request elsewhere, which leads to nothing.
    #[error("{url}: {fault}")]
    Redirect {
        /// What was asked for.
        url: String,
        /// What is wrong.
        fault: RedirectFault,
    },
    /// An answer that is not one of HTTP, or not to the question.
    #[error("{url}: the answer is wrong: {fault}")]
    Answer {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        fault: AnswerFault,
    },
    /// Somebody ended it.
    #[error("cancelled")]
    Cancelled,
    /// A file of this machine cannot be read.
    #[error("{path}: {source}")]
    Local {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Neither a folder nor an image file.
    #[error("{path}: neither a folder nor a regular file that ends in .iso")]
    NoSource {
        /// The path.
        path: PathBuf,
    },
    /// A pipe, a device or a folder in the place of a file.
    #[error("{path}: not a regular file")]
    NotRegular {
        /// The path.
        path: PathBuf,
    },
    /// An image file without the small files that belong to it.
    #[error("{image}: there is no {bundle} beside it")]
    NoBundle {
        /// The image file.
        image: PathBuf,
        /// The file name that is missing.
        bundle: String,
    },
    /// A bundle that cannot be read.
    #[error("{path}: {fault}")]
    Bundle {
        /// The bundle.
        path: PathBuf,
        /// What is wrong with it.
        fault: BundleFault,
    },
}

/// Why no server answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReachFault {
    /// Nobody knows the name.
    #[error("no such host")]
    Host,
    /// The network says this.
    #[error("{0}")]
    Io(io::Error),
    /// Nothing came for so long.
    #[error("no answer while {doing} for {} s", .after.as_secs_f64())]
    Silent {
        /// What was waited for.
        doing: &'static str,
        /// How long.
        after: Duration,
    },
    /// Something came, but next to nothing.
    #[error("only {bytes} bytes in {} s", .after.as_secs())]
    Slow {
        /// What came.
        bytes: u64,
        /// In which time.
        after: Duration,
    },
    /// Each request brought something, and all of them next to nothing.
    #[error("only {bytes} bytes in {requests} requests")]
    Crumbs {
        /// What came.
        bytes: u64,
        /// How often it was asked for more.
        requests: u32,
    },
}

/// Why there is no secure connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// Nobody whom this system trusts signed the certificate.
    #[error("the certificate is signed by nobody whom this system trusts")]
    Issuer,
    /// It is another one's certificate.
    #[error("the certificate is for another name")]
    Name,
    /// The certificate is not valid at this machine's time.
    #[error("the certificate is not valid at this machine's date")]
    Date,
    /// This system trusts nobody.
    #[error("this system has no certificates of authorities{0}")]
    NoRoots(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// What is wrong with a proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyFault {
    /// A kind that is not known.
    #[error("its kind is {0:?}, expected http")]
    Kind(String),
    /// Not an address.
    #[error("its address cannot be read")]
    Address,
    /// It did not open a tunnel.
    #[error("{0}")]
    Tunnel(String),
}

/// Where a redirect led.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectFault {
    /// To an address that was asked already.
    #[error("redirected in a circle through {0}")]
    Loop(String),
    /// Too far.
    #[error("redirected more than {0} times")]
    TooMany(usize),
    /// From `https` to `http`.
    #[error("redirected to {0}, which is not secure")]
    Insecure(String),
    /// To what is no address.
    #[error("redirected to {text:?}: {fault}")]
    Url {
        /// The `Location`.
        text: String,
        /// What is wrong with it.
        fault: UrlFault,
    },
    /// Nowhere.
    #[error("redirected without saying where")]
    Nowhere,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerFault {
    /// Not HTTP.
    #[error("{0}")]
    Protocol(String),
    /// A status that is none to a `GET`.
    #[error("status {0}")]
    Status(u16),
    /// A range that was not asked for.
    #[error("asked for bytes {start} to {end}, got {found:?}")]
    Range {
        /// First byte that was asked for.
        start: u64,
        /// End of what was asked for.
        end: u64,
        /// The value of `Content-Range`.
        found: String,
    },
    /// Headers that contradict each other.
    #[error("its body should have {expected} bytes, its Content-Length is {found}")]
    Length {
        /// What `Content-Range` says.
        expected: u64,
        /// What `Content-Length` says.
        found: u64,
    },
    /// Encoded in a way that was not asked for.
    #[error("its content is encoded as {0:?}")]
    Encoding(String),
    /// Whoever read it ended without a word.
    #[error("reading it was given up")]
    GivenUp,
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Location { .. } => {
                "a source is the URL or the path of a repository's folder, or the path of an image file"
            }
            Self::NoSource { .. } => {
                "name the folder that has the folder `metadata` in it, or an image file with its .iso.update"
            }
            Self::NoBundle { .. } => {
                "copy it too: `anklume-build publish` puts it beside the image in the repository"
            }
            Self::Bundle { .. } => {
                "copy the image and its .iso.update again; they are made together by `anklume-build publish`"
            }
            Self::Unreachable { .. } => {
                "is the network up, and the source's address right? An update goes on where it stopped"
            }
            Self::Tls { fault, .. } => tls_hint(fault),
            Self::Proxy { .. } => {
                "the settings say which proxy is asked, or http_proxy, https_proxy and no_proxy"
            }
            Self::NotFound { .. } => "is this the folder that has the folder `metadata` in it?",
            Self::Refused { status: 407, .. } => {
                "the proxy wants a name and a password: http://NAME:PASSWORD@HOST"
            }
            Self::Refused { .. } => "whoever runs the server must allow this file to be read",
            Self::Busy { .. } => "try again later; an update goes on where it stopped",
            Self::Truncated { .. } | Self::TooLong { .. } => {
                "the file is not the one that was published; if it was copied, copy it again"
            }
            Self::Changed { .. } => "a new version is being published; try again in a few minutes",
            Self::Redirect { fault: RedirectFault::Insecure(_), .. } => {
                "use the address that it leads to as the source, if you mean that"
            }
            Self::Redirect { .. } | Self::Answer { .. } => {
                "something between here and the repository answers in its place: a login page, a proxy?"
            }
            Self::Local { .. } => "is the medium still plugged in, and may you read the file?",
            Self::NotRegular { .. } => "a repository has regular files and folders only",
            Self::Name { .. } | Self::Ranges { .. } | Self::Cancelled => return None,
        })
    }
}

fn tls_hint(fault: &TlsFault) -> &'static str {
    match fault {
        TlsFault::Date => "set this machine's date: `date` shows it",
        TlsFault::NoRoots(_) => {
            "install ca-certificates, or name a file of certificates in SSL_CERT_FILE"
        }
        TlsFault::Issuer => {
            "a proxy that opens TLS, or a server of your own? Its authority's certificate must be trusted here"
        }
        TlsFault::Name | TlsFault::Other(_) => "is the source's address right?",
    }
}
