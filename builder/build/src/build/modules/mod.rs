//! Kernel modules that the distribution has only as source (`modules` of a package group).
//!
//! They are built by DKMS in a tree of their own, made by mmdebstrap as the other trees are, with the
//! kernel of the image, its headers and a compiler. The tree is thrown away; the modules and the index
//! of all of the kernel's modules, as `depmod` of the same suite writes it, are kept in the cache by
//! everything that they depend on. That takes minutes, once for each kernel and source.

mod log;
mod result;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anklume_host::file::OutputFile;
use anklume_host::workfolder::WorkFolder;
use anklume_layout::initramfs::MODULES;
use anklume_lock::Package as PackageFile;
use anklume_roottree::{Change, Node, Package};
use sha2::{Digest, Sha256};

use super::archive::{ArchiveState, hex};
use super::packages::{Pool, Sums};
use super::trees::{TreeRequest, explain, quoted};
use super::{Build, archive, cached, lock};
use crate::events::{Step, human_bytes};
use crate::failure::{Context, Failure};
use result::Found;

/// What is done in the tree.
const SCRIPT: &str = include_str!("build.sh");
/// Folder of the tree that the builder's own files are in.
const FOLDER: &str = "/anklume-modules";
/// Changes when the way modules are built changes in another place than the script.
const RECIPE: &str = "1";
/// Time stamp of the tree, in seconds since 1970: one that does not depend on the archive's, so that
/// packages that stayed as they were give the same modules.
const EPOCH: u64 = 1;
/// Stands in a plan for the release of the kernel and for the folder of results, known only later.
const LATER: (&str, &str) = ("<KERNEL>", "<FOLDER>");

/// The modules of an image that were built from source.
#[derive(Debug)]
pub(super) struct Modules {
    /// Release of the kernel.
    release: String,
    found: Found,
    /// The source packages.
    pub(super) sources: Vec<Package>,
    /// Digests of the package files of the tree.
    pub(super) sums: Sums,
}

impl Modules {
    /// The modules, and the index with them and the kernel's own.
    pub(super) fn changes(&self) -> Vec<Change> {
        let folder = format!("{MODULES}/{}", self.release);
        let files = self.found.modules.iter().map(|(name, bytes)| {
            Node::file(format!("{folder}/{}", result::path_of(name)), 0o644, bytes.clone())
        });
        let index = self.found.index.iter();
        let index =
            index.map(|(name, bytes)| Node::file(format!("{folder}/{name}"), 0o644, bytes.clone()));
        files.chain(index).map(Change::Put).collect()
    }
}

/// The kernel of an image: its release, and the packages that are installed beside it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ForKernel<'a> {
    pub(super) release: &'a str,
    pub(super) installed: &'a [Package],
}

/// Package files that lie ready for the tree, and the command that makes it of them.
struct Ready {
    command: anklume_host::process::Cmd,
    /// Removed when dropped.
    _files: Files,
}

/// In the two forms in which mmdebstrap gets them.
#[expect(dead_code, reason = "they are held, not read")]
enum Files {
    Pool(Pool),
    Repository(lock::Repository),
}

impl Build<'_> {
    /// Builds the modules that the definition asks for, or takes them from the cache.
    pub(super) fn modules(
        &self,
        archive: &ArchiveState,
        kernel: ForKernel<'_>,
    ) -> Result<Option<Modules>, Failure> {
        let definition = &self.request.definition;
        let names = definition.module_names();
        if names.is_empty() {
            return Ok(None);
        }
        let tree = TreeRequest::modules(definition);
        let packages = self.module_packages(&tree, archive)?;
        check_kernel(kernel, &packages)?;
        let folder = self.request.derived.join("modules");
        fs::create_dir_all(&folder).context(format!("creating {}", folder.display()))?;
        let path = folder.join(format!("{}.tar", key(kernel.release, &packages)));
        let start = Instant::now();
        let was_there = cached::is_whole(&path, self.reporter)?;
        let (start, step) = match was_there {
            true => (start, self.reporter.step(tree.name()).since(start)),
            false => self.build_modules(&tree, (&packages, archive), kernel.release, &path)?,
        };
        let found = Found::read(&path)?;
        found.check(kernel.release, &names)?;
        let bytes = found.modules.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let from = if was_there { "from the cache" } else { "built" };
        let shown = names.iter().copied().collect::<Vec<_>>().join(", ");
        step.finish(&format!("{shown} for {}, {}, {from}", kernel.release, human_bytes(bytes)));
        self.asked.note(tree.name(), &path, was_there, start);
        let sources = definition.module_sources();
        let is_source = |package: &Package| sources.contains(package.name.as_str());
        Ok(Some(Modules {
            release: kernel.release.to_owned(),
            sources: found.installed().into_iter().filter(is_source).collect(),
            found,
            sums: Sums::of(&packages),
        }))
    }

    /// The packages of the tree.
    fn module_packages(
        &self,
        tree: &TreeRequest,
        archive: &ArchiveState,
    ) -> Result<Vec<PackageFile>, Failure> {
        match &self.request.lock {
            Some(locked) => Ok(locked.lock.packages(tree.tree).to_vec()),
            None => self.named(tree, archive),
        }
    }

    /// Builds into `target`, which is finished and sealed or not there. The step that is returned began
    /// when all downloads were there, since these are steps of their own.
    fn build_modules(
        &self,
        tree: &TreeRequest,
        (packages, archive): (&[PackageFile], &ArchiveState),
        release: &str,
        target: &Path,
    ) -> Result<(Instant, Step<'_>), Failure> {
        let what = || format!("a folder in {}", self.request.derived.display());
        let work = WorkFolder::create(&self.request.derived).context(what())?;
        let script = work.path().join("build");
        fs::write(&script, SCRIPT).context(format!("writing {}", script.display()))?;
        let tree = TreeRequest { hooks: hooks(release, work.path()), ..tree.clone() };
        let state = ArchiveState { epoch: EPOCH, ..archive.clone() };
        let ready = self.ready(&tree, packages, archive, &state)?;
        let (start, step) = (Instant::now(), self.reporter.step(tree.name()));
        self.reporter.note(&format!(
            "building modules of {} for {release}: this takes minutes, and the next build has them",
            self.request.definition.module_sources().into_iter().collect::<Vec<_>>().join(", ")
        ));
        let run = ready.command.output();
        run.map_err(|error| explain(&tree, &error))?;
        let out = work.path().join("out");
        if let Some(failure) = log::failure(&out, release, &self.log_path(target), self.reporter)? {
            return Err(failure);
        }
        let found = Found::collect(&out)?;
        lock::check_installed(tree.tree, packages, &found.installed())?;
        let what = || format!("writing {}", target.display());
        let output = OutputFile::create_replacing(target).context(what())?;
        output.file().write_all(&found.to_archive()?).context(what())?;
        output.finish().context(what())?;
        cached::seal(target)?;
        Ok((start, step))
    }

    /// Where the log of a build that failed stays. A rebuild's own folder does not.
    fn log_path(&self, target: &Path) -> PathBuf {
        let name = target.with_extension("log");
        self.request.cache.join("modules").join(name.file_name().unwrap_or_default())
    }

    fn ready(
        &self,
        tree: &TreeRequest,
        packages: &[PackageFile],
        archive: &ArchiveState,
        state: &ArchiveState,
    ) -> Result<Ready, Failure> {
        if let Some(locked) = &self.request.lock {
            let (repository, command) = lock::ready(self, locked, tree, state)?;
            return Ok(Ready { command, _files: Files::Repository(repository) });
        }
        let pool = self.pool(packages, archive)?;
        let command = tree.command(state, &pool.debs(), &archive::lists(&self.archive_folder()));
        Ok(Ready { command, _files: Files::Pool(pool) })
    }
}

/// The request of a plan, which nothing is known for yet.
pub(super) fn planned(tree: TreeRequest) -> TreeRequest {
    let (release, folder) = LATER;
    TreeRequest { hooks: hooks(release, Path::new(folder)), ..tree }
}

/// What mmdebstrap does besides installing: nothing is built while packages are installed, and in the
/// end the script, which lies in `folder`, runs in the tree. Its results come to `folder`.
fn hooks(release: &str, folder: &Path) -> Vec<String> {
    vec![
        "--setup-hook=mkdir -p \"$1\"/etc/dkms".to_owned(),
        "--setup-hook=touch \"$1\"/etc/dkms/no-autoinstall".to_owned(),
        format!("--customize-hook=mkdir \"$1\"{FOLDER}"),
        format!("--customize-hook=upload {} {FOLDER}/build", quoted(&folder.join("build"))),
        format!("--customize-hook=chroot \"$1\" sh {FOLDER}/build '{release}'"),
        format!("--customize-hook=copy-out {FOLDER}/out {}", quoted(folder)),
    ]
}

/// Name of the modules in the cache: everything that they depend on.
fn key(release: &str, packages: &[PackageFile]) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{RECIPE}\0{SCRIPT}\0{EPOCH}\0{release}\0"));
    for package in packages {
        hash.update(format!("{}\0{}\0", package.file_name(), package.sha256));
    }
    hex(&hash.finalize())[..32].to_owned()
}

/// Refuses to build modules with another kernel's headers than the image's: the kernel would refuse
/// them, or load them and crash.
fn check_kernel(kernel: ForKernel<'_>, packages: &[PackageFile]) -> Result<(), Failure> {
    let ForKernel { release, installed } = kernel;
    let image = [format!("linux-image-{release}"), format!("linux-image-{release}-unsigned")];
    let Some(image) = installed.iter().find(|package| image.contains(&package.name)) else {
        return Err(Failure::refused(format!("no package linux-image-{release} is installed"))
            .hint("kernel modules are built for kernels of packages only"));
    };
    for name in [image.name.clone(), format!("linux-headers-{release}")] {
        let found = packages.iter().find(|package| package.name == name);
        if found.is_some_and(|package| package.version == image.version) {
            continue;
        }
        let found = found.map_or_else(|| "none".to_owned(), |package| package.version.clone());
        return Err(Failure::refused(format!(
            "the kernel of the image is {} {}, and kernel modules would be built with {name} of \
             version {found}",
            image.name, image.version
        ))
        .hint(
            "build again, since the archive may just have changed; `anklume-build lock --update` \
             writes a lock whose packages fit",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, version: &str, digest: u8) -> PackageFile {
        PackageFile {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: "amd64".to_owned(),
            size: 1,
            sha256: anklume_lock::Sha256::new([digest; 32]),
            path: format!("pool/{name}.deb"),
            archive: anklume_lock::Archive::Main,
        }
    }

    #[test]
    fn the_key_is_of_kernel_and_packages_and_not_of_where_they_came_from() {
        let packages = [file("gcc", "1", 1), file("zfs-dkms", "2", 2)];
        let first = key("6.12", &packages);
        let moved = packages.clone().map(|package| PackageFile {
            path: "other/x.deb".to_owned(),
            archive: anklume_lock::Archive::Security,
            ..package
        });
        assert_eq!(first, key("6.12", &moved));
        let others = [
            key("6.13", &packages),
            key("6.12", &packages[..1]),
            key("6.12", &[file("gcc", "2", 1), file("zfs-dkms", "2", 2)]),
            key("6.12", &[file("gcc", "1", 1), file("zfs-dkms", "2", 3)]),
        ];
        assert!(others.iter().all(|other| *other != first));
    }

    #[test]
    fn modules_and_index_lie_in_the_folder_of_the_kernel() {
        let found = result::tests::found(&["spl", "zfs"]);
        let (sources, sums) = (Vec::new(), Sums::default());
        let modules = Modules { release: "6.12".to_owned(), found, sources, sums };
        let put = |change: &Change| match change {
            Change::Put(Node { path, mode: 0o644, uid: 0, .. }) => path.clone(),
            other => panic!("{other:?}"),
        };
        let paths: Vec<String> = modules.changes().iter().map(put).collect();
        for path in ["updates/dkms/spl.ko", "updates/dkms/zfs.ko", "modules.dep", "modules.alias"] {
            let path = format!("usr/lib/modules/6.12/{path}");
            assert!(paths.contains(&path), "{path}: {paths:?}");
        }
        assert_eq!(paths.len(), 6);
    }

    #[test]
    fn headers_of_another_version_are_refused() {
        let status = "Package: linux-image-6.12-amd64\nStatus: install ok installed\nVersion: 6.12.1-1\n\
                      Architecture: amd64\n";
        let installed = anklume_roottree::packages(status.as_bytes());
        let kernel = ForKernel { release: "6.12-amd64", installed: &installed };
        let (image, headers) = ("linux-image-6.12-amd64", "linux-headers-6.12-amd64");
        let good = [file(image, "6.12.1-1", 1), file(headers, "6.12.1-1", 2)];
        check_kernel(kernel, &good).unwrap();
        let older = [good[0].clone(), file(headers, "6.12.0-9", 2)];
        let failure = check_kernel(kernel, &older).unwrap_err();
        let said = "6.12.1-1, and kernel modules would be built with linux-headers-6.12-amd64 of \
                    version 6.12.0-9";
        assert!(failure.message().ends_with(said), "{}", failure.message());
        let failure = check_kernel(kernel, &good[1..]).unwrap_err();
        assert!(failure.message().ends_with("of version none"), "{}", failure.message());
        let other = ForKernel { release: "6.13", ..kernel };
        assert!(check_kernel(other, &good).is_err());
    }
}
