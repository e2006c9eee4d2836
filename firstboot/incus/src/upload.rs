//! The bytes of an image on their way to Incus: its files, and what `multipart/form-data` (RFC 7578) puts
//! around them.

use std::fs::File;
use std::io::{self, Cursor, Read};

use sha2::{Digest, Sha256};

use crate::names::Fingerprint;

/// How many bytes are read at a time.
const PIECE_BYTES: usize = 256 << 10;
/// The progress of an upload is told this often, in bytes.
const STRIDE: u64 = 4 << 20;

/// One file, open.
pub(crate) struct Part {
    /// Name of the field.
    pub(crate) field: &'static str,
    pub(crate) file_name: String,
    pub(crate) file: File,
    /// Its length in bytes.
    pub(crate) length: u64,
}

/// The SHA-256 of files one after the other, which is what Incus calls an image by.
///
/// # Errors
/// What the kernel says, with the index of the file.
pub(crate) fn fingerprint(
    parts: &mut [Part],
    stop: fn() -> bool,
) -> Result<Fingerprint, (usize, io::Error)> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; PIECE_BYTES];
    for (index, part) in parts.iter_mut().enumerate() {
        let fail = |fault| (index, fault);
        io::Seek::rewind(&mut part.file).map_err(fail)?;
        let mut file = (&part.file).take(part.length);
        loop {
            if stop() {
                return Err((index, io::ErrorKind::Interrupted.into()));
            }
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => hash.update(buffer.get(..count).unwrap_or_default()),
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) => return Err((index, fault)),
            }
        }
        io::Seek::rewind(&mut part.file).map_err(fail)?;
    }
    let text = hash.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    Fingerprint::new(&text).map_err(|fault| (0, io::Error::other(fault)))
}

/// A body: its type, its length in bytes, and a reader of just so many.
pub(crate) struct Upload<'a> {
    pub(crate) content_type: String,
    pub(crate) length: u64,
    pub(crate) bytes: Box<dyn Read + 'a>,
}

/// One file as it is.
pub(crate) fn unified(part: &Part) -> Upload<'_> {
    Upload {
        content_type: "application/octet-stream".to_owned(),
        length: part.length,
        bytes: Box::new(exact(part)),
    }
}

/// Some files, as fields of a form. The boundary is made from their fingerprint, which does not occur in
/// them by chance.
pub(crate) fn multipart<'a>(parts: &'a [Part], fingerprint: &Fingerprint) -> Upload<'a> {
    let boundary = fingerprint.as_str();
    let mut bytes: Box<dyn Read + 'a> = Box::new(io::empty());
    let mut length: u64 = 0;
    for part in parts {
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            part.field, part.file_name,
        );
        length += as_u64(head.len()) + part.length + 2;
        bytes = Box::new(bytes.chain(Cursor::new(head)).chain(exact(part)).chain(&b"\r\n"[..]));
    }
    let end = format!("--{boundary}--\r\n");
    length += as_u64(end.len());
    Upload {
        content_type: format!("multipart/form-data; boundary={boundary}"),
        length,
        bytes: Box::new(bytes.chain(Cursor::new(end))),
    }
}

pub(crate) fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A file that must have as many bytes as it had when it was opened.
struct Exact<'a> {
    file: &'a File,
    left: u64,
}

fn exact(part: &Part) -> Exact<'_> {
    Exact { file: &part.file, left: part.length }
}

impl Read for Exact<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.take(self.left).read(buffer)?;
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file has become shorter",
            ));
        }
        self.left = self.left.saturating_sub(as_u64(count));
        Ok(count)
    }
}

/// Tells how many bytes were read.
pub(crate) struct Counted<'a> {
    pub(crate) bytes: Box<dyn Read + 'a>,
    pub(crate) sent: u64,
    pub(crate) told: u64,
    pub(crate) length: u64,
    pub(crate) tell: &'a mut dyn FnMut(u64, u64),
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        self.sent = self.sent.saturating_add(as_u64(count));
        if self.sent.saturating_sub(self.told) >= STRIDE || (count > 0 && self.sent == self.length)
        {
            self.told = self.sent;
            (self.tell)(self.sent, self.length);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn part(field: &'static str, content: &[u8]) -> Part {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        let length = as_u64(content.len());
        Part { field, file_name: format!("{field}.x"), file, length }
    }

    #[test]
    fn a_form_is_as_long_as_it_says() {
        let mut parts = [part("metadata", b"m"), part("rootfs", &[7; 300_000])];
        let name = fingerprint(&mut parts, || false).unwrap();
        let mut upload = multipart(&parts, &name);
        let mut body = Vec::new();
        upload.bytes.read_to_end(&mut body).unwrap();
        assert_eq!(as_u64(body.len()), upload.length);
        let head = format!("--{name}\r\nContent-Disposition: form-data; name=\"metadata\"; ");
        assert!(body.starts_with(head.as_bytes()));
        assert!(body.ends_with(format!("\r\n--{name}--\r\n").as_bytes()));
    }

    #[test]
    fn the_fingerprint_is_that_of_the_files_in_a_row() {
        // printf abc | sha256sum
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let name = fingerprint(&mut [part("metadata", b"a"), part("rootfs", b"bc")], || false);
        assert_eq!(name.unwrap().as_str(), expected);
        let stopped = fingerprint(&mut [part("metadata", b"a")], || true);
        assert_eq!(stopped.unwrap_err().1.kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn a_file_that_becomes_shorter_is_an_error() {
        let mut parts = [part("metadata", b"abc")];
        fingerprint(&mut parts, || false).unwrap();
        parts[0].file.set_len(2).unwrap();
        let mut bytes = Vec::new();
        let fault = unified(&parts[0]).bytes.read_to_end(&mut bytes).unwrap_err();
        assert_eq!(fault.kind(), io::ErrorKind::UnexpectedEof);
    }
}
