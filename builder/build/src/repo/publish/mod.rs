//! `anklume-build publish`: a release, from an image to the moment that machines see it.
//!
//! 1. [`plan`] decides from the image's manifest and what is signed whether it may be published.
//! 2. [`image`] copies the image and makes its description and chunk list, under their final names, which
//!    nothing signed refers to yet.
//! 3. [`sign`] writes targets and snapshot file under new names, lets a client read the result, and
//!    renames the new `timestamp.json` over the old one. That is the moment.
//! 4. Bundles are brought up to it.
//!
//! [`before`] reads what is signed when it begins; [`withdraw`] takes a release off the list again.

mod before;
mod image;
mod plan;
mod sign;
mod signers;
mod withdraw;

use std::path::{Path, PathBuf};

use anklume_release::{Custom, names};
use anklume_trust::Moment;

use super::keyring::KeyRing;
use super::metadata::Signed;
use super::store::Repository;
use super::{bundle, clock};
use crate::cli::{PublishArgs, SigningArgs};
use crate::events::{Published, Reporter};
use crate::failure::Failure;
use crate::image::source::Source;
use crate::print;
use before::Before;
use image::Files;
pub(super) use image::packages;
use plan::{Plan, Request};
use signers::Signers;
pub(crate) use withdraw::run as withdraw;

/// `anklume-build publish`.
pub(crate) fn run(args: &PublishArgs, reporter: &Reporter) -> Result<(), Failure> {
    let means = Means::read(&args.repo, &args.signing)?;
    let repository = match &args.image {
        Some(_) => Repository::make(&args.repo)?,
        None => Repository::at(&args.repo),
    };
    let publisher = Publisher::open(repository, means, reporter)?;
    let published = match &args.image {
        Some(image) => publisher.publish(image, args)?,
        None => publisher.refresh()?,
    };
    reporter.published(&published);
    if !args.json {
        print::published(&published)?;
    }
    Ok(())
}

/// What somebody signs with. It is there before anything is written.
struct Means {
    keys: KeyRing,
    clock: Moment,
    /// For how long signatures count, in seconds.
    expires: u64,
}

impl Means {
    fn read(repository: &Path, args: &SigningArgs) -> Result<Self, Failure> {
        let expires = clock::span("--expires", &args.expires)?;
        check_places(repository, &args.keys)?;
        let now = clock::now()?;
        let keys = KeyRing::read(&args.keys, now)?;
        if !args.past {
            clock::check_end(now.plus(expires).min(keys.root().header.expires))?;
        }
        Ok(Self { keys, clock: now, expires })
    }
}

/// Somebody who may write to a repository.
struct Publisher<'a> {
    repository: Repository,
    keys: KeyRing,
    before: Before,
    now: Moment,
    expires: u64,
    reporter: &'a Reporter,
    _lock: anklume_host::lock::Lock,
}

impl<'a> Publisher<'a> {
    fn open(
        repository: Repository,
        Means { keys, clock, expires }: Means,
        reporter: &'a Reporter,
    ) -> Result<Self, Failure> {
        let lock = repository.lock()?;
        let before = Before::read(&repository, &keys, clock, reporter)?;
        // A clock that went back would sign files that seem older than those that they replace.
        let signed = before.signed.as_ref().and_then(Signed::issued);
        let now = signed.into_iter().chain(keys.root().header.issued).fold(clock, Moment::max);
        if now > clock {
            reporter.note(&format!(
                "the clock says {clock}, but something was signed at {now}; that time is taken"
            ));
        }
        Ok(Self { repository, keys, before, now, expires, reporter, _lock: lock })
    }

    /// Makes the image the newest release of its channel.
    fn publish(&self, image: &Path, args: &PublishArgs) -> Result<Published, Failure> {
        let source = Source::open(image)?;
        let request = Request::new(args, &source, image)?;
        let targets = self.before.targets();
        self.before.check_beginning(&self.repository, Some(&request.folder()))?;
        let plan = Plan::new(&request, targets)?;
        for note in &plan.notes {
            self.reporter.note(note);
        }
        if targets.is_none() {
            // A mistyped --repo is noticed.
            let shown = self.repository.root().display();
            self.reporter.note(&format!("this release begins a new repository: {shown}"));
        }
        // Before minutes of copying, not after.
        Signers::new(&self.keys, self.before.signed.as_ref()).check(true)?;
        let custom = request.custom(self.now, &plan);
        let files = match &plan.published {
            Some(known) => Files::known(self, &source, known, &custom)?,
            None => Files::write(self, &source, &custom)?,
        };
        let signing = sign::Signing::new(self)?;
        let signed = match &self.before.signed {
            Some(before) if plan.is_signed(&custom) => match signing.is_worthwhile() {
                true => signing.refresh()?,
                false => before.clone(),
            },
            _ => signing.release(&custom, &files)?,
        };
        self.finish(signed, Some(&custom))
    }

    /// Signs timestamp and snapshot anew, so that they count for longer.
    fn refresh(&self) -> Result<Published, Failure> {
        self.before.check_beginning(&self.repository, None)?;
        let signed = sign::Signing::new(self)?.refresh()?;
        self.finish(signed, None)
    }

    fn finish(&self, signed: Signed, custom: Option<&Custom>) -> Result<Published, Failure> {
        bundle::renew(&self.repository, &signed, self.reporter)?;
        let times = |role| signed.times(role).map(|times| times.expires.to_string());
        let image = custom.map(|custom| {
            let name = names::image(&custom.compatible, &custom.version);
            let folder = names::folder(&custom.compatible, &custom.version);
            self.repository.path(&names::file(&folder, &name))
        });
        Ok(Published {
            repository: self.repository.root().display().to_string(),
            image: image.map(|path: PathBuf| path.display().to_string()),
            channel: custom.map(|custom| custom.channel.clone()),
            compatible: custom.map(|custom| custom.compatible.clone()),
            version: custom.map(|custom| custom.version.clone()),
            rollout_hours: custom.map(|custom| custom.rollout_hours),
            root: signed.client.root().header.version,
            expires: times(anklume_trust::Role::Timestamp).unwrap_or_default(),
            targets_expire: times(anklume_trust::Role::Targets).unwrap_or_default(),
        })
    }
}

/// The keys must not be published with the rest.
fn check_places(repository: &Path, keys: &Path) -> Result<(), Failure> {
    let real = |path: &Path| path.canonicalize().ok();
    let (Some(keys_at), Some(repository)) = (real(keys), real(repository)) else { return Ok(()) };
    if !keys_at.starts_with(&repository) {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "the keys {} lie in the repository {}",
        keys.display(),
        repository.display()
    ))
    .hint("everybody could read them there; move them, and if they were served, make new ones"))
}
