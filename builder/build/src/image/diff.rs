//! `anklume-build diff`: what two images differ in.

use std::collections::BTreeMap;
use std::path::Path;

use anklume_compare::{Detail, Frame, Identity, Image, Package, difference, difference_text};
use anklume_layout::manifest::Manifest;
use anklume_layout::{Role, Slot};
use anklume_verity::RootHash;

use super::fault::Fault;
use super::print;
use super::read::content::Tree;
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
    let [before, after] = [&args.before, &args.after].map(|path| read(path, reporter));
    let difference = difference(&before?, &after?);
    if args.json {
        return print::object(&difference);
    }
    let detail = if args.all { Detail::All } else { Detail::Biggest(SHOWN) };
    crate::print::text(&difference_text(&difference, detail))
}

fn read(path: &Path, reporter: &Reporter) -> Result<Image, Failure> {
    let name = path.display();
    let source = Source::open(path)?;
    let disk = Disk::open(&source);
    let image = disk.and_then(|disk| {
        let mut step = reporter.step(&format!("reading {name}"));
        slot(&disk, &mut step)
    });
    source.trouble()?;
    image.map_err(|fault| Failure::damaged(format!("the image {name}: {fault}")))
}

/// What slot A holds. The partitions of a medium are not compared: they are as large as it is.
pub(super) fn slot(disk: &Disk<'_>, step: &mut Step<'_>) -> Result<Image, Fault> {
    let missing = || Fault::new("partition table", 512, "a slot A", "none");
    let parts = SlotParts::open(disk, Slot::A)?.ok_or_else(missing)?;
    if parts.is_empty {
        return Err(missing());
    }
    let (manifest, _) = manifest(&parts.folder()?)?;
    let object = parts.os_name();
    let os = Os::read(&object, parts.os_base, &parts.os)?;
    let (base, part) = (parts.os_base, &parts.os);
    let tree = Tree { object: &object, base, part, superblock: &os.squashfs };
    let total = tree.survey()?.file_bytes;
    let files = tree.list(&mut |done| step.progress(done, total))?;
    let sizes = [
        ("root file system", os.squashfs.bytes_used),
        ("hash tree", os.hash_bytes().unwrap_or_default()),
        ("files, decompressed", total),
        (
            Role::Boot(Slot::A).label(),
            disk.place(Role::Boot(Slot::A)).map_or(0, |place| place.bytes),
        ),
    ];
    Ok(Image {
        identity: identity(&manifest),
        packages: packages(&manifest),
        files,
        sizes: sizes.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect(),
        blocks: Vec::new(),
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
