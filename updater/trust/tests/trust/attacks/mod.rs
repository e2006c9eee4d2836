//! The attacks that the specification lists (TUF 1.0, section 1.5.2), and more.

mod contents;
mod software;
mod versions;

use anklume_trust::publish::add_signature;
use anklume_trust::{Error, Role};
use serde_json::{Value, json};

use crate::source::key;

/// Changes what a file says, without signing it anew.
fn tamper(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(bytes).unwrap();
    change(&mut value);
    serde_json::to_vec(&value).unwrap()
}

/// Changes what a file says, and signs it again.
fn resign(role: Role, bytes: &[u8], keys: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let bytes = tamper(bytes, |file| {
        file["signatures"] = json!([]);
        change(file);
    });
    keys.iter().fold(bytes, |bytes, number| add_signature(role, &bytes, &key(*number)).unwrap())
}

fn is_threshold(error: &Error, file: &str) -> bool {
    matches!(error, Error::Threshold { file: found, .. } if *found == file)
}
