//! What an image is made from: the state of the package archive, packages, and the trees of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anklume_lock::TreeName;

use super::ahead::Ahead;
use super::archive::{self, ArchiveState, date_digits};
use super::packages::{Apt, NEWEST, Place, Pool, Sources, Sums};
use super::trees::{self, Tools, TreeRequest};
use super::{Build, blocks, cached, lock, made, plan, sources};
use crate::events::human_bytes;
use crate::failure::{Context, Failure};

/// The trees that everything is made from.
pub(super) struct Trees {
    pub(super) archive: ArchiveState,
    pub(super) tools: Tools,
    pub(super) tools_tar: PathBuf,
    pub(super) root: PathBuf,
    /// Digests of the package files of the root tree.
    pub(super) sums: Sums,
    /// The tree of the container, and digests of its package files.
    pub(super) container: Option<(PathBuf, Sums)>,
}

impl Build<'_> {
    /// The state of the package archive, unless there is a lock; and meanwhile the digests of what
    /// is to be replaced.
    pub(super) fn archive(&self) -> Result<(Option<ArchiveState>, made::Digests), Failure> {
        if self.request.lock.is_some() {
            return Ok((None, made::Digests::new()));
        }
        let step = self.reporter.step("package archive");
        let (archive, known) = std::thread::scope(|scope| {
            let there = self.request.output.as_ref().filter(|_| self.may_be_unchanged());
            let look = scope.spawn(move || there.map(|image| made::look(image)));
            // Programs are started by this thread: they are told to end when their parent thread
            // does.
            let archive = sources::state(self.request, self.plan, self.reporter);
            (archive, look.join().ok().flatten().unwrap_or_default())
        });
        let archive = archive?;
        step.finish(&format!("as of {}", date_digits(archive.epoch)));
        Ok((Some(archive), known))
    }

    /// Makes the trees, or takes them from the cache.
    pub(super) fn trees(&self, archive: Option<ArchiveState>) -> Result<Trees, Failure> {
        let archive = match (&self.request.lock, archive) {
            (Some(locked), _) => return lock::trees(self, locked),
            (None, Some(archive)) => archive,
            (None, None) => return Err(Failure::failed("neither a lock nor a package archive")),
        };
        let definition = &self.request.definition;
        let tools_request = TreeRequest::tools(definition);
        let (tools_tar, _) = self.tree(&tools_request, &archive)?;
        let tools = Tools::open(&tools_tar, &tools_request.key(&archive))?;
        let root_request = TreeRequest::root(definition, &self.request.packages);
        let (root, sums) = self.tree(&root_request, &archive)?;
        let container = match &definition.container {
            Some(_) => Some(self.tree(&TreeRequest::container(definition), &archive)?),
            None => None,
        };
        Ok(Trees { archive, tools, tools_tar, root, sums, container })
    }

    /// Makes a tree and the list of its packages, or takes both from the cache.
    fn tree(&self, tree: &TreeRequest, state: &ArchiveState) -> Result<(PathBuf, Sums), Failure> {
        let mut listed = None;
        let whole = |path: &Path| {
            listed = Sums::read(path, self.reporter)?;
            Ok(listed.is_some())
        };
        let prepare = || self.packages(tree, state);
        let make = |(packages, pool): (Vec<anklume_lock::Package>, Pool), path: &Path| {
            let folder = self.archive_folder();
            let command = tree.command(state, &pool.debs(), &archive::lists(&folder));
            self.compressing_ahead(tree, &packages, &pool.debs(), || {
                trees::make(tree, &command, path)
            })?;
            archive::check_lists(&folder, state)?;
            let sums = Sums::of(&packages);
            sums.write(path)?;
            Ok(sums)
        };
        let (path, made) = self.cached_tree(tree.name(), &tree.key(state), whole, prepare, make)?;
        Ok((path, made.or(listed).unwrap_or_default()))
    }

    /// The tree with this key from the cache, if it is undamaged and `whole`; or `make` makes it from
    /// what `prepare` fetches. Returns what `make` does if it was made.
    pub(super) fn cached_tree<T, U>(
        &self,
        name: &str,
        key: &str,
        whole: impl FnOnce(&Path) -> Result<bool, Failure>,
        prepare: impl FnOnce() -> Result<T, Failure>,
        make: impl FnOnce(T, &Path) -> Result<U, Failure>,
    ) -> Result<(PathBuf, Option<U>), Failure> {
        let folder = self.request.derived.join("trees");
        fs::create_dir_all(&folder).context(format!("creating {}", folder.display()))?;
        let path = folder.join(format!("{key}.tar"));
        let mut start = Instant::now();
        let cached = cached::is_whole(&path, self.reporter)? && whole(&path)?;
        let prepared = if cached { None } else { Some(prepare()?) };
        if !cached {
            // Downloads are steps of their own.
            start = Instant::now();
        }
        let step = self.reporter.step(name).since(start);
        let made = match prepared {
            None => None,
            Some(prepared) => {
                let made = make(prepared, &path)?;
                cached::seal(&path)?;
                Some(made)
            }
        };
        let bytes = path.metadata().context(format!("the {name}"))?.len();
        let from = if cached { "from the cache" } else { "made" };
        step.finish(&format!("{}, {from}", human_bytes(bytes)));
        self.asked.note(name, &path, cached, start);
        Ok((path, made))
    }

    pub(super) fn archive_folder(&self) -> PathBuf {
        plan::archive_folder(&self.request.cache, self.request, &self.plan.origin)
    }

    /// The apt that knows the archive in this `state`.
    pub(super) fn apt(&self, state: &ArchiveState) -> Result<&Apt, Failure> {
        if let Some(apt) = self.apt.get() {
            return Ok(apt);
        }
        let apt = Apt::new(&self.archive_folder(), state, self.request.offline, self.reporter)?;
        Ok(self.apt.get_or_init(|| apt))
    }

    /// The packages of a tree, checked.
    fn packages(
        &self,
        tree: &TreeRequest,
        state: &ArchiveState,
    ) -> Result<(Vec<anklume_lock::Package>, Pool), Failure> {
        let packages = self.named(tree, state)?;
        let pool = self.pool(&packages, state)?;
        Ok((packages, pool))
    }

    /// The packages that apt names for a tree.
    pub(super) fn named(
        &self,
        tree: &TreeRequest,
        state: &ArchiveState,
    ) -> Result<Vec<anklume_lock::Package>, Failure> {
        let step = self.reporter.step("packages");
        let packages = self.apt(state)?.files("install", tree.words())?;
        step.finish(&format!("{} for {} that were named", packages.len(), tree.packages.len()));
        Ok(packages)
    }

    /// A folder of the files of `packages`, which are fetched and checked.
    pub(super) fn pool(
        &self,
        packages: &[anklume_lock::Package],
        state: &ArchiveState,
    ) -> Result<Pool, Failure> {
        let apt = self.apt(state)?;
        let debs = self.request.cache.join("debs");
        let place = match self.request.offline {
            true => Place::Cache,
            false => Place::Mirrors(apt.bases.clone()),
        };
        let sources = Sources { debs: &debs, place, config: &apt.config };
        sources.fetch(&packages.iter().collect::<Vec<_>>(), NEWEST, self.reporter)?;
        Pool::make(packages, &debs)
    }

    /// Makes a tree with `work`. If it is the one that becomes the OS, what is in its `packages`,
    /// whose files are in `debs`, is compressed meanwhile.
    pub(super) fn compressing_ahead<T>(
        &self,
        tree: &TreeRequest,
        packages: &[anklume_lock::Package],
        debs: &Path,
        work: impl FnOnce() -> T,
    ) -> T {
        let store = blocks::open_quietly(self.request).filter(|_| tree.tree == TreeName::Root);
        let Some(store) = store else { return work() };
        let (request, options) = (self.request, self.options(0));
        let ahead = (&options, &store);
        let ahead = Ahead::new(packages, debs, &request.definition, ahead, &request.derived);
        let (done, blocks) = ahead.during(work);
        if blocks > 0 {
            self.reporter.note(&format!("{blocks} blocks were compressed meanwhile"));
        }
        drop(ahead);
        let _ = store.finish();
        done
    }
}
