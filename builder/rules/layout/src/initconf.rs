//! `/etc/anklume/init.json` in the initramfs: what the builder tells PID 1 about the image.
//!
//! The kernel command line says the rest (see [`crate::cmdline`]); this file is for what nobody at
//! a boot prompt may change.

use serde::{Deserialize, Serialize};

/// Path in the initramfs.
pub const PATH: &str = "etc/anklume/init.json";

/// Version of this structure.
pub const VERSION: u32 = 1;

/// What PID 1 of the initramfs is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InitConf {
    /// [`VERSION`].
    pub conf_version: u32,
    /// `true` for images of the tests, which obey [`crate::cmdline::SHELL`] and
    /// [`crate::cmdline::INIT`].
    pub test_image: bool,
    /// Name of the image definition, as in the manifest.
    pub compatible: String,
    /// Version of the image.
    pub image_version: String,
    /// What people call the OS, such as `Debian GNU/Linux 13`; for messages and the boot report.
    pub os: String,
    /// Modules that are loaded first, in this order, whatever the machine; normally
    /// [`crate::initramfs::LOAD`]. What is built in or absent is passed over.
    pub modules_load: Vec<String>,
}
