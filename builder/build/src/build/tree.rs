//! The root tree as it goes into the image: packages, overlays, units, identity.

use std::fs;
use std::io::Read;
use std::path::Path;

use anklume_definition::{Definition, Units};
use anklume_host::file::FileReader;
use anklume_roottree::image::{Found, Lack, OsRelease, impersonal, lacks, relocated, without};
use anklume_roottree::units::{Action, enable};
use anklume_roottree::{Change, Content, Index, Node, OverlayEntry, OverlayKind, Tree, overlay};

use super::modules::Modules;
use super::overlay::read_overlay;
use super::request::Request;
use crate::failure::{Context, Failure};

/// Longest file of a tree that is held in memory.
const SMALL_FILE_BYTES: u64 = 8 << 20;

/// Where the OS has its own programs.
const PROGRAMS: &str = "usr/bin";

/// Opens a file of this machine that a tree takes content from.
pub(super) fn open_source(key: &str) -> std::io::Result<Box<dyn Read>> {
    Ok(Box::new(fs::File::open(key)?))
}

/// Makes the tree that `request` asks for out of the packages' tree and of `modules` that were built.
pub(super) fn compose<'a>(
    (index, tar): (&'a Index, &FileReader),
    modules: Option<&Modules>,
    request: &Request,
    version: &str,
) -> Result<Tree<'a>, Failure> {
    let definition = &request.definition;
    let mut tree = Tree::new(index);
    apply(&mut tree, &impersonal())?;
    for (path, target) in &definition.links {
        let changes = relocated(index, tar, path, target).context("the root tree")?;
        apply(&mut tree, &changes)?;
    }
    apply(&mut tree, &without(index, |path| definition.paths.leaves_out(path)))?;
    apply(&mut tree, &modules.map(Modules::changes).unwrap_or_default())?;
    for folder in &request.overlays {
        let entries = read_overlay(folder)?;
        let what = format!("the overlay {}", folder.display());
        for change in overlay(&entries).context(&what)? {
            tree.apply(&change).map_err(|error| {
                Failure::refused(format!("{what}: {error}"))
                    .hint("an overlay cannot turn a directory of the packages into something else")
            })?;
        }
    }
    for program in &request.programs {
        put_program(&mut tree, program)?;
    }
    apply(&mut tree, &request.update.changes()?)?;
    check_bootable(&lacks(&tree), definition)?;
    let os_release = tree
        .read_file(tar, &open_source, "usr/lib/os-release", SMALL_FILE_BYTES)
        .context("the root tree")?;
    let own = OsRelease {
        title: &definition.title,
        id: &definition.name,
        version,
        test: definition.test,
    };
    let os_release = own.apply(&String::from_utf8_lossy(&os_release));
    apply(&mut tree, &[Change::Put(Node::file("usr/lib/os-release", 0o644, os_release))])?;
    enable_units(&mut tree, tar, &definition.units)?;
    Ok(tree)
}

/// Puts a program of ours where people find it.
fn put_program(tree: &mut Tree<'_>, program: &Path) -> Result<(), Failure> {
    let what = || format!("the program {}", program.display());
    let size = program.metadata().context(what())?.len();
    let no_name = || Failure::refused(format!("{}: not UTF-8", what()));
    let key = program.to_str().ok_or_else(no_name)?;
    let name = program.file_name().and_then(|name| name.to_str()).ok_or_else(no_name)?;
    let folder = |path: &str| OverlayEntry {
        path: path.to_owned(),
        kind: OverlayKind::Directory,
        executable: false,
    };
    let file = OverlayEntry {
        path: format!("{PROGRAMS}/{name}"),
        kind: OverlayKind::File(Content::Source { key: key.to_owned(), size }),
        executable: true,
    };
    let changes = overlay(&[folder("usr"), folder(PROGRAMS), file]).context(what())?;
    apply(tree, &changes)
}

/// Refuses a tree that would not boot, and says what took away what it needs.
fn check_bootable(lacks: &[Lack], definition: &Definition) -> Result<(), Failure> {
    if lacks.is_empty() {
        return Ok(());
    }
    let mut blamed = false;
    let said: Vec<String> = lacks
        .iter()
        .map(|lack| match culprit(lack, definition) {
            Some(culprit) => {
                blamed = true;
                format!("{lack} ({culprit})")
            }
            None => lack.to_string(),
        })
        .collect();
    let hint = match blamed {
        true => "repair what is named in brackets, or add it to `keep`",
        false => "the packages must bring an init, such as systemd-sysv, and a base system",
    };
    Err(Failure::refused(format!("an image of this tree cannot boot: {}", said.join("; ")))
        .hint(hint))
}

/// The entry of the definition that is to blame, where one is.
fn culprit(lack: &Lack, definition: &Definition) -> Option<String> {
    let gone = match &lack.found {
        Found::Nothing(path) => path,
        _ => &lack.needed,
    };
    let paths = &definition.paths;
    let left_out = paths.leaves_out(gone.as_bytes());
    let pattern =
        paths.leave_out.iter().find(|pattern| left_out && pattern.covers(gone.as_bytes()));
    let link = definition.links.keys().find(|link| {
        [gone, &lack.needed]
            .iter()
            .any(|path| path.strip_prefix(link.as_str()).is_some_and(|rest| rest.starts_with('/')))
    });
    let pattern = pattern.map(|pattern| format!("`leave-out` has {pattern}"));
    pattern.or_else(|| link.map(|link| format!("`links` has {link}")))
}

/// Applies changes of a builder's own.
pub(super) fn apply(tree: &mut Tree<'_>, changes: &[Change]) -> Result<(), Failure> {
    for change in changes {
        tree.apply(change).context("the root tree")?;
    }
    Ok(())
}

/// Enables, disables and masks units.
pub(super) fn enable_units(
    tree: &mut Tree<'_>,
    tar: &FileReader,
    wanted: &Units,
) -> Result<(), Failure> {
    for (names, action) in [
        (&wanted.enable, Action::Enable),
        (&wanted.disable, Action::Disable),
        (&wanted.mask, Action::Mask),
    ] {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let read = |path: &str| tree.read_file(tar, &open_source, path, SMALL_FILE_BYTES);
        let changes = enable(tree, &read, &names, action).map_err(Failure::refused)?;
        apply(tree, &changes)?;
    }
    if let Some(target) = &wanted.default_target {
        let link = Node::symlink(
            "etc/systemd/system/default.target",
            format!("/usr/lib/systemd/system/{target}"),
        );
        apply(tree, &[Change::Put(link)])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
[paths]
leave-out = ["/usr/share/*", "/usr/lib/systemd"]
[links]
"/sbin" = "var/sbin"
"#;

    fn said(needed: &str, found: Found) -> String {
        let definition = Definition::parse(DEFINITION, "a.toml").unwrap();
        let lack = Lack { needed: needed.to_owned(), found };
        let failure = check_bootable(&[lack], &definition).unwrap_err();
        assert!(failure.hint_text().is_some());
        failure.message().to_owned()
    }

    #[test]
    fn what_took_it_is_named() {
        let nothing = |path: &str| Found::Nothing(path.to_owned());
        let text = said("/sbin/init", nothing("/usr/lib/systemd/systemd"));
        assert!(text.ends_with("is not there (`leave-out` has /usr/lib/systemd)"), "{text}");
        let text = said("/sbin/init", nothing("/var/sbin/init"));
        assert!(text.ends_with("(`links` has /sbin)"), "{text}");
        let text = said("/proc", nothing("/proc"));
        assert!(text.ends_with("there is no /proc"), "{text}");
    }
}
