//! What is signed, and by whom (TUF 1.0, section 4.2.1).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::digest::unhex;
use crate::json::{canonical, parse};
use crate::key::{KeyId, PublicKey, RoleKeys};
use crate::metadata::{Body, Root};
use crate::node::Node;
use crate::{Digest, Error, Role};

/// Most signatures that a file may have: each costs a verification.
pub const MAX_SIGNATURES: usize = 64;

/// A file of metadata whose form is right; nobody has said yet that it may be trusted.
pub(crate) struct Envelope {
    role: Role,
    signed: Value,
    /// What the signatures are over.
    message: Vec<u8>,
    signatures: Vec<Signature>,
}

struct Signature {
    key: KeyId,
    bytes: [u8; 64],
}

impl Envelope {
    /// Reads a file of a role.
    pub(crate) fn open(role: Role, bytes: &[u8]) -> Result<Self, Error> {
        let file = role.file();
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if found > role.limit() {
            return Err(Error::TooLong { file, limit: role.limit(), found });
        }
        let value = parse(bytes).map_err(|reason| Error::Json { file, reason })?;
        let top = Node::top(file, &value);
        let signatures = read_signatures(&top.get("signatures")?)?;
        let signed = top.get("signed")?;
        check_kind(role, &signed)?;
        let message = canonical(signed.value()).map_err(|reason| Error::Json { file, reason })?;
        Ok(Self { role, signed: signed.value().clone(), message, signatures })
    }

    /// What it says. Whether to believe it is another question: [`Envelope::check`].
    pub(crate) fn body<B: Body>(&self) -> Result<B, Error> {
        B::read(&Node::signed(self.role.file(), &self.signed))
    }

    /// The digest of what is signed: the same however the file is written and whoever signed it.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.message)
    }

    /// Checks that enough of the keys have signed that `root` names for the role. A key counts once,
    /// whatever names it has and however often it signed; other signatures do not count.
    pub(crate) fn check(&self, root: &Root) -> Result<(), Error> {
        let keys = root.role(self.role);
        let found = self.signers(keys).len();
        let found = u32::try_from(found).unwrap_or(u32::MAX);
        let needed = keys.threshold();
        if found < needed {
            let (file, root) = (self.role.file(), root.header.version);
            return Err(Error::Threshold { file, role: self.role, root, needed, found });
        }
        Ok(())
    }

    fn signers(&self, keys: &RoleKeys) -> BTreeSet<PublicKey> {
        let by_key = self.signatures.iter().filter_map(|s| Some((keys.key(&s.key)?, &s.bytes)));
        by_key
            .filter(|(key, bytes)| key.verifies(&self.message, bytes))
            .map(|(key, _)| *key)
            .collect()
    }
}

/// Signatures of kinds that this crate does not know have other forms: they are left out.
fn read_signatures(signatures: &Node<'_>) -> Result<Vec<Signature>, Error> {
    let mut read = Vec::new();
    for (index, signature) in signatures.items()?.enumerate() {
        if index >= MAX_SIGNATURES {
            return Err(signatures.wrong("at most 64 signatures"));
        }
        let (key, sig) = (signature.get("keyid")?.text()?, signature.get("sig")?.text()?);
        if let (Ok(key), Some(bytes)) = (key.parse(), unhex(sig)) {
            read.push(Signature { key, bytes });
        }
    }
    Ok(read)
}

/// Every file says whose it is, so that a file of one role cannot be taken for one of another.
fn check_kind(role: Role, signed: &Node<'_>) -> Result<(), Error> {
    let kind = signed.get("_type")?;
    if kind.text()? != role.name() {
        return Err(kind.wrong(role.name()));
    }
    let version = signed.get("spec_version")?;
    // Later minor versions only add what may be ignored.
    if version.text()?.split('.').next() != Some("1") {
        return Err(version.wrong("version 1 of the TUF specification"));
    }
    Ok(())
}
