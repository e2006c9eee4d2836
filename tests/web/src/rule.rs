//! What a server does wrong, and when.

use std::time::Duration;

use crate::content::Content;

/// One misbehaviour. Several may apply to one request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Act {
    /// Ranges are unknown: 200 and the whole file.
    NoRanges,
    /// This is the value of `Content-Range`; an empty one leaves the header out.
    ContentRange(String),
    /// `Content-Length` is so many bytes more (or less) than what is sent.
    ContentLength(i64),
    /// No `Content-Length`: the body ends with the connection.
    NoLength,
    /// The body comes in chunks (`Transfer-Encoding: chunked`).
    Chunked,
    /// No entity tag and no date.
    NoValidators,
    /// 206 with only so many bytes, which `Content-Range` and `Content-Length` say.
    ShortRange(u64),
    /// The connection is closed after so many bytes of the body.
    CloseAfter(u64),
    /// Nothing more is sent after so many bytes of the body, until the client has gone.
    StallAfter(u64),
    /// Nothing is sent at all, until the client has gone.
    Silent,
    /// The connection is closed without an answer.
    Hangup,
    /// So many bytes of the body at a time, with a pause after each.
    Drip(u64, Duration),
    /// The lowest bit of the file's byte at this offset is another one.
    Flip(u64),
    /// Another file is served.
    Other(Content),
    /// This status and a short text.
    Status(u16),
    /// This status, with this `Retry-After`.
    RetryAfter(u16, String),
    /// This status, and this `Location`.
    Redirect(u16, String),
    /// A body without an end: the file, then zeros, without a length.
    Endless,
    /// These bytes in place of the answer; then the connection is closed.
    Raw(Vec<u8>),
    /// One more header.
    Header(String, String),
    /// So many bytes of further headers.
    HugeHeaders(usize),
    /// The answer waits for [`Server::release`](crate::Server::release).
    Hold,
}

/// When a server misbehaves, and how.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(crate) path: Option<String>,
    pub(crate) from: Option<u64>,
    pub(crate) skip: u32,
    pub(crate) times: u32,
    pub(crate) act: Act,
    /// How many requests it was asked about.
    pub(crate) seen: u32,
}

impl Rule {
    /// On every request for `path`, which begins with `/` and is compared without its query.
    #[must_use]
    pub fn on(path: &str, act: Act) -> Self {
        Self { path: Some(path.to_owned()), ..Self::always(act) }
    }

    /// On every request.
    #[must_use]
    pub fn always(act: Act) -> Self {
        Self { path: None, from: None, skip: 0, times: u32::MAX, act, seen: 0 }
    }

    /// Only on requests whose range begins at this byte.
    #[must_use]
    pub fn from(mut self, offset: u64) -> Self {
        self.from = Some(offset);
        self
    }

    /// Only after so many of the requests that it is for.
    #[must_use]
    pub fn after(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    /// Only so many times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Whether it applies to the next request for `path`, from byte `from` on. Counts the request.
    pub(crate) fn applies(&mut self, path: &str, from: Option<u64>) -> bool {
        if self.path.as_deref().is_some_and(|own| own != path)
            || self.from.is_some_and(|own| Some(own) != from)
        {
            return false;
        }
        let number = self.seen;
        self.seen = self.seen.saturating_add(1);
        number >= self.skip && number - self.skip < self.times
    }
}
