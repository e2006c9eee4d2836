//! The publisher's half: keys, and metadata that they sign.
//!
//! A release is published by writing, in this order: the release files, the targets file, the snapshot
//! file, and at last `timestamp.json` in place of the old one. With consistent snapshots no other file
//! is ever replaced, so that a client sees either the old release or the new one. Root files are added
//! before what is signed with their keys, and all of them stay.
//!
//! Whoever publishes runs a [`crate::Client`] over the result first: it is what every machine will do.

mod secret;

use serde_json::{Value, json};

use crate::digest::hex;
use crate::envelope::Envelope;
use crate::json::{canonical, parse};
use crate::metadata::{Body, Root, Snapshot, Targets, Timestamp};
use crate::node::Node;
use crate::{Error, Role};

pub use secret::SecretKey;

impl Root {
    /// The signed file. A root that follows another one needs signatures of a threshold of the old and
    /// of the new keys of the root role; who is not here signs later, with [`add_signature`].
    ///
    /// # Errors
    /// A client would refuse it for what it says.
    pub fn sign(&self, keys: &[&SecretKey]) -> Result<Vec<u8>, Error> {
        sign(self, keys)
    }
}

impl Timestamp {
    /// The signed file.
    ///
    /// # Errors
    /// A client would refuse it for what it says.
    pub fn sign(&self, keys: &[&SecretKey]) -> Result<Vec<u8>, Error> {
        sign(self, keys)
    }
}

impl Snapshot {
    /// The signed file.
    ///
    /// # Errors
    /// A client would refuse it for what it says.
    pub fn sign(&self, keys: &[&SecretKey]) -> Result<Vec<u8>, Error> {
        sign(self, keys)
    }
}

impl Targets {
    /// The signed file.
    ///
    /// # Errors
    /// A client would refuse it for what it says, names and `custom` included.
    pub fn sign(&self, keys: &[&SecretKey]) -> Result<Vec<u8>, Error> {
        sign(self, keys)
    }
}

fn sign<B: Body>(body: &B, keys: &[&SecretKey]) -> Result<Vec<u8>, Error> {
    let signed = body.signed();
    let signatures = keys.iter().map(|key| signature(B::ROLE, &signed, key));
    let signatures: Vec<Value> = signatures.collect::<Result<_, _>>()?;
    let bytes = written(&signed, &signatures);
    // What a client would refuse is found here.
    Envelope::open(B::ROLE, &bytes)?.body::<B>()?;
    Ok(bytes)
}

/// Adds a signature to a file, or replaces that of the same key. Look at what the file says first.
///
/// # Errors
/// The file is not one of that role.
pub fn add_signature(role: Role, bytes: &[u8], key: &SecretKey) -> Result<Vec<u8>, Error> {
    Envelope::open(role, bytes)?;
    let file = role.file();
    let value = parse(bytes).map_err(|reason| Error::Json { file, reason })?;
    let top = Node::top(file, &value);
    let signed = top.get("signed")?.value();
    let own = signature(role, signed, key)?;
    let id = own.get("keyid");
    let others = top.get("signatures")?;
    let others = others.items()?.map(|node| node.value());
    let mut signatures: Vec<Value> =
        others.filter(|other| other.get("keyid") != id).cloned().collect();
    signatures.push(own.clone());
    let bytes = written(signed, &signatures);
    Envelope::open(role, &bytes)?;
    Ok(bytes)
}

fn signature(role: Role, signed: &Value, key: &SecretKey) -> Result<Value, Error> {
    let message = canonical(signed).map_err(|reason| Error::Json { file: role.file(), reason })?;
    let sig = hex(&key.sign(&message));
    Ok(json!({ "keyid": key.public().id().to_string(), "sig": sig }))
}

fn written(signed: &Value, signatures: &[Value]) -> Vec<u8> {
    format!("{}\n", json!({ "signatures": signatures, "signed": signed })).into_bytes()
}
