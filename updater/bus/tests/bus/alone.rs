//! A message bus that nobody else uses, and a service on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::fake::PATIENCE;
use anklume_bus::{Bus, Client, Config, Engine, Failure, NAME, serve};
use anklume_host::process::Cmd;
use anklume_private_bus::PrivateBus;
use zbus::{Connection, DynamicType, Message, connection};

/// A private bus. It ends with the test.
pub(crate) struct Alone(PrivateBus);

impl Alone {
    pub(crate) fn new() -> Self {
        Self(PrivateBus::new())
    }

    /// With these rules for everybody, and more of the configuration.
    pub(crate) fn with(rules: &str, more: &str) -> Self {
        Self(PrivateBus::with(rules, more))
    }

    /// The bus goes away.
    pub(crate) fn end(&self) {
        self.0.end();
    }

    pub(crate) fn address(&self) -> &str {
        self.0.address()
    }

    pub(crate) fn bus(&self) -> Bus {
        Bus::At(self.address().to_owned())
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.bus()).unwrap()
    }

    /// Somebody on the bus.
    pub(crate) fn connect(&self) -> Connection {
        let builder = connection::Builder::address(self.address());
        zbus::block_on(builder.build()).unwrap()
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            bus: self.bus(),
            idle: Duration::from_secs(3600),
            root: own_user(),
            notify: None,
            ..Config::new()
        }
    }

    /// A service that is ready.
    pub(crate) fn serve(&self, engine: Arc<dyn Engine>) -> Service {
        self.serve_with(engine, self.config())
    }

    pub(crate) fn serve_with(&self, engine: Arc<dyn Engine>, config: Config) -> Service {
        let watch = Owners::new(self);
        let service = Service::start(engine, config);
        watch.wait(NAME, true);
        service
    }

    /// What a call of a method answers.
    pub(crate) fn call<B>(&self, path: &str, method: &str, body: &B) -> zbus::Result<Message>
    where
        B: serde::ser::Serialize + DynamicType,
    {
        call(&self.connect(), path, method, body)
    }

    /// What busctl prints.
    pub(crate) fn busctl(&self, arguments: &[&str]) -> String {
        let command = Cmd::new("busctl").arg(format!("--address={}", self.address()));
        let output = command.args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.folder().join(name)
    }
}

/// Calls `interface.method`; the interface is ours if it has no dot.
pub(crate) fn call<B>(
    from: &Connection,
    path: &str,
    method: &str,
    body: &B,
) -> zbus::Result<Message>
where
    B: serde::ser::Serialize + DynamicType,
{
    let (interface, member) = method.rsplit_once('.').unwrap();
    let interface = match interface.contains('.') {
        true => interface.to_owned(),
        false => format!("{NAME}.{interface}"),
    };
    zbus::block_on(from.call_method(Some(NAME), path, Some(interface.as_str()), member, body))
}

/// Name and text of the error that somebody answered.
pub(crate) fn error(answer: zbus::Result<Message>) -> (String, String) {
    use zbus::DBusError;
    match answer {
        Err(zbus::Error::MethodError(name, text, _)) => {
            (name.to_string(), text.unwrap_or_default())
        }
        Err(zbus::Error::FDO(error)) => {
            (error.name().to_string(), error.description().unwrap_or_default().to_owned())
        }
        other => panic!("no error: {other:?}"),
    }
}

pub(crate) fn own_user() -> u32 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").unwrap().uid()
}

/// The files that go into images.
pub(crate) fn overlay() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("overlays/update/usr")
}

/// A service on a thread of its own.
pub(crate) struct Service {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), Failure>>>,
}

impl Service {
    pub(crate) fn start(engine: Arc<dyn Engine>, mut config: Config) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let look = Arc::clone(&stop);
        config.stop = Box::new(move || look.load(Ordering::SeqCst));
        let thread = std::thread::spawn(move || serve(engine, config));
        Self { stop, thread: Some(thread) }
    }

    /// As `SIGTERM` does.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    pub(crate) fn ended(mut self) -> Result<(), Failure> {
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Who gets and loses names.
pub(crate) struct Owners(Signals);

impl Owners {
    pub(crate) fn new(bus: &Alone) -> Self {
        let rule = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'";
        Self(Signals::new(bus, rule))
    }

    /// Until `name` is owned, or not.
    pub(crate) fn wait(&self, name: &str, owned: bool) {
        loop {
            let message = self.0.next();
            let (changed, _, owner): (String, String, String) =
                message.body().deserialize().unwrap();
            if changed == name && owner.is_empty() != owned {
                return;
            }
        }
    }
}

/// Signals as they come.
pub(crate) struct Signals {
    stream: Mutex<zbus::MessageStream>,
}

impl Signals {
    pub(crate) fn new(bus: &Alone, rule: &str) -> Self {
        let connection = bus.connect();
        let most = std::num::NonZeroUsize::new(100_000);
        let stream = zbus::MessageStream::for_match_rule(rule, &connection, most);
        Self { stream: Mutex::new(zbus::block_on(stream).unwrap()) }
    }

    /// All of the service's.
    pub(crate) fn of_service(bus: &Alone) -> Self {
        Self::new(bus, "type='signal',path_namespace='/org/anklume/Update1'")
    }

    pub(crate) fn next(&self) -> Message {
        let mut stream = self.stream.lock().unwrap();
        let next = std::future::poll_fn(|cx| {
            futures_core::Stream::poll_next(std::pin::Pin::new(&mut *stream), cx)
        });
        let runtime = zruntime::SharedRuntime::current().unwrap();
        let next = zbus::block_on(runtime.timeout(PATIENCE, next));
        next.expect("no signal came").unwrap().unwrap()
    }

    /// Up to and including the next one with this name.
    pub(crate) fn until(&self, member: &str) -> Vec<Message> {
        let mut all = Vec::new();
        loop {
            all.push(self.next());
            if all.last().unwrap().header().member().unwrap().as_str() == member {
                return all;
            }
        }
    }
}
