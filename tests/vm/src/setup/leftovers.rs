//! A disk with a former life: what other systems left on it.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;

use crate::stick::Stick;
use crate::{Failure, Workdir, tool};

/// Bytes of each partition, and where the first one begins.
const PARTITION: u64 = 1 << 30;
const FIRST: u64 = 1 << 20;
/// What libblkid finds on them.
const KINDS: [&str; 4] = ["crypto_LUKS", "zfs_member", "LVM2_member", "linux_raid_member"];

/// Writes a partition table with a partition of each of [`KINDS`].
///
/// # Errors
///
/// When a tool does not run, or one of them is not found afterwards.
pub fn leave(workdir: &Workdir, disk: &Stick) -> Result<(), Failure> {
    let path = disk.path().display().to_string();
    let new = ["--new=1::+1G", "--new=2::+1G", "--new=3::+1G", "--new=4::+1G", path.as_str()];
    tool::run("sgdisk", "gdisk", new)?;
    let file = OpenOptions::new().write(true).open(disk.path());
    let file = file.map_err(Failure::file("open", disk.path()))?;
    let write = |offset: u64, bytes: &[u8]| {
        file.write_all_at(bytes, offset).map_err(Failure::file("write", disk.path()))
    };
    write(begin(0), &luks(workdir)?)?;
    // Uberblocks of ZFS: 128 of 1024 bytes from 128 KiB of a label on (ZFS On-Disk Specification, section
    // 1.3.1); four labels of 256 KiB, two at each end.
    let label = 256 << 10;
    for start in [0, label, PARTITION - 2 * label, PARTITION - label] {
        for block in 0..128 {
            let offset = begin(1) + start + (128 << 10) + block * 1024;
            write(offset, &0x00ba_b10c_u64.to_le_bytes())?;
        }
    }
    write(begin(2), &lvm())?;
    write(begin(3) + 4096, &md())?;
    let found = found(disk)?;
    match found == KINDS {
        true => Ok(()),
        false => Err(Failure::Image {
            path: disk.path().into(),
            expected: format!("{KINDS:?}"),
            found: format!("{found:?}"),
        }),
    }
}

fn begin(index: u64) -> u64 {
    FIRST + index * PARTITION
}

/// A whole volume, as cryptsetup makes it.
fn luks(workdir: &Workdir) -> Result<Vec<u8>, Failure> {
    let (volume, key) = (workdir.unique("luks"), workdir.unique("key"));
    fs::write(&key, "an old one").map_err(Failure::file("write", &key))?;
    fs::write(&volume, vec![0; 17 << 20]).map_err(Failure::file("write", &volume))?;
    let cost = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
    let paths = [key.display().to_string(), volume.display().to_string()];
    let (key, volume_text) = (paths[0].as_str(), paths[1].as_str());
    let format = ["luksFormat", "--batch-mode", "--type", "luks2", "--key-file", key, volume_text];
    tool::run("cryptsetup", "cryptsetup-bin", format.into_iter().chain(cost))?;
    fs::read(&volume).map_err(Failure::file("read", &volume))
}

/// The label of a physical volume in its second sector (lib/format_text/layout.h of LVM2): magic, sector, CRC
/// from byte 20 on, offset of the content, type.
fn lvm() -> Vec<u8> {
    let mut sector = vec![0; 512];
    sector[..8].copy_from_slice(b"LABELONE");
    sector[8] = 1;
    sector[20] = 32;
    sector[24..32].copy_from_slice(b"LVM2 001");
    sector[32..64].copy_from_slice(b"Kq7TVpWqQ8XyaLm3nRzB1dCeF2gHjKlM");
    let crc = lvm_crc(&sector[20..]);
    sector[16..20].copy_from_slice(&crc.to_le_bytes());
    [vec![0; 512], sector].concat()
}

/// CRC-32 without the last inversion, from LVM's own beginning.
fn lvm_crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0xf597_a6cf, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

/// A superblock of md 1.2 (include/uapi/linux/raid/md_p.h): magic, version, size of the device, place of the
/// superblock in sectors, checksum.
fn md() -> Vec<u8> {
    let mut block = vec![0; 256];
    block[..4].copy_from_slice(&0xa92b_4efc_u32.to_le_bytes());
    block[4] = 1;
    block[16..32].copy_from_slice(b"0123456789abcdef");
    block[144..152].copy_from_slice(&8_u64.to_le_bytes());
    let words = block
        .chunks_exact(4)
        .map(|word| u64::from(u32::from_le_bytes([word[0], word[1], word[2], word[3]])));
    let sum: u64 = words.sum();
    let low = u32::try_from(sum & 0xffff_ffff).unwrap_or_default();
    let high = u32::try_from(sum >> 32).unwrap_or_default();
    block[216..220].copy_from_slice(&low.wrapping_add(high).to_le_bytes());
    block
}

/// What libblkid finds where the partitions of [`leave`] are or were.
///
/// # Errors
///
/// When blkid does not run.
pub fn found(disk: &Stick) -> Result<Vec<String>, Failure> {
    let path = disk.path().display().to_string();
    let (mut kinds, size) = (Vec::new(), PARTITION.to_string());
    for index in 0..4 {
        let offset = begin(index).to_string();
        let words = ["-p", "-o", "value", "-s", "TYPE", "-O", &offset, "-S", &size, &path];
        // Status 2: nothing.
        let text = match tool::run("blkid", "util-linux", words) {
            Err(Failure::Tool { status, .. }) if status.code() == Some(2) => Vec::new(),
            text => text?,
        };
        kinds.push(String::from_utf8_lossy(&text).trim().to_owned());
    }
    Ok(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By [`leave`] itself, which looks for each of them.
    #[test]
    fn what_is_left_is_found_by_libblkid() -> Result<(), Failure> {
        let workdir = Workdir::new("leftovers")?;
        let disk = Stick::blank(&workdir, 8 << 30)?;
        leave(&workdir, &disk)?;
        assert_eq!(found(&Stick::blank(&workdir, 8 << 30)?)?, ["", "", "", ""]);
        Ok(())
    }
}
