//! Builds that are killed, share a cache, and run out of room: the cache still gives the right image,
//! and nothing half-written has a final name.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests run the builder")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anklume_vm_tests::compare::first_difference;
use anklume_vm_tests::image::BUILDER;
use anklume_vm_tests::{Failure, Workdir, image};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The definition, by a path that does not depend on the working directory.
const DEFINITION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../images/debian-test.toml");
/// Milliseconds after which builds are ended: during the packages' archive, the trees, packing,
/// hashing and writing.
const MOMENTS: [u64; 10] = [300, 900, 2500, 6000, 12_000, 18_000, 24_000, 25_500, 27_000, 28_500];
/// Runs "$@" with an output folder of `$1` MiB, and says what is left in it.
const SMALL_DISK: &str = r#"
    set -eu
    folder=$1 size=$2
    shift 2
    mount -t tmpfs -o "size=${size}m" tmpfs "$folder"
    code=0
    "$@" || code=$?
    echo "code $code, left:$(ls -A "$folder" | tr '\n' ' ')""#;

fn build(program: &Path, cache: &Path, output: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--dev", "--force", "--image", DEFINITION, "--cache"]).arg(cache);
    command.arg("-o").arg(output).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn end(mut build: Child, signal: Signal) {
    // It may have ended by itself.
    let _ = kill(Pid::from_raw(build.id() as i32), signal);
    build.wait().unwrap();
}

/// A finished build, and its cache.
fn reference(name: &str) -> Result<(Workdir, PathBuf, PathBuf), Failure> {
    let program = image::from_environment(BUILDER)?;
    let workdir = Workdir::new(name)?;
    let (cache, output) = (workdir.unique("cache"), workdir.unique("reference"));
    let built = build(&program, &cache, &output).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Ok((workdir, cache, output))
}

/// Removes all of a cache but package files and what is known about the archive.
fn forget(cache: &Path) {
    for entry in fs::read_dir(cache).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_owned();
        if name != "debs" && name != "archive" {
            fs::remove_dir_all(path).unwrap();
        }
    }
}

#[test]
fn killed_builds_leave_a_cache_that_can_be_used() -> Result<(), Failure> {
    let (workdir, cache, reference) = reference("killed")?;
    let program = image::from_environment(BUILDER)?;
    forget(&cache);
    for (number, moment) in MOMENTS.into_iter().enumerate() {
        let outputs = ["one", "other"].map(|name| workdir.unique(name));
        let [one, other] = [0, 1].map(|n| build(&program, &cache, &outputs[n]).spawn().unwrap());
        std::thread::sleep(Duration::from_millis(moment));
        end(one, if number % 2 == 0 { Signal::SIGKILL } else { Signal::SIGTERM });
        std::thread::sleep(Duration::from_millis(100));
        end(other, Signal::SIGKILL);
        for output in outputs.iter().filter(|output| output.exists()) {
            assert_eq!(first_difference(output, &reference)?, None, "a half-written image");
        }
    }
    let last = workdir.unique("last");
    let built = build(&program, &cache, &last).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    assert_eq!(first_difference(&last, &reference)?, None, "another image");
    Ok(())
}

#[test]
fn a_full_disk_leaves_nothing_under_the_final_name() -> Result<(), Failure> {
    let (workdir, cache, _) = reference("full-disk")?;
    let program = image::from_environment(BUILDER)?;
    let folder = workdir.unique("small");
    fs::create_dir(&folder).unwrap();
    // Room for nothing, a part of the root file system, all of it and a part of the image.
    for mebibytes in ["1", "40", "100", "150"] {
        let build = build(&program, &cache, &folder.join("x.iso"));
        let result = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, "sh"])
            .arg(&folder)
            .arg(mebibytes)
            .arg(&program)
            .args(build.get_args())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&result.stdout);
        let error = String::from_utf8_lossy(&result.stderr);
        assert!(said.ends_with("code 1, left:\n"), "{mebibytes} MiB: {said} {error}");
        assert!(error.contains("disk is full") || error.contains("No space left"), "{error}");
        assert!(error.contains("hint: make room"), "{error}");
    }
    Ok(())
}
