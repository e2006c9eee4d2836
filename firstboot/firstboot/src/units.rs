//! Units of systemd that are started and stopped.

use anklume_host::process::Cmd;

use anklume_failure::Failure;

/// The pool is part of the machine; stopping it closes the pool.
const DATA: &str = "anklume-data.service";
/// Incus, and what starts its instances.
const INCUS: [&str; 3] = ["incus.socket", "incus.service", "incus-startup.service"];

/// Ends every process of a control group (cgroup v2, `cgroup.kill`).
const INCUS_KILL: &str = "/sys/fs/cgroup/system.slice/incus.service/cgroup.kill";

/// Says that the pool is open, so that shutdown closes it in order.
pub(crate) fn data_is_open() -> Result<(), Failure> {
    systemctl(&["start", DATA])
}

/// Says that it is closed again.
pub(crate) fn data_is_closed() -> Result<(), Failure> {
    systemctl(&["stop", DATA])
}

/// Starts Incus.
pub(crate) fn start_incus() -> Result<(), Failure> {
    let mut words = vec!["start"];
    words.extend(INCUS);
    systemctl(&words)
}

/// Stops the instances, then Incus.
pub(crate) fn stop_incus() -> Result<(), Failure> {
    for unit in INCUS.iter().rev() {
        systemctl(&["stop", unit])?;
    }
    Ok(())
}

/// What may outlive Incus, such as name servers of its bridges: its unit ends the daemon alone, so that a restart does
/// not end containers. Here these have been stopped, and nothing may have files on the pool open.
pub(crate) fn end_what_incus_left() {
    // Of a group that is gone there is nothing to end.
    let _ = std::fs::write(INCUS_KILL, "1");
}

fn systemctl(words: &[&str]) -> Result<(), Failure> {
    Cmd::new("systemctl").args(words).output().map(drop).map_err(|error| {
        Failure::failed(format!("systemctl {}: {error}", words.join(" ")))
            .hint("`journalctl -b` tells more")
    })
}
