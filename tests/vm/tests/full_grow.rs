//! Flashed media of other sizes and kinds, and media that are not to be touched.

use anklume_qemu::Attach;
use anklume_vm_tests::image::{TEST_ISO, TEST_RAW};
use anklume_vm_tests::{Failure, FirmwareKind, grown, worn};

use Attach::{Disk, Nvme, Usb};
use FirmwareKind::{Bios, Uefi};

macro_rules! grows {
    ($($name:ident: $firmware:expr, $attach:expr, $image:expr, $bytes:expr;)*) => {
        $(
            #[test]
            fn $name() -> Result<(), Failure> {
                grown::grows(stringify!($name), $firmware, $attach, $image, $bytes)
            }
        )*
    };
}

grows! {
    bios_usb_4_gb: Bios, Usb, TEST_ISO, 4_000_000_000;
    uefi_usb_8_gb: Uefi, Usb, TEST_ISO, 8_000_000_000;
    uefi_usb_64_gb: Uefi, Usb, TEST_ISO, 64_000_000_000;
    uefi_nvme_64_gb: Uefi, Nvme, TEST_ISO, 64_000_000_000;
    uefi_raw_16_gb: Uefi, Disk, TEST_RAW, 16_000_000_000;
}

#[test]
fn sticks_do_not_collide() -> Result<(), Failure> {
    grown::sticks_do_not_collide()
}

#[test]
fn what_is_not_ours_is_left_alone() -> Result<(), Failure> {
    grown::what_is_not_ours_is_left_alone()
}

#[test]
fn a_worn_partition_keeps_nobody_from_booting() -> Result<(), Failure> {
    worn::a_worn_partition_keeps_nobody_from_booting(Bios)
}

#[test]
fn deleted_records_are_made_anew() -> Result<(), Failure> {
    worn::deleted_records_are_made_anew(Uefi)
}
