//! A way into an image that has none: no shell on the console, no password, no network.
//!
//! systemd takes credentials from SMBIOS OEM strings (type 11), which only the owner of the virtual
//! machine can set, and builds units from some of them. systemd.system-credentials(7), since
//! systemd 256:
//! - `systemd.extra-unit.NAME` becomes the unit file NAME,
//! - `systemd.unit-dropin.NAME` becomes a drop-in of the unit NAME.
//!
//! Both are written by `systemd-debug-generator`, into its early folder, which comes after
//! `/etc/systemd/system` and before `/usr/lib/systemd/system`. A unit from a credential has no
//! `[Install]` links, so a drop-in of a target has to want it. A third credential holds the script
//! itself: in the unit it would have to be quoted for systemd (`%`, `$`, `\`).
//!
//! What it takes in the image: `/sys/firmware/dmi/entries` (`CONFIG_DMI_SYSFS`, built into Debian's
//! kernel; elsewhere a module that PID 1 loads for this very purpose), and an initramfs without
//! systemd, which would otherwise have to read the strings itself. The firmware does not matter:
//! SeaBIOS and OVMF both publish QEMU's SMBIOS tables. Tried with systemd 257 and Linux 6.12 of
//! Debian 13 on both.
//!
//! String form: `io.systemd.credential.binary:NAME=BASE64`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Name of the injected unit.
pub const UNIT: &str = "anklume-probe.service";

/// The script of [`report`]: POSIX sh, prints [`crate::MARK`] lines and powers off.
const REPORT: &str = include_str!("probe/report.sh");

/// `simple` and not `oneshot`: the script waits for the end of the boot, which a start job of its
/// own would put off.
const UNIT_TEXT: &str = "[Unit]\n\
    Description=Report of the boot test\n\
    After=multi-user.target\n\
    [Service]\n\
    Type=simple\n\
    LoadCredential=anklume-probe\n\
    ExecStart=/bin/sh %d/anklume-probe\n";

const DROPIN_TEXT: &str = "[Unit]\nWants=anklume-probe.service\n";

/// OEM strings ([`anklume_qemu::Request::oem_strings`]) that make systemd run `script` with
/// `/bin/sh` as root, once multi-user.target is reached.
#[must_use]
pub fn oem_strings(script: &str) -> Vec<String> {
    vec![
        credential(&format!("systemd.extra-unit.{UNIT}"), UNIT_TEXT),
        credential("systemd.unit-dropin.multi-user.target", DROPIN_TEXT),
        credential("anklume-probe", script),
    ]
}

/// The OEM string of a credential.
#[must_use]
pub fn credential(name: &str, text: &str) -> String {
    let text = BASE64_STANDARD.encode(text.as_bytes());
    format!("io.systemd.credential.binary:{name}={text}")
}

/// OEM strings that make the guest print its report on ttyS0 and power off.
#[must_use]
pub fn report() -> Vec<String> {
    oem_strings(REPORT)
}
