//! One answer, with everything that is wrong with it.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crate::content::Content;
use crate::request::{ByteRange, Request};
use crate::rule::Act;
use crate::server::Shared;

/// Sent at a time, in bytes.
const PIECE_BYTES: u64 = 16 << 10;

/// How often is looked whether a client has gone that is sent nothing.
const LOOK: Duration = Duration::from_millis(20);

/// An answer before it is sent.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    /// What the body is part of.
    content: Content,
    /// Its first byte.
    start: u64,
    /// How many bytes it has.
    bytes: u64,
    framing: Framing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// `Content-Length` is so many bytes more than the body has.
    Length(i64),
    Chunked,
    /// The end of the connection is the end of the body, and nothing else is.
    Close,
    /// The same, and it never comes.
    Endless,
}

/// Answers a request. Whether the connection may be used again.
pub(crate) fn answer(
    stream: &TcpStream,
    request: &Request,
    acts: &[Act],
    place: usize,
    shared: &Shared,
) -> io::Result<bool> {
    for act in acts {
        match act {
            Act::Hold => shared.wait_release(),
            Act::Hangup => return Ok(false),
            Act::Silent => return wait_gone(stream, shared),
            Act::Raw(bytes) => {
                (&*stream).write_all(bytes)?;
                return Ok(false);
            }
            _ => {}
        }
    }
    let mut answer = Answer::new(request, acts, shared);
    let keeps = !request.header("connection").is_some_and(|own| own.eq_ignore_ascii_case("close"));
    if !keeps {
        answer.headers.push(("Connection".to_owned(), "close".to_owned()));
    }
    let mut out = stream;
    out.write_all(answer.head().as_bytes())?;
    if request.method == "HEAD" {
        return Ok(keeps);
    }
    Body { stream, acts, place, shared, sent: 0 }.send(&answer).map(|may_keep| may_keep && keeps)
}

impl Answer {
    fn new(request: &Request, acts: &[Act], shared: &Shared) -> Self {
        let other = acts.iter().find_map(|act| match act {
            Act::Other(content) => Some(content.clone()),
            _ => None,
        });
        let special = acts.iter().find_map(|act| match act {
            Act::Status(status) => Some((*status, None)),
            Act::RetryAfter(status, value) => Some((*status, Some(("Retry-After", value)))),
            Act::Redirect(status, value) => Some((*status, Some(("Location", value)))),
            _ => None,
        });
        let mut answer = match (special, other.or_else(|| shared.find(&request.path()))) {
            (Some((status, header)), _) => {
                let mut answer = Self::text(status);
                let header = header.map(|(name, value)| (name.to_owned(), value.clone()));
                answer.headers.extend(header);
                answer
            }
            (None, None) => Self::text(404),
            (None, Some(content)) => Self::file(request, content, acts),
        };
        answer.distort(acts);
        answer
    }

    /// A status and a short text about it.
    fn text(status: u16) -> Self {
        let content = Content::bytes(format!("this is status {status}\n").into_bytes());
        let (bytes, framing) = (content.length(), Framing::Length(0));
        Self { status, headers: Vec::new(), content, start: 0, bytes, framing }
    }

    /// A file, or the range of it that was asked for.
    fn file(request: &Request, content: Content, acts: &[Act]) -> Self {
        let whole = content.length();
        let mut headers = Vec::new();
        let without = acts.iter().any(|act| matches!(act, Act::NoValidators));
        let tag = content.tag().filter(|_| !without);
        let date = content.date().filter(|_| !without);
        headers.extend(tag.map(|tag| ("ETag".to_owned(), tag.to_owned())));
        headers.extend(date.map(|date| ("Last-Modified".to_owned(), date.to_owned())));
        let no_ranges = acts.iter().any(|act| matches!(act, Act::NoRanges));
        let is_old = request.header("if-range").is_some_and(|own| {
            // RFC 9110 section 13.1.5: weak tags never match.
            own.starts_with("W/") || !(Some(own) == tag || Some(own) == date)
        });
        let range = request.range().filter(|_| !no_ranges && !is_old);
        let framing = Framing::Length(0);
        let Some(ByteRange { first, last }) = range else {
            return Self { status: 200, headers, content, start: 0, bytes: whole, framing };
        };
        if first >= whole {
            let mut answer = Self::text(416);
            answer.headers.push(("Content-Range".to_owned(), format!("bytes */{whole}")));
            return answer;
        }
        let mut end = last.map_or(whole, |last| last.saturating_add(1)).clamp(first, whole);
        for act in acts {
            if let Act::ShortRange(bytes) = act {
                end = end.min(first.saturating_add(*bytes));
            }
        }
        let value = format!("bytes {first}-{}/{whole}", end.saturating_sub(1));
        headers.push(("Content-Range".to_owned(), value));
        Self { status: 206, headers, content, start: first, bytes: end - first, framing }
    }

    fn distort(&mut self, acts: &[Act]) {
        for act in acts {
            match act {
                Act::ContentRange(value) => {
                    self.headers.retain(|(name, _)| name != "Content-Range");
                    if !value.is_empty() {
                        self.headers.push(("Content-Range".to_owned(), value.clone()));
                    }
                }
                Act::ContentLength(more) => self.framing = Framing::Length(*more),
                Act::NoLength => self.framing = Framing::Close,
                Act::Chunked => self.framing = Framing::Chunked,
                Act::Endless => self.framing = Framing::Endless,
                Act::Header(name, value) => self.headers.push((name.clone(), value.clone())),
                Act::HugeHeaders(bytes) => {
                    // Lines of some length each: clients limit both lines and headers.
                    for number in 0..bytes.div_ceil(990) {
                        self.headers.push((format!("X-{number}"), "x".repeat(990)));
                    }
                }
                _ => {}
            }
        }
    }

    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} Status\r\n", self.status);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = match self.framing {
            Framing::Length(more) => {
                write!(head, "Content-Length: {}\r\n", self.bytes.saturating_add_signed(more))
            }
            Framing::Chunked => write!(head, "Transfer-Encoding: chunked\r\n"),
            Framing::Close | Framing::Endless => write!(head, "Connection: close\r\n"),
        };
        head + "\r\n"
    }
}

/// A body on its way.
struct Body<'a> {
    stream: &'a TcpStream,
    acts: &'a [Act],
    place: usize,
    shared: &'a Shared,
    sent: u64,
}

impl Body<'_> {
    fn send(mut self, answer: &Answer) -> io::Result<bool> {
        let (mut piece, mut pause) = (PIECE_BYTES, None);
        let (mut close, mut stall) = (None, None);
        for act in self.acts {
            match act {
                Act::Drip(bytes, time) => (piece, pause) = ((*bytes).max(1), Some(*time)),
                Act::CloseAfter(bytes) => close = Some(*bytes),
                Act::StallAfter(bytes) => stall = Some(*bytes),
                _ => {}
            }
        }
        let limit = [close, stall].into_iter().flatten().min().unwrap_or(u64::MAX);
        while self.sent < answer.bytes.min(limit) {
            let bytes = piece.min(answer.bytes.min(limit) - self.sent);
            self.piece(answer, bytes)?;
            if let Some(time) = pause {
                thread::sleep(time);
            }
        }
        if self.sent >= limit {
            return match stall {
                Some(bytes) if bytes <= limit => wait_gone(self.stream, self.shared),
                _ => Ok(false),
            };
        }
        match answer.framing {
            Framing::Length(0) => Ok(true),
            Framing::Length(_) | Framing::Close => Ok(false),
            Framing::Chunked => self.stream.write_all(b"0\r\n\r\n").map(|()| true),
            Framing::Endless => loop {
                self.write(&[0; 4096])?;
            },
        }
    }

    /// Sends the next `bytes` bytes.
    fn piece(&mut self, answer: &Answer, bytes: u64) -> io::Result<()> {
        let start = answer.start + self.sent;
        let mut buffer = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
        answer.content.read(start, &mut buffer)?;
        for act in self.acts {
            if let Act::Flip(offset) = act
                && let Some(inside) = offset.checked_sub(start)
                && let Ok(inside) = usize::try_from(inside)
                && let Some(byte) = buffer.get_mut(inside)
            {
                *byte ^= 1;
            }
        }
        if answer.framing == Framing::Chunked {
            let mut chunk = format!("{bytes:x}\r\n").into_bytes();
            chunk.extend(&buffer);
            chunk.extend(b"\r\n");
            self.stream.write_all(&chunk)?;
            self.sent += bytes;
            self.shared.count_sent(self.place, bytes);
            return Ok(());
        }
        self.write(&buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        let bytes = u64::try_from(bytes.len()).map_err(io::Error::other)?;
        self.sent += bytes;
        self.shared.count_sent(self.place, bytes);
        Ok(())
    }
}

/// Waits until the client has closed its side, or the server ends.
fn wait_gone(mut stream: &TcpStream, shared: &Shared) -> io::Result<bool> {
    stream.set_read_timeout(Some(LOOK))?;
    while !shared.stop.load(Ordering::SeqCst) {
        match stream.read(&mut [0]) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    Ok(false)
}
