//! The object that every answer of Incus is.

use anklume_layout::text::printable;
use serde::Deserialize;
use serde_json::Value;

use crate::error::AnswerFault;
use crate::operation::{MAX_TEXT, Operation};

/// What Incus says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// It is done, or this is what was asked for.
    Sync(Value),
    /// It goes on.
    Async(Operation),
    /// It is not done.
    Error {
        /// One of HTTP's codes.
        code: u16,
        /// Its words.
        text: String,
    },
}

/// `doc/rest-api.md` of Incus, "Return values".
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    error_code: u16,
    #[serde(default)]
    error: String,
    #[serde(default)]
    metadata: Value,
}

/// Reads an answer. The status is that of HTTP.
///
/// # Errors
/// When Incus does not answer in this way.
pub(crate) fn parse(status: u16, body: &[u8]) -> Result<Answer, AnswerFault> {
    let shape = |fault: serde_json::Error| match status {
        200..=299 => AnswerFault::Shape(fault.to_string()),
        _ => AnswerFault::Status(status),
    };
    let envelope: Envelope = serde_json::from_slice(body).map_err(shape)?;
    match envelope.kind.as_str() {
        "error" => {
            let code = if envelope.error_code == 0 { status } else { envelope.error_code };
            Ok(Answer::Error { code, text: printable(&envelope.error, MAX_TEXT) })
        }
        // What a body says does not make up for the status, only the other way.
        _ if !(200..=299).contains(&status) => Err(AnswerFault::Status(status)),
        "sync" => Ok(Answer::Sync(envelope.metadata)),
        "async" => serde_json::from_value(envelope.metadata)
            .map(Answer::Async)
            .map_err(|fault| AnswerFault::Shape(fault.to_string())),
        other => Err(AnswerFault::Type(printable(other, 40))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_decides() {
        let sync = parse(200, br#"{"type":"sync","metadata":["/1.0"]}"#).unwrap();
        assert_eq!(sync, Answer::Sync(serde_json::json!(["/1.0"])));
        // As `wait` answers when an operation has failed.
        let error = parse(200, br#"{"type":"error","error_code":500,"error":"a\u001bb"}"#).unwrap();
        assert_eq!(error, Answer::Error { code: 500, text: "a b".to_owned() });
        let error = parse(404, br#"{"type":"error","error":"no"}"#).unwrap();
        assert_eq!(error, Answer::Error { code: 404, text: "no".to_owned() });
        let answer = parse(202, br#"{"type":"async","metadata":{"id":"x","status_code":103}}"#);
        assert!(matches!(answer.unwrap(), Answer::Async(operation) if operation.id == "x"));
    }

    #[test]
    fn what_is_no_answer_is_named() {
        for (status, body, expected) in [
            (200, "", "not what Incus sends"),
            (200, "[]", "not what Incus sends"),
            (200, "{\"type\":\"syn", "not what Incus sends"),
            (200, "{}", "not what Incus sends"),
            (200, r#"{"type":"sometimes"}"#, "expected sync, async or error"),
            (202, r#"{"type":"async","metadata":null}"#, "not what Incus sends"),
            (502, "<html>", "HTTP status 502"),
            (301, r#"{"type":"sync"}"#, "HTTP status 301"),
        ] {
            let fault = parse(status, body.as_bytes()).unwrap_err();
            assert!(fault.to_string().contains(expected), "{body}: {fault}");
        }
    }
}
