//! The partitions of a medium, in the order of their numbers.

use std::fmt;

use anklume_gpt::Guid;
use serde::{Deserialize, Serialize};

/// Logical sector size of every image, in bytes.
pub const SECTOR_BYTES: u64 = 512;
/// Alignment of every partition, in bytes.
pub const ALIGNMENT_BYTES: u64 = 1 << 20;
/// What lies before the first partition: MBR, GPT, ISO 9660 descriptors and directories, El Torito.
pub const SYSTEM_AREA_BYTES: u64 = 1 << 20;
/// Size of the BIOS boot partition, in bytes.
pub const BIOS_BOOT_BYTES: u64 = 1 << 20;
/// Size of the EFI system partition, in bytes. El Torito counts its 512-byte sectors in 16 bits,
/// so 32 MiB and more would overflow (El Torito 1.0, section 2.2).
pub const ESP_BYTES: u64 = 16 << 20;

/// One of the two places for an OS version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// The slot that a flashed image fills.
    A,
    /// The slot that the first update fills.
    B,
}

impl Slot {
    /// Both slots.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "a",
            Self::B => "b",
        })
    }
}

/// What a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// GRUB's core image for BIOS.
    BiosBoot,
    /// EFI system partition: GRUB for UEFI.
    Esp,
    /// A slot's boot files: UKI, kernel, initrd, boot entry, manifest.
    Boot(Slot),
    /// A slot's OS: squashfs, then the verity superblock and hash tree.
    Os(Slot),
    /// Machine-specific configuration.
    Persist,
}

impl Role {
    /// All roles, in the order of their partition numbers.
    pub const ALL: [Self; 7] = [
        Self::BiosBoot,
        Self::Esp,
        Self::Boot(Slot::A),
        Self::Os(Slot::A),
        Self::Boot(Slot::B),
        Self::Os(Slot::B),
        Self::Persist,
    ];

    /// Partition number, from 1.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::BiosBoot => 1,
            Self::Esp => 2,
            Self::Boot(Slot::A) => 3,
            Self::Os(Slot::A) => 4,
            Self::Boot(Slot::B) => 5,
            Self::Os(Slot::B) => 6,
            Self::Persist => 7,
        }
    }

    /// Partition name (PARTLABEL).
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::BiosBoot => "anklume-bios",
            Self::Esp => "anklume-esp",
            Self::Boot(Slot::A) => "anklume-boot-a",
            Self::Os(Slot::A) => "anklume-os-a",
            Self::Boot(Slot::B) => "anklume-boot-b",
            Self::Os(Slot::B) => "anklume-os-b",
            Self::Persist => "anklume-persist",
        }
    }

    /// Partition type.
    ///
    /// The boot partitions have a type of their own: firmware and systemd's automatic discovery
    /// must not take them for an ESP or the machine's own XBOOTLDR partition.
    #[must_use]
    pub const fn type_guid(self) -> Guid {
        match self {
            Self::BiosBoot => Guid::from_u128(0x21686148_6449_6e6f_744e_656564454649),
            Self::Esp => Guid::from_u128(0xc12a7328_f81f_11d2_ba4b_00a0c93ec93b),
            Self::Boot(_) => Guid::from_u128(0x0e348962_34c4_4180_916e_f53e30ff3b5e),
            // Root partition (x86-64), UAPI Discoverable Partitions Specification.
            Self::Os(_) => Guid::from_u128(0x4f68bce3_e8cd_4db1_96e7_fbcaf984b709),
            // Linux filesystem data, same specification.
            Self::Persist => Guid::from_u128(0x0fc63daf_8483_4772_8e79_3d69d8477de4),
        }
    }

    /// GPT attribute bits (UEFI 2.10 section 5.3.3; Discoverable Partitions Specification for the
    /// type-specific bits 60, read-only, and 63, no automatic mount).
    #[must_use]
    pub const fn attributes(self) -> u64 {
        const READ_ONLY: u64 = 1 << 60;
        const NO_AUTO: u64 = 1 << 63;
        match self {
            Self::BiosBoot | Self::Esp => 0,
            Self::Boot(_) | Self::Persist => NO_AUTO,
            Self::Os(_) => NO_AUTO | READ_ONLY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_order_and_names_are_unique() {
        let numbers: Vec<u32> = Role::ALL.iter().map(|role| role.number()).collect();
        assert_eq!(numbers, (1..=7).collect::<Vec<_>>());
        let mut labels: Vec<_> = Role::ALL.iter().map(|role| role.label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Role::ALL.len());
    }
}
