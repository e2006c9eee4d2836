//! What is asked of Incus, as data.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Everything but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// HTTP's methods, as far as Incus knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads an object.
    Get,
    /// Makes an object.
    Post,
    /// Replaces an object.
    Put,
    /// Changes some of an object.
    Patch,
    /// Removes an object.
    Delete,
}

impl Method {
    /// As it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One request. It is shown as its method and path, and never with what it carries.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What is to be done.
    pub method: Method,
    /// Path and query, with everything escaped that has to be.
    pub path: String,
    /// What is sent along.
    pub body: Option<Value>,
    /// The request is refused with 412 when the object has another one by then (RFC 9110 section 13.1.1).
    pub etag: Option<String>,
}

impl Request {
    /// A request without a body. The segments of the path are escaped.
    #[must_use]
    pub fn new(method: Method, segments: &[&str]) -> Self {
        let escaped =
            segments.iter().map(|segment| utf8_percent_encode(segment, RESERVED).to_string());
        let path = escaped.fold(String::new(), |path, segment| path + "/" + &segment);
        Self { method, path, body: None, etag: None }
    }

    /// `GET` of an object of the public API.
    #[must_use]
    pub fn get(segments: &[&str]) -> Self {
        Self::of(Method::Get, segments)
    }

    /// A request about an object of the public API: its path begins with `/1.0`.
    #[must_use]
    pub fn of(method: Method, segments: &[&str]) -> Self {
        Self::new(method, &[&["1.0"], segments].concat())
    }

    /// With a parameter.
    #[must_use]
    pub fn query(mut self, key: &str, value: &str) -> Self {
        let mark = if self.path.contains('?') { '&' } else { '?' };
        let value = utf8_percent_encode(value, RESERVED);
        self.path = format!("{}{mark}{key}={value}", self.path);
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Only for the object as it was read.
    #[must_use]
    pub fn only_if(mut self, etag: Option<String>) -> Self {
        self.etag = etag;
        self
    }
}

impl fmt::Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method.as_str(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped() {
        let request = Request::get(&["images", "aliases", "a/../b?c d"]).query("project", "a&b");
        let expected = "GET /1.0/images/aliases/a%2F..%2Fb%3Fc%20d?project=a%26b";
        assert_eq!(request.to_string(), expected);
        let request = Request::new(Method::Put, &["internal"]).query("a", "1").query("b", "2");
        assert_eq!(request.to_string(), "PUT /internal?a=1&b=2");
    }
}
