//! One QEMU option argument of the form `key=value,key=value`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// An option argument under construction.
///
/// QEMU ends a value at a comma unless it is doubled, so paths cannot be pasted in as they are.
#[derive(Debug, Default)]
pub(crate) struct OptionList(Vec<u8>);

impl OptionList {
    /// Starts with the implied key's value, such as the driver of `-device`.
    pub(crate) fn new(first: &str) -> Self {
        Self::default().raw(first.as_bytes())
    }

    /// Adds `key=value` with the commas of `value` doubled.
    pub(crate) fn with(self, key: &str, value: impl AsRef<OsStr>) -> Self {
        let mut escaped = key.as_bytes().to_vec();
        escaped.push(b'=');
        for &byte in value.as_ref().as_bytes() {
            if byte == b',' {
                escaped.push(b',');
            }
            escaped.push(byte);
        }
        self.raw(&escaped)
    }

    /// Adds `key=value` when there is a value.
    pub(crate) fn with_some(self, key: &str, value: Option<impl AsRef<OsStr>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// The argument.
    pub(crate) fn finish(self) -> OsString {
        OsString::from_vec(self.0)
    }

    fn raw(mut self, text: &[u8]) -> Self {
        if !self.0.is_empty() {
            self.0.push(b',');
        }
        self.0.extend_from_slice(text);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_values_are_doubled_and_other_bytes_kept() {
        let path = OsString::from_vec(b"/a,b/\xff=c".to_vec());
        let list = OptionList::new("file").with("path", path).with_some("x", None::<&str>);
        assert_eq!(list.finish().into_vec(), b"file,path=/a,,b/\xff=c");
        assert_eq!(OptionList::default().with("if", "none").finish(), "if=none");
    }
}
