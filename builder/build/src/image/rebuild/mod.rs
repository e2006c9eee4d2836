//! `anklume-build verify --rebuild`: whether an image is what its definition builds.
//!
//! The image is built again, from the packages of the lock and nothing else that was made before, and
//! the two files are compared byte for byte. Only when they differ are they read, to name what.

mod areas;
mod bytes;
mod content;
mod initramfs;
mod published;

use std::path::{Path, PathBuf};

use anklume_compare::{Deviation, rebuild};

use super::print;
use super::source::Source;
use crate::build::{Again, Published, again};
use crate::cli::VerifyArgs;
use crate::events::{Compared, Reporter};
use crate::failure::{Failure, Kind};
pub(super) use areas::areas;
use bytes::compare;
pub use bytes::differences;
pub use initramfs::fuzz_initramfs;

/// What to do about a rebuild from packages that nobody wrote down.
const NO_LOCK: &str = "without a lock the newest packages are taken, and a difference proves \
                       nothing; `anklume-build lock` beside the next image that is published makes \
                       it one that can be rebuilt";
/// As above, where it is the same state of the archive as far as that can be told.
const SAME_TIME: &str = "no lock was used, but the rebuild is of packages as of the same time as the \
                         image";
/// What is most often another one: its compiler is not a part of the image.
const OTHER_INIT: &str = "the anklume-init of the image is another one than that of this build: \
                          --init names the program that the image was built with";

/// `anklume-build verify --rebuild`.
pub(super) fn rebuild_file(args: &VerifyArgs, reporter: &Reporter) -> Result<(), Failure> {
    let [image] = args.images.as_slice() else {
        let count = args.images.len();
        return Err(Failure::refused(format!("{count} images to rebuild, expected one"))
            .hint("--rebuild takes one image; start it once for each"));
    };
    let source = Source::open(image)?;
    let published = published::read(&source);
    source.trouble()?;
    let name = image.display();
    let published =
        published.map_err(|fault| Failure::damaged(format!("the image {name}: {fault}")))?;
    let again = again(args, &published, reporter)?;
    let compared = compared(&source, &published, &again, args, reporter)?;
    match args.json {
        true => reporter.compared(&compared),
        false => print::compared(&compared)?,
    }
    if compared.same { Ok(()) } else { Err(different(&compared)) }
}

/// Compares the image with the one that was built again.
fn compared(
    source: &Source,
    published: &Published,
    again: &Again,
    args: &VerifyArgs,
    reporter: &Reporter,
) -> Result<Compared, Failure> {
    let image = args.images.first().map_or(Path::new(""), PathBuf::as_path);
    let rebuilt = Source::open(&again.image)?;
    let found = {
        let mut step = reporter.step("comparing bytes");
        let found = compare(source, &rebuilt, &areas(source), &mut step);
        source.trouble()?;
        rebuilt.trouble()?;
        let found = found.map_err(|error| Failure::failed(format!("comparing: {error}")))?;
        step.finish(if found.is_same() { "the same" } else { "they differ" });
        found
    };
    let only_padding = !found.is_same() && found.differences.iter().all(|area| area.padding);
    let mut unread = None;
    let mut content = None;
    if !found.is_same() && !only_padding {
        let images = [(source, image), (&rebuilt, again.image.as_path())];
        match content::both(images, found.differ_in(areas::OS), reporter) {
            Ok([before, after]) => content = Some(rebuild(&before, &after)),
            Err(failure) if failure.kind() == Kind::Interrupted => return Err(failure),
            // That the bytes differ is known, and where.
            Err(failure) => unread = Some(failure.message().to_owned()),
        }
    }
    let [sha256, rebuilt_sha256] = found.sha256.clone();
    Ok(Compared {
        image: image.display().to_string(),
        same: found.is_same(),
        only_padding,
        definition: again.definition.display().to_string(),
        lock: again.lock.as_ref().map(|lock| lock.display().to_string()),
        profile: again.profile.to_owned(),
        cold: !args.warm,
        kept: args.keep.as_ref().map(|keep| keep.display().to_string()),
        bytes: found.bytes[0],
        rebuilt_bytes: found.bytes[1],
        sha256,
        rebuilt_sha256,
        epoch: published.epoch,
        rebuilt_epoch: again.epoch,
        areas: found.differences,
        rebuild: content,
        unread,
    })
}

/// What there is to say of an image that is not what its definition builds.
fn different(compared: &Compared) -> Failure {
    let Compared { image, definition, areas, only_padding, .. } = compared;
    let first = areas.first().map_or(0, |area| area.first);
    let text = match only_padding {
        true => format!("only padding differs, first at byte {first}"),
        false => format!("{} areas differ, first at byte {first}", areas.len()),
    };
    let failure = Failure::new(
        Kind::Different,
        format!("the image {image} is not what {definition} builds: {text}"),
    );
    let deviations = compared.rebuild.iter().flat_map(|rebuild| &rebuild.deviations);
    let is_init = |deviation: &Deviation| {
        let path = format!("/{}", anklume_layout::initramfs::INIT.trim_start_matches('/'));
        matches!(deviation, Deviation::Initramfs { path: found, .. } if *found == path)
    };
    let same_time = compared.epoch == compared.rebuilt_epoch;
    match deviations.into_iter().any(is_init) {
        _ if compared.lock.is_none() && !same_time => failure.hint(NO_LOCK),
        true => failure.hint(OTHER_INIT),
        false if compared.lock.is_none() => failure.hint(SAME_TIME),
        false => failure,
    }
}
