//! What QEMU's version has to say about a machine.

/// The most processors that a machine under software emulation should have.
///
/// `version` is what `qemu-system-x86_64 --version` prints. Before QEMU 8.1, a processor that
/// translates code while another one changes it may keep the translation of the old code for ever.
/// Linux changes its own code as it starts, behind breakpoints ("static keys"). Two of some fifty boots
/// of Debian 13 with two processors ended in a panic at a breakpoint that was there no more, which this
/// explains. One processor alone is not concerned. An unknown version is taken for an old one.
///
/// Source: QEMU, commit deba78709ae8 "accel/tcg: Always lock pages before translation".
#[must_use]
pub fn tcg_cpus(version: &str) -> u32 {
    match number(version) {
        Some(number) if number >= (8, 1) => 2,
        _ => 1,
    }
}

/// `QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`: 7 and 2.
fn number(version: &str) -> Option<(u32, u32)> {
    let (_, number) = version.split_once("version ")?;
    let mut parts = number.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_unknown_versions_get_one_processor() {
        let debian = |version: &str| {
            tcg_cpus(&format!(
                "QEMU emulator version {version} (Debian 1:9.9+dfsg)\nCopyright 2003"
            ))
        };
        assert_eq!(["7.2.22", "8.0.5", "0.15"].map(debian), [1; 3]);
        assert_eq!(["8.1.0", "8.2", "10.0.8", "11.0.0-rc1"].map(debian), [2; 4]);
        assert_eq!(["", "QEMU", "version", "version x.1", "version 10"].map(tcg_cpus), [1; 5]);
    }
}
