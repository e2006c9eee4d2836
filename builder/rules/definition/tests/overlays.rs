//! What the overlays do when they are run.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn overlay(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../overlays").join(path)
}

/// The report script run by `shell`, which prints into a file of the target folder.
fn report(shell: &str) -> String {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("report-{shell}"));
    let script = overlay("test/usr/lib/anklume/report");
    let status = Command::new(shell)
        .arg(&script)
        .arg(&out)
        .status()
        .unwrap_or_else(|error| panic!("{shell} (package {shell}): {error}"));
    assert!(status.success(), "{shell} {}: {status}", script.display());
    fs::read_to_string(out).expect("the script wrote")
}

/// The machine that runs the tests is no image, so only what every Linux system has is compared.
#[test]
fn the_report_is_one_line_of_json() {
    for shell in ["dash", "bash"] {
        let text = report(shell);
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(lines.len(), 1, "{text}");
        let json = lines[0].strip_prefix("ANKLUME-REPORT ").unwrap();
        let report: Value =
            serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
        let keys = [
            "root_source",
            "root_fstype",
            "dm_name",
            "dm_uuid",
            "boot",
            "failed_units",
            "os_release",
            "kernel",
            "uptime_s",
        ];
        for key in keys {
            assert!(report.get(key).is_some(), "{key}: {json}");
        }
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(report["kernel"], kernel.trim_end());
        assert!(report["os_release"]["ID"].is_string(), "{json}");
        assert!(report["failed_units"].is_array(), "{json}");
        assert!(report["uptime_s"].as_f64().unwrap() > 0.0);
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        let root = mounts.lines().rfind(|line| line.split(' ').nth(1) == Some("/")).unwrap();
        assert_eq!(report["root_fstype"], root.split(' ').nth(2).unwrap());
    }
}

/// The function of the script that writes strings, on its own.
#[test]
fn strings_of_the_report_are_json() {
    let script = fs::read_to_string(overlay("test/usr/lib/anklume/report")).unwrap();
    let start = script.find("string() {").unwrap();
    let end = start + script[start..].find("\n}\n").unwrap() + 3;
    for (text, expected) in [
        ("", ""),
        ("a\"b\\c", "a\"b\\c"),
        ("a\tb\nc\u{1b}[0m", "a?b?c?[0m"),
        ("$(id) `id` * ' %s", "$(id) `id` * ' %s"),
    ] {
        let output = Command::new("dash")
            .env("LC_ALL", "C")
            .args(["-c", &format!("{}string \"$1\"", &script[start..end]), "dash", text])
            .output()
            .expect("dash (package dash)");
        let json = String::from_utf8(output.stdout).unwrap();
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), expected, "{json}");
    }
}
