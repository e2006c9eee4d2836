//! The data disk: where containers and homes are kept.

use std::path::Path;

use anklume_setup::{Backend, Encryption, Pool, paths};
use serde::Serialize;

use crate::machine::text;
use crate::paths::Paths;

/// What is known of the data disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct DataStatus {
    pub(super) state: DataState,
    /// Why it is not known.
    pub(super) reason: Option<String>,
    /// Identity of the pool.
    pub(super) id: Option<String>,
    pub(super) backend: Option<Backend>,
    pub(super) encryption: Option<Encryption>,
    pub(super) disks: Vec<DataDisk>,
    /// Whether somebody said that the recovery key is in a safe place; none where there is no pool.
    pub(super) recovery_key_saved: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DataState {
    /// Part of the machine.
    Open,
    /// All of its disks are there, and it is not open.
    Locked,
    /// A disk of it is not there.
    NotConnected,
    /// The machine knows of none.
    None,
    /// Incus works in memory, until the end.
    InRam,
    /// The record cannot be read.
    Unknown,
}

/// A disk of the pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct DataDisk {
    pub(super) name: String,
    pub(super) connected: bool,
}

/// What can be seen of it without being root.
pub(super) fn gather(places: &Paths) -> DataStatus {
    let mounts = text(&places.proc.join("self/mountinfo")).ok().flatten().unwrap_or_default();
    let mounted = mounted(&mounts, paths::POOL);
    let record = text(&places.root.join(paths::RECORD.trim_start_matches('/')));
    let pool = match record.map_err(|error| error.to_string()) {
        Ok(None) => {
            let in_ram = mounted == Some("tmpfs");
            return without(if in_ram { DataState::InRam } else { DataState::None }, None);
        }
        Ok(Some(text)) => Pool::parse(&text).map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    match pool {
        Ok(pool) => of_pool(&pool, mounted.is_some(), &places.dev),
        Err(why) => without(DataState::Unknown, Some(format!("{}: {why}", paths::RECORD))),
    }
}

fn without(state: DataState, reason: Option<String>) -> DataStatus {
    DataStatus {
        state,
        reason,
        id: None,
        backend: None,
        encryption: None,
        disks: Vec::new(),
        recovery_key_saved: None,
    }
}

fn of_pool(pool: &Pool, open: bool, dev: &Path) -> DataStatus {
    let partitions = dev.join("disk/by-partuuid");
    let disks: Vec<DataDisk> = pool
        .disks
        .iter()
        .map(|disk| DataDisk {
            name: disk.name.clone(),
            connected: partitions.join(&disk.partition).symlink_metadata().is_ok(),
        })
        .collect();
    let state = match (open, disks.iter().all(|disk| disk.connected)) {
        (true, _) => DataState::Open,
        (false, true) => DataState::Locked,
        (false, false) => DataState::NotConnected,
    };
    DataStatus {
        state,
        reason: None,
        id: Some(pool.id.clone()),
        backend: Some(pool.backend),
        encryption: Some(pool.encryption),
        disks,
        recovery_key_saved: Some(pool.recovery_key_saved),
    }
}

/// Type of the file system at `path` (proc_pid_mountinfo(5)); none if nothing is mounted there.
fn mounted<'a>(mounts: &'a str, path: &str) -> Option<&'a str> {
    let line = mounts.lines().rfind(|line| line.split(' ').nth(4) == Some(path))?;
    line.split_once(" - ").and_then(|(_, rest)| rest.split(' ').next())
}

/// As lines of the screen.
pub(super) fn lines(data: &DataStatus) -> Vec<String> {
    let all = |connected: Option<bool>| -> String {
        let disks = data.disks.iter().filter(|d| connected.is_none_or(|c| c == d.connected));
        disks.map(|disk| disk.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let kept = match data.encryption {
        Some(Encryption::None) => "NOT encrypted",
        _ => "encrypted",
    };
    let mut lines = vec![match data.state {
        DataState::Open => format!("open: {} ({kept})", all(None)),
        DataState::Locked => format!("locked: {}; `sudo anklume data open` opens it", all(None)),
        DataState::NotConnected => format!("not connected: {}", all(Some(false))),
        DataState::None => "none: `anklume setup` makes or finds one".to_owned(),
        DataState::InRam => "none: containers are in RAM and end with this boot".to_owned(),
        DataState::Unknown => format!("unknown: {}", data.reason.as_deref().unwrap_or_default()),
    }];
    if data.state == DataState::Open && data.disks.iter().any(|disk| !disk.connected) {
        lines.push(format!("not connected: {}", all(Some(false))));
    }
    if data.recovery_key_saved == Some(false) {
        lines.push(
            "The recovery key was not saved: without it a forgotten passphrase is the end of the \
             data. `sudo anklume data recovery-key` makes another one."
                .to_owned(),
        );
    }
    lines
}
