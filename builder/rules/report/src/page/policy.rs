//! The page's content security policy.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// A policy (W3C CSP level 3) that forbids every request and every script but `script`.
///
/// Inline styles are allowed, for the places of rectangles are style attributes. They cannot send
/// anything away, as no request is allowed.
pub(super) fn policy(script: &str) -> String {
    let digest = BASE64_STANDARD.encode(Sha256::digest(script.as_bytes()));
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; \
         base-uri 'none'; form-action 'none'"
    )
}
