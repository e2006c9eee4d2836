//! Building an image again, to compare it with the one that was published.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anklume_definition::{Compression, Profile};
use anklume_host::workfolder::WorkFolder;
use anklume_layout::cmdline;

use super::archive::date_digits;
use super::request::{Request, Target};
use super::{Build, cached, facts, options, plan};
use crate::cli::{FormatArg, SourceArgs, VerifyArgs};
use crate::events::Reporter;
use crate::failure::{Context, Failure};

/// What a published image says about how it was built.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    /// Name of its definition.
    pub(crate) name: String,
    pub(crate) version: String,
    /// Its time stamp in seconds since 1970: that of its packages.
    pub(crate) epoch: u64,
    pub(crate) format: FormatArg,
    /// zstd level of its root file system, where it is written down.
    pub(crate) level: Option<u32>,
    /// Whether its kernel is told to encrypt RAM.
    pub(crate) encrypts_ram: bool,
}

/// An image that was built again. Dropped, it is removed, unless it was to be kept.
#[derive(Debug)]
pub(crate) struct Again {
    pub(crate) image: PathBuf,
    pub(crate) definition: PathBuf,
    /// The lock that said which packages were taken.
    pub(crate) lock: Option<PathBuf>,
    /// `dev` or `release`.
    pub(crate) profile: &'static str,
    /// The time of its packages in seconds since 1970.
    pub(crate) epoch: u64,
    _work: WorkFolder,
}

/// Builds what `args` say in the way that `published` was built.
pub(crate) fn again(
    args: &VerifyArgs,
    published: &Published,
    reporter: &Reporter,
) -> Result<Again, Failure> {
    if let Some(keep) = &args.keep {
        check_keep(keep)?;
    }
    let mut request = request(&args.source, published)?;
    request.profile = profile(&args.source, published.level, &request.definition.compression);
    note_level(published.level, &request, reporter);
    note_ram_encryption(published.encrypts_ram, &request, reporter);
    if request.lock.is_none() {
        reporter.note(&format!(
            "{}: no lock is used: the newest packages are taken, and a difference proves nothing",
            request.path.display()
        ));
    }
    let work = work_folder(&request.cache)?;
    let default = || work.path().join(format!("rebuilt.{}", request.extension()));
    let image = args.keep.clone().unwrap_or_else(default);
    if !args.warm {
        // Its store of blocks is empty: what is in there was compressed by this build.
        request.derived = work.path().join("cache");
        request.shared_blocks = None;
    }
    request.output = Some(image.clone());
    let plan = plan::Plan::new(&request, &facts::Facts::gather(&request)?)?;
    plan.check()?;
    cached::check_owners(&request.cache)?;
    let start = Instant::now();
    let build = Build::new(&request, &plan, reporter);
    let (archive, _) = build.archive()?;
    let lock = request.lock.as_ref();
    let epoch = archive.as_ref().map(|state| state.epoch).or(lock.map(|lock| lock.lock.epoch));
    let epoch = epoch.unwrap_or_default();
    if epoch != published.epoch {
        reporter.note(&format!(
            "the image is of packages as of {} ({}), the rebuild takes those of {} ({epoch})",
            date_digits(published.epoch),
            published.epoch,
            date_digits(epoch),
        ));
    }
    build.build(archive)?;
    reporter.note(&format!("built again in {:.1} s", start.elapsed().as_secs_f64()));
    Ok(Again {
        image,
        definition: request.path.clone(),
        lock: request.lock.as_ref().map(|lock| lock.path.clone()),
        profile: match request.profile {
            Profile::Dev => "dev",
            Profile::Release => "release",
        },
        epoch,
        _work: work,
    })
}

/// The build that `args` ask for, of the definition that has the image's name if they name none.
fn request(args: &SourceArgs, published: &Published) -> Result<Request, Failure> {
    let base = match (&args.base, &args.image) {
        (None, None) => Some(published.name.clone()),
        (base, _) => base.clone(),
    };
    let format = Some(published.format);
    let target = Target { format, version: Some(published.version.clone()), ..Target::default() };
    let request = Request::new(args, base.as_deref(), target)?;
    let found = &request.definition.name;
    if *found == published.name {
        return Ok(request);
    }
    Err(Failure::refused(format!(
        "the image is a `{}`, but {} makes a `{found}`",
        published.name,
        request.path.display()
    ))
    .hint("--base or --image names the definition that the image was built from"))
}

/// How the image was compressed: as the command line says, or as it says itself. A level that is
/// neither of the definition's is taken for a release: images that are given away are.
fn profile(args: &SourceArgs, level: Option<u32>, compression: &Compression) -> Profile {
    let of = |profile| Some(u32::from(compression.level(profile)));
    let dev = level == of(Profile::Dev) && level != of(Profile::Release);
    match (args.dev, args.release) {
        (true, _) => Profile::Dev,
        (_, true) => Profile::Release,
        _ if dev => Profile::Dev,
        _ => Profile::Release,
    }
}

fn note_level(level: Option<u32>, request: &Request, reporter: &Reporter) {
    let made = u32::from(request.definition.compression.level(request.profile));
    if let Some(level) = level.filter(|level| *level != made) {
        reporter.note(&format!(
            "the image says that it has zstd level {level}, the rebuild has level {made}"
        ));
    }
}

fn note_ram_encryption(published: bool, request: &Request, reporter: &Reporter) {
    let rebuilt = cmdline::encrypts_ram(&request.command_line(""));
    if let Some(note) = ram_encryption_note(published, rebuilt) {
        reporter.note(note);
    }
}

/// The image does not decide about its own kernel parameters: one that was added to it must differ
/// from the rebuild, unless whoever compares them asks for it.
fn ram_encryption_note(published: bool, rebuilt: bool) -> Option<&'static str> {
    match (published, rebuilt) {
        (true, false) => Some(
            "the kernel of the image is told to encrypt RAM, that of the rebuild is not: \
             --ram-encryption, if the image was built with it",
        ),
        (false, true) => {
            Some("the kernel of the rebuild is told to encrypt RAM, that of the image is not")
        }
        _ => None,
    }
}

/// An existing file is never replaced: it may be the published image.
fn check_keep(keep: &Path) -> Result<(), Failure> {
    options::check_new_file(keep, "--keep")?;
    match keep.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(_) => Err(Failure::refused(format!("{} exists", keep.display()))
            .hint("--keep takes the name of a new file")),
    }
}

/// A folder in the cache, on the disk with room for images and trees, removed in the end.
fn work_folder(cache: &Path) -> Result<WorkFolder, Failure> {
    let what = || format!("creating a folder in {}", cache.display());
    fs::create_dir_all(cache).context(what())?;
    WorkFolder::create(cache).context(what())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::source_args;

    #[test]
    fn the_profile_is_the_one_that_was_asked_for_or_that_has_the_level() {
        const DEFINITION: &str = include_str!("../../../../images/debian-test.toml");
        let parse = |text: &str| anklume_definition::Definition::parse(text, "x").unwrap();
        let usual = parse(DEFINITION).compression;
        assert_eq!((usual.level(Profile::Dev), usual.level(Profile::Release)), (3, 15));
        let equal = parse(&DEFINITION.replace("release = 15", "release = 3")).compression;
        let none = || source_args(&[]);
        for (args, level, compression, expected) in [
            (none(), Some(3), &usual, Profile::Dev),
            (none(), Some(15), &usual, Profile::Release),
            (none(), Some(7), &usual, Profile::Release),
            (none(), None, &usual, Profile::Release),
            (none(), Some(3), &equal, Profile::Release),
            (source_args(&["--dev"]), Some(15), &usual, Profile::Dev),
            (source_args(&["--release"]), Some(3), &usual, Profile::Release),
        ] {
            assert_eq!(profile(&args, level, compression), expected, "{level:?}");
        }
    }

    #[test]
    fn other_kernel_parameters_are_no_surprise() {
        assert_eq!(ram_encryption_note(true, true), None);
        assert_eq!(ram_encryption_note(false, false), None);
        assert!(ram_encryption_note(true, false).unwrap().contains("--ram-encryption"));
        assert!(ram_encryption_note(false, true).is_some());
    }
}
