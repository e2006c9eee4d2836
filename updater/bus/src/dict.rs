//! JSON objects as `a{sv}` and back.
//!
//! What an update found and did is a JSON object with the same keys in `--json`, in the history and
//! on the bus; so a program sees the same object whether the work was done in it or behind the bus.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};
use zbus::{OwnedVariant, Variant};

/// A JSON object.
pub type Dict = Map<String, Value>;

/// An `a{sv}` as zbus has it.
pub(crate) type Wire = HashMap<String, OwnedVariant>;

/// `dict` as `a{sv}`. Numbers are `t`, or `x` below zero, or `d`; lists are `as`, `aa{sv}` or `av`.
/// There is no `null` on the bus: such keys are left out.
pub(crate) fn to_wire(dict: &Dict) -> HashMap<String, Variant<'static>> {
    let entries = dict.iter().filter_map(|(key, value)| Some((text(key), variant(value)?)));
    entries.collect()
}

fn variant(value: &Value) -> Option<Variant<'static>> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => Variant::from(*value),
        Value::Number(number) => number_variant(number),
        Value::String(value) => Variant::from(text(value)),
        Value::Array(values) => list(values),
        Value::Object(dict) => Variant::from(to_wire(dict)),
    })
}

fn number_variant(number: &Number) -> Variant<'static> {
    match (number.as_u64(), number.as_i64()) {
        (Some(number), _) => Variant::from(number),
        (None, Some(number)) => Variant::from(number),
        (None, None) => Variant::from(number.as_f64().unwrap_or_default()),
    }
}

fn list(values: &[Value]) -> Variant<'static> {
    let strings: Option<Vec<String>> = values.iter().map(|v| v.as_str().map(text)).collect();
    if let Some(strings) = strings {
        return Variant::from(strings);
    }
    let dicts: Option<Vec<_>> = values.iter().map(|v| v.as_object().map(to_wire)).collect();
    match dicts {
        Some(dicts) => Variant::from(dicts),
        None => Variant::from(values.iter().filter_map(variant).collect::<Vec<_>>()),
    }
}

/// A D-Bus string holds no NUL.
fn text(text: &str) -> String {
    text.replace('\0', " ")
}

/// The JSON object of an `a{sv}`.
pub(crate) fn from_wire(wire: &Wire) -> Dict {
    wire.iter().map(|(key, value)| (key.clone(), json(value))).collect()
}

/// The JSON value of whatever was sent. A file descriptor is `null`.
pub(crate) fn json(variant: &Variant<'_>) -> Value {
    match variant {
        Variant::U8(n) => Value::from(*n),
        Variant::Bool(b) => Value::from(*b),
        Variant::I16(n) => Value::from(*n),
        Variant::U16(n) => Value::from(*n),
        Variant::I32(n) => Value::from(*n),
        Variant::U32(n) => Value::from(*n),
        Variant::I64(n) => Value::from(*n),
        Variant::U64(n) => Value::from(*n),
        Variant::F64(n) => Value::from(*n),
        Variant::Str(s) => Value::from(s.as_str()),
        Variant::Signature(s) => Value::from(s.to_string()),
        Variant::ObjectPath(p) => Value::from(p.as_str()),
        Variant::Variant(inner) => json(inner),
        Variant::Array(array) => array.inner().iter().map(json).collect(),
        Variant::Structure(structure) => structure.fields().iter().map(json).collect(),
        Variant::Dict(dict) => dict
            .iter()
            .map(|(key, value)| match json(key) {
                Value::String(key) => (key, json(value)),
                key => (key.to_string(), json(value)),
            })
            .collect(),
        Variant::Fd(_) => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::Message;

    /// Through a real message, and back.
    fn through(dict: &Dict) -> Dict {
        let message = Message::method_call("/", "M").build(&to_wire(dict)).unwrap();
        let body = message.body();
        let wire: Wire = body.deserialize().unwrap();
        from_wire(&wire)
    }

    #[test]
    fn an_object_comes_back_as_it_was() {
        let value = serde_json::json!({
            "version": "2026.3", "available": true, "fetch-bytes": u64::MAX, "below": -3, "part": 0.5,
            "empty": [], "warnings": ["battery", "é"], "nested": {"a": {"b": [1, "x", [true]]}},
            "slots": [{"slot": "a", "good": true}, {"slot": "b"}], "none": {},
        });
        let Value::Object(dict) = value else { panic!() };
        assert_eq!(through(&dict), dict);
    }

    #[test]
    fn null_and_nul_do_not_break_the_message() {
        let Value::Object(dict) = serde_json::json!({"a": null, "b": "x\0y", "c": [null, 1]})
        else {
            panic!()
        };
        let Value::Object(expected) = serde_json::json!({"b": "x y", "c": [1]}) else { panic!() };
        assert_eq!(through(&dict), expected);
    }

    #[test]
    fn the_types_are_those_of_the_documentation() {
        let value = serde_json::json!({
            "b": true, "t": 1, "x": -1, "d": 1.5, "s": "s", "as": ["s"], "aa{sv}": [{}], "a{sv}": {},
            "av": [1],
        });
        for (signature, variant) in to_wire(value.as_object().unwrap()) {
            assert_eq!(variant.value_signature().to_string(), signature);
        }
    }
}
