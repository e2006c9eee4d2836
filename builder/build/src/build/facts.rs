//! What a build finds on this machine.

use std::fs;
use std::path::PathBuf;

use anklume_host::process::find_program;
use anklume_roottree::apt::apt_sources;

use super::archive::{self, Mirror};
use super::request::Request;
use crate::failure::{Context, Failure};

/// Programs of this machine that a build runs, with the packages that bring them.
const PROGRAMS: [(&str, &str); 3] =
    [("mmdebstrap", "mmdebstrap"), ("apt-get", "apt"), ("apt-config", "apt")];
/// Programs that mmdebstrap needs to work without root privileges.
const ROOTLESS_PROGRAMS: [(&str, &str); 1] = [("newuidmap", "uidmap")];

/// What the build finds on this machine.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// Programs that were looked for and are not there, with their packages.
    pub(super) missing: Vec<(&'static str, &'static str)>,
    /// The mirror that this machine's apt uses for Debian.
    pub(super) mirror: Option<Mirror>,
    /// Keys of the archive.
    pub(super) keyring: Option<PathBuf>,
}

impl Facts {
    /// Looks at this machine. Changes nothing.
    pub(super) fn gather(request: &Request) -> Result<Self, Failure> {
        let root = anklume_host::process::effective_user_is_root();
        let rootless = if root { &[][..] } else { &ROOTLESS_PROGRAMS[..] };
        let needed = if request.offline { &[][..] } else { &PROGRAMS[..] };
        let absent = |(program, _): &&(&str, &str)| find_program(program).is_none();
        Ok(Self {
            missing: needed.iter().chain(rootless).filter(absent).copied().collect(),
            mirror: machine_mirror()?,
            keyring: archive::keyring(),
        })
    }
}

/// Reads the machine's apt sources, in apt's order.
fn machine_mirror() -> Result<Option<Mirror>, Failure> {
    let mut paths = vec![PathBuf::from("/etc/apt/sources.list")];
    let parts = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    let mut parts: Vec<PathBuf> = parts.map(|entry| entry.path()).collect();
    parts.sort();
    paths.extend(parts.into_iter().filter(|path| {
        path.extension().is_some_and(|extension| extension == "list" || extension == "sources")
    }));
    let mut texts = Vec::new();
    for path in paths.iter().filter(|path| path.is_file()) {
        let text = fs::read_to_string(path).context(format!("reading {}", path.display()))?;
        texts.push((path.display().to_string(), text));
    }
    let files: Vec<(&str, &str)> = texts.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
    Ok(apt_sources(&files).and_then(|found| {
        let archive = found.uris.first()?.clone();
        Some(Mirror { archive, security: found.security_uris.first().cloned() })
    }))
}
