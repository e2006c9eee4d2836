//! The host ID, by which a ZFS pool knows who uses it.

use std::fs;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

/// 4 bytes, in the order of the CPU (sethostid(3)).
const HOSTID: &str = "etc/hostid";
const MACHINE_ID: &str = "etc/machine-id";

/// The host ID of the machine below `root`.
///
/// # Errors
/// What the operating system says.
pub fn read(root: &Path) -> io::Result<Option<u32>> {
    let bytes = match fs::read(root.join(HOSTID)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes?,
    };
    Ok(<[u8; 4]>::try_from(bytes.as_slice()).ok().map(u32::from_ne_bytes))
}

/// Gives the machine below `root` a host ID, if it has none. It is made of the machine ID: a machine that
/// keeps the one keeps the other, in both slots.
///
/// # Errors
/// What the operating system says.
pub fn ensure(root: &Path) -> io::Result<()> {
    if read(root)?.is_some() {
        return Ok(());
    }
    let machine_id = fs::read_to_string(root.join(MACHINE_ID))?;
    let digest: [u8; 32] = Sha256::new()
        .chain_update("anklume host ID ")
        .chain_update(machine_id.trim())
        .finalize()
        .into();
    let [a, b, c, d, ..] = digest;
    // 0 stands for none.
    let id = u32::from_ne_bytes([a, b, c, d]).max(1);
    fs::write(root.join(HOSTID), id.to_ne_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_keeps_its_host_id_and_two_machines_differ() {
        let make = |machine_id: &str| {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir(root.path().join("etc")).unwrap();
            fs::write(root.path().join(MACHINE_ID), machine_id).unwrap();
            assert_eq!(read(root.path()).unwrap(), None);
            ensure(root.path()).unwrap();
            read(root.path()).unwrap().unwrap()
        };
        assert_eq!(make("a1\n"), make("a1"));
        assert_ne!(make("a1"), make("a2"));
    }

    #[test]
    fn a_host_id_that_is_there_stays() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join(HOSTID), 7_u32.to_ne_bytes()).unwrap();
        ensure(root.path()).unwrap();
        assert_eq!(read(root.path()).unwrap(), Some(7));
    }
}
