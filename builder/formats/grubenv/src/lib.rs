//! GRUB environment blocks: variables that GRUB's `load_env` reads and its `save_env` overwrites.
//!
//! A block is a file of a fixed size, normally 1024 bytes: the signature [`SIGNATURE`], lines
//! `NAME=VALUE`, and `#` up to the end. In a value a backslash takes the meaning from the byte after
//! it, so that a value may hold a newline. A line that begins with `#` is a comment.
//!
//! Source: the GNU GRUB manual 2.12, section 14.3 "The GRUB environment block"; what it leaves open
//! is as `grub-editenv` 2.12 behaves: a line without `=` takes the next ones up to a `=` into its
//! name, and what follows a value that does not end is not read.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

/// What a block begins with.
pub const SIGNATURE: &[u8] = b"# GRUB Environment Block\n";
/// Bytes of a block as `grub-editenv create` makes it.
pub const BLOCK_BYTES: usize = 1024;
/// What fills the rest of a block.
const FILL: u8 = b'#';

/// Why bytes are no environment block, or variables make none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It begins with something else.
    #[error("environment block: no signature at byte 0")]
    NoSignature,
    /// The variables and the signature do not fit.
    #[error("environment block: {found} bytes of variables, at most {limit} fit")]
    TooLong {
        /// Bytes with the signature.
        found: usize,
        /// Bytes of the block.
        limit: usize,
    },
    /// A name that could not be read back.
    #[error("environment block: name `{0}`, expected a letter and no `=`, `#` or newline")]
    BadName(String),
}

/// A variable: name and value, bytes of any kind.
pub type Variable = (Vec<u8>, Vec<u8>);

/// Reads the variables of a block in their order. Of two with one name, GRUB takes the later.
///
/// # Errors
/// [`Error::NoSignature`].
pub fn parse(block: &[u8]) -> Result<Vec<Variable>, Error> {
    let mut rest = block.strip_prefix(SIGNATURE).ok_or(Error::NoSignature)?;
    let mut variables = Vec::new();
    while let Some(first) = rest.first() {
        if *first != FILL {
            let Some((name, value)) = split(rest, b'=') else { break };
            let Some((value, after)) = value_of(value) else { break };
            variables.push((name.to_vec(), value));
            rest = after;
            continue;
        }
        // A comment: its backslashes hide newlines as well.
        let Some((_, after)) = value_of(rest) else { break };
        rest = after;
    }
    Ok(variables)
}

/// What lies before and behind the first `byte`.
fn split(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|this| *this == byte)?;
    Some((bytes.get(..at)?, bytes.get(at.checked_add(1)?..)?))
}

/// The value at the start of `bytes`, and what follows its newline; `None` if it does not end.
fn value_of(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut rest = bytes.iter();
    loop {
        match rest.next()? {
            b'\n' => return Some((value, rest.as_slice())),
            b'\\' => value.push(*rest.next()?),
            byte => value.push(*byte),
        }
    }
}

/// A block of `bytes` bytes with `variables`. Same variables, same bytes.
///
/// # Errors
/// [`Error::BadName`], [`Error::TooLong`].
pub fn encode(variables: &[(&str, &str)], bytes: usize) -> Result<Vec<u8>, Error> {
    let mut block = SIGNATURE.to_vec();
    for (name, value) in variables {
        let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
        if !starts || name.contains(['=', '#', '\n']) {
            return Err(Error::BadName((*name).to_owned()));
        }
        block.extend(name.bytes());
        block.push(b'=');
        for byte in value.bytes() {
            if matches!(byte, b'\\' | b'\n') {
                block.push(b'\\');
            }
            block.push(byte);
        }
        block.push(b'\n');
    }
    if block.len() > bytes {
        return Err(Error::TooLong { found: block.len(), limit: bytes });
    }
    block.resize(bytes, FILL);
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(block: &[u8]) -> Vec<(String, String)> {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        parse(block).unwrap().into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn what_is_written_is_read() {
        let block = encode(&[("a", "1"), ("b", ""), ("c", "x\\y\nz=#")], 1024).unwrap();
        assert_eq!(block.len(), BLOCK_BYTES);
        assert_eq!(texts(&block), [pair("a", "1"), pair("b", ""), pair("c", "x\\y\nz=#")]);
        assert!(texts(&encode(&[], 1024).unwrap()).is_empty());
    }

    #[test]
    fn a_block_is_full_to_its_last_byte() {
        assert!(encode(&[("a", "12")], SIGNATURE.len() + 5).is_ok());
        let error = encode(&[("a", "123")], SIGNATURE.len() + 5).unwrap_err();
        assert_eq!(error, Error::TooLong { found: 31, limit: 30 });
    }

    #[test]
    fn names_can_be_read_back() {
        for name in ["", "1a", "a=b", "#a", "a\nb"] {
            assert_eq!(encode(&[(name, "")], 1024), Err(Error::BadName(name.to_owned())));
        }
    }

    #[test]
    fn comments_are_passed_over_and_odd_lines_are_read_as_grub_does() {
        let block = |text: &str| [SIGNATURE, text.as_bytes()].concat();
        assert_eq!(texts(&block("# c=d\na=1\n####")), [pair("a", "1")]);
        assert_eq!(texts(&block("#\\\na=1\nb=2\n")), [pair("b", "2")]);
        assert_eq!(texts(&block("odd\na=1\n")), [pair("odd\na", "1")]);
        assert_eq!(texts(&block("a=1\nb=2")), [pair("a", "1")]);
        assert_eq!(texts(&block("a=1\nb=2\\")), [pair("a", "1")]);
        assert_eq!(texts(&block("a=1\na=2\n")), [pair("a", "1"), pair("a", "2")]);
        assert_eq!(parse(b"# GRUB environment block\n"), Err(Error::NoSignature));
    }
}
