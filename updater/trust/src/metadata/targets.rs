//! `targets.json`: the files of releases (TUF 1.0, section 4.5). Delegations are not supported.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Body, Header, object};
use crate::node::Node;
use crate::{Digest, Error, Role};

/// Longest name of a release file, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// What a targets file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    /// Version and times.
    pub header: Header,
    /// The release files by name: a relative path with `/`, of printable ASCII characters without
    /// `"` and `\`; none of its parts is empty, `.` or `..`.
    pub targets: BTreeMap<String, Target>,
}

/// A release file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its length, in bytes.
    pub length: u64,
    /// Its digest.
    pub sha256: Digest,
    /// What else is known about it, for the programs; without fractions.
    pub custom: Option<Value>,
}

impl Target {
    /// Describes a file that is in memory.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self { length, sha256: Digest::of(bytes), custom: None }
    }

    /// Checks what was downloaded as `name`: for large files count and hash as they come, and give
    /// the results.
    ///
    /// # Errors
    /// Length or digest are others.
    pub fn check(&self, name: &str, length: u64, sha256: Digest) -> Result<(), Error> {
        let (file, named_by) = (name.to_owned(), Role::Targets.file());
        if length != self.length {
            return Err(Error::Length { file, named_by, expected: self.length, found: length });
        }
        if sha256 != self.sha256 {
            return Err(Error::Content { file, named_by, expected: self.sha256, found: sha256 });
        }
        Ok(())
    }

    /// Where the file lies if snapshots are consistent: its digest before the last part of its name
    /// (TUF 1.0, section 6.2).
    #[must_use]
    pub fn hashed_name(&self, name: &str) -> String {
        match name.rsplit_once('/') {
            Some((folder, file)) => format!("{folder}/{}.{file}", self.sha256),
            None => format!("{}.{name}", self.sha256),
        }
    }

    fn read(target: &Node<'_>) -> Result<Self, Error> {
        Ok(Self {
            length: target.get("length")?.number()?,
            sha256: target.get("hashes")?.get("sha256")?.digest()?,
            custom: target.find("custom")?.map(|node| node.value().clone()),
        })
    }

    fn object(&self) -> Value {
        let hashes = json!({ "sha256": self.sha256.to_string() });
        let mut fields = object([("length", json!(self.length)), ("hashes", hashes)]);
        if let Some(custom) = &self.custom {
            fields.insert("custom".into(), custom.clone());
        }
        Value::Object(fields)
    }
}

impl Body for Targets {
    const ROLE: Role = Role::Targets;

    fn header(&self) -> &Header {
        &self.header
    }

    fn read(signed: &Node<'_>) -> Result<Self, Error> {
        if let Some(delegations) = signed.find("delegations")? {
            refuse_delegations(&delegations)?;
        }
        let mut targets = BTreeMap::new();
        for (name, target) in signed.get("targets")?.entries()? {
            if !is_name(name) {
                return Err(target.wrong("the name of a file"));
            }
            targets.insert(name.to_owned(), Target::read(&target)?);
        }
        Ok(Self { header: Header::read(signed)?, targets })
    }

    fn fields(&self) -> Map<String, Value> {
        let targets: BTreeMap<&str, Value> =
            self.targets.iter().map(|(name, target)| (name.as_str(), target.object())).collect();
        object([("targets", json!(targets))])
    }
}

/// Some tools write the field although nothing is delegated.
fn refuse_delegations(delegations: &Node<'_>) -> Result<(), Error> {
    let none = match delegations.find("roles")? {
        Some(roles) => roles.items()?.next().is_none(),
        None => true,
    };
    if !none || delegations.find("succinct_roles")?.is_some() {
        return Err(delegations.wrong("no delegated roles, which are not supported"));
    }
    Ok(())
}

/// Names become paths and parts of addresses, and are shown to people.
fn is_name(name: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    name.len() <= MAX_NAME_BYTES
        && name.bytes().all(fit)
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_the_source() {
        for name in ["a", "anklume-1.iso", "1/anklume.iso", "...", ".a", "a+b~c%20?"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "", "/a", "a/", "a//b", "../a", "a/../b", "a/.", "a b", "a\n", "a\\b", "a\"b", "é",
            "\u{7f}",
        ] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_name(&"a".repeat(255)) && !is_name(&"a".repeat(256)));
    }

    #[test]
    fn the_digest_stands_before_the_last_part_of_a_name() {
        let target = Target::of(b"");
        let hash = target.sha256;
        assert_eq!(target.hashed_name("a.iso"), format!("{hash}.a.iso"));
        assert_eq!(target.hashed_name("x/y/a.iso"), format!("x/y/{hash}.a.iso"));
    }
}
