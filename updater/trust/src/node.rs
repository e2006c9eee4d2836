//! Fields of a JSON file, with the path that an error names.

use std::str::FromStr;

use anklume_layout::text::printable;
use serde_json::{Map, Value};

use crate::{Digest, Error, Moment};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node<'a> {
    file: &'static str,
    path: String,
    value: &'a Value,
}

impl<'a> Node<'a> {
    /// The value of a whole file.
    pub(crate) fn top(file: &'static str, value: &'a Value) -> Self {
        Self { file, path: String::new(), value }
    }

    /// What is signed in a file.
    pub(crate) fn signed(file: &'static str, value: &'a Value) -> Self {
        Self { file, path: "signed".into(), value }
    }

    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    /// The error that this field is not what is expected.
    pub(crate) fn wrong(&self, expected: &'static str) -> Error {
        let text = serde_json::to_string(self.value).unwrap_or_default();
        let field =
            if self.path.is_empty() { "the file".into() } else { printable(&self.path, 200) };
        Error::Field { file: self.file, field, expected, found: printable(&text, 80) }
    }

    fn inner(&self, name: &str, value: &'a Value) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { file: self.file, path: format!("{}{dot}{name}", self.path), value }
    }

    fn object(&self) -> Result<&'a Map<String, Value>, Error> {
        self.value.as_object().ok_or_else(|| self.wrong("an object"))
    }

    /// A field that must be there.
    pub(crate) fn get(&self, name: &str) -> Result<Self, Error> {
        match self.object()?.get(name) {
            Some(value) => Ok(self.inner(name, value)),
            None => Err(Error::Field {
                file: self.file,
                field: self.inner(name, self.value).path,
                expected: "a value",
                found: "missing".into(),
            }),
        }
    }

    /// A field that may be left out.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Self>, Error> {
        Ok(self.object()?.get(name).map(|value| self.inner(name, value)))
    }

    pub(crate) fn entries(&self) -> Result<impl Iterator<Item = (&'a str, Self)>, Error> {
        let object = self.object()?;
        Ok(object.iter().map(|(name, value)| (name.as_str(), self.inner(name, value))))
    }

    pub(crate) fn items(&self) -> Result<impl Iterator<Item = Self>, Error> {
        let array = self.value.as_array().ok_or_else(|| self.wrong("an array"))?;
        Ok(array.iter().enumerate().map(|(index, value)| self.inner(&index.to_string(), value)))
    }

    pub(crate) fn text(&self) -> Result<&'a str, Error> {
        self.value.as_str().ok_or_else(|| self.wrong("a text"))
    }

    pub(crate) fn number(&self) -> Result<u64, Error> {
        self.value.as_u64().ok_or_else(|| self.wrong("a whole number, not negative"))
    }

    /// A number that counts from one, like versions.
    pub(crate) fn positive(&self) -> Result<u64, Error> {
        let number = self.number()?;
        if number == 0 { Err(self.wrong("1 or more")) } else { Ok(number) }
    }

    pub(crate) fn flag(&self) -> Result<bool, Error> {
        self.value.as_bool().ok_or_else(|| self.wrong("true or false"))
    }

    pub(crate) fn digest(&self) -> Result<Digest, Error> {
        Digest::from_str(self.text()?)
            .map_err(|_| self.wrong("a sha256 digest in lower-case hexadecimal"))
    }

    pub(crate) fn moment(&self) -> Result<Moment, Error> {
        Moment::parse(self.text()?).ok_or_else(|| self.wrong("a time like 2026-11-14T09:21:43Z"))
    }
}
