//! Connections of the HTTP client over a Unix socket.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Error, Timeout};

/// How long the program takes at most to see that it was asked to stop.
const SLICE: Duration = Duration::from_millis(200);

/// Whether the program was asked to stop.
pub(crate) type Stop = fn() -> bool;

/// The kernel did not connect to the socket.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotConnected(pub(crate) io::Error);

/// There is nothing to resolve.
#[derive(Debug)]
pub(crate) struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut addresses = self.empty();
        // One is asked for; the connector does not look at it.
        addresses.push(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        Ok(addresses)
    }
}

/// Connects to one socket, whatever the URL.
#[derive(Debug)]
pub(crate) struct ToSocket {
    pub(crate) path: PathBuf,
    pub(crate) stop: Stop,
}

impl Connector for ToSocket {
    type Out = Connection;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        // This waits only when thousands are waiting already, and a signal ends it.
        let stream = UnixStream::connect(&self.path)
            .map_err(|fault| Error::Io(io::Error::other(NotConnected(fault))))?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Connection { stream, buffers, stop: self.stop, is_deaf: false }))
    }
}

/// A connection.
pub(crate) struct Connection {
    stream: UnixStream,
    buffers: LazyBuffers,
    stop: Stop,
    /// The server takes nothing more.
    is_deaf: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connection")
    }
}

/// Until when something may take.
struct Deadline {
    end: Option<Instant>,
    reason: Timeout,
    stop: Stop,
}

impl Deadline {
    fn new(timeout: NextTimeout, stop: Stop) -> Self {
        let is_limited = !timeout.after.is_not_happening();
        let end = is_limited.then(|| Instant::now().checked_add(*timeout.after)).flatten();
        Self { end, reason: timeout.reason, stop }
    }

    /// How long to wait before this is asked again.
    fn slice(&self) -> Result<Duration, Error> {
        if (self.stop)() {
            return Err(Error::Io(io::ErrorKind::Interrupted.into()));
        }
        let Some(end) = self.end else { return Ok(SLICE) };
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::Timeout(self.reason));
        }
        Ok(left.min(SLICE))
    }
}

fn is_no_end(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let deadline = Deadline::new(timeout.for_write(), self.stop);
        let mut sent = 0;
        while sent < amount && !self.is_deaf {
            self.stream.set_write_timeout(Some(deadline.slice()?))?;
            let rest = self.buffers.output().get(sent..amount).unwrap_or_default();
            match self.stream.write(rest) {
                Ok(0) => return Err(Error::Io(io::ErrorKind::WriteZero.into())),
                Ok(count) => sent = sent.saturating_add(count),
                // Who refuses an upload says so before all of it has come. The answer is read next; if
                // there is none, that is an error then.
                Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => self.is_deaf = true,
                Err(fault) if is_no_end(&fault) => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let deadline = Deadline::new(timeout.for_read(), self.stop);
        loop {
            self.stream.set_read_timeout(Some(deadline.slice()?))?;
            match self.stream.read(self.buffers.input_append_buf()) {
                Ok(count) => {
                    self.buffers.input_appended(count);
                    return Ok(count > 0);
                }
                Err(fault) if is_no_end(&fault) => {}
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    fn is_open(&mut self) -> bool {
        // A connection costs nothing here, and one that the server closed meanwhile would look like a
        // request that failed. So each is used once.
        false
    }
}
