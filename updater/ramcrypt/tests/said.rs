//! What people and programs get to read.

use anklume_ramcrypt::{OffReason, RamEncryption, SevLevel, Technology, UnknownReason};

fn every() -> Vec<(RamEncryption, &'static str)> {
    use OffReason::*;
    use RamEncryption::*;
    let off = |reason| Off { technology: Technology::Sme, reason };
    let unknown = |reason| Unknown { reason };
    vec![
        (Unsupported, r#"{"state":"unsupported"}"#),
        (off(NotRequested), r#"{"state":"off","technology":"sme","reason":"not-requested"}"#),
        (
            off(NotUsedByKernel),
            r#"{"state":"off","technology":"sme","reason":"not-used-by-kernel"}"#,
        ),
        (
            off(FirmwareOrKernel),
            r#"{"state":"off","technology":"sme","reason":"firmware-or-kernel"}"#,
        ),
        (
            Off { technology: Technology::Tme, reason: NotEnabledByFirmware },
            r#"{"state":"off","technology":"tme","reason":"not-enabled-by-firmware"}"#,
        ),
        (Sme, r#"{"state":"sme"}"#),
        (Tsme, r#"{"state":"tsme"}"#),
        (Tme { bypassed: false }, r#"{"state":"tme","bypassed":false}"#),
        (Tme { bypassed: true }, r#"{"state":"tme","bypassed":true}"#),
        (SevGuest { level: SevLevel::Sev }, r#"{"state":"sev-guest","level":"sev"}"#),
        (SevGuest { level: SevLevel::SevEs }, r#"{"state":"sev-guest","level":"sev-es"}"#),
        (SevGuest { level: SevLevel::SevSnp }, r#"{"state":"sev-guest","level":"sev-snp"}"#),
        (TdxGuest, r#"{"state":"tdx-guest"}"#),
        (unknown(UnknownReason::Vendor), r#"{"state":"unknown","reason":"vendor"}"#),
        (unknown(UnknownReason::Cpuid), r#"{"state":"unknown","reason":"cpuid"}"#),
        (
            unknown(UnknownReason::VirtualMachine),
            r#"{"state":"unknown","reason":"virtual-machine"}"#,
        ),
        (unknown(UnknownReason::Sme), r#"{"state":"unknown","reason":"sme"}"#),
        (unknown(UnknownReason::Tsme), r#"{"state":"unknown","reason":"tsme"}"#),
        (unknown(UnknownReason::Tme), r#"{"state":"unknown","reason":"tme"}"#),
        (unknown(UnknownReason::TmeBypass), r#"{"state":"unknown","reason":"tme-bypass"}"#),
    ]
}

#[test]
fn names_are_stable_and_read_back() {
    for (state, json) in every() {
        assert_eq!(serde_json::to_string(&state).unwrap(), json);
        assert_eq!(serde_json::from_str::<RamEncryption>(json).unwrap(), state);
    }
}

#[test]
fn lines_are_short_different_and_say_on_only_when_it_is() {
    let mut lines: Vec<String> = Vec::new();
    for (state, _) in every() {
        let line = state.to_string();
        assert!(line.len() <= 100 && !line.contains('\n') && !line.ends_with('.'), "{line}");
        assert_eq!(line.starts_with("on: "), state.is_encrypted(), "{line}");
        assert!(!(state.is_encrypted() && state.hint().is_some()), "{line}");
        lines.push(line);
    }
    let count = lines.len();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), count);
}

#[test]
fn who_is_led_to_sme_reads_what_it_breaks() {
    let hints: Vec<_> = every().into_iter().filter_map(|(state, _)| state.hint()).collect();
    let about_builds: Vec<_> =
        hints.iter().filter(|hint| hint.contains("--ram-encryption")).collect();
    assert!(!about_builds.is_empty());
    assert!(about_builds.iter().all(|hint| hint.contains("NVIDIA")));
}
