//! Values of properties. What is absent or of another type is empty: a service that is newer than its
//! documentation must not stop the machine from getting a network.

use zbus::{OwnedVariant, Variant};

use crate::bus::Dict;

pub(crate) trait Values {
    fn value(&self, name: &str) -> Option<&Variant<'_>>;

    fn number(&self, name: &str) -> u32 {
        match self.value(name) {
            Some(Variant::U32(number)) => *number,
            _ => 0,
        }
    }

    fn signed(&self, name: &str) -> i64 {
        match self.value(name) {
            Some(Variant::I64(number)) => *number,
            _ => 0,
        }
    }

    fn byte(&self, name: &str) -> u8 {
        match self.value(name) {
            Some(Variant::U8(number)) => *number,
            _ => 0,
        }
    }

    fn flag(&self, name: &str) -> bool {
        matches!(self.value(name), Some(Variant::Bool(true)))
    }

    /// A string or an object path.
    fn text(&self, name: &str) -> String {
        self.value(name).map(text).unwrap_or_default()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        let Some(Variant::Array(array)) = self.value(name) else { return Vec::new() };
        let bytes = array.inner().iter().filter_map(|value| match value {
            Variant::U8(byte) => Some(*byte),
            _ => None,
        });
        bytes.collect()
    }

    fn paths(&self, name: &str) -> Vec<String> {
        let Some(Variant::Array(array)) = self.value(name) else { return Vec::new() };
        array.inner().iter().map(text).collect()
    }
}

impl Values for Dict {
    fn value(&self, name: &str) -> Option<&Variant<'_>> {
        self.get(name).map(|value| &**value)
    }
}

/// One of the `aa{sv}`.
pub(crate) struct Inner<'a>(Vec<(String, &'a Variant<'a>)>);

impl Values for Inner<'_> {
    fn value(&self, name: &str) -> Option<&Variant<'_>> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }
}

/// The dictionaries of an `aa{sv}`.
pub(crate) fn dicts(value: Option<&OwnedVariant>) -> Vec<Inner<'_>> {
    let Some(Variant::Array(array)) = value.map(|value| &**value) else { return Vec::new() };
    let dicts = array.inner().iter().filter_map(|value| match value {
        Variant::Dict(dict) => {
            Some(Inner(dict.iter().map(|(key, value)| (text(key), inside(value))).collect()))
        }
        _ => None,
    });
    dicts.collect()
}

fn inside<'a>(value: &'a Variant<'a>) -> &'a Variant<'a> {
    match value {
        Variant::Variant(inner) => inner,
        value => value,
    }
}

fn text(value: &Variant<'_>) -> String {
    match value {
        Variant::Str(text) => text.to_string(),
        Variant::ObjectPath(path) => path.to_string(),
        _ => String::new(),
    }
}
