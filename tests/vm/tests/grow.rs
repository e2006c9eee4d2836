//! A flashed stick takes itself to two slots and a persistent partition on its first boot, and knows
//! itself again on the next one. The long tier has more sticks.

use anklume_qemu::Attach;
use anklume_vm_tests::image::TEST_ISO;
use anklume_vm_tests::{Failure, FirmwareKind, grown};

#[test]
fn bios_usb_8_gb() -> Result<(), Failure> {
    grown::grows("grow-8", FirmwareKind::Bios, Attach::Usb, TEST_ISO, 8_000_000_000)
}
