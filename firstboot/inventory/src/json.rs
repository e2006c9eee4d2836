//! Reading JSON whose types depend on the version of the tool that wrote it.

use serde_json::Value;

use crate::Error;

/// The most bytes that are read of one output. A machine with a thousand disks has about two million.
pub(crate) const MAXIMUM_BYTES: usize = 16 << 20;

/// The most characters that are kept of a name, a label or a serial number.
const MAXIMUM_CHARACTERS: usize = 256;

/// Parses `bytes`. Nesting is limited to 128 by `serde_json`, so walking the value by recursion is safe.
pub(crate) fn parse(object: &'static str, bytes: &[u8]) -> Result<Value, Error> {
    let found = bytes.len();
    if found > MAXIMUM_BYTES {
        return Err(Error::TooLarge { object, found, maximum: MAXIMUM_BYTES });
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Error::NotJson { object, reason: error.to_string() })
}

/// The list `key` of `value`.
pub(crate) fn list<'a>(
    object: &'static str,
    value: &'a Value,
    key: &str,
) -> Result<&'a [Value], Error> {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).ok_or_else(|| Error::Shape {
        object,
        reason: format!("expected a list `{key}`, found none"),
    })
}

/// A text without spaces around it; none if it is empty.
pub(crate) fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => clean(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `text` without spaces and NULs around it, cut to a sane length; none if nothing is left.
pub(crate) fn clean(text: &str) -> Option<String> {
    let text = text.trim_matches(|character: char| character.is_whitespace() || character == '\0');
    (!text.is_empty()).then(|| text.chars().take(MAXIMUM_CHARACTERS).collect())
}

/// A number that may be written as a text.
pub(crate) fn number(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A truth value that may be written as a number or a text; no without one.
pub(crate) fn flag(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => matches!(text.trim(), "1" | "true" | "yes"),
        other => number(other).is_some_and(|number| number != 0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_may_have_the_type_of_any_version() {
        for yes in [json!(true), json!(1), json!("1"), json!("true"), json!(" 1 ")] {
            assert!(flag(Some(&yes)), "{yes}");
        }
        for no in [json!(false), json!(0), json!("0"), json!(null), json!([1]), json!(-1)] {
            assert!(!flag(Some(&no)), "{no}");
        }
        assert_eq!(number(Some(&json!("512"))), Some(512));
        assert_eq!(number(Some(&json!(u64::MAX))), Some(u64::MAX));
        for none in [json!(-1), json!(1.5), json!("12 GB"), json!(null), json!({})] {
            assert_eq!(number(Some(&none)), None, "{none}");
        }
        assert_eq!(text(Some(&json!("  WD Blue\u{0}  "))), Some("WD Blue".to_owned()));
        assert_eq!(text(Some(&json!(1234))), Some("1234".to_owned()));
        assert_eq!(text(Some(&json!(" "))), None);
        assert_eq!(text(Some(&json!("x".repeat(10_000)))).map(|text| text.len()), Some(256));
    }

    #[test]
    fn no_depth_or_length_is_followed_for_ever() {
        let deep = "[".repeat(100_000);
        assert!(matches!(parse("lsblk", deep.as_bytes()), Err(Error::NotJson { .. })));
        let long = vec![b' '; MAXIMUM_BYTES + 1];
        let maximum = MAXIMUM_BYTES;
        let expected = Error::TooLarge { object: "lsblk", found: maximum + 1, maximum };
        assert_eq!(parse("lsblk", &long), Err(expected));
    }
}
