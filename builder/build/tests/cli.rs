//! What a user sees who asks for something that cannot be done: one error, one hint, the documented
//! exit code, and nothing left behind. No test here needs a network.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests run the program")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const TEST_IMAGE: &str = "images/debian-test.toml";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_anklume-build"))
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap()
}

/// Runs a build that must fail, in an empty folder for output and cache.
fn refused(arguments: &[&str], code: i32, says: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("x.iso");
    let cache = folder.path().join("cache");
    let mut all = arguments.to_vec();
    if !arguments.contains(&"-o") {
        all.extend(["-o", output.to_str().unwrap()]);
    }
    all.extend(["--cache", cache.to_str().unwrap(), "--init", "/bin/true"]);
    let result = run(&all);
    let text = String::from_utf8(result.stderr).unwrap();
    assert_eq!(result.status.code(), Some(code), "{text}");
    for part in says {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    assert_eq!(text.matches("error: ").count(), 1, "{text}");
    let left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "cache"), "{left:?}");
}

#[test]
fn unknown_bases_and_definitions_are_named() {
    refused(&["--base", "nonesuch"], 3, &["no base `nonesuch`", "hint: known bases are debian"]);
    refused(&["--base", "../x"], 3, &["no base `../x`"]);
    refused(&["--image", "/nonexistent.toml"], 3, &["/nonexistent.toml", "hint: "]);
    refused(&["--image", "/dev/zero"], 3, &["/dev/zero"]);
    refused(&["--image", "images"], 3, &["reading images"]);
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.toml");
    let text = fs::read_to_string(root().join(TEST_IMAGE)).unwrap();
    fs::write(&path, text.replace("\nsuite = ", "\nsiute = ")).unwrap();
    let line = text.lines().position(|line| line.starts_with("suite = ")).unwrap() + 1;
    let place = format!("x.toml:{line}:1");
    refused(
        &["--image", path.to_str().unwrap()],
        3,
        &[&place, "siute", "hint: did you mean `suite`?"],
    );
}

#[test]
fn options_are_checked_before_anything_is_done() {
    let with = |more: &[&'static str]| [&["--image", TEST_IMAGE][..], more].concat();
    refused(&with(&["--package", "a b"]), 3, &["`a b` is not the name of a package"]);
    refused(&with(&["--package=-x"]), 3, &["`-x` is not the name of a package"]);
    refused(&with(&["--image-version", "1/2"]), 3, &["`1/2` is not a version"]);
    refused(&with(&["--overlay", "/nonexistent"]), 3, &["the overlay /nonexistent"]);
    refused(&with(&["-o", "/dev/null"]), 3, &["/dev/null exists and is not a regular file"]);
    refused(&with(&["-o", "/nonexistent/x.iso"]), 3, &["/nonexistent is not a folder"]);
    refused(&with(&["-o", "Cargo.toml"]), 3, &["Cargo.toml exists", "--force"]);
    refused(&with(&["-o", "Cargo.toml/x"]), 3, &["is not a folder"]);
}

#[test]
fn an_empty_cache_cannot_build_offline() {
    let arguments = ["--image", TEST_IMAGE, "--offline"];
    refused(&arguments, 3, &["the cache knows nothing", "hint: build once without --offline"]);
}

#[test]
fn an_unreachable_mirror_is_named() {
    // Port 9 of this machine: nothing listens there, and nothing leaves it.
    let arguments = ["--image", TEST_IMAGE, "--mirror", "http://127.0.0.1:9/debian"];
    refused(&arguments, 1, &["127.0.0.1", "hint: "]);
}

#[test]
fn a_missing_init_program_is_named() {
    let result = run(&["--image", TEST_IMAGE, "--init", "/nonexistent", "-o", "/tmp/x.iso"]);
    let text = String::from_utf8(result.stderr).unwrap();
    assert_eq!(result.status.code(), Some(3), "{text}");
    assert!(text.contains("cargo xtask build"), "{text}");
}

#[test]
fn errors_are_events_too() {
    let result = run(&["--base", "nonesuch", "--json"]);
    let text = String::from_utf8(result.stdout).unwrap();
    let event: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(event["event"], "failed");
    assert!(event["error"].as_str().unwrap().contains("nonesuch"), "{text}");
    assert!(event["hint"].is_string(), "{text}");
}

#[test]
fn a_dry_run_shows_the_plan_and_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let output = folder.path().join("x.raw");
    let result = run(&[
        "--image",
        TEST_IMAGE,
        "--format",
        "raw",
        "--dry-run",
        "--package",
        "htop",
        "--init",
        "/bin/true",
        "--cache",
        cache.to_str().unwrap(),
        "-o",
        output.to_str().unwrap(),
    ]);
    let text = String::from_utf8(result.stdout).unwrap();
    assert_eq!(result.status.code(), Some(0), "{text}");
    for part in ["mmdebstrap", "htop", "anklume-os-b", "anklume-persist", "zstd level 15", "x.raw"]
    {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    assert_eq!(fs::metadata(folder.path()).unwrap().nlink(), 2, "something was made");
}

#[test]
fn a_machine_is_described_without_being_started() {
    let image = tempfile::NamedTempFile::new().unwrap();
    let path = image.path().to_str().unwrap();
    let result = run(&["vm", path, "--firmware", "bios", "--attach", "nvme", "--dry-run"]);
    let text = String::from_utf8(result.stdout).unwrap();
    assert_eq!(result.status.code(), Some(0), "{text}");
    assert!(text.contains("nvme") && text.contains(path) && !text.contains("pflash"), "{text}");
    for bad in [["--memory", "lots"], ["--data-disk", "1.8Q"]] {
        let result = run(&["vm", path, "--firmware", "bios", bad[0], bad[1], "--dry-run"]);
        assert_eq!(result.status.code(), Some(3));
    }
    assert_eq!(run(&["vm", "/nonexistent.iso"]).status.code(), Some(1));
}

/// Runs the program with its standard output going elsewhere.
fn run_into(arguments: &[&str], output: impl Into<Stdio>) -> (Option<i32>, String) {
    let result = Command::new(env!("CARGO_BIN_EXE_anklume-build"))
        .args(arguments)
        .current_dir(root())
        .stdout(output)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    (result.status.code(), String::from_utf8(result.stderr).unwrap())
}

#[test]
fn a_lost_standard_output_is_an_error_and_a_closed_pipe_is_none() {
    let plan = ["--image", TEST_IMAGE, "--dry-run", "--init", "/bin/true", "-o", "/tmp/x.iso"];
    let json = [&plan[..], &["--json"]].concat();
    let image = tempfile::NamedTempFile::new().unwrap();
    let machine = [
        "vm",
        image.path().to_str().unwrap(),
        "--firmware",
        "bios",
        "--attach",
        "usb",
        "--dry-run",
    ];
    for arguments in [&plan[..], &json, &machine, &["--help"], &["--version"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let (code, errors) = run_into(arguments, full);
        assert_eq!(code, Some(1), "{arguments:?}: {errors}");
        assert!(errors.starts_with("error: writing to standard output"), "{arguments:?}: {errors}");
        assert!(errors.contains("\nhint: "), "{errors}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(run_into(arguments, writer), (Some(0), String::new()), "{arguments:?}");
    }
}
