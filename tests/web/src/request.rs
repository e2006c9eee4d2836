//! Requests, as they come in and as they are logged.

use std::io::{self, BufRead, Read};

/// The most that is read of a request's head, in bytes.
const MAX_HEAD_BYTES: u64 = 64 << 10;

/// A byte range that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub first: u64,
    /// Last byte; the last of the file where it is left out.
    pub last: Option<u64>,
}

impl ByteRange {
    fn parse(value: &str) -> Option<Self> {
        let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
        let last = if last.is_empty() { None } else { Some(last.parse().ok()?) };
        Some(Self { first: first.parse().ok()?, last })
    }
}

/// A request that was read.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: String,
    /// What was asked for, as it was written.
    pub target: String,
    /// All headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Which connection it came through, counted from 0.
    pub connection: u64,
    /// Bytes of a body that were sent so far.
    pub sent: u64,
}

impl Request {
    /// The value of a header, its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The path that was asked for, percent-decoded, without the query.
    #[must_use]
    pub fn path(&self) -> String {
        let path = self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path);
        decode(path)
    }

    /// The one range that was asked for.
    #[must_use]
    pub fn range(&self) -> Option<ByteRange> {
        ByteRange::parse(self.header("range")?)
    }

    /// Reads the head of one request. `None` at the end of the connection.
    pub(crate) fn read(from: &mut impl BufRead, connection: u64) -> io::Result<Option<Self>> {
        let mut from = from.take(MAX_HEAD_BYTES);
        let Some(line) = read_line(&mut from)? else { return Ok(None) };
        let mut words = line.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let (method, target) = (method.to_owned(), target.to_owned());
        let mut headers = Vec::new();
        loop {
            let line = read_line(&mut from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Some(Self { method, target, headers, connection, sent: 0 }))
    }
}

/// One line without its end; `None` when nothing is left.
fn read_line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if from.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let text = line.strip_suffix(b"\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    Ok(Some(String::from_utf8_lossy(text).into_owned()))
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, value) {
            (b'%', Some(value)) => {
                bytes.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
