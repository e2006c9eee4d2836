//! A message bus for tests that nobody else uses: `dbus-daemon` with a socket in a folder of its own.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a failure of this crate is the test's")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;

use anklume_host::process::{Cmd, Running, Stdin, Stdout};

/// Rules of a bus on which everybody may do everything and sees everything.
pub const OPEN: &str = "<allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>\
    <allow own=\"*\"/>";

/// A private bus. It ends when it is dropped.
#[derive(Debug)]
pub struct PrivateBus {
    folder: tempfile::TempDir,
    address: String,
    daemon: Mutex<Option<Running>>,
}

impl PrivateBus {
    /// A bus with the rules [`OPEN`].
    ///
    /// # Panics
    /// If there is no `dbus-daemon`, or it does not start.
    #[must_use]
    pub fn new() -> Self {
        Self::with(OPEN, "")
    }

    /// With these rules for everybody, and more of the configuration; dbus-daemon(1). Files of services are read from
    /// the folder `services`.
    ///
    /// # Panics
    /// As [`PrivateBus::new`].
    #[must_use]
    pub fn with(rules: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shown = folder.path().display();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join("services")).unwrap();
        let config = format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\" \
             \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
             <busconfig><type>session</type><listen>unix:path={shown}/bus</listen>\
             <auth>EXTERNAL</auth><servicedir>{shown}/services</servicedir>\
             <policy context=\"default\"><allow user=\"*\"/>{rules}</policy>{more}</busconfig>"
        );
        fs::write(folder.path().join("bus.conf"), config).unwrap();
        let (read, write) = std::io::pipe().unwrap();
        let daemon = Cmd::new("dbus-daemon")
            .args(["--nofork", "--nopidfile", "--print-address"])
            .arg(format!("--config-file={shown}/bus.conf"))
            .start(Stdin::Null, Stdout::File(File::from(OwnedFd::from(write))))
            .unwrap();
        let mut address = String::new();
        BufReader::new(read).read_line(&mut address).unwrap();
        assert!(address.starts_with("unix:"), "the bus says {address:?}");
        let address = address.trim_end().to_owned();
        Self { folder, address, daemon: Mutex::new(Some(daemon)) }
    }

    /// Its address, as `unix:path=…`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its folder, which may hold more files of the test.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The bus goes away.
    ///
    /// # Panics
    /// If another thread panicked in it.
    pub fn end(&self) {
        *self.daemon.lock().unwrap() = None;
    }
}

impl Default for PrivateBus {
    fn default() -> Self {
        Self::new()
    }
}
