//! `verify --rebuild`: an image is proven by a build from cold trees, and a file that its definition
//! does not make is named. The archive's index of the last build is used, so that it cannot change.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests run the builder")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anklume_vm_tests::image::BUILDER;
use anklume_vm_tests::{Failure, Workdir, image};
use serde_json::Value;

/// The workspace's root.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn run(program: &Path, words: &[&str]) -> Output {
    Command::new(program).args(words).current_dir(ROOT).output().unwrap()
}

/// The last event of a rebuild, and its exit code.
fn rebuilt(program: &Path, words: &[&str]) -> (Option<i32>, Value) {
    let words = [&["verify", "--rebuild", "--offline", "--json"], words].concat();
    let output = run(program, &words);
    let events = String::from_utf8(output.stdout).unwrap();
    let compared = events.lines().find(|line| line.contains(r#""event":"compared""#));
    let errors = String::from_utf8_lossy(&output.stderr);
    let compared = compared.unwrap_or_else(|| panic!("{words:?}: {errors}"));
    (output.status.code(), serde_json::from_str(compared).unwrap())
}

#[test]
fn an_image_is_proven_and_a_file_too_many_is_named() -> Result<(), Failure> {
    // The archive's index is in the cache when this image is there.
    image::from_environment(image::TEST_ISO)?;
    let program = image::from_environment(BUILDER)?;
    let workdir = Workdir::new("rebuild")?;
    let (overlay, image) = (workdir.unique("overlay"), workdir.unique("image"));
    fs::create_dir_all(overlay.join("etc")).unwrap();
    fs::write(overlay.join("etc/extra"), "more\n").unwrap();
    let [overlay, name] = [&overlay, &image].map(|path| path.to_str().unwrap());
    let definition = ["--image", "images/debian-test.toml", "--overlay", overlay];
    let built = run(&program, &[&definition[..], &["--dev", "--offline", "-o", name]].concat());
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let published = fs::read(&image).unwrap();

    // Definition, profile and version are the image's own; only the overlay is nowhere in it.
    let (code, found) = rebuilt(&program, &["--overlay", overlay, name]);
    assert_eq!((code, &found["same"], &found["cold"]), (Some(0), &true.into(), &true.into()));
    assert_eq!((&found["profile"], &found["sha256"]), (&"dev".into(), &found["rebuilt-sha256"]));
    assert_eq!(found["areas"].as_array().map(Vec::len), Some(0), "{found}");

    let kept = workdir.unique("kept");
    let (code, found) = rebuilt(&program, &["--warm", "--keep", kept.to_str().unwrap(), name]);
    assert_eq!((code, &found["same"]), (Some(6), &false.into()), "{found}");
    let deviations = found["rebuild"]["deviations"].as_array().unwrap();
    let files: Vec<_> =
        deviations.iter().filter(|deviation| !deviation["path"].is_null()).collect();
    let [file] = files[..] else { panic!("{files:?}") };
    assert_eq!((&file["subject"], &file["path"]), (&"only-before".into(), &"/etc/extra".into()));
    let areas = found["areas"].as_array().unwrap().iter();
    assert!(areas.clone().any(|area| area["name"] == "squashfs of slot a: inodes"), "{found}");
    assert_ne!(fs::read(&kept).unwrap(), published, "the second image was kept");
    assert_eq!(fs::read(&image).unwrap(), published, "the first one was not written");
    Ok(())
}
