//! What UEFI says: Secure Boot, and where the boot loader came from.

use std::fs;
use std::path::Path;

use anklume_gpt::Guid;
use anklume_host::mount::{self, Flags};

use crate::journal::Journal;
use crate::modules::Loader;

const EFI: &str = "/sys/firmware/efi";
const EFI_VARIABLES: &str = "/sys/firmware/efi/efivars";
/// Of the global namespace (UEFI 2.10 section 3.3): one byte.
const SECURE_BOOT: &str = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Of the boot loader interface (<https://systemd.io/BOOT_LOADER_INTERFACE/>): the GUID of the
/// partition that the unified kernel image was loaded from, as UTF-16 text. Written by its stub.
const LOADER_PARTITION: &str = "LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// efivarfs puts 32 bits of attributes before every value.
const ATTRIBUTE_BYTES: usize = 4;

/// What the firmware says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Firmware {
    /// Whether it is UEFI, not a BIOS.
    pub(crate) uefi: bool,
    /// Whether Secure Boot is on, if the firmware knows it.
    pub(crate) secure_boot: Option<bool>,
    /// The partition of the boot medium that the kernel was loaded from, if it is known. Anybody
    /// can write the variable: it may decide between two copies of the wanted OS, and no more.
    pub(crate) loader_partition: Option<Guid>,
}

/// Asks the firmware.
pub(crate) fn ask(loader: &mut Loader, journal: &mut Journal) -> Firmware {
    if !Path::new(EFI).is_dir() {
        return Firmware::default();
    }
    let unknown = Firmware { uefi: true, ..Firmware::default() };
    let variables = Path::new(EFI_VARIABLES);
    let flags = Flags::MS_NOSUID | Flags::MS_NODEV | Flags::MS_NOEXEC | Flags::MS_RDONLY;
    loader.load(&["efivarfs"], journal);
    if let Err(error) = mount::mount("efivarfs", Path::new("efivarfs"), variables, flags, "") {
        journal.detail(&error.to_string());
        return unknown;
    }
    let value = |name: &str| value_of(fs::read(variables.join(name)).ok()?);
    let firmware = Firmware {
        secure_boot: value(SECURE_BOOT).and_then(|value| Some(*value.first()? == 1)),
        loader_partition: value(LOADER_PARTITION).and_then(|value| guid(&value)),
        ..unknown
    };
    // systemd mounts it again, writable. If this fails, it keeps the mount.
    if let Err(error) = mount::unmount(variables) {
        journal.detail(&error.to_string());
    }
    firmware
}

/// The value behind the attributes.
fn value_of(mut content: Vec<u8>) -> Option<Vec<u8>> {
    (content.len() > ATTRIBUTE_BYTES).then(|| content.split_off(ATTRIBUTE_BYTES))
}

/// A GUID from its text in UTF-16, little-endian, which ends with a zero.
fn guid(value: &[u8]) -> Option<Guid> {
    let units = value.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text: String =
        char::decode_utf16(units.take_while(|unit| *unit != 0)).collect::<Result<_, _>>().ok()?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_follows_its_attributes() {
        assert_eq!(value_of(vec![6, 0, 0, 0, 1]), Some(vec![1]));
        assert_eq!(value_of(vec![6, 0, 0, 0]), None);
    }

    #[test]
    fn a_guid_is_read_from_utf_16() {
        let text = "4661452F-f6a3-4907-9eda-65969a765f5f";
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        assert_eq!(guid(&utf16(&format!("{text}\0"))), text.parse().ok());
        assert_eq!(guid(&utf16("46")), None);
        assert_eq!(guid(&[0, 0xd8]), None);
    }
}
