//! What a build will do, decided before it does anything.

use std::path::{Path, PathBuf};

use anklume_definition::Definition;
use anklume_layout::Role;
use anklume_layout::cmdline;
use anklume_layout::disk::{ContentSizes, DiskPlan, Format};
use serde::Serialize;

use super::archive::{self, ArchiveState, Mirror};
use super::facts::Facts;
use super::request::Request;
use super::trees::TreeRequest;
use super::{lock, modules};
use crate::failure::{Context, Failure, Kind};

/// Where packages come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// These lines of sources.list.
    Lines(Vec<String>),
    /// What mmdebstrap takes when it is not told.
    Default,
}

/// Steps, commands and sizes of a build.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) origin: Origin,
    missing: Vec<(&'static str, &'static str)>,
    steps: Vec<Planned>,
}

/// One step, for people and machines.
#[derive(Debug, Serialize)]
struct Planned {
    step: &'static str,
    does: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<String>,
}

impl Plan {
    /// Decides what `request` comes to on a machine like `facts`.
    pub(super) fn new(request: &Request, facts: &Facts) -> Result<Self, Failure> {
        let origin = origin(request, facts)?;
        let steps = steps(request, &origin)?;
        Ok(Self { origin, missing: facts.missing.clone(), steps })
    }

    /// Refuses a plan that cannot be carried out here.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let Some((program, _)) = self.missing.first() else { return Ok(()) };
        let packages: Vec<&str> = self.missing.iter().map(|(_, package)| *package).collect();
        Err(Failure::new(Kind::Missing, format!("the program {program} is not installed"))
            .hint(format!("--install-deps installs what is missing: {}", packages.join(", "))))
    }

    /// Shows the plan.
    pub(super) fn print(&self, json: bool) -> Result<(), Failure> {
        if json {
            let json = serde_json::to_string_pretty(&self.steps).context("the plan")?;
            return crate::print::text(&format!("{json}\n"));
        }
        let mut text = String::new();
        for (number, step) in (1..).zip(&self.steps) {
            text += &format!("{number}. {}: {}\n", step.step, step.does);
            for detail in &step.details {
                text += &format!("     {detail}\n");
            }
        }
        for (program, package) in &self.missing {
            text += &format!("missing: {program} (package {package})\n");
        }
        crate::print::text(&text)
    }
}

fn origin(request: &Request, facts: &Facts) -> Result<Origin, Failure> {
    let given = request.mirror.as_ref().map(|url| Mirror {
        archive: url.clone(),
        // A mirror that was named is the only one that is asked, or the security archive that this
        // machine uses anyway.
        security: facts.mirror.as_ref().and_then(|mirror| mirror.security.clone()),
    });
    let Some(mirror) = given.or_else(|| facts.mirror.clone()) else { return Ok(Origin::Default) };
    let Some(keyring) = &facts.keyring else {
        return Err(Failure::new(
            Kind::Missing,
            "the keys of the Debian archive are not installed",
        )
        .hint("install the package debian-archive-keyring, or run with --install-deps"));
    };
    Ok(Origin::Lines(archive::source_lines(&request.definition.os, &mirror, keyring)))
}

fn steps(request: &Request, origin: &Origin) -> Result<Vec<Planned>, Failure> {
    let definition = &request.definition;
    let step = |step, does: String, details| Planned { step, does, details };
    let lines = match origin {
        Origin::Lines(lines) => lines.clone(),
        Origin::Default => vec!["mmdebstrap's default mirror".to_owned()],
    };
    let asks = if request.offline { "from the cache" } else { "asked for its state" };
    let state = ArchiveState { lines: Vec::new(), digest: String::new(), epoch: 0 };
    let lists = archive::lists(&archive_folder(&request.cache, request, origin));
    let command =
        |tree: &TreeRequest| tree.command(&state, &request.cache.join("debs"), &lists).to_string();
    let archive = match &request.lock {
        Some(locked) => lock::plan_line(locked),
        None => format!("{}, {asks}", definition.os.suite),
    };
    let make = |tree: &TreeRequest| {
        let command = match &request.lock {
            Some(locked) => lock::plan_command(request, locked, origin, tree),
            None => command(tree),
        };
        step(tree.name(), tree.summary(), vec![command])
    };
    let trees = [
        Some(TreeRequest::tools(definition)),
        Some(TreeRequest::root(definition, &request.packages)),
        definition.container.as_ref().map(|_| TreeRequest::container(definition)),
        Some(modules::planned(TreeRequest::modules(definition)))
            .filter(|tree| !tree.packages.is_empty()),
    ];
    let overlays = request.overlays.iter().map(|path| format!("overlay {}", path.display()));
    let overlays = overlays.chain(request.update.plan_lines()).collect();
    let level = definition.compression.level(request.profile);
    let mut steps = vec![step("package archive", archive, lines)];
    steps.extend(trees.iter().flatten().map(make));
    steps.extend([
        step("compose", composed(definition), overlays),
        step("initramfs", "microcode, anklume-init and kernel modules".to_owned(), Vec::new()),
        step(
            "root file system",
            format!(
                "squashfs, zstd level {level}, {} byte blocks",
                definition.compression.block.bytes()
            ),
            Vec::new(),
        ),
        step("hash tree", "dm-verity format 1, sha256, 4096-byte blocks".to_owned(), Vec::new()),
        step("boot loader", "GRUB for BIOS, CD and UEFI".to_owned(), ram_encryption(request)),
        step("image file", output_name(request), layout(request)?),
    ]);
    Ok(steps)
}

/// What becomes of the packages' tree.
fn composed(definition: &Definition) -> String {
    let container = if definition.container.is_some() { ", container" } else { "" };
    let modules = if definition.module_names().is_empty() { "" } else { ", kernel modules" };
    format!("identity, links, what is left out{modules}, overlays, units{container}")
}

/// What an option adds to the kernel command line of the definition.
fn ram_encryption(request: &Request) -> Vec<String> {
    let word = || format!("kernel parameter {}=on (--ram-encryption)", cmdline::MEM_ENCRYPT);
    request.ram_encryption.then(word).into_iter().collect()
}

fn output_name(request: &Request) -> String {
    let version = request.version.as_deref().unwrap_or("<VERSION>");
    let name = || PathBuf::from(request.output_name(version));
    request.output.clone().unwrap_or_else(name).display().to_string()
}

/// The partitions, as far as they are known before anything is packed.
fn layout(request: &Request) -> Result<Vec<String>, Failure> {
    // The smallest that there is, so that no slot is too small for it.
    let unknown = ContentSizes { boot: 1, os: 1 };
    let slot = request.slot_bytes();
    let disk = DiskPlan::with_slot(request.format, unknown, slot).context("the image")?;
    let size = |role, bytes| match (role, request.format) {
        (Role::Os(_), Format::Iso) => match slot {
            Some(slot) => format!(
                "as large as its content, at most {} (sizes.slot)",
                crate::events::human_bytes(slot)
            ),
            None => "as large as its content".into(),
        },
        (Role::Boot(_), Format::Iso) => "as large as its content".into(),
        (Role::Os(_), Format::Raw) if slot.is_some() => {
            format!("{} (sizes.slot)", crate::events::human_bytes(bytes))
        }
        (Role::Boot(_) | Role::Os(_), _) => {
            format!("at least {}", crate::events::human_bytes(bytes))
        }
        _ => crate::events::human_bytes(bytes),
    };
    let line = |extent: &anklume_layout::disk::Extent| {
        let (number, label) = (extent.role.number(), extent.role.label());
        format!("partition {number} {label}: {}", size(extent.role, extent.bytes))
    };
    Ok(disk.extents.iter().map(line).collect())
}

/// Folder of the cache for what is known about the archive of `request`.
pub(super) fn archive_folder(cache: &Path, request: &Request, origin: &Origin) -> PathBuf {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    hash.update(&request.definition.os.suite);
    for component in &request.definition.os.components {
        hash.update([0]);
        hash.update(component);
    }
    match origin {
        Origin::Default => hash.update("\n"),
        Origin::Lines(lines) => lines.iter().for_each(|line| hash.update(format!("\n{line}"))),
    }
    cache.join("archive").join(&archive::hex(&hash.finalize())[..16])
}
