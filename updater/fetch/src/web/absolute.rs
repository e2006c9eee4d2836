//! Plain HTTP through a proxy: the proxy is asked for the whole URL.
//!
//! The HTTP client asks every proxy for a tunnel (`CONNECT`), which most of them open to port 443 only.
//! So connections for `http` are made to the proxy as if it were the server, and the first line of each
//! request is changed on its way (RFC 9112 section 3.2.2).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use ureq::{Error, Proxy};

/// Finds the proxy's address, whatever server is meant.
#[derive(Debug)]
pub(super) struct ToProxy {
    pub(super) proxy: Uri,
    pub(super) inner: DefaultResolver,
}

impl Resolver for ToProxy {
    fn resolve(
        &self,
        _: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        self.inner.resolve(&self.proxy, config, timeout)
    }
}

/// Comes behind the connector that makes a connection to the proxy.
pub(super) struct AbsoluteForm {
    authorization: Option<String>,
}

impl AbsoluteForm {
    pub(super) fn new(proxy: &Proxy) -> Self {
        let credentials = proxy.username().map(|user| {
            let text = format!("{user}:{}", proxy.password().unwrap_or_default());
            format!("proxy-authorization: Basic {}\r\n", BASE64_STANDARD.encode(text))
        });
        Self { authorization: credentials }
    }
}

// The credentials are shown to nobody.
impl std::fmt::Debug for AbsoluteForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AbsoluteForm")
    }
}

impl<In: Transport> Connector<In> for AbsoluteForm {
    type Out = Absolute<In>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let authority = details.uri.authority().map_or("", |authority| authority.as_str());
        let server = format!("http://{authority}");
        let authorization = self.authorization.clone().unwrap_or_default();
        Ok(chained.map(|inner| Absolute { inner, server, authorization }))
    }
}

/// A connection to a proxy.
pub(super) struct Absolute<In> {
    inner: In,
    server: String,
    authorization: String,
}

impl<In> std::fmt::Debug for Absolute<In> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Absolute({})", self.server)
    }
}

impl<In: Transport> Transport for Absolute<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let output = self.inner.buffers().output();
        let head = output.get(..amount).unwrap_or_default();
        let Some(changed) = absolute(head, &self.server, &self.authorization) else {
            return self.inner.transmit_output(amount, timeout);
        };
        let Some(room) = output.get_mut(..changed.len()) else {
            let error = std::io::Error::other("the head of the request is too long for a proxy");
            return Err(Error::Io(error));
        };
        room.copy_from_slice(&changed);
        self.inner.transmit_output(changed.len(), timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
}

/// The head of a request for a path on `server`, for a proxy. `None` when it does not begin with such a
/// request: the rest of a head that was sent in pieces.
fn absolute(head: &[u8], server: &str, authorization: &str) -> Option<Vec<u8>> {
    const METHOD: &[u8] = b"GET ";
    let rest = head.strip_prefix(METHOD).filter(|rest| rest.starts_with(b"/"))?;
    let line = rest.windows(2).position(|end| end == b"\r\n")? + 2;
    let (line, headers) = rest.split_at(line);
    Some([METHOD, server.as_bytes(), line, authorization.as_bytes(), headers].concat())
}

#[cfg(test)]
mod tests {
    use super::absolute;

    #[test]
    fn first_lines_are_changed() {
        let head = b"GET /a?b HTTP/1.1\r\nhost: h\r\n\r\n";
        let changed = absolute(head, "http://h:1", "x: y\r\n").unwrap();
        assert_eq!(changed, b"GET http://h:1/a?b HTTP/1.1\r\nx: y\r\nhost: h\r\n\r\n");
        assert_eq!(absolute(b"host: h\r\n\r\n", "http://h", ""), None);
        assert_eq!(absolute(b"GET /a", "http://h", ""), None);
    }
}
