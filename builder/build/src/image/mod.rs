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

use std::path::{Path, PathBuf};

use crate::cli::{InspectArgs, VerifyArgs};
use crate::events::{Reporter, Step};
use crate::failure::{Failure, Kind};
use source::Source;

/// `anklume-build inspect`.
pub(crate) fn inspect_files(args: &InspectArgs, reporter: &Reporter) -> Result<(), Failure> {
    each(&args.images, reporter, |image| inspect_file(image, args))
}

/// `anklume-build verify`.
pub(crate) fn verify_files(args: &VerifyArgs, reporter: &Reporter) -> Result<(), Failure> {
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

fn inspect_file(image: &Path, args: &InspectArgs) -> Result<(), Failure> {
    let source = Source::open(image)?;
    let facts = inspect(&source, Depth::Files);
    source.trouble()?;
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
    let source = Source::open(image)?;
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
    source.trouble()?;
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
