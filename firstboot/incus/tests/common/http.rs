//! As much of HTTP/1.1 as the fake needs.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

pub(crate) struct Incoming {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) query: String,
    /// By names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Incoming {
    pub(crate) fn line(&self) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!("{} {}{mark}{}", self.method, self.path, self.query)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Reads a head; `None` when the client is gone.
pub(crate) fn head(mut stream: &UnixStream) -> Option<Incoming> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    Some(Incoming {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers.collect(),
        body: Vec::new(),
    })
}

/// Reads a body; `false` when it does not come.
pub(crate) fn body(mut stream: &UnixStream, request: &mut Incoming) -> bool {
    let length = request.headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    request.body = vec![0; length];
    stream.read_exact(&mut request.body).is_ok()
}

pub(crate) fn answer(stream: &UnixStream, code: u16, etag: Option<&str>, body: &[u8]) {
    let etag = etag.map(|etag| format!("Etag: \"{etag}\"\r\n")).unwrap_or_default();
    let length = body.len();
    let head = format!("HTTP/1.1 {code} X\r\n{etag}Content-Length: {length}\r\n\r\n");
    raw(stream, &[head.as_bytes(), body].concat());
}

pub(crate) fn raw(mut stream: &UnixStream, bytes: &[u8]) {
    // The client may be gone.
    let _ = stream.write_all(bytes);
}

/// An answer that breaks off.
pub(crate) fn half(stream: &UnixStream, body: &[u8]) {
    let head = format!("HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n", body.len());
    raw(stream, &[head.as_bytes(), &body[..body.len() / 2]].concat());
}

/// An answer in pieces of seven bytes.
pub(crate) fn chunked(stream: &UnixStream, code: u16, body: &[u8]) {
    raw(stream, format!("HTTP/1.1 {code} X\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes());
    for piece in body.chunks(7) {
        raw(stream, format!("{:x}\r\n", piece.len()).as_bytes());
        raw(stream, &[piece, b"\r\n"].concat());
    }
    raw(stream, b"0\r\n\r\n");
}

/// An answer without an end.
pub(crate) fn endless(mut stream: &UnixStream) {
    raw(stream, b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n");
    let piece = [b"10000\r\n", [b' '; 0x10000].as_slice(), b"\r\n"].concat();
    while stream.write_all(&piece).is_ok() {}
}

/// No answer at all.
pub(crate) fn wait_for_close(mut stream: &UnixStream) {
    while stream.read(&mut [0]).is_ok_and(|count| count > 0) {}
}
