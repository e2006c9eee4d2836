//! What the firmware says of the partition that it started from.

use std::fs;
use std::path::Path;

/// `LoaderDevicePartUUID` of the Boot Loader Interface (systemd.io/BOOT_LOADER_INTERFACE).
const LOADER: &str = "LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// GUID of the variables of UEFI itself (UEFI 2.10 section 3.3).
const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// What Linux puts before the content of a variable: its attributes.
const ATTRIBUTES: usize = 4;

/// GUID of the partition that the boot loader came from, in lower case.
pub(crate) fn loader_partition(variables: &Path) -> Option<String> {
    let bytes = content(variables, LOADER)?;
    let text: String = char::decode_utf16(units(&bytes)).filter_map(Result::ok).collect();
    let text = text.trim_end_matches('\0').to_ascii_lowercase();
    (text.len() == 36).then_some(text)
}

/// GUID of the partition of the boot entry that the firmware started, in lower case.
pub(crate) fn boot_partition(variables: &Path) -> Option<String> {
    let current = content(variables, &format!("BootCurrent-{GLOBAL}"))?;
    let number = units(&current).next()?;
    hard_drive(&content(variables, &format!("Boot{number:04X}-{GLOBAL}"))?)
}

fn content(variables: &Path, name: &str) -> Option<Vec<u8>> {
    let mut bytes = fs::read(variables.join(name)).ok()?;
    (bytes.len() > ATTRIBUTES).then(|| bytes.split_off(ATTRIBUTES))
}

fn units(bytes: &[u8]) -> impl Iterator<Item = u16> + '_ {
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
}

/// The partition of the first hard drive node of a load option.
///
/// `EFI_LOAD_OPTION` (UEFI 2.10 section 3.1.3): attributes u32, length of the device path u16, description in
/// UTF-16 with a NUL, the path. A node (10.3.1): type u8, subtype u8, its length u16. Hard Drive Media is
/// 4.1 (10.3.5.1): partition number u32, start u64, size u64, signature in 16 bytes, format u8, kind of the
/// signature u8, 2 for a GUID.
fn hard_drive(option: &[u8]) -> Option<String> {
    let length = usize::from(u16::from_le_bytes(option.get(4..6)?.try_into().ok()?));
    let text = option.get(6..)?;
    let end = text.chunks_exact(2).position(|pair| pair == [0, 0])?;
    let mut path = text.get(end * 2 + 2..)?.get(..length)?;
    loop {
        let node = usize::from(u16::from_le_bytes(path.get(2..4)?.try_into().ok()?));
        match (path.first()?, path.get(1)?) {
            (0x04, 0x01) if *path.get(41)? == 2 => {
                let bytes: [u8; 16] = path.get(24..40)?.try_into().ok()?;
                return Some(anklume_gpt::Guid::from_disk(bytes).to_string().to_ascii_lowercase());
            }
            (0x7f, _) => return None,
            _ => path = path.get(node.max(4)..)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A boot entry "A" for partition 1 of a disk, as firmware writes it.
    fn option() -> Vec<u8> {
        let mut path = vec![0x02, 0x01, 12, 0, 0xd0, 0x41, 0x03, 0x0a, 0, 0, 0, 0];
        path.extend([0x04, 0x01, 42, 0, 1, 0, 0, 0]);
        path.extend([0; 16]);
        path.extend([0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11]);
        path.extend([0xba, 0x4b, 0, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b, 2, 2]);
        path.extend([0x7f, 0xff, 4, 0]);
        let mut option = vec![1, 0, 0, 0];
        option.extend(u16::try_from(path.len()).unwrap().to_le_bytes());
        option.extend([b'A', 0, 0, 0]);
        option.extend(path);
        option
    }

    #[test]
    fn the_partition_of_a_boot_entry_is_found() {
        let guid = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
        assert_eq!(hard_drive(&option()).as_deref(), Some(guid));
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let bytes = [&[7, 0, 0, 0], bytes].concat();
            fs::write(folder.path().join(name), bytes).unwrap();
        };
        write(&format!("BootCurrent-{GLOBAL}"), &[0x1a, 0]);
        write(&format!("Boot001A-{GLOBAL}"), &option());
        assert_eq!(boot_partition(folder.path()).as_deref(), Some(guid));
        let text: Vec<u8> =
            guid.to_uppercase().encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        write(LOADER, &text);
        assert_eq!(loader_partition(folder.path()).as_deref(), Some(guid));
    }

    #[test]
    fn a_damaged_entry_is_none() {
        let whole = option();
        for end in 0..whole.len() - 4 {
            let part = hard_drive(&whole[..end]);
            assert!(part.is_none() || end >= 10 + 12 + 42, "{end}");
        }
        let mut endless = option();
        // A node of length 0.
        endless[12] = 0;
        assert_eq!(hard_drive(&endless), None);
    }
}
