//! What the guest says about itself: one line of JSON on its serial console.

use std::collections::BTreeMap;

use anklume_layout::report::BootReport;
use serde::Deserialize;

/// What the line begins with.
pub const MARK: &str = "ANKLUME-REPORT ";

/// The guest's view, made by a unit of the test image or by [`crate::probe`].
#[derive(Debug, Clone, Deserialize)]
pub struct GuestReport {
    /// Device that is mounted on `/`, from `/proc/mounts`.
    pub root_source: String,
    /// Its file system.
    pub root_fstype: String,
    /// Device-mapper name of that device; none when it is no such device.
    pub dm_name: Option<String>,
    /// Device-mapper UUID of that device.
    pub dm_uuid: Option<String>,
    /// What the initramfs reported.
    pub boot: Option<BootReport>,
    /// Units in the failed state.
    pub failed_units: Vec<String>,
    /// `/etc/os-release`.
    pub os_release: BTreeMap<String, String>,
    /// `uname -r`.
    pub kernel: String,
    /// Seconds since the kernel started.
    pub uptime_s: f64,
    /// `systemd-analyze time`.
    #[serde(default)]
    pub analyze: Option<String>,
    /// `incus version`: one line each for the client and the server.
    #[serde(default)]
    pub incus: Option<String>,
}

/// The first whole report in `text`, or why the last line that looks like one is none.
///
/// Guests print it more than once, because the kernel's own messages can fall into the middle of a
/// line. `None` when there is no such line yet.
///
/// # Errors
///
/// What is wrong with the last candidate, when none is a report.
pub fn find_report(text: &str) -> Option<Result<GuestReport, String>> {
    let mut result = None;
    // Only lines that have ended.
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let Some((_, json)) = line.split_once(MARK) else {
            continue;
        };
        match serde_json::from_str(json.trim_end()) {
            Ok(report) => return Some(Ok(report)),
            Err(error) => result = Some(Err(format!("{error} in {}", json.trim_end()))),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{"root_source":"/dev/dm-0","root_fstype":"squashfs",
        "dm_name":"anklume-root","dm_uuid":null,"boot":null,"failed_units":["a.service"],
        "os_release":{"ID":"debian"},"kernel":"6","uptime_s":1.5}"#;

    #[test]
    fn a_torn_line_is_passed_over() {
        let report = REPORT.replace('\n', "");
        let text = format!("x\n{MARK}{{\"root_so[ 1.0] kernel\n[ 2.0] {MARK}{report}\n");
        let found = find_report(&text).unwrap().unwrap();
        assert_eq!(found.failed_units, ["a.service"]);
        assert_eq!(found.os_release["ID"], "debian");
        let torn = &text[..=text.find("kernel\n").unwrap() + 6];
        assert!(find_report(torn).unwrap().unwrap_err().contains("root_so"));
        let unfinished = format!("{MARK}{report}");
        assert!(find_report(&unfinished).is_none());
    }
}
