//! What goes to standard output.

use std::io::{self, Write};
use std::time::Duration;

use crate::events::{Built, Locked, Published, human_bytes};
use crate::failure::{Context, Failure};

/// Writes `text` to standard output.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    written(output.write_all(text.as_bytes()).and_then(|()| output.flush()))
}

/// What became of a write to standard output. A closed pipe is no error: whoever reads has seen
/// enough.
pub(crate) fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written
            .context("writing to standard output")
            .map_err(|failure| failure.hint("make room where the output goes")),
    }
}

/// What was built, how long it took, what to do next.
pub(crate) fn summary(built: &Built, elapsed: Duration) -> Result<(), Failure> {
    let Built { image, bytes, name, version, kernel, root_hash, packages, unchanged, .. } = built;
    let ended = if *unchanged { "unchanged " } else { "built in  " };
    let beside: String = built.beside.iter().map(|path| format!("  beside it  {path}\n")).collect();
    text(&format!(
        "\n{image}\n  image      {name} {version}, {size}\n  kernel     {kernel}\n  \
         packages   {packages}\n  root hash  {root_hash}\n{beside}  {ended} {seconds:.1} s\n\n\
         Next:\n  anklume-build verify {image}\n  anklume-build vm {image}\n",
        size = human_bytes(*bytes),
        seconds = elapsed.as_secs_f64(),
    ))
}

/// What is in a lock, what changed, whether it was written.
pub(crate) fn locked(locked: &Locked) -> Result<(), Failure> {
    let Locked { lock, written, update, root, tools, container, modules, bytes, changes, .. } =
        locked;
    let changed: String = match update {
        true => changes.iter().map(|change| format!("{}\n", change.line)).collect(),
        false => String::new(),
    };
    let end = match (written, update, changes.is_empty()) {
        (true, ..) => format!("{lock} was written"),
        (false, true, true) => format!("{lock} is as new as the archive; it was not written"),
        (false, ..) => format!("{lock} was not written"),
    };
    let size = human_bytes(*bytes);
    let container = match container {
        0 => String::new(),
        count => format!(", {count} of its container"),
    };
    let modules = match modules {
        0 => String::new(),
        count => format!(", {count} for its kernel modules"),
    };
    text(&format!(
        "{changed}{root} packages of the image{container}{modules} and {tools} of the tools that make it, \
         {size}\n{end}\n"
    ))
}

/// What was published, and until when it counts.
pub(crate) fn published(published: &Published) -> Result<(), Failure> {
    let Published { repository, image, channel, compatible, version, rollout_hours, .. } =
        published;
    let mut lines = format!("\n{}\n", image.as_ref().unwrap_or(repository));
    let parts = [compatible, version, channel].map(|part| part.as_deref());
    if let [Some(compatible), Some(version), Some(channel)] = parts {
        lines += &format!("  release    {compatible} {version}, channel {channel}\n");
    }
    if let Some(hours) = rollout_hours.filter(|hours| *hours > 0) {
        lines += &format!("  rollout    all machines after {hours} h\n");
    }
    let Published { expires, targets_expire, .. } = published;
    text(&format!(
        "{lines}  signed     until {expires}; the list of files until {targets_expire}\n\n\
         Before that time:\n  anklume-build publish --refresh --repo {repository} --keys KEYS\n"
    ))
}
