//! The GRUB of the images, for configurations of the tests.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::{Failure, Workdir, tool};

/// Environment variable with the builder's tool tree.
pub const TOOL_TREE: &str = "ANKLUME_TOOL_TREE";
/// GRUB for BIOS: `grub-mkimage --format`, and the folder of its modules.
pub const BIOS: (&str, &str) = ("i386-pc", "i386-pc");
/// GRUB for UEFI.
pub const EFI: (&str, &str) = ("x86_64-efi", "x86_64-efi");

/// The tool tree.
///
/// # Errors
///
/// When it is not set or holds no GRUB.
pub fn tool_tree() -> Result<PathBuf, Failure> {
    let wrong = |reason: String| Failure::Environment { name: TOOL_TREE, reason };
    let tree = std::env::var_os(TOOL_TREE).map(PathBuf::from);
    let tree = tree.ok_or_else(|| wrong("is not set; ci/images prints it".into()))?;
    let modules = tree.join("usr/lib/grub/i386-pc");
    if modules.is_dir() { Ok(tree) } else { Err(wrong(format!("no folder {}", modules.display()))) }
}

/// Runs the tree's `grub-mkimage` for a flavour, and returns the path of the image.
///
/// # Errors
///
/// When it fails.
pub fn mkimage<S: Into<OsString>>(
    workdir: &Workdir,
    tree: &Path,
    (format, modules): (&str, &str),
    arguments: impl IntoIterator<Item = S>,
) -> Result<PathBuf, Failure> {
    let image = workdir.unique("grub.img");
    let mut words: Vec<OsString> = vec!["--library-path".into()];
    words.push(tree.join("usr/lib/x86_64-linux-gnu").into());
    words.push(tree.join("usr/bin/grub-mkimage").into());
    words.extend(["--directory".into(), tree.join("usr/lib/grub").join(modules).into()]);
    words.extend(["--format".into(), format.into()]);
    words.extend(["--output".into(), image.clone().into_os_string()]);
    words.extend(arguments.into_iter().map(Into::into));
    let loader = tree.join("usr/lib64/ld-linux-x86-64.so.2");
    tool::run(&loader.display().to_string(), "anklume-build's tool tree", words)?;
    Ok(image)
}
