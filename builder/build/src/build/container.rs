//! The container image in the root file system.
//!
//! Its tree is made of packages as the root tree is, and lies unpacked in a folder of it: most of its
//! files are the OS's own to the byte, and the file system stores equal files once.

use std::path::Path;

use anklume_bytes::ReadAt;
use anklume_definition::{Architecture, Container, Definition, Os};
use anklume_host::file::FileReader;
use anklume_layout::container::{FOLDER, METADATA, ROOTFS, TEMPLATES};
use anklume_roottree::container::{AptSources, Metadata, Nested, Parts, guest};
use anklume_roottree::image::{lacks, without};
use anklume_roottree::path::join;
use anklume_roottree::{Index, Package, Tree, packages};

use super::archive::{self, ArchiveState, date_digits};
use super::packages::Sums;
use super::tree::{apply, enable_units};
use crate::failure::{Context, Failure};

/// What of the container's tree cannot be used is named by this.
const WHAT: &str = "the container tree";
/// Longest database of dpkg in bytes.
const STATUS_BYTES: u64 = 64 << 20;
/// What the image is called among others of its release.
const VARIANT: &str = "minimal";

/// The tree of the container as its packages make it.
pub(super) struct Packaged {
    pub(super) tar: FileReader,
    pub(super) index: Index,
    /// What is installed.
    pub(super) packages: Vec<Package>,
    /// Digests of the package files.
    pub(super) sums: Sums,
}

impl Packaged {
    /// Opens the tree that lies in `tar`, of package files with these `sums`.
    pub(super) fn open(tar: &Path, sums: &Sums) -> Result<Self, Failure> {
        let tar = FileReader::open(tar).context(WHAT)?;
        let index = Index::read(&tar, &mut |_| ()).context(WHAT)?;
        let status = anklume_roottree::read_file(&tar, &index, "var/lib/dpkg/status", STATUS_BYTES);
        let packages = packages(&status.context(WHAT)?);
        Ok(Self { tar, index, packages, sums: sums.clone() })
    }

    /// The root directory of the container that `definition` asks for.
    pub(super) fn compose(&self, definition: &Definition) -> Result<Tree<'_>, Failure> {
        let mut tree = Tree::new(&self.index);
        let Some(container) = &definition.container else { return Ok(tree) };
        apply(&mut tree, &without(&self.index, |path| container.paths.leaves_out(path)))?;
        // Behind what is left out: these files are the builder's.
        apply(&mut tree, &guest(&self.index))?;
        if let Some(sources) = sources(container, &definition.os) {
            apply(&mut tree, &[sources.change(archive::has_updates(&definition.os.suite))])?;
        }
        check(&tree)?;
        enable_units(&mut tree, &self.tar, &container.units)?;
        Ok(tree)
    }
}

/// The container in the tree of the OS.
pub(super) struct Inside<'a> {
    pub(super) packaged: &'a Packaged,
    pub(super) nested: Nested<'a>,
}

impl<'a> Inside<'a> {
    /// `tree`, which was composed of `packaged`, for an OS whose archive is `root`.
    pub(super) fn new(
        packaged: &'a Packaged,
        tree: &'a Tree<'_>,
        root: &FileReader,
        epoch: u64,
    ) -> Self {
        let nested = Nested::new(tree, &join(FOLDER, ROOTFS), root.size(), epoch);
        Self { packaged, nested }
    }
}

/// Puts the folder of the image and all but the container's root directory into the tree of the OS.
pub(super) fn describe(
    tree: &mut Tree<'_>,
    definition: &Definition,
    state: &ArchiveState,
) -> Result<(), Failure> {
    let (architecture, machine) = match definition.os.architecture {
        Architecture::Amd64 => ("amd64", "x86_64"),
    };
    let metadata = Metadata {
        os: "Debian",
        release: &definition.os.suite,
        architecture,
        machine,
        variant: VARIANT,
        serial: &date_digits(state.epoch),
        epoch: state.epoch,
    };
    let parts = Parts { metadata: METADATA, templates: TEMPLATES };
    apply(tree, &metadata.changes(FOLDER, parts))
}

fn sources<'a>(container: &'a Container, os: &'a Os) -> Option<AptSources<'a>> {
    Some(AptSources {
        mirror: container.mirror.as_deref()?,
        security: container.security_mirror.as_deref(),
        suite: &os.suite,
        components: &os.components,
    })
}

/// Refuses a container that would not start.
fn check(tree: &Tree<'_>) -> Result<(), Failure> {
    let said: Vec<String> = lacks(tree).iter().map(ToString::to_string).collect();
    if said.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!("a container of this tree cannot start: {}", said.join("; ")))
        .hint(
            "`container.install` must bring an init, such as systemd-sysv, and `container.paths` \
             must leave it there",
        ))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use anklume_roottree::MemberKind;

    use super::*;

    const DEFINITION: &str = r#"name = "a"
title = "A"
description = "An image."
packages = []
[os]
base = "debian"
suite = "trixie"
architecture = "amd64"
components = ["main"]
[kernel]
package = "linux-image-amd64"
[container]
why = "Tests."
install = ["systemd-sysv"]
mirror = "http://mirror.example/debian"
[container.units]
enable = ["systemd-networkd.service"]
[container.paths]
leave-out = ["/var/log/*"]
"#;

    /// A tree of packages that starts, without what matches one of `missing`.
    fn packaged(folder: &Path, missing: &[&str]) -> Packaged {
        let mut builder = tar::Builder::new(Vec::new());
        let folders = [
            "./",
            "dev/",
            "etc/",
            "proc/",
            "run/",
            "sys/",
            "tmp/",
            "usr/",
            "usr/lib/",
            "usr/sbin/",
            "usr/lib/systemd/",
            "usr/lib/systemd/system/",
            "var/",
            "var/lib/",
            "var/lib/dpkg/",
            "var/log/",
        ];
        let networkd = "[Install]\nWantedBy=multi-user.target\n";
        let status = "Package: dash\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n";
        let files = [
            ("usr/lib/os-release", "ID=debian\n"),
            ("usr/lib/systemd/system/systemd-networkd.service", networkd),
            ("usr/sbin/init", "program"),
            ("var/lib/dpkg/status", status),
            ("var/log/dpkg.log", "log"),
        ];
        let mut add = |path: &str, kind, text: &str| {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_mode(0o755);
            header.set_size(u64::try_from(text.len()).unwrap());
            builder.append_data(&mut header, path, text.as_bytes()).unwrap();
        };
        folders.iter().for_each(|path| add(path, tar::EntryType::Directory, ""));
        let kept = files.iter().filter(|(path, _)| !missing.contains(path));
        kept.for_each(|(path, text)| add(path, tar::EntryType::Regular, text));
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "sbin", "usr/sbin").unwrap();
        let path = folder.join("tree.tar");
        fs::write(&path, builder.into_inner().unwrap()).unwrap();
        Packaged::open(&path, &Sums::default()).unwrap()
    }

    fn definition() -> Definition {
        Definition::parse(DEFINITION, "x").unwrap()
    }

    #[test]
    fn the_container_lies_in_its_folder_with_what_incus_needs() {
        let folder = tempfile::tempdir().unwrap();
        let packaged = packaged(folder.path(), &[]);
        assert_eq!(packaged.packages[0].name, "dash");
        let definition = definition();
        let inner = packaged.compose(&definition).unwrap();
        assert!(!inner.has("var/log/dpkg.log"));
        assert!(inner.has("etc/apt/sources.list.d/debian.sources"));
        let wanted = "etc/systemd/system/multi-user.target.wants/systemd-networkd.service";
        assert!(inner.symlink(wanted).is_some());
        // The tree of an OS around it: any that has directories.
        let mut outer = Tree::new(&packaged.index);
        let state = ArchiveState { lines: Vec::new(), digest: String::new(), epoch: 7 };
        describe(&mut outer, &definition, &state).unwrap();
        let inside = Inside::new(&packaged, &inner, &packaged.tar, 7);
        let members = inside.nested.among(outer.members(7));
        let find = |path: &str| members.iter().find(|member| member.path == path);
        let top = find("usr/share/anklume/container").unwrap();
        assert_eq!((top.kind, top.mode, top.uid), (MemberKind::Directory, 0o700, 0));
        for path in ["metadata.yaml", "templates/hosts.tpl", "rootfs", "rootfs/usr/sbin/init"] {
            assert!(find(&format!("{FOLDER}/{path}")).is_some(), "{path}");
        }
        let init = find("usr/share/anklume/container/rootfs/usr/sbin/init").unwrap();
        let MemberKind::File(anklume_roottree::Data::Archive { start, size }) = init.kind else {
            panic!("{init:?}")
        };
        let inside_tar = start - packaged.tar.size();
        assert_eq!(packaged.tar.read_vec(inside_tar, size, 10).unwrap(), b"program");
    }

    #[test]
    fn a_container_without_an_init_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let packaged = packaged(folder.path(), &["usr/sbin/init"]);
        let failure = packaged.compose(&definition()).unwrap_err();
        assert!(failure.message().contains("/sbin/init"), "{}", failure.message());
        assert!(failure.hint_text().unwrap().contains("container.install"));
    }
}
