//! Identifiers of what is new.

use std::fs::File;
use std::io::{self, Read};

use anklume_gpt::Guid;
use anklume_setup::Ids;

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
