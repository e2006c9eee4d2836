//! Looking at images: what is in one, and whether it is sound.
//!
//! [`inspect()`] and [`verify()`] read anything that can be read at offsets and return data; nothing
//! here trusts what it reads. The commands of the same names add files and printing.

pub mod facts;
mod fault;
mod fuzzing;
mod inspect;
mod print;
mod read;
mod report;
mod source;
mod verify;

pub use fault::Fault;
pub use fuzzing::fuzz;
pub use inspect::{Depth, inspect};
pub use report::{Check, Report};
pub use source::Bytes;
pub use verify::{Options, Progress, verify};

use std::collections::BTreeMap;

use anklume_layout::Slot;
use anklume_layout::manifest::Digest;

use crate::cli::{InspectArgs, VerifyArgs};
use crate::events::{Reporter, Step};
use crate::failure::Failure;
use read::digests::{Found, boot_files, loader};
use read::disk::Disk;
use read::slot::SlotParts;
use source::Source;

/// Digests by their names in the manifest.
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
pub(crate) fn inspect_file(args: &InspectArgs, reporter: &Reporter) -> Result<(), Failure> {
    let unread = |failure| unread(args.json, reporter, failure);
    let source = Source::open(&args.image).map_err(unread)?;
    let facts = inspect(&source, Depth::Files);
    source.trouble().map_err(unread)?;
    let name = args.image.display().to_string();
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

/// `anklume-build verify`.
pub(crate) fn verify_file(args: &VerifyArgs, reporter: &Reporter) -> Result<(), Failure> {
    let unread = |failure| unread(args.json, reporter, failure);
    let source = Source::open(&args.image).map_err(unread)?;
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
    let name = args.image.display().to_string();
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
