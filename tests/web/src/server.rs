//! The server: its connections, its files, its log.

use std::collections::BTreeMap;
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::answer::answer;
use crate::content::Content;
use crate::request::Request;
use crate::rule::{Act, Rule};

/// How long a test waits for what should happen at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. It ends when it is dropped.
///
/// The functions that wait for an event panic when it does not come within a minute.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What the connections of a server share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    folder: Option<PathBuf>,
    site: Mutex<Site>,
    /// Told about each change of the log and of `released`, and about the end.
    changed: Condvar,
    pub(crate) stop: AtomicBool,
}

#[derive(Debug, Default)]
struct Site {
    files: BTreeMap<String, Content>,
    rules: Vec<Rule>,
    log: Vec<Request>,
    /// Requests that [`Act::Hold`] holds.
    held: usize,
    released: bool,
    open: BTreeMap<u64, TcpStream>,
}

impl Server {
    /// A server on a free port of 127.0.0.1 with nothing to serve yet.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start() -> io::Result<Self> {
        Self::start_at(0, None)
    }

    /// A server of the files below a folder, on this port of 127.0.0.1 (0: a free one). What is
    /// [put](Server::put) under a path comes before the folder's file.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start_at(port: u16, folder: Option<&Path>) -> io::Result<Self> {
        Self::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), folder)
    }

    /// The same, on any address of this machine, as virtual machines need it.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start_on(address: SocketAddr, folder: Option<&Path>) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let folder = folder.map(Path::to_path_buf);
        let shared = Arc::new(Shared { folder, ..Shared::default() });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, which begins with `/`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Serves `content` under `path`, in place of what was there.
    pub fn put(&self, path: &str, content: Content) {
        self.shared.site().files.insert(path.to_owned(), content);
    }

    /// Serves nothing under `path` any more.
    pub fn remove(&self, path: &str) {
        self.shared.site().files.remove(path);
    }

    /// Adds a rule. All that apply to a request apply, in the order in which they were added.
    pub fn rule(&self, rule: Rule) {
        self.shared.site().rules.push(rule);
    }

    /// Behaves from now on.
    pub fn clear_rules(&self) {
        self.shared.site().rules.clear();
    }

    /// All requests so far, in the order in which their heads were read.
    #[must_use]
    pub fn log(&self) -> Vec<Request> {
        self.shared.site().log.clone()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        self.shared.site().log.clear();
    }

    /// Bytes of bodies that were sent so far, as far as the log says.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.shared.site().log.iter().map(|request| request.sent).sum()
    }

    /// Waits until the log has at least so many requests.
    pub fn wait_requests(&self, count: usize) {
        self.wait(|site| site.log.len() >= count);
    }

    /// Waits until at least so many bytes of bodies were sent.
    pub fn wait_sent(&self, bytes: u64) {
        self.wait(|site| site.log.iter().map(|request| request.sent).sum::<u64>() >= bytes);
    }

    /// Waits until no connection is open.
    pub fn wait_idle(&self) {
        self.wait(|site| site.open.is_empty());
    }

    /// Lets the requests that [`Act::Hold`] holds go on, and all later ones.
    pub fn release(&self) {
        self.shared.site().released = true;
        self.shared.changed.notify_all();
    }

    /// Waits until [`Act::Hold`] holds at least so many requests.
    pub fn wait_held(&self, count: usize) {
        self.wait(|site| site.held >= count);
    }

    fn wait(&self, is_so: impl Fn(&Site) -> bool) {
        let site = self.shared.site();
        let result = self.shared.changed.wait_timeout_while(site, PATIENCE, |site| !is_so(site));
        let (site, result) = result.unwrap_or_else(|poison| poison.into_inner());
        // Not while the lock is held: the server still has to end.
        drop(site);
        assert!(!result.timed_out(), "what the test waits for did not happen");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let open = std::mem::take(&mut self.shared.site().open);
        for connection in open.into_values() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        self.shared.changed.notify_all();
        // Wakes the thread that accepts; it looks at `stop` before it takes a connection.
        let wake = SocketAddr::from((Ipv4Addr::LOCALHOST, self.address.port()));
        let woken = TcpStream::connect(wake).is_ok();
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken) {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn site(&self) -> MutexGuard<'_, Site> {
        self.site.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    /// What is served under a path.
    pub(crate) fn find(&self, path: &str) -> Option<Content> {
        if let Some(content) = self.site().files.get(path) {
            return Some(content.clone());
        }
        let name = Path::new(path.strip_prefix('/')?);
        if !name.components().all(|part| matches!(part, Component::Normal(_))) {
            return None;
        }
        Content::open(&self.folder.as_ref()?.join(name)).ok()
    }

    /// Adds a request to the log. What applies to it, and its place there.
    fn note(&self, request: &Request) -> (Vec<Act>, usize) {
        let (path, from) = (request.path(), request.range().map(|range| range.first));
        let mut site = self.site();
        let rules = site.rules.iter_mut();
        let acts = rules.filter_map(|rule| rule.applies(&path, from).then(|| rule.act.clone()));
        let acts = acts.collect();
        site.log.push(request.clone());
        let place = site.log.len() - 1;
        drop(site);
        self.changed.notify_all();
        (acts, place)
    }

    /// Says that bytes of a body were sent. A log that was cleared meanwhile lacks its place.
    pub(crate) fn count_sent(&self, place: usize, bytes: u64) {
        if let Some(request) = self.site().log.get_mut(place) {
            request.sent += bytes;
        }
        self.changed.notify_all();
    }

    /// Waits for the release, or the end.
    pub(crate) fn wait_release(&self) {
        let mut site = self.site();
        site.held += 1;
        self.changed.notify_all();
        while !site.released && !self.stop.load(Ordering::SeqCst) {
            site = self.changed.wait(site).unwrap_or_else(|poison| poison.into_inner());
        }
        site.held -= 1;
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, stream) in (0..).zip(listener.incoming()) {
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let Ok(handle) = stream.try_clone() else { continue };
        shared.site().open.insert(number, handle);
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // Whatever the client does, it ends this connection only.
            let _ = serve(&stream, number, &shared);
            let _ = stream.shutdown(Shutdown::Both);
            shared.site().open.remove(&number);
            shared.changed.notify_all();
        });
    }
}

/// Answers requests of one connection until one of both sides ends it.
fn serve(stream: &TcpStream, number: u64, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader, number)? {
        let (acts, place) = shared.note(&request);
        if !answer(stream, &request, &acts, place, shared)? {
            break;
        }
    }
    Ok(())
}
