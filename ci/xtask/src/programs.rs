//! The programs of an image, and the builder that puts them there.

use std::path::PathBuf;

use crate::run::{cargo, command, succeed, target_dir};

/// The programs run on amd64 machines only.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds `anklume-build`, and the static programs of images, into one folder, which it returns.
pub(crate) fn build() -> Result<PathBuf, String> {
    succeed(cargo().args(["build", "--release", "--package", "anklume-build"]))?;
    // A target of its own, although it is the same machine: the flag must not reach procedural
    // macros, which are dynamic libraries.
    succeed(
        cargo()
            .args(["build", "--release", "--package", "anklume-init", "--package", "anklume"])
            .args(["--package", "anklume-firstboot"])
            .args(["--target", TARGET])
            .env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-C target-feature=+crt-static")
            .env_remove("RUSTFLAGS"),
    )?;
    let target = target_dir();
    let dist = target.join("dist");
    std::fs::create_dir_all(&dist).map_err(|error| format!("{}: {error}", dist.display()))?;
    for (folder, name) in [
        (target.join("release"), "anklume-build"),
        (target.join(TARGET).join("release"), "anklume-init"),
        (target.join(TARGET).join("release"), "anklume"),
        (target.join(TARGET).join("release"), "anklume-firstboot"),
    ] {
        let (from, to) = (folder.join(name), dist.join(name));
        // Not over the old file: it may be running.
        let fresh = dist.join(format!(".{name}.new"));
        std::fs::copy(&from, &fresh)
            .and_then(|_| std::fs::rename(&fresh, &to))
            .map_err(|error| format!("{} -> {}: {error}", from.display(), to.display()))?;
    }
    Ok(dist)
}

/// Builds the programs, then runs `anklume-build` where the user is.
pub(crate) fn image(options: &[&str]) -> Result<u8, String> {
    use std::os::unix::process::CommandExt;
    let program = build()?.join("anklume-build");
    let here = std::env::current_dir().map_err(|error| format!("this folder: {error}"))?;
    // Replaces this process: Ctrl-C and the exit code are the builder's.
    let error = command(&program).args(options).current_dir(here).exec();
    Err(format!("{}: {error}", program.display()))
}
