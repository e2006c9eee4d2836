//! A web server for tests that does what servers should not, and a forward proxy.
//!
//! [`Server`] speaks HTTP/1.1 on 127.0.0.1, with byte ranges, validators and kept connections, and
//! serves files in memory, patterns of any length, or a folder. [`Rule`]s tell it to misbehave, for a
//! path, from an offset, for some of the requests. It keeps a log of what it was asked, and tests wait
//! for events in it instead of sleeping.
//!
//! ```
//! use anklume_web::{Act, Content, Rule, Server};
//!
//! let server = Server::start().unwrap();
//! server.put("/a/file", Content::bytes(b"twelve bytes".to_vec()));
//! // The first request breaks off in the middle, every other one is answered.
//! server.rule(Rule::on("/a/file", Act::CloseAfter(5)).times(1));
//! assert!(server.url("/a/file").starts_with("http://127.0.0.1:"));
//! assert!(server.log().is_empty());
//! ```
//!
//! Nothing but the standard library is used, so that whatever is tested against it brings its own HTTP.
//! A server ends, with all of its connections, when it is dropped.
#![forbid(unsafe_code)]

mod answer;
mod content;
mod proxy;
mod request;
mod rule;
mod server;

pub use content::Content;
pub use proxy::{Proxy, ProxyRequest};
pub use request::{ByteRange, Request};
pub use rule::{Act, Rule};
pub use server::Server;
