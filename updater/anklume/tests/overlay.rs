//! The units and the health checks that go into images.
#![expect(clippy::unwrap_used, reason = "tests run programs")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anklume_host::process::{Cmd, Ending};

const LIMIT: Duration = Duration::from_secs(120);

/// A program cannot be started while a child of another test has it open for writing.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn overlay() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("overlays/base/usr/lib")
}

/// Copies the units to `folder`, with a program that every machine has, and enables them as their
/// `[Install]` sections say. `change` is made to each text.
fn install(folder: &Path, change: fn(&str, String) -> String) {
    for entry in fs::read_dir(overlay().join("systemd/system")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if !name.starts_with("anklume-") {
            continue;
        }
        let text = fs::read_to_string(entry.path()).unwrap();
        for (key, suffix) in [("WantedBy=", "wants"), ("RequiredBy=", "requires")] {
            for target in text.lines().filter_map(|line| line.strip_prefix(key)) {
                let links = folder.join(format!("{target}.{suffix}"));
                fs::create_dir_all(&links).unwrap();
                symlink(Path::new("..").join(&name), links.join(&name)).unwrap();
            }
        }
        let text = change(&name, text.replace("/usr/bin/anklume", "/usr/bin/env"));
        fs::write(folder.join(&name), text).unwrap();
    }
}

/// What systemd says about starting a machine with these units, as far as they are concerned.
fn verified(change: fn(&str, String) -> String) -> Vec<String> {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    install(folder.path(), change);
    let ended = Cmd::new("systemd-analyze")
        .args(["verify", "--man=no", "multi-user.target"])
        // The colon adds the folders of this machine.
        .env("SYSTEMD_UNIT_PATH", format!("{}:", folder.path().display()))
        .run_within(LIMIT)
        .unwrap();
    assert!(matches!(ended.ending, Ending::Exit(_)), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    said.lines().filter(|line| line.contains("anklume")).map(str::to_owned).collect()
}

#[test]
fn the_units_are_understood_and_wait_for_each_other_in_no_circle() {
    assert_eq!(verified(|_, text| text), [""; 0]);
    // It would say so.
    let circle = verified(|name, text| match name {
        "anklume-boot-good.service" => text.replace("DefaultDependencies=no", ""),
        "anklume-health.service" => text.replace(" basic.target ", " multi-user.target "),
        _ => text,
    });
    assert!(circle.iter().any(|line| line.contains("ordering cycle")), "{circle:?}");
}

/// A machine whose systemctl says what files say.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        let folder = machine.0.path().display();
        machine.write(
            "bin/systemctl",
            &format!(
                "#!/bin/sh\ncd {folder}\ncase \"$*\" in\n\
                 'show --property=Id --value default.target') cat id ;;\n\
                 'show --property=ActiveState --value multi-user.target') cat active ;;\n\
                 list-jobs*) cat jobs ;;\n\
                 list-units*) cat failed ;;\n\
                 *) exit 99 ;;\nesac\n"
            ),
        );
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(machine.0.path().join("bin/systemctl"), mode).unwrap();
        machine.write("id", "multi-user.target\n");
        machine.write("active", "inactive\n");
        machine.write("jobs", "");
        machine.write("failed", "");
        let list = fs::read_to_string(overlay().join("anklume/health-ignore")).unwrap();
        machine.write("usr/lib/anklume/health-ignore", &list);
        machine
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Exit code and output of the check.
    fn check(&self) -> (i32, String) {
        let path = std::env::var("PATH").unwrap();
        let ended = Cmd::new(overlay().join("anklume/health.d/10-units"))
            .arg(self.0.path())
            .env("PATH", format!("{}:{path}", self.0.path().join("bin").display()))
            .run_within(LIMIT)
            .unwrap();
        let Ending::Exit(code) = ended.ending else { panic!("{ended:?}") };
        assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
        (code, String::from_utf8(ended.stdout).unwrap().trim_end().to_owned())
    }
}

const OURS: &str = "\
  7 anklume-health.service start running
  8 boot-complete.target start waiting
  9 anklume-boot-good.service start waiting
";

#[test]
fn the_check_of_units_waits_for_the_boot_and_not_for_itself() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let machine = Machine::new();
    machine.write(
        "jobs",
        &format!("{OURS}  1 multi-user.target start waiting\n  2 incus.service start running\n"),
    );
    assert_eq!(machine.check(), (75, "still starting: incus.service".to_owned()));
    // Somebody's unit waits for boot-complete.target, and multi-user.target for it.
    machine.write(
        "jobs",
        &format!("{OURS}  1 multi-user.target start waiting\n  3 x.service start waiting\n"),
    );
    assert_eq!(machine.check(), (0, String::new()));
    machine.write("jobs", OURS);
    assert_eq!(machine.check(), (1, "multi-user.target was not reached".to_owned()));
    machine.write("active", "active\n");
    machine.write("jobs", "  2 man-db.service start running\n");
    assert_eq!(machine.check(), (0, String::new()), "the boot is over");
    machine.write("bin/systemctl", "#!/bin/sh\nexit 1\n");
    assert_eq!(machine.check(), (75, "systemd does not answer".to_owned()));
}

/// On a machine that is too slow, systemctl fails now and then; that is no verdict.
#[test]
fn the_check_of_units_asks_again_who_does_not_answer() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for question in ["id", "active", "jobs", "failed"] {
        let machine = Machine::new();
        if question == "failed" {
            machine.write("active", "active\n");
        }
        fs::remove_file(machine.0.path().join(question)).unwrap();
        assert_eq!(machine.check(), (75, "systemd does not answer".to_owned()), "{question}");
    }
}

#[test]
fn the_check_of_units_passes_over_what_is_ignored() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let machine = Machine::new();
    machine.write("active", "active\n");
    machine.write(
        "failed",
        "incus.service loaded failed failed Incus\n\
         NetworkManager-wait-online.service loaded failed failed Wait\n\
         user@0.service loaded failed failed User\n\
         b.mount loaded failed failed B\n",
    );
    assert_eq!(machine.check(), (1, "failed: incus.service b.mount".to_owned()));
    machine.write("etc/anklume/health-ignore", "# mine\nincus.* # why\n\n[ab].mount");
    assert_eq!(machine.check(), (0, String::new()));
}
