//! Where things are on this machine.

use std::path::{Path, PathBuf};

use anklume_layout::report;

/// Every path that the program reads or writes, but for device nodes.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// The root folder.
    pub(crate) root: PathBuf,
    /// The initramfs's report.
    pub(crate) report: PathBuf,
    /// State of this boot.
    pub(crate) state: PathBuf,
    /// Where the persistent partition is mounted.
    pub(crate) persist: PathBuf,
    /// Folders of health checks: the image's and the machine's.
    pub(crate) health: [PathBuf; 2],
    /// Configuration of the health checks.
    pub(crate) health_config: PathBuf,
    /// The kernel's own.
    pub(crate) proc: PathBuf,
    /// The kernel's devices.
    pub(crate) sys: PathBuf,
    /// Device nodes.
    pub(crate) dev: PathBuf,
    /// systemd's program.
    pub(crate) systemctl: PathBuf,
}

impl Paths {
    /// The paths of a system whose root is `root`.
    pub(crate) fn under(root: &Path) -> Self {
        let at = |path: &str| root.join(path.trim_start_matches('/'));
        Self {
            root: root.to_owned(),
            report: at(report::PATH),
            state: at("/run/anklume"),
            persist: at(report::PERSIST),
            health: anklume_health::FOLDERS.map(at),
            health_config: at(anklume_health::CONFIG),
            proc: at("/proc"),
            sys: at("/sys"),
            dev: at("/dev"),
            systemctl: at("/usr/bin/systemctl"),
        }
    }
}

impl Default for Paths {
    fn default() -> Self {
        Self::under(Path::new("/"))
    }
}
