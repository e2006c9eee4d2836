//! Public keys, and which of them a role has.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};

use crate::digest::{hex, unhex};
use crate::json::canonical;
use crate::node::Node;
use crate::{Digest, Error};

/// Names a key: SHA-256 of the signed form of its object (TUF 1.0, section 4.2).
pub type KeyId = Digest;

/// An Ed25519 public key (RFC 8032); 64 hexadecimal digits at its edges.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// # Errors
    /// The bytes are no point of the curve, or one of those few that verify what nobody signed.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        let key = VerifyingKey::from_bytes(bytes)
            .map_err(|_| Error::Key { reason: "not an ed25519 public key" })?;
        if key.is_weak() {
            return Err(Error::Key { reason: "a weak ed25519 public key" });
        }
        Ok(Self(key))
    }

    pub(crate) fn of(key: &ed25519_dalek::SigningKey) -> Self {
        Self(key.verifying_key())
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The name that metadata made here gives it.
    #[must_use]
    pub fn id(&self) -> KeyId {
        // Nothing in the object can fail to be written.
        Digest::of(&canonical(&self.object()).unwrap_or_default())
    }

    /// The key as it stands in a root file.
    pub(crate) fn object(&self) -> Value {
        json!({ "keytype": "ed25519", "scheme": "ed25519", "keyval": { "public": self.to_string() } })
    }

    /// Whether `signature` is one of `message`. Strict: of the encodings that some implementations
    /// take, only the one that signing makes.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex(self.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let reason = "expected 64 lower-case hexadecimal digits";
        Self::from_bytes(&unhex(text).ok_or(Error::Key { reason })?)
    }
}

/// The keys of a role, and how many of them must sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleKeys {
    /// By the name that signatures use. Keys of kinds that this crate does not know are left out:
    /// their signatures do not count.
    keys: BTreeMap<KeyId, PublicKey>,
    threshold: u32,
}

impl RoleKeys {
    /// # Errors
    /// The threshold is 0, or more than there are different keys.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>, threshold: u32) -> Result<Self, Error> {
        let keys: BTreeMap<KeyId, PublicKey> =
            keys.into_iter().map(|key| (key.id(), key)).collect();
        if threshold == 0 {
            return Err(Error::Key {
                reason: "a role without a threshold would need no signature",
            });
        }
        if usize::try_from(threshold).map_or(true, |threshold| threshold > keys.len()) {
            return Err(Error::Key { reason: "the role has fewer keys than its threshold" });
        }
        Ok(Self { keys, threshold })
    }

    /// How many of the keys must sign.
    #[must_use]
    pub const fn threshold(&self) -> u32 {
        self.threshold
    }

    /// The keys, each once.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<PublicKey> {
        self.keys.values().copied().collect()
    }

    pub(crate) fn key(&self, id: &KeyId) -> Option<&PublicKey> {
        self.keys.get(id)
    }

    /// Reads a role of a root file; `known` are all keys of that file.
    pub(crate) fn read(role: &Node<'_>, known: &Keys) -> Result<Self, Error> {
        let threshold = role.get("threshold")?;
        let count = u32::try_from(threshold.positive()?)
            .map_err(|_| threshold.wrong("a number of keys"))?;
        let mut seen = BTreeSet::new();
        let mut keys = BTreeMap::new();
        for id in role.get("keyids")?.items()? {
            let digest = id.digest()?;
            if !seen.insert(digest) {
                return Err(id.wrong("each key once"));
            }
            match known.get(&digest) {
                Some(Some(key)) => keys.insert(digest, *key),
                Some(None) => None,
                None => return Err(id.wrong("one of signed.keys")),
            };
        }
        Ok(Self { keys, threshold: count })
    }

    /// The role as it stands in a root file.
    pub(crate) fn object(&self) -> Value {
        let ids: Vec<String> = self.keys().iter().map(|key| key.id().to_string()).collect();
        json!({ "keyids": ids, "threshold": self.threshold })
    }
}

/// The keys of a root file; `None` for a key of a kind that this crate does not know.
pub(crate) type Keys = BTreeMap<KeyId, Option<PublicKey>>;

/// Reads the keys of a root file.
pub(crate) fn read_keys(keys: &Node<'_>) -> Result<Keys, Error> {
    keys.entries()?.map(|(id, key)| read_key(id, &key)).collect()
}

fn read_key(id: &str, key: &Node<'_>) -> Result<(KeyId, Option<PublicKey>), Error> {
    let signed_form = canonical(key.value()).map_err(|_| key.wrong("a key"))?;
    let digest = Digest::of(&signed_form);
    if digest.to_string() != id {
        return Err(key.wrong("a key whose sha256 is its name"));
    }
    let kind = (key.get("keytype")?.text()?, key.get("scheme")?.text()?);
    if kind != ("ed25519", "ed25519") {
        return Ok((digest, None));
    }
    let public = key.get("keyval")?.get("public")?;
    let public = PublicKey::from_str(public.text()?)
        .map_err(|_| public.wrong("an ed25519 public key in lower-case hexadecimal"))?;
    Ok((digest, Some(public)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_signatures_that_signing_makes_are_taken() {
        // By the holder of the key, with the neutral element as R: S = SHA-512(R, A, message) * a.
        // Implementations that multiply by the cofactor, or do not look at R, take it.
        let s = "d4c5323131ff9683cfb3d30197c786c9043f1052d6c2d5293f19d6f36b911104";
        let mut odd = [0; 64];
        odd[0] = 1;
        odd[32..].copy_from_slice(&unhex::<32>(s).unwrap());
        let secret = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let loose = ed25519_dalek::Verifier::verify(
            &secret.verifying_key(),
            b"message",
            &Signature::from_bytes(&odd),
        );
        assert!(loose.is_ok());
        let key = PublicKey::of(&secret);
        assert!(!key.verifies(b"message", &odd));
        let own = ed25519_dalek::Signer::sign(&secret, b"message").to_bytes();
        assert!(key.verifies(b"message", &own) && !key.verifies(b"message.", &own));
    }
}
