//! A message bus that nobody else uses, and services that answer as they are told.

use std::future::poll_fn;
use std::pin::Pin;

use anklume_private_bus::PrivateBus;
use anklume_settings::Services;
use futures_core::Stream;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream, connection};

/// A private bus. It ends with the test.
pub(crate) struct Alone(PrivateBus);

/// An error that a service answers: its name and text.
pub(crate) type Refusal = (&'static str, &'static str);
/// What a service does with a call, which it is given with its path, interface and method.
pub(crate) type Answer = Result<Message, Refusal>;

impl Alone {
    pub(crate) fn new() -> Self {
        Self(PrivateBus::new())
    }

    pub(crate) fn services(&self) -> Services {
        Services::at(self.0.address()).unwrap()
    }

    /// A service of this name on a thread, which ends with the bus. Returns when it can be called.
    pub(crate) fn serve(
        &self,
        name: &'static str,
        answer: impl Fn(&Connection, &Message) -> Answer + Send + 'static,
    ) {
        let builder = connection::Builder::address(self.0.address());
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
