//! The first mounts, and what they let process 1 know.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anklume_host::mount::{self, Flags};
use anklume_layout::initconf::{self, InitConf};

use crate::error::{Error, at};
use crate::toram::Memory;

/// Mounts `/proc`, `/sys`, `/dev` and `/run` as systemd would mount them: it keeps what it finds.
pub(crate) fn mount_kernel_file_systems() -> Result<(), Error> {
    let closed = Flags::MS_NOSUID | Flags::MS_NODEV | Flags::MS_NOEXEC;
    let dev = Flags::MS_NOSUID | Flags::MS_STRICTATIME;
    let run = Flags::MS_NOSUID | Flags::MS_NODEV | Flags::MS_STRICTATIME;
    for (kind, target, flags, options) in [
        ("proc", "/proc", closed, ""),
        ("sysfs", "/sys", closed, ""),
        ("devtmpfs", "/dev", dev, "mode=0755"),
        ("tmpfs", "/run", run, "mode=0755,size=20%,nr_inodes=800k"),
    ] {
        let target = Path::new(target);
        fs::create_dir_all(target).map_err(at("making", target))?;
        mount::mount(kind, Path::new(kind), target, flags, options)?;
    }
    let own = Path::new("/run/anklume");
    fs::create_dir_all(own).map_err(at("making", own))
}

/// Reads what the builder says about the image.
pub(crate) fn configuration() -> Result<InitConf, Error> {
    let path = Path::new("/").join(initconf::PATH);
    let bytes = fs::read(&path).map_err(at("reading", &path))?;
    let wrong = |reason| Error::Configuration { path: path.clone(), reason };
    let conf: InitConf =
        serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    if conf.conf_version != initconf::VERSION {
        let found = conf.conf_version;
        return Err(wrong(format!("conf-version {found}, expected {}", initconf::VERSION)));
    }
    Ok(conf)
}

/// The kernel command line.
pub(crate) fn command_line() -> Result<String, Error> {
    let path = Path::new("/proc/cmdline");
    // A boot loader may pass bytes of any kind; those that are no text cannot matter here.
    let bytes = fs::read(path).map_err(at("reading", path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// How much RAM there is, if the kernel says so.
pub(crate) fn memory() -> Option<Memory> {
    Memory::parse(&fs::read_to_string("/proc/meminfo").ok()?)
}

/// Time since the kernel started, to a hundredth of a second; zero when it is not known.
pub(crate) fn uptime() -> Duration {
    fs::read_to_string("/proc/uptime")
        .ok()
        .and_then(|text| text.split_ascii_whitespace().next()?.parse::<f64>().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or_default()
}
