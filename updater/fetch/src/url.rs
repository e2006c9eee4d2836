//! Addresses of web servers.

use std::fmt::{self, Display, Write as _};

/// The longest address that is used, in bytes; a request with it must fit into one buffer.
const MAX_BYTES: usize = 8 << 10;

/// An absolute `http` or `https` address without a fragment. What is not ASCII, and blanks, are
/// percent-encoded in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    is_secure: bool,
    /// In lower case; an IPv6 address is in brackets.
    host: String,
    port: Option<u16>,
    /// Begins with a slash.
    path: String,
    query: Option<String>,
}

/// What an address lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlFault {
    /// Another scheme.
    #[error("its scheme is {0:?}, expected http or https")]
    Scheme(String),
    /// No host, or one with characters that no host has.
    #[error("its host is {0:?}, which is no name and no address")]
    Host(String),
    /// Not a port.
    #[error("its port is {0:?}, expected a number from 1 to 65535")]
    Port(String),
    /// `user:password@` in front of the host.
    #[error("it has a user name in it, which would be shown and stored")]
    Credentials,
    /// A question mark or a number sign in what should be a folder.
    #[error("it has a query or a fragment, expected a folder")]
    Query,
    /// Too long.
    #[error("it has {0} bytes, which is more than {MAX_BYTES}")]
    Long(usize),
}

impl Url {
    /// Reads an absolute address. A fragment is dropped.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        if text.len() > MAX_BYTES {
            return Err(UrlFault::Long(text.len()));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(UrlFault::Scheme(scheme(text).unwrap_or_default().to_owned()));
        };
        let is_secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(UrlFault::Scheme(scheme.to_owned())),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (host, port) = split_authority(authority)?;
        let (path, query) = split_path(rest);
        let url = Self { is_secure, host, port, path: without_dots(&encode(path)), query };
        // Encoding makes it longer.
        match url.to_string().len() {
            length if length > MAX_BYTES => Err(UrlFault::Long(length)),
            _ => Ok(url),
        }
    }

    /// Reads the address of a folder; a slash is added where none is at its end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn folder(text: &str) -> Result<Self, UrlFault> {
        if text.contains(['?', '#']) {
            return Err(UrlFault::Query);
        }
        let mut url = Self::parse(text)?;
        if !url.path.ends_with('/') {
            url.path.push('/');
        }
        Ok(url)
    }

    /// A file below this folder. `name` has been checked.
    pub(crate) fn file(&self, name: &str) -> Self {
        let mut path = self.path.clone();
        for byte in name.bytes() {
            // Stricter than need be: `+`, which versions have, is a blank to some servers.
            if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
                path.push(char::from(byte));
            } else {
                percent(&mut path, byte);
            }
        }
        Self { path, ..self.clone() }
    }

    /// Where a `Location` leads that a server gave for this address (RFC 3986 section 5.2).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn resolve(&self, reference: &str) -> Result<Self, UrlFault> {
        if reference.len() > MAX_BYTES {
            return Err(UrlFault::Long(reference.len()));
        }
        if scheme(reference).is_some() {
            return Self::parse(reference);
        }
        if reference.starts_with("//") {
            let scheme = if self.is_secure { "https:" } else { "http:" };
            return Self::parse(&format!("{scheme}{reference}"));
        }
        let (path, query) = split_path(reference);
        let path = match path {
            "" if query.is_none() => return Ok(self.clone()),
            "" => self.path.clone(),
            path if path.starts_with('/') => encode(path),
            path => {
                let folder = self.path.rfind('/').map_or("", |end| &self.path[..end]);
                format!("{folder}/{}", encode(path))
            }
        };
        let url = Self { path: without_dots(&path), query, ..self.clone() };
        match url.to_string().len() {
            length if length > MAX_BYTES => Err(UrlFault::Long(length)),
            _ => Ok(url),
        }
    }

    /// Whether it is `https`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The host, in lower case; an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, also where it goes without saying.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.is_secure { 443 } else { 80 })
    }
}

impl Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)?;
        match &self.query {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}

/// The scheme in front of a colon (RFC 3986 section 3.1), if there is one.
pub(crate) fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then_some(scheme)
}

fn split_authority(authority: &str) -> Result<(String, Option<u16>), UrlFault> {
    if authority.contains('@') {
        return Err(UrlFault::Credentials);
    }
    // A colon after the bracket, or the only one, is in front of the port.
    let after_bracket = authority.rfind(']').map_or(0, |end| end + 1);
    let colon = authority[after_bracket..].find(':').map(|at| after_bracket + at);
    let (host, port) = match colon {
        Some(at) => (&authority[..at], Some(&authority[at + 1..])),
        None => (authority, None),
    };
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let named = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            !host.is_empty() && host.len() <= 253 && host.chars().all(named)
        }
    };
    if !is_host {
        return Err(UrlFault::Host(host.to_owned()));
    }
    let port = match port {
        None | Some("") => None,
        Some(text) => {
            let number = crate::header::digits(text).and_then(|port| u16::try_from(port).ok());
            let number = number.filter(|port| *port > 0);
            Some(number.ok_or_else(|| UrlFault::Port(text.to_owned()))?)
        }
    };
    Ok((host.to_ascii_lowercase(), port))
}

/// Path and query of what follows an authority, without the fragment.
fn split_path(text: &str) -> (&str, Option<String>) {
    let text = text.split_once('#').map_or(text, |(text, _)| text);
    match text.split_once('?') {
        Some((path, query)) => (path, Some(encode(query))),
        None => (text, None),
    }
}

/// Percent-encodes what may not stand in a path or a query (RFC 3986 section 3.3). A percent sign stays:
/// the text is taken as encoded where it could be.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            percent(&mut encoded, byte);
        }
    }
    encoded
}

fn percent(text: &mut String, byte: u8) {
    let _ = write!(text, "%{byte:02X}");
}

/// Removes `.` and `..` from a path (RFC 3986 section 5.2.4). The result begins with a slash.
fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut pieces = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(part) = pieces.next() {
        let is_last = pieces.peek().is_none();
        match part {
            "." | ".." => {
                if part == ".." {
                    parts.pop();
                }
                if is_last {
                    parts.push("");
                }
            }
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, expected) in [
            ("http://Example.ORG", "http://example.org/"),
            ("HTTPS://h:8443/a/b?q=1&r=%20#top", "https://h:8443/a/b?q=1&r=%20"),
            ("http://[::1]:80/x", "http://[::1]:80/x"),
            ("http://h/a b/ä", "http://h/a%20b/%C3%A4"),
            ("http://h/a/./b/../c/..", "http://h/a/"),
            ("http://h/../../x", "http://h/x"),
            ("http://h?x", "http://h/?x"),
            ("http://h:/x", "http://h/x"),
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("http://h/{}", "ä".repeat(2000));
        for (text, fault) in [
            ("ftp://h/x", UrlFault::Scheme("ftp".into())),
            ("h/x", UrlFault::Scheme(String::new())),
            ("http:///x", UrlFault::Host(String::new())),
            ("http://ho st/", UrlFault::Host("ho st".into())),
            ("http://müller.de/", UrlFault::Host("müller.de".into())),
            ("http://[::g]/", UrlFault::Host("[::g]".into())),
            ("http://[::1/", UrlFault::Host("[".into())),
            ("http://h:0/", UrlFault::Port("0".into())),
            ("http://h:+1/", UrlFault::Port("+1".into())),
            ("http://h:65536/", UrlFault::Port("65536".into())),
            ("http://me:secret@h/", UrlFault::Credentials),
            (&long, UrlFault::Long(9 + 2000 * 6)),
        ] {
            assert_eq!(Url::parse(text), Err(fault), "{text}");
        }
        assert_eq!(Url::folder("http://h/x?y"), Err(UrlFault::Query));
    }

    #[test]
    fn files_of_a_folder() {
        let folder = Url::folder("https://h/updates").unwrap();
        let file = folder.file("a-b/1.0~rc1+2/ü?#%.iso");
        assert_eq!(file.to_string(), "https://h/updates/a-b/1.0~rc1%2B2/%C3%BC%3F%23%25.iso");
    }

    #[test]
    fn references_are_resolved() {
        let base = Url::parse("https://h:444/a/b?q").unwrap();
        for (reference, expected) in [
            ("http://o/x", "http://o/x"),
            ("//o/x", "https://o/x"),
            ("/x", "https://h:444/x"),
            ("x/y?z", "https://h:444/a/x/y?z"),
            ("../x", "https://h:444/x"),
            ("./", "https://h:444/a/"),
            ("?z", "https://h:444/a/b?z"),
            ("#top", "https://h:444/a/b?q"),
            ("./x:y", "https://h:444/a/x:y"),
        ] {
            assert_eq!(base.resolve(reference).unwrap().to_string(), expected, "{reference}");
        }
        assert_eq!(base.resolve("file:///x"), Err(UrlFault::Scheme("file".into())));
        assert_eq!(base.resolve("mailto:x"), Err(UrlFault::Scheme("mailto".into())));
    }
}
