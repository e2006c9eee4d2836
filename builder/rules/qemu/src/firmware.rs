//! Where distributions install UEFI firmware for QEMU.

use std::path::Path;

/// A UEFI firmware image in its two parts, without Secure Boot enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirmwareFiles {
    /// The read-only code.
    pub code: &'static str,
    /// The template of the variable store. A machine writes to it: give it a private copy.
    pub vars: &'static str,
    /// The package, for messages.
    pub package: &'static str,
}

const fn files(code: &'static str, vars: &'static str, package: &'static str) -> FirmwareFiles {
    FirmwareFiles { code, vars, package }
}

/// The pairs looked for, best first: 4 MiB builds before the older 2 MiB ones, whose variable
/// store is too small for today's revocation lists. The two parts of a pair belong together.
pub const UEFI_FIRMWARE: [FirmwareFiles; 8] = [
    files("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd", "ovmf"),
    files(
        "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
        "/usr/share/edk2/x64/OVMF_VARS.4m.fd",
        "edk2-ovmf",
    ),
    files(
        "/usr/share/edk2-ovmf/x64/OVMF_CODE.4m.fd",
        "/usr/share/edk2-ovmf/x64/OVMF_VARS.4m.fd",
        "edk2-ovmf",
    ),
    files("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd", "edk2-ovmf"),
    files(
        "/usr/share/qemu/ovmf-x86_64-4m-code.bin",
        "/usr/share/qemu/ovmf-x86_64-4m-vars.bin",
        "qemu-ovmf-x86_64",
    ),
    files("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd", "ovmf"),
    files("/usr/share/edk2/x64/OVMF_CODE.fd", "/usr/share/edk2/x64/OVMF_VARS.fd", "edk2-ovmf"),
    files(
        "/usr/share/edk2-ovmf/x64/OVMF_CODE.fd",
        "/usr/share/edk2-ovmf/x64/OVMF_VARS.fd",
        "edk2-ovmf",
    ),
];

/// The best pair of [`UEFI_FIRMWARE`] of which both parts are among `existing`.
#[must_use]
pub fn discover_uefi<P: AsRef<Path>>(existing: &[P]) -> Option<FirmwareFiles> {
    let exists = |wanted: &str| existing.iter().any(|path| path.as_ref() == Path::new(wanted));
    UEFI_FIRMWARE.into_iter().find(|pair| exists(pair.code) && exists(pair.vars))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_complete_pair_is_taken() {
        let debian = [
            "/usr/share/OVMF/OVMF_VARS.fd",
            "/usr/share/OVMF/OVMF_CODE.fd",
            "/usr/share/OVMF/OVMF_CODE_4M.fd",
            "/usr/share/OVMF/OVMF_VARS_4M.fd",
        ];
        let found = discover_uefi(&debian).map(|pair| pair.code);
        assert_eq!(found, Some("/usr/share/OVMF/OVMF_CODE_4M.fd"));
        let found = discover_uefi(&debian[..3]).map(|pair| pair.vars);
        assert_eq!(found, Some("/usr/share/OVMF/OVMF_VARS.fd"), "half a pair is none");
        let arch = ["/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"];
        assert_eq!(discover_uefi(&arch).map(|pair| pair.package), Some("edk2-ovmf"));
        assert_eq!(discover_uefi(&debian[2..3]), None);
        assert_eq!(discover_uefi::<&str>(&[]), None);
    }
}
