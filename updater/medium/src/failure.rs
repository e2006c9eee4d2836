//! The last failure: why a boot did not reach the OS, in a file that people can read on any computer.
//!
//! The file has [`LAST_FAILURE_BYTES`] bytes of UTF-8:
//!
//! ```text
//! slot: b
//! version: 2026.11.1
//! root-hash: 4f1c...
//! reason: no medium with this root hash
//! sda4: another version
//! ```
//!
//! and spaces up to its last byte, which is a newline. The reason may go on for several lines. A file
//! of white space says that there was no failure. Lines may end as on other systems: somebody may
//! have opened and saved it.

use anklume_bytes::ReadAt;
use anklume_layout::Slot;
use anklume_layout::files::{LAST_FAILURE, LAST_FAILURE_BYTES};

use crate::record::put_at;
use crate::{Error, Medium};

/// The most bytes of a version or root hash.
const VALUE_BYTES: usize = 128;
/// What stands in place of the rest of a reason that is too long.
const MORE: &str = " [...]";
/// What a wrong line shows of itself, in bytes.
const SHOWN_BYTES: usize = 40;

/// Why a boot did not reach the OS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LastFailure {
    /// The slot that was booted, if that was known.
    pub slot: Option<Slot>,
    /// Version of the image; may be empty.
    pub image_version: String,
    /// Root hash that was looked for; may be empty.
    pub root_hash: String,
    /// What happened, for people. May have several lines.
    pub reason: String,
}

/// A file that does not hold a failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// It is not text.
    #[error("expected utf-8, found something else at byte {0}")]
    NotText(usize),
    /// A line says something else than it must.
    #[error("line {line}: expected `{expected}`, found `{found}`")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// How it must begin, or what its value may be.
        expected: &'static str,
        /// How it begins.
        found: String,
    },
}

impl LastFailure {
    /// Reads the content of the file; none if it is white space. Control characters are replaced.
    ///
    /// # Errors
    /// [`BadText`].
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, BadText> {
        let text = std::str::from_utf8(bytes).map_err(|e| BadText::NotText(e.valid_up_to()))?;
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let (slot, rest) = value(text, 1, "slot:")?;
        let (image_version, rest) = value(rest, 2, "version:")?;
        let (root_hash, rest) = value(rest, 3, "root-hash:")?;
        let reason = rest.strip_prefix("reason:").ok_or_else(|| bad(4, "reason:", rest))?;
        let slot = match slot {
            "-" => None,
            "a" => Some(Slot::A),
            "b" => Some(Slot::B),
            other => return Err(bad(1, "slot: a, b or -", other)),
        };
        let (image_version, root_hash) = (one_line(image_version), one_line(root_hash));
        Ok(Some(Self { slot, image_version, root_hash, reason: lines(reason) }))
    }

    /// The content of the file. What does not fit is cut off.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let slot = self.slot.map_or_else(|| "-".to_owned(), |slot| slot.to_string());
        let (version, hash) = (one_line(&self.image_version), one_line(&self.root_hash));
        let mut text = format!("slot: {slot}\nversion: {version}\nroot-hash: {hash}\nreason: ");
        let reason = lines(&self.reason);
        let room = file_bytes().saturating_sub(text.len() + 1);
        if reason.len() <= room {
            text.push_str(&reason);
        } else {
            text.push_str(cut(&reason, room.saturating_sub(MORE.len())).trim_end());
            text.push_str(MORE);
        }
        padded(text)
    }

    /// The content of a file that says that there was no failure.
    #[must_use]
    pub fn none() -> Vec<u8> {
        padded(String::new())
    }
}

impl Medium {
    /// The last failure, if there was one since it was cleared.
    ///
    /// # Errors
    /// [`Error::BadText`] for a file that says something else; [`Error::NoPartition`],
    /// [`Error::FileSystem`], [`Error::File`] when it cannot be located, [`Error::Read`].
    pub fn last_failure(&self) -> Result<Option<LastFailure>, Error> {
        let bytes = self.failure_bytes(self.failure_place()?)?;
        let wrong = |source| Error::BadText { path: LAST_FAILURE, source };
        LastFailure::parse(&bytes).map_err(wrong)
    }

    /// Writes why this boot does not reach the OS, over what was there. Durable when it returns.
    ///
    /// # Errors
    /// As [`Medium::last_failure`], and the same when the boot record cannot be located: damage to
    /// the file system could make it share the sectors. [`Error::Lock`], [`Error::OtherDisk`], [`Error::Write`].
    pub fn write_last_failure(&self, failure: &LastFailure) -> Result<(), Error> {
        self.replace_failure(&failure.encode())
    }

    /// Says that there was no failure. Writes nothing if the file says so already.
    ///
    /// # Errors
    /// As [`Medium::write_last_failure`].
    pub fn clear_last_failure(&self) -> Result<(), Error> {
        match self.last_failure() {
            Ok(None) => Ok(()),
            Ok(Some(_)) | Err(Error::BadText { .. }) => self.replace_failure(&LastFailure::none()),
            Err(error) => Err(error),
        }
    }

    fn failure_bytes(&self, place: u64) -> Result<Vec<u8>, Error> {
        let bytes = self.disk.read_vec(place, LAST_FAILURE_BYTES, LAST_FAILURE_BYTES);
        bytes.map_err(|source| Error::Read { path: LAST_FAILURE, source })
    }

    fn replace_failure(&self, bytes: &[u8]) -> Result<(), Error> {
        let _lock = self.lock()?;
        let place = self.failure_place_apart()?;
        let written = put_at(&mut self.writable()?, place, bytes);
        written.map_err(|fault| Error::Write { path: LAST_FAILURE, fault })
    }
}

/// The value of the line at the start of `text`, which begins with `key`, and what follows it.
fn value<'a>(text: &'a str, line: usize, key: &'static str) -> Result<(&'a str, &'a str), BadText> {
    let (this, rest) = text.split_once('\n').unwrap_or((text, ""));
    let value = this.strip_prefix(key).ok_or_else(|| bad(line, key, this))?;
    Ok((value.trim(), rest))
}

fn bad(line: usize, expected: &'static str, found: &str) -> BadText {
    let found = found.lines().next().unwrap_or_default();
    BadText::Line { line, expected, found: one_line(cut(found, SHOWN_BYTES)) }
}

/// A value in one line and without control characters.
fn one_line(text: &str) -> String {
    let plain = |c: char| if c == '\n' { ' ' } else { c };
    let text: String = lines(text).chars().map(plain).collect();
    cut(&text, VALUE_BYTES).trim().to_owned()
}

/// Lines that end with a newline, without other control characters.
fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let plain = |c: char| match c {
        '\n' | '\r' => '\n',
        '\t' => ' ',
        c if c.is_control() => '?',
        c => c,
    };
    text.trim().chars().map(plain).collect()
}

/// The start of a text, at most so many bytes.
fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

fn padded(mut text: String) -> Vec<u8> {
    text.extend(std::iter::repeat_n(' ', file_bytes().saturating_sub(text.len() + 1)));
    text.push('\n');
    text.into_bytes()
}

fn file_bytes() -> usize {
    usize::try_from(LAST_FAILURE_BYTES).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failure() -> LastFailure {
        LastFailure {
            slot: Some(Slot::B),
            image_version: "2026.11.1".to_owned(),
            root_hash: "4f".repeat(32),
            reason: "no medium\nsda4: another version".to_owned(),
        }
    }

    #[test]
    fn a_failure_is_text_in_a_file_of_one_size() {
        let bytes = failure().encode();
        assert_eq!(bytes.len(), 4096);
        let text = String::from_utf8(bytes.clone()).unwrap();
        let start = format!(
            "slot: b\nversion: 2026.11.1\nroot-hash: {}\nreason: no medium\nsda4: another version ",
            "4f".repeat(32)
        );
        assert!(text.starts_with(&start) && text.ends_with(" \n"), "{text}");
        assert_eq!(LastFailure::parse(&bytes), Ok(Some(failure())));
    }

    #[test]
    fn white_space_is_no_failure() {
        assert_eq!(LastFailure::none().len(), 4096);
        for bytes in [LastFailure::none(), vec![], b"\r\n\t  \n".to_vec()] {
            assert_eq!(LastFailure::parse(&bytes), Ok(None));
        }
        let empty = LastFailure::default();
        assert_eq!(LastFailure::parse(&empty.encode()), Ok(Some(empty)));
    }

    #[test]
    fn a_file_saved_elsewhere_is_read() {
        let text = "slot:b\r\nversion: 1\r\nroot-hash: x\r\nreason: one\r\ntwo\r\n\r\n";
        let found = LastFailure::parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!((found.slot, found.reason.as_str()), (Some(Slot::B), "one\ntwo"));
    }

    #[test]
    fn garbage_is_told_by_its_line() {
        let line = |text: &str| match LastFailure::parse(text.as_bytes()).unwrap_err() {
            BadText::Line { line, found, .. } => (line, found),
            other => panic!("{other}"),
        };
        let text = "slot: a\nversion: 1\nroot-hash: 2\nreason: 3";
        assert_eq!(line(&text.replace("slot: a", "slot: c")), (1, "c".to_owned()));
        assert_eq!(line(&text.replace("slot", "slit")), (1, "slit: a".to_owned()));
        assert_eq!(line(&text.replace("version", "\u{1b}")), (2, "?: 1".to_owned()));
        assert_eq!(line(&text.replace("root-hash", "hash")), (3, "hash: 2".to_owned()));
        assert_eq!(line(&text.replace("reason", "")), (4, ": 3".to_owned()));
        assert_eq!(line("slot: a"), (2, String::new()));
        assert_eq!(LastFailure::parse(b"slot: \xff"), Err(BadText::NotText(6)));
        assert!(LastFailure::parse(&[0; 4096]).is_err());
    }

    #[test]
    fn nothing_reaches_a_terminal_but_text() {
        let failure = LastFailure {
            image_version: "1\n2\u{1b}[2J".to_owned(),
            root_hash: "\u{7f}".to_owned(),
            reason: "a\u{7}\tb\rc".to_owned(),
            ..failure()
        };
        let found = LastFailure::parse(&failure.encode()).unwrap().unwrap();
        assert_eq!((found.image_version.as_str(), found.root_hash.as_str()), ("1 2?[2J", "?"));
        assert_eq!(found.reason, "a? b\nc");
        let raw = b"slot: a\nversion: \x1b\nroot-hash: \x1b\nreason: \x1b";
        let found = LastFailure::parse(raw).unwrap().unwrap();
        assert_eq!([found.image_version, found.root_hash, found.reason], ["?", "?", "?"]);
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        for length in [1990, 2000, 5000] {
            let long = LastFailure { reason: "ä".repeat(length), ..failure() };
            let bytes = long.encode();
            assert_eq!(bytes.len(), 4096);
            let found = LastFailure::parse(&bytes).unwrap().unwrap();
            assert_eq!(found.reason.ends_with("ä [...]"), length > 1990, "{length}");
            assert_eq!(found.encode(), bytes);
        }
        let long = LastFailure { image_version: "v".repeat(9000), ..failure() };
        assert_eq!(long.encode().len(), 4096);
    }

    proptest! {
        #[test]
        fn any_failure_fits_and_is_read_as_it_was_written(
            version in ".{0,40}", hash in any::<String>(), reason in any::<String>(), more in 0..9000_usize
        ) {
            let reason = reason + &"x\n".repeat(more);
            let failure = LastFailure { slot: None, image_version: version, root_hash: hash, reason };
            let bytes = failure.encode();
            prop_assert_eq!(bytes.len(), 4096);
            let found = LastFailure::parse(&bytes).unwrap().unwrap();
            prop_assert_eq!(found.encode(), bytes);
        }
    }
}
