//! Identifiers of what is new.

use std::fs::File;
use std::io::{self, Read};

use anklume_gpt::Guid;
use anklume_setup::{Ids, Key};
use zeroize::Zeroizing;

use crate::keys::Keys;

/// Identifiers of a pool of so many disks, from the kernel's random numbers.
///
/// # Errors
/// What the operating system says.
pub fn ids(disks: usize) -> io::Result<Ids> {
    let mut source = File::open("/dev/urandom")?;
    let mut next = || {
        let mut bytes = [0; 16];
        source.read_exact(&mut bytes).map(|()| Guid::from_random(bytes))
    };
    let (pool, file_system) = (next()?, next()?);
    let disks = (0..disks).map(|_| Ok([next()?, next()?, next()?])).collect::<io::Result<_>>()?;
    Ok(Ids { pool, file_system, disks })
}

impl Keys {
    /// Adds a new random key that data is encrypted with.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn with_data_key(self) -> io::Result<Self> {
        Ok(self.with(Key::Data, key()?.as_slice()))
    }
}

/// A new key for ZFS (`keyformat=raw`).
pub(crate) fn key() -> io::Result<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    File::open("/dev/urandom")?.read_exact(bytes.as_mut_slice())?;
    Ok(bytes)
}
