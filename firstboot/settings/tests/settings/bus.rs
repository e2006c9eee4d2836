//! A message bus that nobody else uses, and services that answer as they are told.

use std::fs::{self, File};
use std::future::poll_fn;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::pin::Pin;

use anklume_host::process::{Cmd, Running, Stdin, Stdout};
use anklume_settings::Services;
use futures_core::Stream;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream, connection};

/// A private bus. It ends with the test.
pub(crate) struct Alone {
    _folder: tempfile::TempDir,
    address: String,
    _daemon: Running,
}

/// An error that a service answers: its name and text.
pub(crate) type Refusal = (&'static str, &'static str);
/// What a service does with a call, which it is given with its path, interface and method.
pub(crate) type Answer = Result<Message, Refusal>;

impl Alone {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shown = folder.path().display();
        let config = format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\" \
             \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
             <busconfig><type>session</type><listen>unix:path={shown}/bus</listen>\
             <auth>EXTERNAL</auth><policy context=\"default\"><allow user=\"*\"/>\
             <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>\
             <allow own=\"*\"/></policy></busconfig>"
        );
        fs::write(folder.path().join("bus.conf"), config).unwrap();
        let (read, write) = std::io::pipe().unwrap();
        let daemon = Cmd::new("dbus-daemon")
            .args(["--nofork", "--nopidfile", "--print-address"])
            .arg(format!("--config-file={shown}/bus.conf"))
            .start(Stdin::Null, Stdout::File(File::from(OwnedFd::from(write))))
            .unwrap();
        let mut address = String::new();
        BufReader::new(read).read_line(&mut address).unwrap();
        assert!(address.starts_with("unix:"), "the bus says {address:?}");
        let address = address.trim_end().to_owned();
        Self { _folder: folder, address, _daemon: daemon }
    }

    pub(crate) fn services(&self) -> Services {
        Services::at(&self.address).unwrap()
    }

    /// A service of this name on a thread, which ends with the bus. Returns when it can be called.
    pub(crate) fn serve(
        &self,
        name: &'static str,
        answer: impl Fn(&Connection, &Message) -> Answer + Send + 'static,
    ) {
        let builder = connection::Builder::address(self.address.as_str());
        let connection = zbus::block_on(builder.build()).unwrap();
        // Before the name: the first call may come at once.
        let mut stream = MessageStream::from(&connection);
        zbus::block_on(connection.request_name(name)).unwrap();
        std::thread::spawn(move || {
            let next = |stream: &mut MessageStream| {
                zbus::block_on(poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)))
            };
            while let Some(Ok(message)) = next(&mut stream) {
                if message.message_type() == Type::MethodCall {
                    reply(&connection, &message, answer(&connection, &message));
                }
            }
        });
    }
}

fn reply(connection: &Connection, call: &Message, answer: Answer) {
    let message = match answer {
        Ok(message) => message,
        Err((name, text)) => Message::error(&call.header(), name).build(&text).unwrap(),
    };
    let _ = zbus::block_on(connection.send(&message));
}

/// An answer with `body`.
pub(crate) fn with<B>(call: &Message, body: &B) -> Answer
where
    B: serde::ser::Serialize + zbus::DynamicType,
{
    Ok(Message::method_return(&call.header()).build(body).unwrap())
}

/// Path, interface and method of a call.
pub(crate) fn parts(call: &Message) -> (String, String, String) {
    let header = call.header();
    let interface = header.interface().unwrap().to_string();
    (header.path().unwrap().to_string(), interface, header.member().unwrap().to_string())
}
