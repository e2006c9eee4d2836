//! Where updates come from: web servers, folders, image files.
//!
//! A [`Location`] is what a user writes, a [`Source`] can be asked for files: small ones whole
//! ([`Source::file`]), and byte ranges of the image ([`Source::ranges`]). Whether what arrives is
//! what somebody signed is not decided here. What is: nothing above the lengths that the caller knows
//! is read, everything ends, and memory is bounded.
//!
//! # Sources
//!
//! - The folder of a repository on a web server, `http://` or `https://`.
//! - The folder of a repository on this machine.
//! - An image file with its *bundle* beside it, a tar archive named `….iso.update` of the small files by
//!   their relative paths: an image on a stick is a source of its own.
//!
//! # Ranges over HTTP
//!
//! Each range is a request; longer ones than [`REQUEST_BYTES`] are several. The first one goes alone:
//! a server that answers it with all of the file (200) is read once from the start, and what was not
//! asked for is dropped. Then up to [`connections`](Settings#structfield.connections) are in flight. Their bytes are given on
//! in order.
//!
//! - A 206 has to begin where it was asked to; it may end earlier, and the rest is asked for again.
//! - What may pass (no connection, silence, a body that is too short, wrong answers, 408, 429, 5xx) is
//!   tried again, from the byte that was missing, with back-off; [`Settings::tries`] without a new byte
//!   are an error. Other statuses are one at once, as are certificates.
//! - A byte now and then is no progress: tries count as such ones, too, while the last requests for a
//!   range brought less than 512 bytes each, or 512 in a second of reading. The first 32 may, for as long
//!   as silence may last.
//! - ETag, or else Last-Modified, of the first answer are compared with those of the others from the same
//!   address, and sent as If-Range: a file that is replaced meanwhile is [`Error::Changed`].
//! - Redirects are followed up to five times, from `https` to `https` only; a transfer stays with the
//!   address that its first request was led to, until that fails. Then the first address is asked again.
//!
//! # Memory
//!
//! A connection holds up to [`REQUEST_BYTES`] that it is not the turn of yet, one piece of
//! [`PIECE_BYTES`], and about 256 KiB of buffers. With the most connections, six, that is below 14 MiB;
//! with four, below 10 MiB.
//!
//! # Trust in certificates
//!
//! rustls with ring, and the certificates that the system trusts, read when the first `https` address is
//! asked. None are compiled in: they would be as old as the program.
//!
//! # Threads
//!
//! Each request has a thread; the caller's thread hands out bytes and sees [`Cancel`] within a twentieth
//! of a second. Threads that wait for a name to be looked up end later, by themselves.
#![forbid(unsafe_code)]

mod bundle;
mod error;
mod header;
mod local;
mod location;
mod pause;
mod proxy;
mod rate;
mod settings;
mod source;
mod url;
mod web;

pub use bundle::{BundleFault, BundleIndex};
pub use error::{AnswerFault, Error, ProxyFault, ReachFault, RedirectFault, TlsFault};
pub use header::{ContentRange, http_date, retry_after};
pub use location::{Location, LocationFault};
pub use pause::{BackOff, Pause, SystemPause};
pub use proxy::Proxies;
pub use settings::{Cancel, MAX_CONNECTIONS, Roots, Settings, Timeouts};
pub use source::{Fetched, Source, Take};
pub use url::{Url, UrlFault};
pub use web::{PIECE_BYTES, REQUEST_BYTES};
