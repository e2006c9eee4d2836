//! JSON as it may be signed: read strictly, and written in the form that is signed.

use std::fmt;

use anklume_layout::text::printable;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deepest nesting of arrays and objects. Metadata has 5 levels, `custom` of a target the rest.
pub const MAX_DEPTH: usize = 16;

/// Reads one JSON value. Refused: a key twice in one object, of which two readers may take different
/// ones; fractions, which the signed form does not have; nesting deeper than [`MAX_DEPTH`].
///
/// # Errors
/// What is wrong and where, for people.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let strict = Strict { depth: MAX_DEPTH };
    let value = strict.deserialize(&mut reader);
    let value = value.and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| printable(&error.to_string(), 200))
}

/// A value whose arrays and objects are nested at most `depth` deep.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1);
        depth.map(|depth| Self { depth }).ok_or_else(|| E::custom("nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without fractions")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(Number::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(Number::from(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("`{key}` is there twice")));
            }
            object.insert(key, entries.next_value_seed(inner)?);
        }
        Ok(Value::Object(object))
    }
}

/// The bytes that are signed: OLPC canonical JSON, as the reference implementation of TUF writes it.
/// No white space; keys in the order of their code points; in texts only `"` and `\` are escaped,
/// everything else stands as it is, in UTF-8.
///
/// # Errors
/// The value holds a fraction or is nested deeper than [`MAX_DEPTH`].
pub(crate) fn canonical(value: &Value) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    write(value, MAX_DEPTH, &mut bytes)?;
    Ok(bytes)
}

fn write(value: &Value, depth: usize, to: &mut Vec<u8>) -> Result<(), String> {
    match value {
        Value::Null => to.extend(b"null"),
        Value::Bool(true) => to.extend(b"true"),
        Value::Bool(false) => to.extend(b"false"),
        Value::Number(number) if number.is_f64() => {
            return Err(format!("{number} is not a whole number"));
        }
        Value::Number(number) => to.extend(number.to_string().as_bytes()),
        Value::String(text) => write_text(text, to),
        Value::Array(items) => {
            let depth = depth.checked_sub(1).ok_or("nested too deeply")?;
            to.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    to.push(b',');
                }
                write(item, depth, to)?;
            }
            to.push(b']');
        }
        Value::Object(entries) => write_object(entries, depth, to)?,
    }
    Ok(())
}

fn write_object(
    entries: &Map<String, Value>,
    depth: usize,
    to: &mut Vec<u8>,
) -> Result<(), String> {
    let depth = depth.checked_sub(1).ok_or("nested too deeply")?;
    let mut sorted: Vec<_> = entries.iter().collect();
    // The order of UTF-8 bytes is the order of code points.
    sorted.sort_by_key(|(key, _)| key.as_str());
    to.push(b'{');
    for (index, (key, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            to.push(b',');
        }
        write_text(key, to);
        to.push(b':');
        write(value, depth, to)?;
    }
    to.push(b'}');
    Ok(())
}

fn write_text(text: &str, to: &mut Vec<u8>) {
    to.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            to.push(b'\\');
        }
        to.push(byte);
    }
    to.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn signed_form(text: &str) -> String {
        String::from_utf8(canonical(&parse(text.as_bytes()).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn the_signed_form_has_one_spelling() {
        let text = " { \"b\" : [ 1 , -2, true, null, false ],\n\"a\":{} , \"B\":\"\\u0041\\/\" } ";
        assert_eq!(signed_form(text), r#"{"B":"A/","a":{},"b":[1,-2,true,null,false]}"#);
        // Escapes: only these two; a line feed stands as it is.
        assert_eq!(signed_form(r#""\"\\\n\u00e9""#), "\"\\\"\\\\\n\u{e9}\"");
        // Code points, not UTF-16 units: U+FF5E comes before U+1F600.
        let text = "{\"\u{1f600}\":1,\"\u{ff5e}\":2,\"z\":3}";
        assert_eq!(signed_form(text), "{\"z\":3,\"\u{ff5e}\":2,\"\u{1f600}\":1}");
        assert_eq!(signed_form("18446744073709551615"), "18446744073709551615");
    }

    #[test]
    fn what_readers_could_take_differently_is_refused() {
        for text in [
            "",
            "{",
            "{} {}",
            "{}x",
            "1.0",
            "1e3",
            "-0",
            "18446744073709551616",
            "NaN",
            "01",
            r#"{"a":1,"a":1}"#,
            r#"{"x":[{"a":1,"b":2,"\u0061":3}]}"#,
            r#""\ud800""#,
            "\"\n\"",
            "[1,]",
            "// a\n1",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(b"\"\xff\"").is_err());
        assert!(parse(br#"{"a":{"b":1},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn nesting_is_bounded_in_both_directions() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(parse(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(parse("{\"a\":".repeat(1 << 16).as_bytes()).is_err());
        let deep = (0..MAX_DEPTH).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        assert!(canonical(&deep).is_ok());
        assert!(canonical(&Value::Array(vec![deep.clone()])).is_err());
        assert!(canonical(&serde_json::json!({ "a": deep })).is_err());
        assert!(canonical(&serde_json::json!({ "a": 1.5 })).is_err());
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_has_the_same_signed_form(value in values()) {
            for text in [serde_json::to_string(&value), serde_json::to_string_pretty(&value)] {
                let again = parse(text.unwrap().as_bytes()).unwrap();
                prop_assert_eq!(&again, &value);
                prop_assert_eq!(canonical(&again), canonical(&value));
            }
        }

        #[test]
        fn any_bytes_are_a_value_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }
    }
}
