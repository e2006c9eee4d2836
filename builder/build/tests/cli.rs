//! What a user sees who asks for something that cannot be done: one error, one hint, the documented
//! exit code, and nothing left behind. No test here needs a network.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests run the program")]

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::init;

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
    let programs = tempfile::tempdir().unwrap();
    let output = folder.path().join("x.iso");
    let cache = folder.path().join("cache");
    let mut all = arguments.to_vec();
    if !arguments.contains(&"-o") {
        all.extend(["-o", output.to_str().unwrap()]);
    }
    let init = init(programs.path());
    all.extend(["--cache", cache.to_str().unwrap(), "--init", &init]);
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
    refused(&with(&["-o", "x.iso/"]), 3, &["x.iso/ is not the name of a file", "hint: -o takes"]);
    let long: &'static str = format!("{}.iso", "a".repeat(240)).leak();
    refused(&with(&["-o", long]), 3, &["is too long", "hint: "]);
    let itself = ["-o", "x.iso", "--report", "./x.iso"];
    refused(
        &with(&itself),
        3,
        &["--report ./x.iso: the build writes x.iso itself", "hint: --report"],
    );
    let beside = ["-o", "x.iso", "--report", "x.iso.manifest.json"];
    refused(&with(&beside), 3, &["the build writes x.iso.manifest.json itself"]);
    refused(&with(&["--report", "x/"]), 3, &["x/ is not the name of a file", "hint: --report"]);
    let definition = ["--report", TEST_IMAGE];
    refused(&with(&definition), 3, &["--report ", "debian-test.toml: the build reads "]);
    refused(&with(&["--report", "Cargo.toml"]), 3, &["Cargo.toml exists and is no page", "hint: "]);
    let lock: &'static str = TEST_IMAGE.replace(".toml", ".lock").leak();
    for input in [TEST_IMAGE, lock] {
        refused(&with(&["--force", "-o", input]), 3, &["the build reads ", "hint: -o takes"]);
    }
    let inside = ["--overlay", "overlays", "-o", "overlays/base/x.iso"];
    refused(&with(&inside), 3, &["-o overlays/base/x.iso: the build reads ", "hint: -o takes"]);
    refused(&with(&["--package", "udev-"]), 3, &["`udev-` is not the name of a package"]);
    refused(&with(&["--mirror", "mirror.example"]), 3, &["not the address of a mirror", "hint: "]);
    refused(&with(&["--mirror", "http://a\nb"]), 3, &["`http://a\\nb` is not the address"]);
    for folder in ["/", "/proc", "/sys/", "/dev", "/proc/self"] {
        let says = ["is a part of this running machine", "hint: "];
        refused(&with(&["--overlay", folder]), 3, &says);
    }
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
fn a_program_that_cannot_be_the_init_is_refused() {
    for (init, says) in [
        ("/bin/true", "dynamically linked"),
        ("Cargo.toml", "no 64-bit ELF file"),
        ("/dev/null", "is not there"),
    ] {
        let result = run(&["--image", TEST_IMAGE, "--init", init, "-o", "/tmp/x.iso"]);
        let text = String::from_utf8(result.stderr).unwrap();
        assert_eq!(result.status.code(), Some(3), "{text}");
        assert!(text.contains(says) && text.contains("hint: "), "{text}");
    }
}

#[test]
fn a_file_of_an_overlay_that_fills_a_disk_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = fs::File::create(folder.path().join("huge")).unwrap();
    file.set_len((4 << 30) + 1).unwrap();
    let overlay = folder.path().to_str().unwrap();
    let says = ["huge of an overlay has 4.00 GiB", "hint: "];
    refused(&["--image", TEST_IMAGE, "--overlay", overlay], 3, &says);
}

#[test]
fn several_images_are_looked_at_and_the_worst_decides() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("damaged.iso");
    fs::write(&damaged, [1; 4096]).unwrap();
    let damaged = damaged.to_str().unwrap();
    for command in ["verify", "inspect"] {
        let result = run(&[command, damaged, "/nonexistent.iso"]);
        let text = String::from_utf8(result.stderr).unwrap();
        assert_eq!(result.status.code(), Some(5), "{text}");
        for part in ["damaged.iso: ", "/nonexistent.iso: ", "2 of 2 images"] {
            assert!(text.contains(part), "`{part}` is not in: {text}");
        }
    }
    let result = run(&["vm", damaged, "/nonexistent.iso"]);
    let text = String::from_utf8(result.stderr).unwrap();
    assert_eq!(result.status.code(), Some(3), "{text}");
    assert!(text.contains("2 were named\nhint: name one of "), "{text}");
}

#[test]
fn a_machine_is_not_started_from_what_cannot_boot() {
    let folder = tempfile::tempdir().unwrap();
    for (content, says) in [
        (vec![], "is empty"),
        (vec![0; 511], "no boot signature"),
        (vec![0; 4096], "no boot signature"),
    ] {
        let path = folder.path().join("x.iso");
        fs::write(&path, content).unwrap();
        let result = run(&["vm", path.to_str().unwrap()]);
        let text = String::from_utf8(result.stderr).unwrap();
        assert_eq!(result.status.code(), Some(5), "{text}");
        assert!(text.contains(says) && text.contains("hint: "), "{text}");
    }
}

#[test]
fn a_slot_of_a_definition_is_in_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("images")).unwrap();
    std::os::unix::fs::symlink(root().join("overlays"), folder.path().join("overlays")).unwrap();
    let path = folder.path().join("images/x.toml");
    let text = fs::read_to_string(root().join(TEST_IMAGE)).unwrap();
    fs::write(&path, format!("{text}\n[sizes]\nslot = \"5GiB\"\n")).unwrap();
    let (image, init) = (path.to_str().unwrap(), init(folder.path()));
    for (format, says) in [("raw", ": 5.00 GiB (sizes.slot)"), ("iso", "at most 5.00 GiB")] {
        let output = folder.path().join("x.img");
        let output = output.to_str().unwrap();
        let rest = ["--init", &init, "--format", format, "-o", output, "--dry-run"];
        let result = run(&[&["--image", image][..], &rest[..]].concat());
        let text = String::from_utf8(result.stdout).unwrap();
        assert!(text.contains(says), "{text}");
    }
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
    let programs = tempfile::tempdir().unwrap();
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
        &init(programs.path()),
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
fn ram_encryption_is_planned_where_it_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let init = init(folder.path());
    let plan = ["--image", TEST_IMAGE, "--dry-run", "--init", &init, "-o", "/tmp/x.iso"];
    for (option, expected) in [(&[][..], false), (&["--ram-encryption"], true)] {
        let result = run(&[&plan[..], option].concat());
        let text = String::from_utf8(result.stdout).unwrap();
        assert_eq!(result.status.code(), Some(0), "{text}");
        assert_eq!(text.contains("mem_encrypt=on"), expected, "{text}");
    }
    for command in [&["--help"][..], &["verify", "--help"]] {
        let help = String::from_utf8(run(command).stdout).unwrap();
        let about = help.split("--ram-encryption").nth(1).unwrap();
        assert!(about.split("\n  -").next().unwrap().contains("NVIDIA"), "{help}");
    }
}

#[test]
fn a_machine_is_described_without_being_started() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it's one.img");
    let mut sector = vec![0; 512];
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    fs::write(&path, sector).unwrap();
    let path = path.to_str().unwrap();
    let result = run(&["vm", path, "--firmware", "bios", "--attach", "nvme", "--dry-run"]);
    let text = String::from_utf8(result.stdout).unwrap();
    assert_eq!(result.status.code(), Some(0), "{text}");
    assert!(text.contains("nvme") && !text.contains("pflash"), "{text}");
    assert!(text.contains("it'\\''s one.img"), "{text}");
    assert!(text.starts_with("# ") && text.contains("variables is a copy"), "{text}");
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
    let folder = tempfile::tempdir().unwrap();
    let init = init(folder.path());
    let plan = ["--image", TEST_IMAGE, "--dry-run", "--init", &init, "-o", "/tmp/x.iso"];
    let json = [&plan[..], &["--json"]].concat();
    let image = tempfile::NamedTempFile::new().unwrap();
    // As much of an image as `vm` looks at.
    fs::write(image.path(), [&[0; 510][..], &[0x55, 0xaa]].concat()).unwrap();
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

#[test]
fn a_shared_block_store_needs_a_secret_and_a_program_that_can_reach_it() {
    let url = ["--image", TEST_IMAGE, "--shared-blocks", "s3://bucket/folder"];
    refused(&url, 2, &["--shared-blocks-key"]);
    let key = [&url[..], &["--shared-blocks-key", "/nonexistent.key"]].concat();
    match cfg!(feature = "shared-blocks") {
        true => refused(&key, 3, &["/nonexistent.key", "hint: make one"]),
        false => refused(&key, 3, &["without shared block stores", "--features shared-blocks"]),
    }
}
