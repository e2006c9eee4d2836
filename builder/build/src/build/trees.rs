//! Root trees: made by mmdebstrap without root privileges, kept as tar files by content.
//!
//! The *root tree* becomes the OS. The *container tree*, where the definition has a container, lies in
//! it. The *tool tree* holds the programs and boot files of the same suite that only the build needs: GRUB and
//! the UKI stub. Taking them from there and not from this machine makes the image
//! the same on every machine. The *modules tree* is what kernel modules are built in; it is not kept.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anklume_definition::Definition;
use anklume_host::file::{FileReader, OutputFile};
use anklume_host::process::{Cmd, ProcessError, Stdin, Stdout};
use anklume_lock::TreeName;
use anklume_roottree::{Index, read_file};
use sha2::{Digest, Sha256};

use super::archive::{ArchiveState, hex};
use crate::failure::{Context, Failure, Kind};

/// Packages of the tool tree.
const TOOL_PACKAGES: [&str; 4] =
    ["grub-common", "grub-efi-amd64-bin", "grub-pc-bin", "systemd-boot-efi"];

/// Packages of the modules tree, besides the kernel with its headers and the sources: dkms only
/// recommends the compiler, and the kernel depends on some generator of initramfs images, of which this
/// one is the smallest.
const MODULE_PACKAGES: [&str; 4] = ["dkms", "gcc", "libc6-dev", "tiny-initramfs"];

/// mmdebstrap's variant of a minimal system with apt.
const APT: &str = "apt";
/// mmdebstrap's variant of unpacked packages, nothing configured.
const EXTRACT: &str = "extract";

/// Changes when the way trees are made changes, so that older cache entries are not taken.
const RECIPE: &str = "1";

/// What mmdebstrap is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TreeRequest {
    pub(super) tree: TreeName,
    pub(super) suite: String,
    pub(super) packages: BTreeSet<String>,
    /// Options of mmdebstrap for what is done besides; no part of the key.
    pub(super) hooks: Vec<String>,
}

impl TreeRequest {
    /// The tree that becomes the OS.
    pub(super) fn root(definition: &Definition, extra: &[String]) -> Self {
        let names = definition.package_names().into_iter().map(str::to_owned);
        Self {
            tree: TreeName::Root,
            suite: definition.os.suite.clone(),
            packages: names.chain(extra.iter().cloned()).collect(),
            hooks: Vec::new(),
        }
    }

    /// The tree that the build takes its tools from.
    pub(super) fn tools(definition: &Definition) -> Self {
        Self {
            tree: TreeName::Tools,
            suite: definition.os.suite.clone(),
            packages: TOOL_PACKAGES.into_iter().map(str::to_owned).collect(),
            hooks: Vec::new(),
        }
    }

    /// The tree of the definition's container. Without one it has no packages, and nothing asks for it.
    pub(super) fn container(definition: &Definition) -> Self {
        let install = definition.container.iter().flat_map(|container| &container.install);
        Self {
            tree: TreeName::Container,
            suite: definition.os.suite.clone(),
            packages: install.cloned().collect(),
            hooks: Vec::new(),
        }
    }

    /// The tree that the definition's kernel modules are built in. Without such modules it has no
    /// packages, and nothing asks for it.
    pub(super) fn modules(definition: &Definition) -> Self {
        let sources = definition.module_sources();
        let kernel = &definition.kernel;
        let own = [Some(kernel.package.clone()), kernel.headers_package()];
        let own = own.into_iter().flatten().chain(MODULE_PACKAGES.map(str::to_owned));
        let own = own.filter(|_| !sources.is_empty());
        Self {
            tree: TreeName::Modules,
            suite: definition.os.suite.clone(),
            packages: own.chain(sources.iter().map(|name| (*name).to_owned())).collect(),
            hooks: Vec::new(),
        }
    }

    /// In words.
    pub(super) fn name(&self) -> &'static str {
        match self.tree {
            TreeName::Root => "root tree",
            TreeName::Tools => "tool tree",
            TreeName::Container => "container tree",
            TreeName::Modules => "kernel modules",
        }
    }

    /// mmdebstrap's variant.
    fn variant(&self) -> &'static str {
        match self.tree {
            TreeName::Root | TreeName::Container | TreeName::Modules => APT,
            TreeName::Tools => EXTRACT,
        }
    }

    /// In a few words, for the plan.
    pub(super) fn summary(&self) -> String {
        format!("{} with {} named packages", self.suite, self.packages.len())
    }

    /// Name of the tree in the cache: everything that its content depends on.
    pub(super) fn key(&self, archive: &ArchiveState) -> String {
        let mut hash = Sha256::new();
        let parts = [RECIPE, self.variant(), &self.suite, &archive.digest];
        for part in parts.into_iter().chain(self.packages.iter().map(String::as_str)) {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hex(&hash.finalize())[..32].to_owned()
    }

    /// What apt is asked to install for the tree, as mmdebstrap will ask it in several steps.
    pub(super) fn words(&self) -> BTreeSet<String> {
        let mut words = self.packages.clone();
        if self.variant() == APT {
            words.extend(["?essential".to_owned(), "apt".to_owned()]);
        }
        words
    }

    /// The command that makes the tree and writes it to its standard output as a tar file. `debs`
    /// holds the packages; what is not there is fetched. `lists` is apt's index of the archive, so
    /// that the tree is of the state that was asked for and of no later one.
    pub(super) fn command(&self, archive: &ArchiveState, debs: &Path, lists: &Path) -> Cmd {
        let (debs, lists) = (quoted(debs), quoted(lists));
        let options = [
            "--skip=update".to_owned(),
            "--setup-hook=mkdir -p \"$1\"/var/cache/apt/archives/partial \"$1\"/var/lib/apt/lists"
                .to_owned(),
            format!("--setup-hook=sync-in {debs} /var/cache/apt/archives/"),
            format!("--setup-hook=sync-in {lists} /var/lib/apt/lists/"),
        ];
        self.command_with(archive, &options)
    }

    /// The option for what is done when the tree is complete: mmdebstrap's variant `extract` ends
    /// when the packages are unpacked.
    pub(super) fn last_hook(&self) -> &'static str {
        if self.variant() == EXTRACT { "--extract-hook" } else { "--customize-hook" }
    }

    /// As [`TreeRequest::command`], with `options` that bring packages into the tree.
    pub(super) fn command_with(&self, archive: &ArchiveState, options: &[String]) -> Cmd {
        let names: Vec<&str> = self.packages.iter().map(String::as_str).collect();
        // What comes out of the modules tree, its hooks take.
        let format = if self.tree == TreeName::Modules { "null" } else { "tar" };
        Cmd::new("mmdebstrap")
            .arg(format!("--variant={}", self.variant()))
            .arg("--architectures=amd64")
            .arg(format!("--format={format}"))
            .arg(format!("--include={}", names.join(",")))
            .arg("--aptopt=Acquire::Languages \"none\"")
            .arg("--aptopt=APT::Install-Recommends \"false\"")
            // Packages that are there are not fetched. apt takes them for their names and sizes: they
            // were checked before.
            .args(["--skip=download/empty", "--skip=essential/unlink"])
            .args(options)
            .args(&self.hooks)
            .arg(&self.suite)
            .arg("-")
            .args(&archive.lines)
            .env("SOURCE_DATE_EPOCH", archive.epoch.to_string())
            // The initramfs is the builder's; this keeps the kernel package from making another.
            .env("INITRD", "No")
            .env("DEBIAN_FRONTEND", "noninteractive")
    }
}

/// A path as a word of a hook.
pub(super) fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

/// Makes the tree at `target`.
pub(super) fn make(request: &TreeRequest, command: &Cmd, target: &Path) -> Result<(), Failure> {
    let what = || format!("creating {}", target.display());
    let output = OutputFile::create_replacing(target).context(what())?;
    fill(request, command, &output)?;
    output.finish().context(what())
}

/// Writes what `command` makes for `request` to a file.
pub(super) fn fill(
    request: &TreeRequest,
    command: &Cmd,
    output: &OutputFile,
) -> Result<(), Failure> {
    let file = output.file().try_clone().context("the tree")?;
    let running = command.start(Stdin::Null, Stdout::File(file));
    let result = running.and_then(|mut running| running.wait());
    result.map(|_| ()).map_err(|error| explain(request, &error))
}

/// Finds apt's own words in what mmdebstrap wrote.
pub(super) fn explain(request: &TreeRequest, error: &ProcessError) -> Failure {
    if matches!(error, ProcessError::Interrupted { .. }) {
        return Failure::interrupted();
    }
    // mmdebstrap's own last lines only say that something failed.
    let own = |line: &str| {
        ["setup failed", "mmdebstrap failed", "apt-get"].iter().any(|w| line.contains(w))
    };
    let apt_says = |line: &&str| line.starts_with("E: ") && !own(line);
    let said: Vec<&str> = error.tail().lines().filter(apt_says).collect();
    let find = |what: &str| said.iter().find(|line| line.contains(what));
    if let Some(line) = find("Unable to locate package").or(find("has no installation candidate")) {
        return Failure::refused(format!(
            "{} in {}",
            line.trim_start_matches("E: "),
            request.suite
        ))
        .hint("check the name, and that `components` of the definition hold the package's one");
    }
    if let Some(line) = unmet(error.tail()) {
        return Failure::refused(format!("packages do not fit together: {line}")).hint(
            "a lock must hold every package that another needs: `anklume-build lock --update` \
             writes a new one",
        );
    }
    if error.tail().contains("No space left on device") {
        return Failure::failed("the disk is full: No space left on device")
            .hint("--cache takes a folder on another disk; TMPDIR moves mmdebstrap's own files");
    }
    if let Some(line) = find("newuidmap").or(find("subuid")).or(find("unshare")) {
        return Failure::new(
            Kind::Missing,
            format!("no user namespace: {}", line.trim_start_matches("E: ")),
        )
        .hint("install uidmap and give this user a range in /etc/subuid and /etc/subgid");
    }
    let said = said.first().map(|line| format!(": {}", line.trim_start_matches("E: ")));
    match said {
        Some(said) => Failure::failed(format!("mmdebstrap could not make the tree{said}")),
        None => Failure::process("making the tree", error),
    }
}

/// apt's line about what a package needs and is not there.
fn unmet(said: &str) -> Option<&str> {
    let is_unmet = |line: &&str| line.contains("Depends: ") && line.contains(" but ");
    let all: Vec<&str> = said.lines().filter(is_unmet).collect();
    // What is missing says more than what does not work without it.
    let missing = all.iter().find(|line| line.contains("not installable"));
    missing.or(all.first()).map(|line| line.trim())
}

/// The programs and files of the tool tree.
#[derive(Debug)]
pub(super) struct Tools {
    /// Name of the tree in the cache.
    key: String,
    path: PathBuf,
    tar: FileReader,
    index: Index,
}

/// Longest file that is read from the tool tree, in bytes.
const MAX_TOOL_BYTES: u64 = 64 << 20;

impl Tools {
    /// Opens the tree that lies in `tar`.
    pub(super) fn open(tar: &Path, key: &str) -> Result<Self, Failure> {
        let what = "the tool tree";
        let reader = FileReader::open(tar).context(what)?;
        let index = Index::read(&reader, &mut |_| ()).context(what)?;
        Ok(Self { key: key.to_owned(), path: tar.to_owned(), tar: reader, index })
    }

    /// Name of the tree in the cache: what depends on its files depends on this.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Reads a file of the tree.
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        read_file(&self.tar, &self.index, path, MAX_TOOL_BYTES).context("the tool tree")
    }

    /// Unpacks the tree into the new folder `folder`, so that its programs can run.
    pub(super) fn unpack(&self, folder: &Path) -> Result<Unpacked, Failure> {
        let what = || format!("unpacking {}", self.path.display());
        fs::create_dir(folder).context(what())?;
        let mut archive = tar::Archive::new(fs::File::open(&self.path).context(what())?);
        archive.set_preserve_mtime(false);
        for entry in archive.entries().context(what())? {
            let mut entry = entry.context(what())?;
            // Device nodes need privileges, and no tool needs one.
            let kind = entry.header().entry_type();
            if kind.is_file() || kind.is_dir() || kind.is_symlink() || kind.is_hard_link() {
                entry.unpack_in(folder).context(what())?;
            }
        }
        Ok(Unpacked { root: folder.to_owned() })
    }
}

/// A tool tree whose programs can run.
#[derive(Debug)]
pub(super) struct Unpacked {
    root: PathBuf,
}

impl Unpacked {
    /// A file of the tree.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// A program of the tree, run by the tree's own dynamic loader with its own libraries.
    pub(super) fn program(&self, name: &str) -> Cmd {
        Cmd::new(self.path("usr/lib64/ld-linux-x86-64.so.2"))
            .named(name)
            .arg("--library-path")
            .arg(self.path("usr/lib/x86_64-linux-gnu"))
            .arg(self.path(&format!("usr/bin/{name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(packages: &[&str]) -> TreeRequest {
        let packages = packages.iter().map(|p| (*p).to_owned()).collect();
        TreeRequest { tree: TreeName::Root, suite: "trixie".into(), packages, hooks: Vec::new() }
    }

    fn state(digest: &str) -> ArchiveState {
        ArchiveState { lines: vec!["deb x y z".into()], digest: digest.into(), epoch: 7 }
    }

    #[test]
    fn the_key_depends_on_packages_and_archive_only() {
        let key = request(&["a", "b"]).key(&state("1"));
        assert_eq!(key, request(&["b", "a"]).key(&state("1")));
        assert_ne!(key, request(&["a", "b"]).key(&state("2")));
        assert_ne!(key, request(&["a"]).key(&state("1")));
        assert_ne!(request(&["a", "b"]).key(&state("1")), request(&["ab"]).key(&state("1")));
        // Trees that are made in the same way of the same packages are the same.
        let as_tree = |tree| TreeRequest { tree, ..request(&["a"]) }.key(&state("1"));
        assert_eq!(as_tree(TreeName::Root), as_tree(TreeName::Container));
        assert_ne!(as_tree(TreeName::Root), as_tree(TreeName::Tools));
    }

    #[test]
    fn modules_are_built_with_the_headers_of_the_images_kernel() {
        let text = include_str!("../../../../images/debian-test.toml");
        let without = Definition::parse(text, "x").unwrap().select(&[], &[]).unwrap();
        assert!(TreeRequest::modules(&without).packages.is_empty());
        let with = Definition::parse(text, "x").unwrap().select(&["zfs".to_owned()], &[]).unwrap();
        let tree = TreeRequest::modules(&with);
        for name in [with.kernel.package.as_str(), "linux-headers-amd64", "zfs-dkms", "gcc"] {
            assert!(tree.packages.contains(name), "{name}");
        }
        // Nothing of it is in the image.
        let root = TreeRequest::root(&with, &[]).packages;
        assert!(root.contains("zfsutils-linux"));
        for name in ["linux-headers-amd64", "zfs-dkms", "dkms", "gcc"] {
            assert!(!root.contains(name), "{name}");
        }
    }

    #[test]
    fn a_missing_package_is_named_in_one_line() {
        let error = ProcessError::Failed {
            program: "mmdebstrap".into(),
            code: 25,
            tail: "I: x\nE: Unable to locate package nonesuch\nE: apt-get update failed\n".into(),
            command: String::new(),
        };
        let failure = explain(&request(&["nonesuch"]), &error);
        assert_eq!(failure.message(), "Unable to locate package nonesuch in trixie");
        assert_eq!(failure.kind(), Kind::Refused);
    }

    #[test]
    fn what_is_missing_is_named_before_what_needs_it() {
        let says = |tail: &str| unmet(tail).map(str::to_owned);
        assert_eq!(says("I: x\nE: Unable to correct problems\n"), None);
        let first = " a : Depends: b (= 1) but it is not going to be installed\n";
        assert_eq!(says(first).as_deref(), Some(first.trim()));
        let all = format!("{first} b : Depends: c but it is not installable\nE: x\n");
        assert_eq!(says(&all).as_deref(), Some("b : Depends: c but it is not installable"));
    }
}
