//! `anklume-build diff`: what two images differ in, and what an update from one to the other fetches.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use anklume_chunks::{Cut, Kind as Chunk, cut_verity};
use anklume_compare::{
    Detail, File, Frame, Identity, Image, Kind, Package, difference, difference_text,
};
use anklume_layout::manifest::Manifest;
use anklume_layout::{Role, Slot};
use anklume_verity::RootHash;

use super::fault::Fault;
use super::print;
use super::read::boot_pieces::boot_pieces;
use super::read::content::System;
use super::read::disk::Disk;
use super::read::os::Os;
use super::read::slot::{SlotParts, manifest};
use super::source::Source;
use crate::cli::DiffArgs;
use crate::events::{Reporter, Step};
use crate::failure::Failure;

/// Lines of each list that are shown without `--all`.
const SHOWN: usize = 10;

/// `anklume-build diff`.
pub(crate) fn diff_files(args: &DiffArgs, reporter: &Reporter) -> Result<(), Failure> {
    let sources = [Source::open(&args.before)?, Source::open(&args.after)?];
    let [before, after] = &sources;
    let images = both([(before, &args.before), (after, &args.after)], reporter)?;
    let [before, after] = &images;
    let difference = difference(before, after);
    if args.json {
        return print::object(&difference);
    }
    let detail = if args.all { Detail::All } else { Detail::Biggest(SHOWN) };
    crate::print::text(&difference_text(&difference, detail))
}

/// What the slots A of two image files hold, with what it takes to tell their files apart. The
/// paths are for messages.
pub(super) fn both(
    images: [(&Source, &Path); 2],
    reporter: &Reporter,
) -> Result<[Image; 2], Failure> {
    let [before, after] = images.map(Opened::new);
    let mut images = [before.image(reporter)?, after.image(reporter)?];
    let unknown = unknown_contents(&images);
    if !unknown.is_empty() {
        for (opened, image) in [&before, &after].into_iter().zip(&mut images) {
            opened.fill_hashes(image, &unknown, reporter)?;
        }
    }
    Ok(images)
}

/// The regular files of both images that are equally long and stored in different ways: whether
/// their contents differ is only known when they are decompressed.
fn unknown_contents([before, after]: &[Image; 2]) -> BTreeSet<Vec<u8>> {
    let regular = |file: &File| match file.kind {
        Kind::Regular { bytes, stored, .. } => Some((bytes, stored)),
        _ => None,
    };
    let unknown = before.files.iter().filter(|(path, file)| {
        let other = after.files.get(*path).and_then(regular);
        let pair = regular(file).zip(other);
        pair.is_some_and(|(file, other)| file.0 == other.0 && file.1 != other.1)
    });
    unknown.map(|(path, _)| path.clone()).collect()
}

/// An image file that is compared.
struct Opened<'a> {
    name: String,
    source: &'a Source,
}

impl<'a> Opened<'a> {
    fn new((source, path): (&'a Source, &Path)) -> Self {
        Self { name: path.display().to_string(), source }
    }

    /// Everything but the contents of files.
    fn image(&self, reporter: &Reporter) -> Result<Image, Failure> {
        let step = reporter.step(&format!("reading {}", self.name));
        self.look(|parts, disk| image(parts, disk, step))
    }

    /// Decompresses and hashes the files at `wanted`.
    fn fill_hashes(
        &self,
        image: &mut Image,
        wanted: &BTreeSet<Vec<u8>>,
        reporter: &Reporter,
    ) -> Result<(), Failure> {
        let step = Mutex::new(reporter.step(&format!("comparing {}", self.name)));
        self.look(|parts, _| {
            let object = parts.os_name();
            let os = Os::read(&object, parts.os_base, &parts.os)?;
            let system = System::open(&object, parts.os_base, &parts.os, &os.squashfs)?;
            let progress = |done, total| tell(&step, done, total);
            system.fill_hashes(&mut image.files, &|path| wanted.contains(path), &progress)
        })
    }

    /// Does `look` to slot A. The partitions of a medium are not compared: they are as large as it
    /// is.
    fn look<T>(
        &self,
        look: impl FnOnce(&SlotParts<'_>, &Disk<'_>) -> Result<T, Fault>,
    ) -> Result<T, Failure> {
        let missing = || Fault::new("partition table", 512, "a slot A", "none");
        let found = Disk::open(self.source).and_then(|disk| {
            let parts = SlotParts::open(&disk, Slot::A)?;
            let parts = parts.filter(|parts| !parts.is_empty).ok_or_else(missing)?;
            look(&parts, &disk)
        });
        self.source.trouble()?;
        found.map_err(|fault| Failure::damaged(format!("the image {}: {fault}", self.name)))
    }
}

fn tell(step: &Mutex<Step<'_>>, done: u64, total: u64) {
    if let Ok(mut step) = step.lock() {
        step.progress(done, total);
    }
}

fn image(parts: &SlotParts<'_>, disk: &Disk<'_>, step: Step<'_>) -> Result<Image, Fault> {
    let folder = parts.folder()?;
    let (manifest, _) = manifest(&folder)?;
    let object = parts.os_name();
    let os = Os::read(&object, parts.os_base, &parts.os)?;
    let system = System::open(&object, parts.os_base, &parts.os, &os.squashfs)?;
    let hash_bytes = os.hash_bytes().unwrap_or_default();
    let tail = if hash_bytes > 0 { cut_verity(&os.squashfs) } else { Vec::new() };
    let (step, total) = (Mutex::new(step), tail.last().map_or(os.squashfs.bytes_used, Cut::end));
    let hashed = system.hash(tail, &|done| tell(&step, done, total))?;
    let boot = Role::Boot(Slot::A);
    let sizes = [
        ("root file system", os.squashfs.bytes_used),
        ("hash tree", hash_bytes),
        ("files, decompressed", system.survey()?.file_bytes),
        (boot.label(), disk.place(boot).map_or(0, |place| place.bytes)),
    ];
    Ok(Image {
        identity: identity(&manifest),
        packages: packages(&manifest),
        files: system.list(&hashed),
        sizes: sizes.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect(),
        blocks: hashed.blocks(Chunk::Block),
        metadata: hashed.blocks(Chunk::Metadata),
        boot_files: boot_pieces(&folder, &parts.boot)?,
        // The superblock in front of it is fetched.
        hash_tree_bytes: hash_bytes.saturating_sub(anklume_verity::BLOCK_BYTES),
        frame: Frame::default(),
    })
}

pub(super) fn identity(manifest: &Manifest) -> Identity {
    let root_hash = manifest.root_hash.parse::<RootHash>();
    Identity {
        name: manifest.compatible.clone(),
        version: manifest.image_version.clone(),
        architecture: manifest.architecture.clone(),
        root_hash: root_hash.ok().map(|hash| hash.0),
    }
}

pub(super) fn packages(manifest: &Manifest) -> BTreeMap<String, Package> {
    let mut packages = BTreeMap::new();
    for package in &manifest.packages {
        let found = Package {
            version: package.version.clone(),
            installed_bytes: package.installed_kib.saturating_mul(1024),
        };
        let name = match packages.contains_key(&package.name) {
            true => format!("{}:{}", package.name, package.architecture),
            false => package.name.clone(),
        };
        packages.insert(name, found);
    }
    packages
}
