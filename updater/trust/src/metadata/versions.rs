//! `timestamp.json` and `snapshot.json`: which version of the next file is meant (TUF 1.0, sections
//! 4.4 and 4.6). Length and SHA-256 are optional in TUF; here they must be there.

use serde_json::{Map, Value, json};

use super::{Body, Header, object};
use crate::node::Node;
use crate::{Digest, Error, Role};

/// A version of a file of metadata, to the byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileInfo {
    /// Its version.
    pub version: u64,
    /// Its length, in bytes.
    pub length: u64,
    /// Its digest.
    pub sha256: Digest,
}

impl FileInfo {
    /// Describes a file.
    #[must_use]
    pub fn of(version: u64, bytes: &[u8]) -> Self {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self { version, length, sha256: Digest::of(bytes) }
    }

    /// Checks that `bytes` are what is described; before anything else is believed of them.
    pub(crate) fn check(&self, role: Role, named_by: Role, bytes: &[u8]) -> Result<(), Error> {
        let (file, named_by) = (role.file().to_owned(), named_by.file());
        let found = Self::of(self.version, bytes);
        if found.length != self.length {
            let (expected, found) = (self.length, found.length);
            return Err(Error::Length { file, named_by, expected, found });
        }
        if found.sha256 != self.sha256 {
            let (expected, found) = (self.sha256, found.sha256);
            return Err(Error::Content { file, named_by, expected, found });
        }
        Ok(())
    }

    fn read(info: &Node<'_>) -> Result<Self, Error> {
        Ok(Self {
            version: info.get("version")?.positive()?,
            length: info.get("length")?.number()?,
            sha256: info.get("hashes")?.get("sha256")?.digest()?,
        })
    }

    fn meta(&self, role: Role) -> Map<String, Value> {
        let hashes = json!({ "sha256": self.sha256.to_string() });
        let info = json!({ "version": self.version, "length": self.length, "hashes": hashes });
        object([("meta", Value::Object(object([(role.file(), info)])))])
    }
}

/// What a timestamp file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    /// Version and times.
    pub header: Header,
    /// The newest snapshot file.
    pub snapshot: FileInfo,
}

impl Body for Timestamp {
    const ROLE: Role = Role::Timestamp;

    fn header(&self) -> &Header {
        &self.header
    }

    fn read(signed: &Node<'_>) -> Result<Self, Error> {
        let info = signed.get("meta")?.get(Role::Snapshot.file())?;
        Ok(Self { header: Header::read(signed)?, snapshot: FileInfo::read(&info)? })
    }

    fn fields(&self) -> Map<String, Value> {
        self.snapshot.meta(Role::Snapshot)
    }
}

/// What a snapshot file says. Files of delegated roles that it may list are never asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Version and times.
    pub header: Header,
    /// The targets file of this snapshot.
    pub targets: FileInfo,
}

impl Body for Snapshot {
    const ROLE: Role = Role::Snapshot;

    fn header(&self) -> &Header {
        &self.header
    }

    fn read(signed: &Node<'_>) -> Result<Self, Error> {
        let info = signed.get("meta")?.get(Role::Targets.file())?;
        Ok(Self { header: Header::read(signed)?, targets: FileInfo::read(&info)? })
    }

    fn fields(&self) -> Map<String, Value> {
        self.targets.meta(Role::Targets)
    }
}
