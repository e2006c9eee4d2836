//! A forward proxy: `GET http://…` and `CONNECT`.

use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::request::Request;

/// What a proxy was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyRequest {
    /// `GET` or `CONNECT`, or whatever it was.
    pub method: String,
    /// What was asked for, as it was written.
    pub target: String,
    /// The value of `Proxy-Authorization`.
    pub authorization: Option<String>,
}

/// A running proxy on 127.0.0.1. It ends when it is dropped.
///
/// As many proxies do, it opens tunnels to port 443 only, unless it is told which others.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    tunnels: Vec<u16>,
    log: Mutex<Vec<ProxyRequest>>,
    stop: AtomicBool,
}

impl Proxy {
    /// A proxy that opens tunnels to port 443 and to these ports.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start(tunnels: &[u16]) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let tunnels = [&[443], tunnels].concat();
        let shared = Arc::new(Shared { tunnels, ..Shared::default() });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All requests so far.
    #[must_use]
    pub fn log(&self) -> Vec<ProxyRequest> {
        self.shared.log.lock().unwrap_or_else(|poison| poison.into_inner()).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken) {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // Whatever goes wrong ends this connection only.
            let _ = serve(&stream, &shared);
            let _ = stream.shutdown(Shutdown::Both);
        });
    }
}

/// One request for each connection.
fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let Some(request) = Request::read(&mut reader, 0)? else { return Ok(()) };
    let noted = ProxyRequest {
        method: request.method.clone(),
        target: request.target.clone(),
        authorization: request.header("proxy-authorization").map(str::to_owned),
    };
    shared.log.lock().unwrap_or_else(|poison| poison.into_inner()).push(noted);
    if request.method == "CONNECT" {
        let port = request.target.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        if !port.is_some_and(|port| shared.tunnels.contains(&port)) {
            return refuse(stream, "403 Forbidden");
        }
        let Ok(server) = TcpStream::connect(&request.target) else {
            return refuse(stream, "502 Bad Gateway");
        };
        let mut out = stream;
        out.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
        return join(stream, reader, &server);
    }
    let Some((authority, path)) = split(&request.target) else {
        return refuse(stream, "400 Bad Request");
    };
    let Ok(mut server) = TcpStream::connect(authority) else {
        return refuse(stream, "502 Bad Gateway");
    };
    let mut head = format!("{} {path} HTTP/1.1\r\n", request.method);
    for (name, value) in &request.headers {
        if name != "connection" && !name.starts_with("proxy-") {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    server.write_all((head + "connection: close\r\n\r\n").as_bytes())?;
    join(stream, reader, &server)
}

fn refuse(mut stream: &TcpStream, status: &str) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())
}

/// The authority with a port, and the path, of `http://…`.
fn split(target: &str) -> Option<(String, &str)> {
    let rest = target.strip_prefix("http://")?;
    let slash = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    let port = if authority.contains(':') { "" } else { ":80" };
    Some((format!("{authority}{port}"), if path.is_empty() { "/" } else { path }))
}

/// Copies both ways until both sides have ended.
fn join(
    client: &TcpStream,
    mut from_client: impl Read + Send,
    server: &TcpStream,
) -> io::Result<()> {
    thread::scope(|scope| {
        scope.spawn(move || {
            let _ = io::copy(&mut from_client, &mut &*server);
            let _ = server.shutdown(Shutdown::Write);
        });
        let mut from_server = server;
        let result = io::copy(&mut from_server, &mut &*client).map(|_| ());
        let _ = client.shutdown(Shutdown::Both);
        result
    })
}
