//! An update that nobody asks for.

use std::path::Path;

use anklume_layout::Slot;

use super::{SHORT_SECONDS, Scene, UPDATE_SECONDS, connect, succeed};
use crate::rollback::wait_for_verdict;
use crate::{Failure, FirmwareKind};

/// The timer's service installs a version because the settings say so; the settings outlive the
/// restart, and without a message bus root's program does the work itself.
///
/// # Errors
///
/// When it goes otherwise.
pub fn unasked(scene: &Scene<'_>, firmware: FirmwareKind, next: &Path) -> Result<(), Failure> {
    scene.repository.publish(next)?;
    let (mut machine, report) = scene.boot(firmware)?;
    let running = report.boot.and_then(|boot| boot.slot);
    wait_for_verdict(&mut machine, "good")?;
    connect(&mut machine)?;
    let is_on = "systemctl is-active anklume-update-check.timer";
    succeed(&mut machine, is_on, SHORT_SECONDS)?;
    // Without settings it does nothing, and says so.
    let start = "systemctl start anklume-update-check.service && \
                 journalctl -b --no-pager -o cat -u anklume-update-check.service";
    let said = succeed(&mut machine, start, UPDATE_SECONDS)?;
    if !said.contains("not automatic") || scene.server().sent() > 0 {
        return Err(machine.unexpected("no update and no request", said));
    }
    let settings = format!(
        "mkdir -p /etc/anklume && printf 'source = \"%s\"\\nchannel = \"test\"\\nautomatic = true\\n' {} \
         >/etc/anklume/update.conf",
        scene.source()
    );
    succeed(&mut machine, &settings, SHORT_SECONDS)?;
    let said = succeed(&mut machine, start, UPDATE_SECONDS)?;
    if !said.contains("boots when the machine is restarted") {
        return Err(machine.unexpected("an update", said));
    }
    machine.send("systemctl poweroff\n")?;
    machine.wait_exit(SHORT_SECONDS)?;

    let (mut machine, report) = scene.boot(firmware)?;
    assert_eq!(report.boot.and_then(|boot| boot.slot), running.map(Slot::other));
    wait_for_verdict(&mut machine, "good")?;
    connect(&mut machine)?;
    let alone = "systemctl stop dbus.socket dbus.service; anklume update --check";
    let said = succeed(&mut machine, alone, UPDATE_SECONDS)?;
    if !said.contains("nothing is newer") {
        return Err(machine.unexpected("nothing newer at the source of the settings", said));
    }
    machine.quit().map(drop)
}
