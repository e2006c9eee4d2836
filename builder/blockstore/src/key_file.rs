//! The secret under which machines share blocks.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit};
use nix::fcntl::OFlag;
use sha2::Sha256;

/// The fewest bytes of a secret: as many as HMAC-SHA256 has use for (RFC 2104, section 3).
const MIN_BYTES: usize = 32;
/// The most bytes of a secret file; a longer file is not one.
const MAX_BYTES: u64 = 4096;

/// The secret of a fleet: what its machines authenticate shared blocks with, HMAC-SHA256.
#[derive(Clone)]
pub struct MacKey(Hmac<Sha256>);

/// Why a file is not taken as a secret.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// I/O: it could not be read.
    #[error("block store key {}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It is a folder, a pipe or a device.
    #[error("block store key {}: not a regular file", .path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// It belongs to neither this user nor root.
    #[error("block store key {}: owner is {found}, expected {expected}", .path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// User ID of this process.
        expected: u32,
        /// User ID of the owner.
        found: u32,
    },
    /// Others may read or write it.
    #[error("block store key {}: mode is {found:04o}, expected 0600 or stricter", .path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        found: u32,
    },
    /// It is too short to be a secret, or too long to be meant as one.
    #[error("block store key: {found} bytes, expected {MIN_BYTES} to {MAX_BYTES}")]
    Length {
        /// Bytes there are; for a file that is too long, as far as it was read.
        found: usize,
    },
}

impl MacKey {
    /// Takes `bytes`, at least 32 and at most 4096 of them, as they are.
    ///
    /// # Errors
    /// [`KeyError::Length`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_BYTES);
        if bytes.len() < MIN_BYTES || !fits {
            return Err(KeyError::Length { found: bytes.len() });
        }
        let keyed = Hmac::new_from_slice(bytes);
        Ok(Self(keyed.map_err(|_| KeyError::Length { found: bytes.len() })?))
    }

    /// Reads the secret of the file at `path`: all its bytes, a newline at its end included. It
    /// must be a regular file of this user or of root that no one else may read or write.
    ///
    /// # Errors
    /// Every [`KeyError`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let io = |source| KeyError::Io { path: path.to_owned(), source };
        // Without O_NONBLOCK, opening a FIFO would wait for a writer before it can be refused.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(path)
            .map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(KeyError::NotAFile { path: path.to_owned() });
        }
        let expected = nix::unistd::geteuid().as_raw();
        if metadata.uid() != expected && metadata.uid() != 0 {
            return Err(KeyError::Owner { path: path.to_owned(), expected, found: metadata.uid() });
        }
        let mode = metadata.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Mode { path: path.to_owned(), found: mode });
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
        Self::from_bytes(&bytes)
    }

    /// A MAC that has read the secret and nothing else.
    pub(crate) fn keyed(&self) -> Hmac<Sha256> {
        self.0.clone()
    }
}

impl fmt::Debug for MacKey {
    /// Never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MacKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn read(bytes: &[u8], mode: u32) -> Result<MacKey, KeyError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        MacKey::read(&path)
    }

    #[test]
    fn secrets_are_long_and_private() {
        assert!(read(&[9; 32], 0o600).is_ok());
        assert!(read(&[9; 4096], 0o400).is_ok());
        for mode in [0o640, 0o620, 0o604, 0o602, 0o644] {
            assert!(
                matches!(read(&[9; 32], mode), Err(KeyError::Mode { found, .. }) if found == mode)
            );
        }
        for length in [0, 31, 4097, 9000] {
            assert!(matches!(read(&vec![9; length], 0o600), Err(KeyError::Length { .. })));
        }
    }

    #[test]
    fn only_regular_files_are_secrets() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(MacKey::read(folder.path()), Err(KeyError::NotAFile { .. })));
        assert!(matches!(MacKey::read(&folder.path().join("none")), Err(KeyError::Io { .. })));
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(matches!(MacKey::read(&pipe), Err(KeyError::NotAFile { .. })));
    }

    #[test]
    fn a_secret_is_never_printed() {
        let key = MacKey::from_bytes(b"this must not be in any log, ever").unwrap();
        assert_eq!(format!("{key:?}"), "MacKey(..)");
    }
}
