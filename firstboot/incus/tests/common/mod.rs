//! An Incus that keeps its objects in memory. It answers as version 6.0.4 does, and badly where it is told to.
#![allow(dead_code, reason = "each test program uses some of it")]

mod http;
mod world;

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use anklume_incus::{Client, Limits, Settings};
use tempfile::TempDir;

pub(crate) use world::{Fault, World};

/// A server on a socket of its own. It ends with the test program.
pub(crate) struct Fake {
    folder: TempDir,
    world: Arc<Mutex<World>>,
}

impl Fake {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let listener = UnixListener::bind(folder.path().join("unix.socket")).unwrap();
        let mounts = folder.path().join("storage-pools");
        let world = Arc::new(Mutex::new(World { mounts, ..World::default() }));
        let shared = Arc::clone(&world);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), world) = (stream, Arc::clone(&shared)) else { return };
                thread::spawn(move || serve(&stream, &world));
            }
        });
        Self { folder, world }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("unix.socket")
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// A client that does not wait between looks, and is never asked to stop.
    pub(crate) fn client(&self) -> Client {
        self.client_with(|_| {})
    }

    pub(crate) fn client_with(&self, change: impl FnOnce(&mut Settings)) -> Client {
        let limits = Limits { look: Duration::ZERO, ..Limits::default() };
        let folder = self.folder().to_owned();
        let mut settings = Settings { folder, limits, stop: || false };
        change(&mut settings);
        Client::new(&self.socket(), settings)
    }

    /// The changes that were asked for, as `METHOD path`.
    pub(crate) fn changes(&self) -> Vec<String> {
        let log = self.world().log.clone();
        log.into_iter().filter(|line| !line.starts_with("GET ")).collect()
    }
}

/// An answer as it is sent.
pub(crate) fn bytes(code: u16, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {code} X\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Answers one request.
fn serve(stream: &UnixStream, world: &Mutex<World>) {
    let Some(mut request) = http::head(stream) else { return };
    let fault = world.lock().unwrap().fault(&request.line());
    if let Some(Fault::RefuseUnread(code)) = fault {
        let text = world::error(code, "not authorized").1;
        http::answer(stream, code, None, text.as_bytes());
        return;
    }
    if !http::body(stream, &mut request) {
        return;
    }
    match fault {
        Some(Fault::BreakBefore) => return,
        Some(Fault::Raw(bytes)) => return http::raw(stream, &bytes),
        Some(Fault::Endless) => return http::endless(stream),
        Some(Fault::Silent(told)) => {
            told();
            return http::wait_for_close(stream);
        }
        _ => {}
    }
    let (code, text, etag) = world.lock().unwrap().handle(&request);
    match fault {
        Some(Fault::BreakAfter) => {}
        Some(Fault::Half) => http::half(stream, text.as_bytes()),
        Some(Fault::Chunked) => http::chunked(stream, code, text.as_bytes()),
        // The head of this answer is sent before its content is known.
        _ if request.path.contains("/wait") => http::chunked(stream, 200, text.as_bytes()),
        _ => http::answer(stream, code, etag.as_deref(), text.as_bytes()),
    }
}
