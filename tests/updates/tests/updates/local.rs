//! Sources on this machine: a folder, an image on a stick.

use std::fs;
use std::path::{Path, PathBuf};

use anklume_bus::Kind;

use crate::machine::{Machine, update};
use crate::shelf::{copy, iso, shelf};

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A stick with the image of a repository, and what belongs to it.
fn stick(folder: &Path, repository: &str) -> PathBuf {
    let image = folder.join("downloaded.iso");
    let name = format!("{repository}/{}", iso("2.0"));
    fs::write(&image, shelf().read(&name)).unwrap();
    fs::write(folder.join("downloaded.iso.update"), shelf().read(&format!("{name}.update")))
        .unwrap();
    image
}

#[test]
fn a_folder_is_a_source() {
    let machine = Machine::new();
    machine.updates(&update(&text(&shelf().path("www"))), "2.0");
    let url = format!("file://{}", text(&shelf().path("next")));
    machine.updates(&update(&url), "3.0");
}

#[test]
fn an_image_with_its_bundle_is_a_source() {
    let folder = tempfile::tempdir().unwrap();
    let image = stick(folder.path(), "www");
    let machine = Machine::new();
    machine.updates(&update(&text(&image)), "2.0");
    let machine = Machine::new();
    fs::remove_file(folder.path().join("downloaded.iso.update")).unwrap();
    machine.untouched(&update(&text(&image)), Kind::Source, "downloaded.iso.update");
    machine.untouched(&update(&text(&folder.path().join("gone.iso"))), Kind::Source, "gone.iso");
    fs::write(folder.path().join("downloaded.iso.update"), "no archive").unwrap();
    machine.untouched(&update(&text(&image)), Kind::Source, "downloaded.iso.update");
}

#[test]
fn an_image_that_a_stranger_signed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let image = stick(folder.path(), "strange");
    let machine = Machine::new();
    machine.untouched(&update(&text(&image)), Kind::Untrusted, "timestamp.json");
    // Also with the image that was meant.
    fs::write(&image, shelf().image("2.0")).unwrap();
    machine.untouched(&update(&text(&image)), Kind::Untrusted, "timestamp.json");
    let machine = Machine::new();
    machine.trust("stranger");
    machine.updates(&update(&text(&stick(folder.path(), "strange"))), "2.0");
}

#[test]
fn an_image_that_was_cut_short_or_exchanged_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let image = stick(folder.path(), "www");
    let machine = Machine::new();
    let whole = shelf().image("2.0");
    for length in [0, whole.len() / 2, whole.len() - 1] {
        fs::write(&image, &whole[..length]).unwrap();
        machine.refused(&update(&text(&image)), Kind::Source, "downloaded.iso");
    }
    let mut other = shelf().image("3.0");
    other.resize(whole.len(), 0);
    fs::write(&image, other).unwrap();
    machine.refused(&update(&text(&image)), Kind::Untrusted, "expected");
    fs::write(&image, whole).unwrap();
    machine.updates(&update(&text(&image)), "2.0");
}

#[test]
fn a_copy_without_the_image_is_no_source_of_it() {
    let folder = tempfile::tempdir().unwrap();
    copy(&shelf().path("www"), folder.path());
    fs::remove_file(folder.path().join(iso("2.0"))).unwrap();
    let machine = Machine::new();
    machine.refused(&update(&text(folder.path())), Kind::Source, "anklume-sample-2.0.iso");
}
