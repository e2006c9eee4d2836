//! Sources on this machine: a folder, an image on a stick.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anklume_bus::{Kind, Order};
use anklume_fetch::BundleIndex;

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

/// What is signed names a newer version, which the stick does not have.
#[test]
fn an_image_that_is_not_the_newest_is_a_source() {
    let folder = tempfile::tempdir().unwrap();
    let image = stick(folder.path(), "next");
    Machine::new().updates(&update(&text(&image)), "2.0");
    let order = Order { version: Some("3.0".to_owned()), ..update(&text(&image)) };
    Machine::new().untouched(&order, Kind::NotFound, "3.0");
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

/// A stick whose bundle is changed.
struct Bundle {
    folder: tempfile::TempDir,
    whole: Vec<u8>,
    /// The files in it, with where their contents lie.
    files: Vec<(String, Range<usize>)>,
}

impl Bundle {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        stick(folder.path(), "www");
        let whole = fs::read(folder.path().join("downloaded.iso.update")).unwrap();
        let index = BundleIndex::read(whole.as_slice()).unwrap();
        let place = |name| {
            let place = index.find(name).unwrap();
            place.start as usize..place.end as usize
        };
        let files = index.names().map(|name| (name.to_owned(), place(name))).collect();
        Self { folder, whole, files }
    }

    /// The order to update from it.
    fn order(&self) -> Order {
        update(&text(&self.folder.path().join("downloaded.iso")))
    }

    fn write(&self, bytes: &[u8]) {
        fs::write(self.folder.path().join("downloaded.iso.update"), bytes).unwrap();
    }

    /// One bit is another one.
    fn flip(&self, at: usize) {
        let mut bytes = self.whole.clone();
        bytes[at] ^= 1;
        self.write(&bytes);
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_bundle_is_found() {
    let (machine, bundle) = (Machine::new(), Bundle::new());
    let (order, files) = (bundle.order(), &bundle.files);
    assert_eq!(files.len(), 6, "{files:?}");
    // Name, mode, size, sum, type and version of a header: one in each.
    for ((_, place), inside) in files.iter().zip([0, 100, 130, 150, 156, 257]) {
        bundle.flip(place.start - 512 + inside);
        machine.untouched(&order, Kind::Source, "downloaded.iso.update: tar header");
    }
    // Where the archive should end.
    bundle.flip(bundle.whole.len() - 1024);
    machine.untouched(&order, Kind::Source, "downloaded.iso.update: tar header");
    for (path, place) in files.iter().filter(|(path, _)| !path.ends_with(".root.json")) {
        let name = path.rsplit_once('/').unwrap().1.trim_start_matches("2.");
        for at in [0, place.len() / 3, place.len() / 2, place.len() - 2] {
            bundle.flip(place.start + at);
            machine.untouched(&order, Kind::Untrusted, name);
        }
    }
    bundle.write(&bundle.whole);
    machine.updates(&order, "2.0");
}

#[test]
fn bits_of_a_bundle_that_nobody_reads_do_not_matter() {
    let bundle = Bundle::new();
    let (order, files) = (bundle.order(), &bundle.files);
    // The root file that the machine has already, what fills up a block, and the very last byte.
    let (_, root) = files.iter().find(|(path, _)| path.ends_with("/1.root.json")).unwrap();
    let (_, filled) = files.iter().find(|(_, place)| place.end % 512 != 0).unwrap();
    for at in [root.start + root.len() / 2, filled.end, bundle.whole.len() - 1] {
        bundle.flip(at);
        Machine::new().updates(&order, "2.0");
    }
}

#[test]
fn a_copy_without_the_image_is_no_source_of_it() {
    let folder = tempfile::tempdir().unwrap();
    copy(&shelf().path("www"), folder.path());
    fs::remove_file(folder.path().join(iso("2.0"))).unwrap();
    let machine = Machine::new();
    machine.refused(&update(&text(folder.path())), Kind::Source, "anklume-sample-2.0.iso");
}
