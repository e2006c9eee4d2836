//! The trees of a locked build.

use std::path::{Path, PathBuf};

use anklume_host::file::OutputFile;
use anklume_host::process::Cmd;
use anklume_lock::apt::bases;
use anklume_lock::{Lock, TreeName};
use sha2::{Digest, Sha256};

use super::super::archive::{self, ArchiveState, date_digits, hex};
use super::super::packages::{Place, Sources, Sums, Wanted, all_bases};
use super::super::plan::{Origin, Plan, archive_folder};
use super::super::request::Request;
use super::super::trees::{Tools, TreeRequest, fill, quoted};
use super::super::{Build, Trees, sources};
use super::repository::Repository;
use super::resolve::{check_installed, installed};
use super::{Locked, content, tree_request};
use crate::failure::{Context, Failure};

/// What to do about packages that no mirror has any more.
const GONE_HINT: &str = "--snapshot 'http://mirror.example/{archive}/{timestamp}' takes them from an \
                         archive that keeps old packages; `anklume-build lock --update` takes what \
                         the mirror has now";

/// Where the index of the local repository lies in a tree that is being made.
const INDEX: &str = "anklume-lock";

/// Makes the trees from the packages of `locked`, or takes them from the cache.
pub(in super::super) fn trees(build: &Build<'_>, locked: &Locked) -> Result<Trees, Failure> {
    let definition = &build.request.definition;
    let step = build.reporter.step("package lock");
    let lines = lines(build.request, &build.plan.origin);
    let state = |tree| state(&locked.lock, tree, &lines);
    let (tools_state, archive) = (state(TreeName::Tools), state(TreeName::Root));
    step.finish(&format!("{}, {}", locked.path.display(), summary(&locked.lock)));
    let tools_tar = tree(build, locked, TreeName::Tools, &tools_state)?;
    let tools_request = tree_request(TreeName::Tools, definition);
    let tools = Tools::open(&tools_tar, &tools_request.key(&tools_state))?;
    let root = tree(build, locked, TreeName::Root, &archive)?;
    let sums = Sums::of(&locked.lock.root);
    let container = match &definition.container {
        Some(_) => {
            let name = TreeName::Container;
            let tar = tree(build, locked, name, &state(name))?;
            Some((tar, Sums::of(&locked.lock.container)))
        }
        None => None,
    };
    Ok(Trees { archive, tools, tools_tar, root, sums, container })
}

fn summary(lock: &Lock) -> String {
    let Lock { root, tools, container, modules, epoch, .. } = lock;
    let inner = match container.len() {
        0 => String::new(),
        count => format!(", {count} of the container"),
    };
    let built = match modules.len() {
        0 => String::new(),
        count => format!(", {count} for kernel modules"),
    };
    let (root, tools) = (root.len(), tools.len());
    format!("{root} packages{inner}{built} and {tools} of the tools, as of {}", date_digits(*epoch))
}

/// What the plan says instead of the archive.
pub(in super::super) fn plan_line(locked: &Locked) -> String {
    format!("locked by {}: {}", locked.path.display(), summary(&locked.lock))
}

/// The command that the plan has for a tree.
pub(in super::super) fn plan_command(
    request: &Request,
    locked: &Locked,
    origin: &Origin,
    tree: &TreeRequest,
) -> String {
    let (debs, index) = (request.cache.join("debs"), Path::new("<INDEX>"));
    let archive = state(&locked.lock, tree.tree, &lines(request, origin));
    command(tree, &archive, &debs, index).to_string()
}

/// What the tree's own sources.list says, as in an unlocked build. mmdebstrap writes it; the
/// packages come from elsewhere.
fn lines(request: &Request, origin: &Origin) -> Vec<String> {
    match origin {
        Origin::Lines(lines) => lines.clone(),
        Origin::Default => {
            let folder = archive_folder(&request.cache, request, origin);
            sources::remembered_default(&folder).unwrap_or_default()
        }
    }
}

/// A lock in place of the state of an archive: everything of it that the tree depends on.
fn state(lock: &Lock, tree: TreeName, lines: &[String]) -> ArchiveState {
    let mut hash = Sha256::new();
    hash.update(format!("lock\0{}\0", lock.epoch));
    for line in lines {
        hash.update(format!("{line}\0"));
    }
    for package in lock.packages(tree) {
        let name = package.file_name();
        hash.update(format!("{name}\0{}\0{}\0", package.size, package.sha256));
    }
    let digest = hex(&hash.finalize());
    ArchiveState { lines: lines.to_vec(), digest, epoch: lock.epoch }
}

/// The states of all trees.
pub(in super::super) fn states(
    request: &Request,
    plan: &Plan,
    locked: &Locked,
) -> Vec<ArchiveState> {
    let lines = lines(request, &plan.origin);
    TreeName::ALL.into_iter().map(|tree| state(&locked.lock, tree, &lines)).collect()
}

fn tree(
    build: &Build<'_>,
    locked: &Locked,
    tree: TreeName,
    archive: &ArchiveState,
) -> Result<PathBuf, Failure> {
    let request = tree_request(tree, &build.request.definition);
    let prepare = || fetch(build, locked, tree, &archive.lines);
    let make = |(), path: &Path| make(build, &locked.lock, tree, archive, path);
    let key = request.key(archive);
    let (path, _) = build.cached_tree(request.name(), &key, |_| Ok(true), prepare, make)?;
    Ok(path)
}

fn fetch(
    build: &Build<'_>,
    locked: &Locked,
    tree: TreeName,
    lines: &[String],
) -> Result<(), Failure> {
    let Build { request, plan, reporter, .. } = build;
    let lock = &locked.lock;
    let folder = archive_folder(&request.cache, request, &plan.origin);
    let (mirrors, config) = if request.offline {
        (Vec::new(), PathBuf::new())
    } else {
        let _held = archive::hold(&folder, reporter)?;
        let lines = mirror_lines(request, plan, &folder, lines)?;
        (bases(&lines), archive::prepare(&folder, &lines)?)
    };
    let place = if request.offline {
        Place::Cache
    } else {
        Place::Mirrors(all_bases(mirrors, request.snapshot.as_deref(), lock.epoch))
    };
    let debs = request.cache.join("debs");
    let sources = Sources { debs: &debs, place, config: &config };
    let packages: Vec<_> = lock.packages(tree).iter().collect();
    let wanted = Wanted { whose: &locked.path.display().to_string(), hint: GONE_HINT };
    sources.fetch(&packages, wanted, reporter)
}

/// Lines of sources.list to fetch from. Where none was named, mmdebstrap knows them.
fn mirror_lines(
    request: &Request,
    plan: &Plan,
    folder: &Path,
    lines: &[String],
) -> Result<Vec<String>, Failure> {
    match (&plan.origin, lines.is_empty()) {
        (Origin::Default, true) => sources::default_lines(folder, &request.definition.os),
        _ => Ok(lines.to_vec()),
    }
}

/// Fetches the packages of the tree that `request` asks for, and lays them out: the repository, which
/// is there as long as it is held, and the command that makes the tree of it as of `archive`.
pub(in super::super) fn ready(
    build: &Build<'_>,
    locked: &Locked,
    request: &TreeRequest,
    archive: &ArchiveState,
) -> Result<(Repository, Cmd), Failure> {
    fetch(build, locked, request.tree, &archive.lines)?;
    let packages = locked.lock.packages(request.tree);
    let repository = Repository::make(&locked.lock, packages, &build.request.cache.join("debs"))?;
    let command = command(request, archive, &repository.debs(), &repository.index());
    Ok((repository, command))
}

fn make(
    build: &Build<'_>,
    lock: &Lock,
    tree: TreeName,
    archive: &ArchiveState,
    target: &Path,
) -> Result<(), Failure> {
    let packages = lock.packages(tree);
    let request = tree_request(tree, &build.request.definition);
    let repository = Repository::make(lock, packages, &build.request.cache.join("debs"))?;
    let command = command(&request, archive, &repository.debs(), &repository.index());
    let what = || format!("creating {}", target.display());
    let output = OutputFile::create_replacing(target).context(what())?;
    build.compressing_ahead(&request, packages, &repository.debs(), || {
        fill(&request, &command, &output)
    })?;
    match tree {
        TreeName::Root | TreeName::Container | TreeName::Modules => {
            check_installed(tree, packages, &installed(output.partial_path())?)?;
        }
        TreeName::Tools => content::check(&repository.debs(), packages, output.partial_path())?,
    }
    output.finish().context(what())
}

/// The command that makes a tree from the package files in `debs` and their `index`.
///
/// The files lie where apt keeps its downloads, so that it takes them as they are. Only the index is
/// read from a source: the folder in the tree, whose name mmdebstrap chooses. apt's configuration
/// outside of the tree is told of it, so the tree's own sources.list stays as in an unlocked build.
fn command(request: &TreeRequest, archive: &ArchiveState, debs: &Path, index: &Path) -> Cmd {
    let options = [
        format!("--setup-hook=mkdir -p \"$1\"/var/cache/apt/archives/partial \"$1\"/{INDEX}"),
        format!("--setup-hook=sync-in {} /var/cache/apt/archives/", quoted(debs)),
        format!("--setup-hook=sync-in {} /{INDEX}/", quoted(index)),
        format!(
            "--setup-hook=printf 'deb [trusted=yes] copy:%s/{INDEX} ./\\n' \"$1\" \
             >\"$1\"/{INDEX}/sources.list"
        ),
        format!(
            "--setup-hook=printf 'Dir::Etc::sourcelist \"%s/{INDEX}/sources.list\";\\n\
             Dir::Etc::sourceparts \"/dev/null\";\\n' \"$1\" >>\"$MMDEBSTRAP_APT_CONFIG\""
        ),
        format!("{}=rm -r \"$1\"/{INDEX}", request.last_hook()),
    ];
    request.command_with(archive, &options)
}
