//! What is served under a path.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

/// The content of a file, and what tells it from another one.
#[derive(Debug, Clone)]
pub struct Content {
    body: Body,
    etag: Option<String>,
    modified: Option<String>,
}

#[derive(Debug, Clone)]
enum Body {
    Bytes(Arc<Vec<u8>>),
    Pattern { bytes: u64, seed: u8 },
    File { file: Arc<File>, bytes: u64 },
}

impl Content {
    /// These bytes. The entity tag depends on them.
    #[must_use]
    pub fn bytes(bytes: Vec<u8>) -> Self {
        // FNV-1a; nobody forges test data.
        let digest = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
        let etag = Some(format!("\"{digest:x}-{:x}\"", bytes.len()));
        Self { body: Body::Bytes(Arc::new(bytes)), etag, modified: None }
    }

    /// `bytes` bytes that are made while they are sent, so that a test can serve much without holding
    /// it. [`Content::pattern_byte`] says which.
    #[must_use]
    pub fn pattern(bytes: u64, seed: u8) -> Self {
        let etag = Some(format!("\"p{seed:x}-{bytes:x}\""));
        Self { body: Body::Pattern { bytes, seed }, etag, modified: None }
    }

    /// The byte at `offset` of [`Content::pattern`].
    #[must_use]
    pub fn pattern_byte(seed: u8, offset: u64) -> u8 {
        let mixed = (offset ^ (u64::from(seed) << 56)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed.to_be_bytes()[0]
    }

    /// A file of a folder, as long as it is now.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let (seconds, nanos) = (metadata.mtime(), metadata.mtime_nsec());
        let etag = Some(format!("\"{seconds:x}.{nanos:x}-{:x}\"", metadata.len()));
        let body = Body::File { file: Arc::new(file), bytes: metadata.len() };
        Ok(Self { body, etag, modified: None })
    }

    /// With this entity tag, quotation marks included, or none.
    #[must_use]
    pub fn etag(mut self, etag: Option<&str>) -> Self {
        self.etag = etag.map(str::to_owned);
        self
    }

    /// With this `Last-Modified`.
    #[must_use]
    pub fn modified(mut self, date: &str) -> Self {
        self.modified = Some(date.to_owned());
        self
    }

    /// Length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        match &self.body {
            Body::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Body::Pattern { bytes, .. } | Body::File { bytes, .. } => *bytes,
        }
    }

    /// Fills `buffer` with the bytes from `offset` on.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        match &self.body {
            Body::Bytes(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                let found = bytes.get(start..).and_then(|rest| rest.get(..buffer.len()));
                buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
            }
            Body::Pattern { seed, .. } => {
                for (at, byte) in (offset..).zip(buffer) {
                    *byte = Self::pattern_byte(*seed, at);
                }
            }
            Body::File { file, .. } => file.read_exact_at(buffer, offset)?,
        }
        Ok(())
    }

    pub(crate) fn tag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    pub(crate) fn date(&self) -> Option<&str> {
        self.modified.as_deref()
    }
}
