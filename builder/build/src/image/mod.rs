//! Looking at images: what is in one, and whether it is sound.
//!
//! [`inspect()`] and [`verify()`] read anything that can be read at offsets and return data; nothing
//! here trusts what it reads. The commands of the same names add files and printing.

mod diff;
pub mod facts;
mod fault;
mod fuzzing;
mod inspect;
pub(crate) mod parts;
mod print;
mod read;
mod rebuild;
mod report;
pub(crate) mod source;
mod verify;

pub use fault::Fault;
pub use fuzzing::fuzz;
pub use inspect::{Depth, inspect};
pub use rebuild::{differences, fuzz_initramfs};
pub use report::{Check, Report};
pub use source::Bytes;
pub use verify::{Options, Progress, verify};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anklume_layout::Slot;
use anklume_layout::manifest::Digest;

use crate::cli::{InspectArgs, VerifyArgs};
use crate::events::{Reporter, Step};
use crate::failure::{Failure, Kind};
pub(crate) use diff::diff_files;
pub(crate) use print::object;
use read::digests::{Found, boot_files, loader};
use read::disk::Disk;
use read::slot::SlotParts;
use source::Source;

/// Digests by the names that the manifest has for them.
type Digests = BTreeMap<String, Digest>;

/// The digests of what is booted from `image`: the boot files of slot A, and the boot loader.
pub(crate) fn digests(image: &Bytes<'_>) -> Result<(Digests, Digests), Fault> {
    let disk = Disk::open(image)?;
    let missing = || Fault::told("partition table", 0, "has no slot A");
    let parts = SlotParts::open(&disk, Slot::A)?.ok_or_else(missing)?;
    let named = |found: Vec<Result<Found, Fault>>| {
        let found = found.into_iter();
        let pairs = found.map(|found| found.map(|found| (found.key.to_owned(), found.digest)));
        pairs.collect::<Result<BTreeMap<_, _>, _>>()
    };
    Ok((named(boot_files(&parts.folder()?))?, named(loader(&disk))?))
}

/// `anklume-build inspect`.
pub(crate) fn inspect_files(args: &InspectArgs, reporter: &Reporter) -> Result<(), Failure> {
    each(&args.images, reporter, |image| inspect_file(image, args, reporter))
}

/// `anklume-build verify`.
pub(crate) fn verify_files(args: &VerifyArgs, reporter: &Reporter) -> Result<(), Failure> {
    if args.rebuild {
        return rebuild::rebuild_file(args, reporter);
    }
    each(&args.images, reporter, |image| {
        if args.images.len() > 1 && !args.json {
            print::heading(&image.display().to_string())?;
        }
        verify_file(image, args, reporter)
    })
}

/// Does `look` to every image, whatever becomes of the others. The last error counts those that
/// failed, and has the worst exit code of theirs.
fn each(
    images: &[PathBuf],
    reporter: &Reporter,
    mut look: impl FnMut(&Path) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if let [image] = images {
        return look(image);
    }
    let mut kinds = Vec::new();
    for image in images {
        let Err(failure) = look(image) else { continue };
        if failure.kind() == Kind::Interrupted {
            return Err(failure);
        }
        reporter.failed(&failure);
        kinds.push(failure.kind());
    }
    let (bad, all) = (kinds.len(), images.len());
    kinds.into_iter().max().map_or(Ok(()), |worst| {
        Err(Failure::new(worst, format!("{bad} of {all} images have the errors above")))
    })
}

fn inspect_file(image: &Path, args: &InspectArgs, reporter: &Reporter) -> Result<(), Failure> {
    let unread = |failure| unread(args.json, reporter, failure);
    let source = Source::open(image).map_err(unread)?;
    let facts = inspect(&source, Depth::Files);
    source.trouble().map_err(unread)?;
    let name = image.display().to_string();
    match args.json {
        true => print::json(&name, &facts)?,
        false if facts.table.is_some() => print::facts(&name, &facts, args.packages)?,
        false => {}
    }
    let Some(first) = facts.faults.first() else { return Ok(()) };
    let more = match facts.faults.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    Err(Failure::damaged(format!("the image {name}: {first}{more}")))
}

fn verify_file(image: &Path, args: &VerifyArgs, reporter: &Reporter) -> Result<(), Failure> {
    let unread = |failure| unread(args.json, reporter, failure);
    let source = Source::open(image).map_err(unread)?;
    let options = Options { deep: args.deep, medium: source.is_device() };
    let mut current: Option<(String, Step<'_>)> = None;
    let report = verify(&source, options, &mut |name, done, total| {
        if current.as_ref().is_none_or(|(step, _)| step != name) {
            current = Some((name.to_owned(), reporter.step(name)));
        }
        if let Some((_, step)) = &mut current {
            step.progress(done, total);
        }
    });
    drop(current);
    source.trouble().map_err(unread)?;
    let name = image.display().to_string();
    match args.json {
        true => print::json(&name, &report)?,
        false => print::report(&report)?,
    }
    if report.sound {
        return Ok(());
    }
    let (bad, all) = (report.faults().count(), report.checks.len());
    Err(Failure::damaged(format!("the image {name}: {bad} of {all} checks failed")))
}

/// An image that could not be looked at: where JSON was asked for, standard output says so, too.
fn unread(json: bool, reporter: &Reporter, failure: Failure) -> Failure {
    if json {
        reporter.failed_event(&failure);
    }
    failure
}
