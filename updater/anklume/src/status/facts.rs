//! What the machine says about itself.

use std::path::Path;

use anklume_history::History;
use anklume_host::file;
use anklume_layout::Slot;
use anklume_layout::report::{BootReport, PersistState};
use anklume_ramcrypt::RamEncryption;
use anklume_slots::Copies;
use anklume_update::Remembered;

use super::data::{self, DataStatus};
use crate::machine::{Machine, recorded_slot, text};
use crate::state::{Health, Judgement};
use crate::store::{Content, LastFailure, StoreError};
use crate::update::readable;
use anklume_failure::Failure;

/// UUIDs of device-mapper devices of dm-verity begin like this (libcryptsetup).
const VERITY_UUID: &str = "CRYPT-VERITY-";

/// What is known before anything is concluded.
pub(super) struct Facts {
    /// None: the OS was not started by the initramfs of an image.
    pub(super) report: Option<BootReport>,
    pub(super) boot_id: String,
    pub(super) medium: OnMedium,
    pub(super) history: Result<History, String>,
    pub(super) judgement: Option<Judgement>,
    pub(super) health: Option<Health>,
    /// Free bytes of the persistent partition.
    pub(super) free_bytes: Option<u64>,
    /// Whether the root file system lies on dm-verity.
    pub(super) verity_active: Option<bool>,
    pub(super) ram_encryption: RamEncryption,
    /// What is known of updates; none if that cannot be read without mounting anything.
    pub(super) updates: Option<Remembered>,
    pub(super) data: DataStatus,
}

/// What the medium holds.
pub(super) enum OnMedium {
    /// It keeps no record, with the reason.
    NoRecord(String),
    /// It cannot be read.
    Unreadable(StoreError),
    Read {
        copies: Copies,
        contents: [Content; 2],
        failure: Option<LastFailure>,
    },
}

pub(super) fn gather(machine: &Machine) -> Result<Facts, Failure> {
    let report = machine.report()?;
    let history = report.as_ref().map_or_else(
        || Ok(History::default()),
        |report| machine.history(report).map_err(|error| error.to_string()),
    );
    let mounted = report.as_ref().is_some_and(|r| r.persist.state == PersistState::Mounted);
    Ok(Facts {
        medium: on_medium(machine, report.as_ref()),
        boot_id: machine.boot_id()?,
        history,
        judgement: machine.judgement(),
        health: machine.health(),
        free_bytes: mounted.then(|| file::free_bytes(&machine.paths.persist)).flatten(),
        verity_active: verity_active(&machine.paths.proc, &machine.paths.sys),
        data: data::gather(&machine.paths),
        ram_encryption: (machine.ram_encryption)(&machine.paths.root),
        updates: report
            .as_ref()
            .map(|report| anklume_update::remembered(&readable(machine, report))),
        report,
    })
}

fn on_medium(machine: &Machine, report: Option<&BootReport>) -> OnMedium {
    let Some(report) = report else {
        return OnMedium::NoRecord("there is no boot report".to_owned());
    };
    if let Err(why) = recorded_slot(report) {
        return OnMedium::NoRecord(why.to_owned());
    }
    let read = machine.store(report).and_then(|store| {
        Ok(OnMedium::Read {
            copies: store.copies()?,
            contents: Slot::ALL.map(|slot| store.slot(slot)),
            failure: store.last_failure().unwrap_or_default(),
        })
    });
    read.unwrap_or_else(OnMedium::Unreadable)
}

/// Whether the device of `/` is one of dm-verity; none if that cannot be found out.
fn verity_active(proc: &Path, sys: &Path) -> Option<bool> {
    let mounts = text(&proc.join("self/mountinfo")).ok()??;
    // The last mount on / is the one that is seen; proc_pid_mountinfo(5).
    let number = mounts
        .lines()
        .filter_map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            (words.get(4) == Some(&"/")).then(|| words.get(2).copied())?
        })
        .next_back()?;
    let uuid = text(&sys.join("dev/block").join(number).join("dm/uuid")).ok()?;
    Some(uuid.is_some_and(|uuid| uuid.starts_with(VERITY_UUID)))
}
