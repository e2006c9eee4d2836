//! Builds an image twice, the second time on a machine that differs in everything that should not
//! matter, and compares the bytes.
#![expect(clippy::print_stdout, reason = "what the second build could not differ in")]
#![expect(clippy::disallowed_methods, reason = "the builder is run in odd surroundings")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anklume_layout::{Role, Slot, files};
use anklume_vm_tests::compare::{describe, first_difference};
use anklume_vm_tests::image::BUILDER;
use anklume_vm_tests::{Failure, Workdir, image, tool};
use serde_json::Value;

/// What is built.
pub(crate) struct What {
    /// Path of the image definition in the project.
    pub(crate) definition: &'static str,
    /// `--dev` or `--release`.
    pub(crate) profile: &'static str,
    /// `iso` or `raw`.
    pub(crate) format: &'static str,
}

/// A user of every machine, who owns nothing.
const OTHER_USER: &str = "nobody";

/// The workspace's root.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Copies programs, definitions and overlays to `$place` as a strict umask makes them, and gives
/// them to `$user`, unless that is empty.
const PREPARE: &str = r#"
    set -eu
    program=$1 root=$2 place=$3 user=$4
    umask 077
    mkdir "$place/dist" "$place/home" "$place/elsewhere" "$place/tmp"
    cp "$program" "$(dirname "$program")/anklume-init" "$(dirname "$program")/anklume" "$place/dist"
    cp -r "$root/images" "$root/overlays" "$place"
    # mmdebstrap's tree belongs to another user ID, who has to come through.
    chmod 755 "$place" "$place/tmp"
    if [ -n "$user" ]; then
        chown -R "$user:" "$place"
        echo "$user:100000:65536" >"$place/subid"
        chmod 644 "$place/subid"
    fi"#;

/// Builds in surroundings that share as little as possible with the first build's: cold cache,
/// working directory, time zone, language, umask, number of processors, user.
///
/// A build without privileges needs a range of user IDs. In a mount namespace of its own the other
/// user gets one, and the machine's files stay as they are.
const BUILD: &str = r#"
    set -eu
    place=$1 user=$2 definition=$3 profile=$4 format=$5
    export HOME="$place/home" TMPDIR="$place/tmp" TZ=Pacific/Chatham LANG=tr_TR.UTF-8
    export LC_ALL=tr_TR.UTF-8
    cd "$place/elsewhere"
    umask 077
    processor=$(sed -n 's/^Cpus_allowed_list:[^0-9]*\([0-9]*\).*/\1/p' /proc/self/status)
    set -- taskset -c "$processor" "$place/dist/anklume-build" "$profile" \
        --format "$format" --image "../$definition" --cache "$place/cache" -o "$place/home/image"
    if [ -n "$user" ]; then
        mount --bind "$place/subid" /etc/subuid
        mount --bind "$place/subid" /etc/subgid
        set -- setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups -- "$@"
    fi
    exec "$@""#;

/// Whether root can start a build as another user here: containers often forbid namespaces.
const CAN_CHANGE_USER: &str = r#"
    unshare --mount --propagation private sh -c '
        mount --bind /etc/subuid /etc/subuid && mount --bind /etc/subgid /etc/subgid &&
        setpriv --reuid "$1" --regid "$(id -g "$1")" --clear-groups unshare --user true' sh "$1""#;

fn shell(script: &str, words: &[&str]) -> Result<Vec<u8>, Failure> {
    tool::run("sh", "dash", ["-c", script, "sh"].iter().chain(words))
}

/// Builds as a user of this machine does.
fn build(program: &Path, what: &What, output: &Path) -> Result<(), Failure> {
    finish(&mut build_command(program, what, output), "the first build")
}

/// Builds to a file that is there.
fn build_over(program: &Path, what: &What, output: &Path) -> Result<(), Failure> {
    finish(build_command(program, what, output).arg("--force"), "a build with --force")
}

fn build_command(program: &Path, what: &What, output: &Path) -> Command {
    let definition = format!("{ROOT}/{}", what.definition);
    let mut command = Command::new(program);
    command.args([what.profile, "--format", what.format, "--image", &definition, "-o"]).arg(output);
    command
}

/// Builds in `place`, as `user` unless that is empty.
fn build_elsewhere(
    program: &Path,
    what: &What,
    place: &Path,
    user: &str,
) -> Result<PathBuf, Failure> {
    let (program, shown) = (program.display().to_string(), place.display().to_string());
    shell(PREPARE, &[&program, ROOT, &shown, user])?;
    let mut command = Command::new("unshare");
    if !user.is_empty() {
        command.args(["--mount", "--propagation", "private", "--"]);
    } else {
        command = Command::new("env");
    }
    command
        .args(["sh", "-c", BUILD, "sh", &shown, user, what.definition])
        .args([what.profile, what.format]);
    finish(&mut command, "the second build")?;
    Ok(place.join("home/image"))
}

fn finish(command: &mut Command, what: &str) -> Result<(), Failure> {
    let output = command.output().map_err(|source| Failure::Start {
        program: what.into(),
        package: "util-linux",
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failure::Tool { program: what.into(), status: output.status, stderr })
}

/// Who builds the second image: empty for the user who runs the test.
fn other_user() -> &'static str {
    if !nix::unistd::geteuid().is_root() {
        println!("reproducible: both builds by the same user, who is not root");
        return "";
    }
    match shell(CAN_CHANGE_USER, &[OTHER_USER]) {
        Ok(_) => OTHER_USER,
        Err(error) => {
            println!("reproducible: both builds by root: {error}");
            ""
        }
    }
}

/// Seconds since 1970 of the package archive that an image was made from, from its manifest.
fn archive_time(image: &Path) -> Result<Value, Failure> {
    let start = image::partition(image, Role::Boot(Slot::A))?.start;
    let place = format!("{}@@{start}", image.display());
    let manifest = format!("::{}", files::MANIFEST);
    let text = tool::run("mtype", "mtools", ["-i", &place, &manifest])?;
    let manifest: Value = serde_json::from_slice(&text).unwrap_or_default();
    let time = manifest["source-date-epoch"].clone();
    assert!(time.is_u64(), "{}: {time}", image.display());
    Ok(time)
}

/// Builds `what` twice and compares.
pub(crate) fn builds_are_equal(what: &What) -> Result<(), Failure> {
    let program = image::from_environment(BUILDER)?;
    let workdir = Workdir::new("reproducible")?;
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(workdir.path(), open).map_err(made("open", workdir.path()))?;
    let first = workdir.unique("first");
    let place = workdir.unique("place");
    fs::create_dir(&place).map_err(made("create", &place))?;
    let second = build_elsewhere(&program, what, &place, other_user())?;
    build(&program, what, &first)?;
    if archive_time(&first)? != archive_time(&second)? {
        return Err(Failure::Image {
            path: first,
            expected: "two builds from one state of the package archive".into(),
            found: "an archive that changed meanwhile; run the test again".into(),
        });
    }
    match first_difference(&first, &second)? {
        None => only_what_changed_is_built(&program, what, &first, &second),
        Some(_) => Err(Failure::Image {
            expected: "the same bytes in both builds".into(),
            found: describe(&workdir, &first, &second)?,
            path: first,
        }),
    }
}

/// Builds over an image that is there: it is left alone, unless it is not what it was.
fn only_what_changed_is_built(
    program: &Path,
    what: &What,
    image: &Path,
    same: &Path,
) -> Result<(), Failure> {
    let write_time = || fs::metadata(image).and_then(|metadata| metadata.modified());
    let before = write_time().map_err(made("read", image))?;
    build_over(program, what, image)?;
    let left = write_time().map_err(made("read", image))? == before;
    assert!(left, "the image was written again, although nothing had changed");
    let mut bytes = fs::read(image).map_err(made("read", image))?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(image, bytes).map_err(made("write", image))?;
    build_over(program, what, image)?;
    assert!(first_difference(image, same)?.is_none(), "a damaged image was left alone");
    Ok(())
}

fn made(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let path = path.to_owned();
    move |source| Failure::File { action, path, source }
}
