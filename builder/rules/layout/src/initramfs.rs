//! What an initramfs holds: paths, and the kernel modules to select for it.
//!
//! Modules lie uncompressed at their paths below [`MODULES`], with the index that
//! `anklume_kmod` writes for the selection: the initramfs is compressed as a whole, and better so.

/// PID 1.
pub const INIT: &str = "init";
/// In the OS: the program that the initramfs hands over to.
pub const NEXT: &str = "/sbin/init";
/// Folder of one folder per kernel release.
pub const MODULES: &str = "usr/lib/modules";
/// A shell, in images of the tests that want one: a static busybox.
pub const SHELL: &str = "bin/busybox";
/// Empty folders.
pub const FOLDERS: [&str; 5] = ["dev", "proc", "run", "sys", "sysroot"];

/// Which modules of a kernel go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modules {
    /// Folders below the folder of the release: every module in them and below.
    pub directories: &'static [&'static str],
    /// Names. Those that a kernel does not have are passed over: kernels differ.
    pub names: &'static [&'static str],
    /// Names without which the image would not boot: as a module or built in.
    pub required: &'static [&'static str],
}

/// Modules that no device asks for, in the order of loading. File systems other than these are
/// loaded when one is found; drivers, when their device is.
pub const LOAD: &[&str] = &["dm-mod", "dm-verity", "sha256-ssse3", "squashfs", "overlay", "loop"];

const REQUIRED: &[&str] = &[
    "ahci",
    "dm-mod",
    "dm-verity",
    "isofs",
    "loop",
    "nvme",
    "overlay",
    "sd_mod",
    "squashfs",
    "sr_mod",
    "usb-storage",
    "vfat",
    "virtio_blk",
    "xhci-pci",
];

/// For the product: everything that a machine may boot from without firmware files, networks or
/// fabrics.
pub const PRODUCT: Modules = Modules {
    directories: &[
        "kernel/drivers/ata",
        "kernel/drivers/mmc",
        "kernel/drivers/usb/host",
        "kernel/drivers/usb/storage",
    ],
    names: &[
        // Controllers.
        "3w-9xxx",
        "3w-sas",
        "aacraid",
        "aic79xx",
        "aic7xxx",
        "arcmsr",
        "hpsa",
        "isci",
        "megaraid_mbox",
        "megaraid_sas",
        "mpi3mr",
        "mpt3sas",
        "mptsas",
        "mptspi",
        "mvsas",
        "nvme",
        "pm80xx",
        "smartpqi",
        "sym53c8xx",
        "ufshcd-pci",
        // NVMe disks behind Intel's RAID mode.
        "vmd",
        // Virtual machines.
        "BusLogic",
        "hv_storvsc",
        "hv_vmbus",
        "pci-hyperv",
        "virtio_blk",
        "virtio_mmio",
        "virtio_pci",
        "virtio_scsi",
        "vmw_pvscsi",
        "xen-blkfront",
        "xen-scsifront",
        // Disks, drives and cards.
        "mspro_block",
        "sd_mod",
        "ses",
        "sr_mod",
        // Keyboards, for a message that wants to be read page by page and for Ctrl-Alt-Del.
        "hid-generic",
        "hyperv-keyboard",
        "usbhid",
        // File systems that may hold an image file, and the character sets of their names.
        "exfat",
        "ext4",
        "isofs",
        "ntfs3",
        "nls_ascii",
        "nls_cp437",
        "nls_iso8859-1",
        "nls_utf8",
        "vfat",
        // The OS.
        "dm-mod",
        "dm-verity",
        "efivarfs",
        "loop",
        "overlay",
        "sha256-ssse3",
        "squashfs",
    ],
    required: REQUIRED,
};

/// For images of the tests: what QEMU has.
pub const TEST: Modules = Modules {
    directories: &[],
    names: &[
        "ahci",
        "ata_generic",
        "ata_piix",
        "dm-mod",
        "dm-verity",
        "efivarfs",
        "ehci-pci",
        "ext4",
        "isofs",
        "loop",
        "mmc_block",
        "nls_ascii",
        "nls_cp437",
        "nls_iso8859-1",
        "nls_utf8",
        "nvme",
        "overlay",
        "sd_mod",
        "sdhci-pci",
        "sha256-ssse3",
        "squashfs",
        "sr_mod",
        "uas",
        "uhci-hcd",
        "usb-storage",
        "vfat",
        "virtio_blk",
        "virtio_mmio",
        "virtio_pci",
        "virtio_scsi",
        "xhci-pci",
    ],
    required: REQUIRED,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_required_is_selected() {
        for modules in [PRODUCT, TEST] {
            for name in modules.required {
                // Drivers of a folder that is taken whole.
                let folder = ["ahci", "usb-storage", "xhci-pci"].contains(name);
                assert!(
                    modules.names.contains(name) || (folder && !modules.directories.is_empty()),
                    "{name}"
                );
            }
            assert!(LOAD.iter().all(|name| modules.names.contains(name)));
        }
    }
}
