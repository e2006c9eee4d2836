//! What the files of the roles say (TUF 1.0, section 4).

mod root;
mod targets;
mod versions;

use serde_json::{Map, Value, json};

pub use root::Root;
pub use targets::{MAX_NAME_BYTES, Target, Targets};
pub use versions::{FileInfo, Snapshot, Timestamp};

use crate::node::Node;
use crate::{Error, Moment, Role};

/// Version of the specification that files made here say they follow.
const SPEC_VERSION: &str = "1.0.31";
/// When a file was signed: an attribute of ours, which other implementations ignore.
const ISSUED: &str = "x-anklume-issued";

/// What the files of all roles say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Counts from 1; a client never goes back.
    pub version: u64,
    /// When it was signed; files made by others do not say.
    pub issued: Option<Moment>,
    /// From then on it is not to be trusted.
    pub expires: Moment,
}

impl Header {
    fn read(signed: &Node<'_>) -> Result<Self, Error> {
        let version = signed.get("version")?.positive()?;
        let end = signed.get("expires")?;
        let expires = end.moment()?;
        let issued = signed.find(ISSUED)?.map(|node| node.moment()).transpose()?;
        // Whoever believed it would take the file itself for expired.
        if issued.is_some_and(|issued| issued >= expires) {
            return Err(end.wrong("a time after that of signing"));
        }
        Ok(Self { version, issued, expires })
    }
}

/// What one role's file says.
pub(crate) trait Body: Sized {
    const ROLE: Role;

    fn header(&self) -> &Header;

    fn read(signed: &Node<'_>) -> Result<Self, Error>;

    /// The fields beyond the header.
    fn fields(&self) -> Map<String, Value>;

    /// What is signed.
    fn signed(&self) -> Value {
        let Header { version, issued, expires } = self.header();
        let mut fields = self.fields();
        let mut add = |name: &str, value: Value| fields.insert(name.into(), value);
        add("_type", json!(Self::ROLE.name()));
        add("spec_version", json!(SPEC_VERSION));
        add("version", json!(version));
        add("expires", json!(expires.to_string()));
        if let Some(issued) = issued {
            add(ISSUED, json!(issued.to_string()));
        }
        Value::Object(fields)
    }
}

/// An object of `name: value`.
fn object<const N: usize>(entries: [(&str, Value); N]) -> Map<String, Value> {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
