//! What every boot of an image of this project has in common.

use crate::GuestReport;

/// What is wrong with the boot that `report` is about: empty after a sound one.
///
/// The root file system is a squashfs on the verified device, no unit has failed, and initramfs and
/// OS agree on the version of the image.
#[must_use]
pub fn faults(report: &GuestReport) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut equal = |what: &str, expected: &str, found: &str| {
        if expected != found {
            wrong.push(format!("{what} is {found:?}, expected {expected:?}"));
        }
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    equal("root file system", "squashfs", &report.root_fstype);
    equal("root device", "anklume-root", &text(&report.dm_name));
    let uuid = text(&report.dm_uuid);
    equal("root device's kind", "CRYPT-VERITY", uuid.get(..12).unwrap_or_default());
    equal("failed units", "", &report.failed_units.join(" "));
    let version = report.os_release.get("IMAGE_VERSION").map_or("", String::as_str);
    match &report.boot {
        Some(boot) => {
            equal("verity policy", "restart", &boot.verity_policy);
            equal("image version", &boot.image_version, version);
        }
        None => wrong.push("no report of the initramfs".into()),
    }
    wrong
}
