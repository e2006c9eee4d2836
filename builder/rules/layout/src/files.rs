//! Names of files on a medium: upper-case 8.3, so that they are the same on FAT, on plain ISO 9660
//! and after a copy to a FAT stick. What other boot loaders look for is spelled as they do.

/// The boot loader that UEFI firmware looks for on removable media (UEFI 2.10 section 3.5.1.1).
pub const EFI_LOADER: &str = "EFI/BOOT/BOOTX64.EFI";

/// Slot partition: unified kernel image, for UEFI.
pub const UKI: &str = "ANKLUME.EFI";
/// Slot partition: kernel, for BIOS.
pub const KERNEL: &str = "VMLINUZ";
/// Slot partition: initramfs with microcode first, for BIOS.
pub const INITRD: &str = "INITRD.IMG";
/// Slot partition: GRUB script that boots the kernel, for BIOS.
pub const BOOT_ENTRY: &str = "BOOT.CFG";
/// Slot partition: what the slot holds, as JSON.
pub const MANIFEST: &str = "MANIFEST.JSN";

/// Folder of the ISO tree that holds the slot's files and the OS image.
pub const ISO_FOLDER: &str = "ANKLUME";
/// ISO tree, inside [`ISO_FOLDER`]: squashfs and hash tree.
pub const OS_IMAGE: &str = "OS.IMG";
/// ISO tree: what a GRUB multiboot stick reads to boot the image file. Small letters, because GRUB
/// tells them from capitals in Rock Ridge names, and every such stick spells it like this.
pub const LOOPBACK_CONFIG: &str = "boot/grub/loopback.cfg";
/// ISO tree: the same entry for tools that copy the files to a stick and install a GRUB of their own.
pub const TREE_CONFIG: &str = "boot/grub/grub.cfg";

/// ESP: the two copies of the boot record, each a GRUB environment block of one sector.
pub const BOOT_RECORDS: [&str; 2] = ["ANKLUME/BOOT1.ENV", "ANKLUME/BOOT2.ENV"];
/// ESP: why the last boot did not reach the OS, for people; written in place by the initramfs.
pub const LAST_FAILURE: &str = "ANKLUME/LASTFAIL.TXT";
/// Bytes of [`LAST_FAILURE`]: one block of any disk.
pub const LAST_FAILURE_BYTES: u64 = 4096;
