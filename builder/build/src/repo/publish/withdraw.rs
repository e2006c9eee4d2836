//! `anklume-build repo withdraw`: takes a release off the signed list, and perhaps its files away.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use anklume_host::file::remove_unfinished;
use anklume_release::{Offer, names, offers};

use super::plan::left_empty;
use super::sign::Signing;
use super::signers::Signers;
use super::{Means, Publisher};
use crate::cli::WithdrawArgs;
use crate::events::Reporter;
use crate::failure::{Context, Failure};
use crate::print;
use crate::repo::bundle;
use crate::repo::store::Repository;

/// `anklume-build repo withdraw`.
pub(crate) fn run(args: &WithdrawArgs, reporter: &Reporter) -> Result<(), Failure> {
    let means = Means::read(&args.repo, &args.signing)?;
    let publisher = Publisher::open(Repository::at(&args.repo), means, reporter)?;
    publisher.before.check_beginning(&publisher.repository, None)?;
    let (offers, _) = publisher.before.targets().map(offers).unwrap_or_default();
    let image = match choose(args, &offers)? {
        Some(offer) => {
            publisher.withdraw(offer, &offers)?;
            offer.custom.compatible.clone()
        }
        // What an earlier run, which was interrupted, did not get to.
        None => {
            let image = left(args, &publisher.repository).ok_or_else(|| unknown(args, &offers))?;
            if let Some(signed) = &publisher.before.signed {
                bundle::renew(&publisher.repository, signed, reporter)?;
            }
            image
        }
    };
    if args.delete {
        delete(&publisher.repository, (&image, &args.version), reporter)?;
    }
    let done = if args.delete { "withdrawn, its files are removed" } else { "withdrawn" };
    print::text(&format!("\n{}\n  {done}  {image} {}\n", args.repo.display(), args.version))
}

impl Publisher<'_> {
    fn withdraw(&self, offer: &Offer, offers: &[Offer]) -> Result<(), Failure> {
        Signers::new(&self.keys, self.before.signed.as_ref()).check(true)?;
        let signed = Signing::new(self)?.withdraw(&offer.folder)?;
        self.reporter.note(&format!(
            "machines that run version {} keep it, and none goes back by itself",
            offer.custom.version
        ));
        if let Some(note) = left_empty(offer, offers) {
            self.reporter.note(&note);
        }
        bundle::renew(&self.repository, &signed, self.reporter)
    }
}

/// The release that is meant; `None` if none of that version is listed.
fn choose<'a>(args: &WithdrawArgs, offers: &'a [Offer]) -> Result<Option<&'a Offer>, Failure> {
    let meant = |offer: &&Offer| {
        let image = args.image.as_ref();
        offer.custom.version == args.version
            && image.is_none_or(|image| offer.custom.compatible == *image)
    };
    let found: Vec<&Offer> = offers.iter().filter(meant).collect();
    match found[..] {
        [] => Ok(None),
        [offer] => Ok(Some(offer)),
        _ => {
            let images: Vec<&str> = found.iter().map(|o| o.custom.compatible.as_str()).collect();
            Err(Failure::refused(format!(
                "version {} is one of several images: {}",
                args.version,
                images.join(", ")
            ))
            .hint("--image names the one that is meant"))
        }
    }
}

/// The image whose files of that version are there although nothing lists them, if they are to be removed.
fn left(args: &WithdrawArgs, repository: &Repository) -> Option<String> {
    let image = args.image.as_ref().filter(|image| args.delete && names::is_label(image))?;
    let folder = repository.path(&names::folder(image, &args.version));
    (names::is_version(&args.version) && folder.is_dir()).then(|| image.clone())
}

fn unknown(args: &WithdrawArgs, offers: &[Offer]) -> Failure {
    let of = args.image.as_ref().map(|image| format!(" of {image}")).unwrap_or_default();
    let shown = args.repo.display();
    let known: BTreeSet<String> =
        offers.iter().map(|o| format!("{} {}", o.custom.compatible, o.custom.version)).collect();
    let known: Vec<String> = known.into_iter().collect();
    let failure =
        Failure::refused(format!("the repository {shown} lists no version {}{of}", args.version));
    match known.is_empty() {
        true => failure.hint("it lists nothing"),
        false => failure.hint(format!(
            "it lists {}; --delete with --image removes files that are left of others",
            known.join(", ")
        )),
    }
}

/// Removes the files that were published. Whatever else is there is somebody else's.
fn delete(
    repository: &Repository,
    (image, version): (&str, &str),
    reporter: &Reporter,
) -> Result<(), Failure> {
    let folder = names::folder(image, version);
    let iso = names::image(image, version);
    let files = [names::bundle(&iso), names::CHUNKS.into(), names::RELEASE.into(), iso];
    if repository.path(&folder).is_dir() {
        for name in files {
            let path = repository.path(&names::file(&folder, &name));
            let what = || format!("removing {}", path.display());
            remove_unfinished(&path).context(what())?;
            match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.context(what())?,
            }
        }
    }
    for folder in [&folder, image] {
        let path = repository.path(folder);
        match fs::remove_dir(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                // Other versions of the image are no surprise.
                if folder != image {
                    reporter.note(&format!("{folder} stays: it has files that were not published"));
                }
            }
            Err(error) => {
                return Err(Failure::failed(format!("removing {}: {error}", path.display())));
            }
        }
    }
    Ok(())
}
