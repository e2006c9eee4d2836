//! What a store is made from.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::MacKey;

/// What a [`crate::Store`] is made from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder of this machine's blocks, made if it does not exist. Other things may lie in it: only
    /// its subfolder `blocks-v1` is used.
    pub folder: PathBuf,
    /// Bytes of disk that the blocks in the folder may take at the end of a build, files rounded up
    /// to 4096 bytes. During builds, each can exceed it by a sixteenth.
    pub limit_bytes: u64,
    /// The store that machines share.
    pub shared: Option<Shared>,
}

/// Schemes of the URL of a shared store.
const SCHEMES: [&str; 6] = ["s3", "gs", "az", "http", "https", "file"];

/// A store that machines share, and the secret that they trust it by.
#[derive(Clone)]
#[cfg_attr(
    not(feature = "shared"),
    expect(dead_code, reason = "for programs that have the feature")
)]
pub struct Shared {
    pub(crate) mac_key: MacKey,
    pub(crate) url: String,
    pub(crate) request_limit: Duration,
    pub(crate) upload_limit: Duration,
}

/// Time that one request for a block may take, as long as nothing else is said. Compressing a block
/// takes a fraction of it.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
/// Time that a build waits for its uploads at the end, as long as nothing else is said.
const UPLOAD_LIMIT: Duration = Duration::from_secs(60);

/// Why a URL does not name a shared store.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SharedError {
    /// Unsupported: the URL has another scheme, or none.
    #[error("shared block store: scheme is {found:?}, expected one of {}", SCHEMES.join(", "))]
    Scheme {
        /// What stands before `://`, at most its first 16 characters; empty if nothing does.
        found: String,
    },
    /// Unsupported: the URL has a query or a fragment.
    #[error("shared block store: the url has a query or fragment, expected none")]
    Query,
}

impl Shared {
    /// A shared store at `url`: `s3://bucket/prefix`, `gs://bucket/prefix`,
    /// `az://container/prefix`, `https://host/folder`, `http://host/folder` or `file:///folder`. That
    /// of a web server may hold a user and password.
    ///
    /// Credentials, region and endpoint of the first three come from the environment, in the
    /// variables of the `object_store` crate, which are those of the vendors' own tools
    /// (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `GOOGLE_SERVICE_ACCOUNT`,
    /// `AZURE_STORAGE_ACCOUNT_NAME`, ...).
    ///
    /// # Errors
    /// Every [`SharedError`].
    pub fn new(url: &str, mac_key: MacKey) -> Result<Self, SharedError> {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        if !SCHEMES.contains(&scheme) {
            return Err(SharedError::Scheme { found: scheme.chars().take(16).collect() });
        }
        if url.contains(['?', '#']) {
            return Err(SharedError::Query);
        }
        let (request_limit, upload_limit) = (REQUEST_LIMIT, UPLOAD_LIMIT);
        Ok(Self { mac_key, url: url.to_owned(), request_limit, upload_limit })
    }

    /// The same store with other time limits: `request` for one request, 5 seconds otherwise, and
    /// `uploads` for what is still on its way at the end of a build, 60 seconds otherwise.
    #[must_use]
    pub fn with_limits(self, request: Duration, uploads: Duration) -> Self {
        Self { request_limit: request, upload_limit: uploads, ..self }
    }

    /// The URL without user and password, for people to read.
    #[must_use]
    pub fn public_url(&self) -> String {
        let Some((scheme, rest)) = self.url.split_once("://") else { return String::new() };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        format!("{scheme}://{host}{path}")
    }
}

impl fmt::Debug for Shared {
    /// Never the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("url", &self.public_url()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(url: &str) -> Result<Shared, SharedError> {
        Shared::new(url, MacKey::from_bytes(&[1; 32]).unwrap())
    }

    #[test]
    fn only_known_schemes_name_a_store() {
        for scheme in SCHEMES {
            assert!(shared(&format!("{scheme}://x/y")).is_ok());
        }
        for (url, scheme) in [("ftp://x/y", "ftp"), ("/x/y", ""), ("x", ""), ("S3:x", "")] {
            assert_eq!(shared(url).unwrap_err(), SharedError::Scheme { found: scheme.to_owned() });
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let url = shared("https://user:pass@word@host:8080/a/b@c").unwrap();
        assert_eq!(url.public_url(), "https://host:8080/a/b@c");
        assert!(!format!("{url:?}").contains("pass"));
        assert_eq!(shared("https://host/?token=x").unwrap_err(), SharedError::Query);
        assert_eq!(shared("file:///srv/blocks").unwrap().public_url(), "file:///srv/blocks");
        assert_eq!(shared("s3://bucket").unwrap().public_url(), "s3://bucket");
    }
}
