//! The files that go into images.

use std::fs;
use std::time::Duration;

use anklume_bus::{Action, NAME};
use anklume_host::process::{Cmd, Ending};

use crate::alone::{Alone, Owners, Service, overlay, own_user};
use crate::fake::Fake;

#[test]
fn systemd_understands_the_units() {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(overlay().join("lib/systemd/system")).unwrap() {
        let entry = entry.unwrap();
        let text = fs::read_to_string(entry.path()).unwrap();
        let text = text.replace("/usr/bin/anklume", "/usr/bin/env");
        fs::write(folder.path().join(entry.file_name()), text).unwrap();
    }
    let ended = Cmd::new("systemd-analyze")
        .args(["verify", "--man=no", "anklume-update.service", "anklume-update-check.timer"])
        .env("SYSTEMD_UNIT_PATH", format!("{}:", folder.path().display()))
        .run_within(Duration::from_secs(120))
        .unwrap();
    assert!(matches!(ended.ending, Ending::Exit(_)), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr);
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("anklume")).collect();
    assert_eq!(ours, [""; 0]);
}

#[test]
fn the_files_agree_about_names() {
    let read = |path: &str| fs::read_to_string(overlay().join(path)).unwrap();
    let activation = read("share/dbus-1/system-services/org.anklume.Update1.service");
    assert!(activation.contains(&format!("Name={NAME}\n")));
    assert!(activation.contains("SystemdService=anklume-update.service\n"));
    let unit = read("lib/systemd/system/anklume-update.service");
    assert!(unit.contains(&format!("BusName={NAME}\n")));
    assert!(unit.contains("ExecStart=/usr/bin/anklume update serve\n"));
}

#[test]
fn polkit_knows_each_action_and_only_the_harmless_ones_are_free() {
    let path = overlay().join("share/polkit-1/actions/org.anklume.update1.policy");
    let policy = fs::read_to_string(path).unwrap();
    assert_eq!(policy.matches("<action id=").count(), Action::OURS.len());
    for action in Action::OURS {
        let (_, rest) = policy.split_once(&format!("<action id=\"{}\">", action.id())).unwrap();
        let (rest, _) = rest.split_once("</action>").unwrap();
        let active = match action {
            Action::Check | Action::Update => "yes",
            _ => "auth_admin",
        };
        assert!(rest.contains(&format!("<allow_active>{active}</allow_active>")), "{action:?}");
        for other in ["any", "inactive"] {
            assert!(rest.contains(&format!("<allow_{other}>auth_admin</allow_{other}>")));
        }
    }
}

/// The rules of a system bus: nobody owns a name or calls anybody unless a file says so.
const STRICT: &str = "<deny own=\"*\"/><deny send_type=\"method_call\"/>\
    <allow send_destination=\"org.freedesktop.DBus\"/><allow send_type=\"signal\"/>\
    <allow send_requested_reply=\"true\" send_type=\"method_return\"/>\
    <allow send_requested_reply=\"true\" send_type=\"error\"/>\
    <allow receive_type=\"method_call\"/><allow receive_type=\"method_return\"/>\
    <allow receive_type=\"error\"/><allow receive_type=\"signal\"/>";

#[test]
fn the_bus_lets_root_be_the_service_and_everybody_call_it() {
    let policy = overlay().join("share/dbus-1/system.d/org.anklume.Update1.conf");
    let include = format!("<include>{}</include>", policy.display());
    for (more, allowed) in [(include.as_str(), own_user() == 0), ("", false)] {
        let bus = Alone::with(STRICT, more);
        let owners = Owners::new(&bus);
        let service = Service::start(Fake::new().0, bus.config());
        if allowed {
            owners.wait(NAME, true);
            bus.client().facts().unwrap();
            service.stop();
            service.ended().unwrap();
        } else {
            let failure = service.ended().unwrap_err();
            assert_eq!(failure.kind(), anklume_bus::Kind::Denied, "{failure}");
        }
    }
}
