//! The archive's state: asked for, or remembered.

use std::fs;
use std::path::Path;

use anklume_definition::Os;
use anklume_host::file::replace;
use anklume_host::process::{Cmd, ProcessError};

use super::archive::{self, ArchiveState};
use super::cached;
use super::plan::{Origin, Plan, archive_folder};
use super::request::Request;
use crate::events::Reporter;
use crate::failure::{Context, Failure, Kind};

/// `ci/setup`, so that a builder that was copied elsewhere can run it too.
const SETUP: &str = include_str!("../../../../ci/setup");

/// Name of the file in which [`default_lines`] are remembered.
const DEFAULT_LINES: &str = "default.list";

/// Asks the archive for its state; with `--offline`, remembers the last one.
pub(super) fn state(
    request: &Request,
    plan: &Plan,
    reporter: &Reporter,
) -> Result<ArchiveState, Failure> {
    let folder = archive_folder(&request.cache, request, &plan.origin);
    let remembered = folder.join("state.json");
    if request.offline {
        return recall(&remembered);
    }
    let _held = archive::hold(&folder, reporter)?;
    let lines = match &plan.origin {
        Origin::Lines(lines) => lines.clone(),
        Origin::Default => default_lines(&folder, &request.definition.os)?,
    };
    let state = archive::refresh(&folder, &lines)?;
    let text = serde_json::to_vec(&state).context("the archive's state")?;
    replace(&remembered, &text).context(format!("writing {}", remembered.display()))?;
    Ok(state)
}

fn recall(path: &Path) -> Result<ArchiveState, Failure> {
    let online = "build once without --offline, with the same suite, components and mirror";
    let nothing =
        || Failure::refused("the cache knows nothing of this package archive").hint(online);
    let damaged = || Failure::refused(format!("{} is damaged", path.display())).hint(online);
    let bytes = cached::read(path).map_err(|_| nothing())?;
    let state: ArchiveState = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
    // Later times than a squashfs can hold are not those of an archive.
    if u32::try_from(state.epoch).is_ok() { Ok(state) } else { Err(damaged()) }
}

/// The lines that mmdebstrap writes when no mirror is named: it knows where the distribution's
/// packages are, this program does not. Asked once and remembered.
pub(super) fn default_lines(folder: &Path, os: &Os) -> Result<Vec<String>, Failure> {
    if let Some(lines) = remembered_default(folder) {
        return Ok(lines);
    }
    let path = folder.join(DEFAULT_LINES);
    let result = Cmd::new("mmdebstrap")
        .args(["--quiet", "--variant=custom"])
        .arg(format!("--components={}", os.components.join(",")))
        .arg(format!("--setup-hook=download /etc/apt/sources.list '{}'", path.display()))
        // The lines are all that is wanted.
        .arg("--setup-hook=exit 77")
        .args([os.suite.as_str(), "-"])
        .accept(&[0, 25])
        .output();
    result.map_err(|error| Failure::process("asking mmdebstrap for its mirror", &error))?;
    let text = fs::read_to_string(&path).context("the lines that mmdebstrap takes by default")?;
    Ok(text.lines().filter(|line| line.starts_with("deb ")).map(str::to_owned).collect())
}

/// What [`default_lines`] remembers.
pub(super) fn remembered_default(folder: &Path) -> Option<Vec<String>> {
    let text = cached::read(&folder.join(DEFAULT_LINES)).ok()?;
    let text = String::from_utf8(text).ok()?;
    Some(text.lines().map(str::to_owned).collect())
}

/// Runs `ci/setup`, which asks before it installs anything.
pub(super) fn install_dependencies() -> Result<(), Failure> {
    let mut script = tempfile::NamedTempFile::new().context("writing the setup script")?;
    std::io::Write::write_all(&mut script, SETUP.as_bytes()).context("writing the setup script")?;
    let result = Cmd::new("sh").arg(script.path()).arg("--build").interactive();
    result.map(|_| ()).map_err(|error| match error {
        ProcessError::Interrupted { .. } => Failure::interrupted(),
        _ => Failure::new(Kind::Missing, "the programs that building needs were not installed")
            .hint("`ci/setup --build --yes` installs them without asking"),
    })
}
