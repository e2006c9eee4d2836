//! From what was typed to what is wanted: validated, nothing of this machine's state in it.

use std::fs;
use std::path::{Path, PathBuf};

use anklume_blockstore::Shared;
use anklume_definition::{Definition, Profile, SelectError};
use anklume_host::file::FileReader;
use anklume_layout::cmdline;
use anklume_layout::disk::Format;

use super::companions::{EXTENSIONS, beside};
use super::lock::{Locked, path_of};
use super::update::Update;
use super::{blocks, cached, init_program, options, overlay};
use crate::cli::{BuildArgs, FormatArg, LockArgs, SourceArgs};
use crate::failure::{Context, Failure};

/// A build that can be tried.
#[derive(Debug)]
pub(super) struct Request {
    /// Path of the definition.
    pub(super) path: PathBuf,
    pub(super) definition: Definition,
    /// Folders that are copied over the tree, in this order.
    pub(super) overlays: Vec<PathBuf>,
    /// Packages besides those of the definition.
    pub(super) packages: Vec<String>,
    /// Whether the kernel is told to encrypt RAM, whatever the definition says.
    pub(super) ram_encryption: bool,
    pub(super) format: Format,
    pub(super) profile: Profile,
    /// Version of the image, if it was given.
    pub(super) version: Option<String>,
    /// Path of the image, if it was given.
    pub(super) output: Option<PathBuf>,
    /// Where the page about the build goes, if one is wanted.
    pub(super) report: Option<PathBuf>,
    pub(super) force: bool,
    pub(super) mirror: Option<String>,
    pub(super) cache: PathBuf,
    /// Where what is made from the packages is kept: trees, initramfs, boot loader, compressed
    /// blocks and notes about them. A part of the cache, or a folder of its own for a build that must not trust it.
    pub(super) derived: PathBuf,
    /// Room for compressed blocks in the cache; none keeps no blocks.
    pub(super) block_cache_bytes: u64,
    /// Where compressed blocks are shared with other machines.
    pub(super) shared_blocks: Option<Shared>,
    pub(super) offline: bool,
    /// The `anklume-init` program.
    pub(super) init: PathBuf,
    /// The programs of the OS.
    pub(super) programs: Vec<PathBuf>,
    /// The packages that are taken, and no others.
    pub(super) lock: Option<Locked>,
    /// Where packages are that the mirror has no more; see [`anklume_lock::apt::snapshot`].
    pub(super) snapshot: Option<String>,
    /// Whose updates the image takes, and from where.
    pub(super) update: Update,
}

/// The image file that is wanted, apart from what it is made from.
#[derive(Debug, Default)]
pub(super) struct Target {
    pub(super) format: Option<FormatArg>,
    pub(super) version: Option<String>,
    pub(super) output: Option<PathBuf>,
    pub(super) report: Option<PathBuf>,
    pub(super) force: bool,
}

impl From<&BuildArgs> for Target {
    fn from(args: &BuildArgs) -> Self {
        Self {
            format: Some(args.format),
            version: args.image_version.clone(),
            output: args.output.clone(),
            report: args.report.clone(),
            force: args.force,
        }
    }
}

impl Request {
    /// Reads the definition and checks every option. Without a path of it, `base` names one.
    pub(super) fn new(
        args: &SourceArgs,
        base: Option<&str>,
        target: Target,
    ) -> Result<Self, Failure> {
        let path = definition_path(base, args.image.as_deref())?;
        let definition = read_definition(&path, (&args.with, &args.without))?;
        for package in &args.packages {
            options::check_package(package)?;
        }
        if let Some(version) = &target.version {
            options::check_version(version)?;
        }
        if let Some(mirror) = &args.mirror {
            options::check_mirror(mirror)?;
        }
        let overlays = overlays(&path, &definition, &args.overlays)?;
        let lock =
            if args.no_lock { None } else { Locked::beside(&path, &definition, &args.packages)? };
        if let Some(snapshot) = &args.snapshot {
            check_snapshot(snapshot)?;
        }
        let cache = cache(args.cache.as_deref())?;
        let init = init(args.init.as_deref())?;
        Ok(Self {
            overlays,
            packages: args.packages.clone(),
            ram_encryption: args.ram_encryption,
            format: match target.format {
                Some(FormatArg::Raw) => Format::Raw,
                Some(FormatArg::Iso) | None => Format::Iso,
            },
            profile: if args.dev { Profile::Dev } else { Profile::Release },
            version: target.version,
            output: target.output,
            report: target.report,
            force: target.force,
            mirror: args.mirror.clone(),
            derived: cache.clone(),
            cache,
            block_cache_bytes: match args.block_cache.as_str() {
                "0" => 0,
                text => crate::size::parse("--block-cache", text)?,
            },
            shared_blocks: blocks::shared(args)?,
            offline: args.offline,
            programs: programs(&init, &definition)?,
            init,
            lock,
            snapshot: args.snapshot.clone(),
            update: Update::new(args, &path, &definition)?,
            path,
            definition,
        })
    }

    /// Refuses names that no file can be made under.
    pub(super) fn check_files(&self) -> Result<(), Failure> {
        // The version of the packages decides the name if nothing else does; the folder is known.
        let output = self.version.as_ref().map(|version| self.output_name(version));
        match self.output.clone().or_else(|| output.map(PathBuf::from)) {
            Some(output) => self.check_output(&output)?,
            None => options::check_new_file(Path::new("x"), "-o")?,
        }
        match &self.report {
            Some(report) => {
                options::check_new_file(report, "--report")?;
                self.check_no_input(report, "--report")?;
                options::check_old_page(report)
            }
            None => Ok(()),
        }
    }

    /// What `lock` needs to know of a build: it makes the same trees and no image. Also gives the
    /// path of the definition.
    pub(super) fn for_lock(args: &LockArgs) -> Result<(Self, PathBuf), Failure> {
        let path = definition_path(args.base.as_deref(), args.image.as_deref())?;
        let cache = cache(args.cache.as_deref())?;
        let request = Self {
            definition: read_definition(&path, (&args.with, &args.without))?,
            path: path.clone(),
            overlays: Vec::new(),
            packages: Vec::new(),
            ram_encryption: false,
            format: Format::Iso,
            profile: Profile::Release,
            version: None,
            output: None,
            report: None,
            force: false,
            mirror: args.mirror.clone(),
            derived: cache.clone(),
            cache,
            block_cache_bytes: 0,
            shared_blocks: None,
            offline: args.offline,
            init: PathBuf::new(),
            programs: Vec::new(),
            lock: None,
            snapshot: None,
            update: Update::default(),
        };
        Ok((request, path))
    }

    /// The kernel command line of an image with this root hash, 64 hexadecimal digits.
    pub(super) fn command_line(&self, root_hash: &str) -> String {
        command_line(root_hash, &self.definition.kernel.command_line, self.ram_encryption)
    }

    /// Size of a slot's OS partition, if the definition says it.
    pub(super) fn slot_bytes(&self) -> Option<u64> {
        self.definition.sizes.slot.map(|slot| slot.bytes())
    }

    /// Where the image of `version` goes.
    pub(super) fn output_path(&self, version: &str) -> Result<PathBuf, Failure> {
        let name = || PathBuf::from(self.output_name(version));
        let output = self.output.clone().unwrap_or_else(name);
        self.check_output(&output)?;
        Ok(output)
    }

    /// The default name of the image file.
    pub(super) fn output_name(&self, version: &str) -> String {
        format!("anklume-{}-{version}.{}", self.definition.name, self.extension())
    }

    /// `iso` or `raw`.
    pub(super) fn extension(&self) -> &'static str {
        match self.format {
            Format::Iso => "iso",
            Format::Raw => "raw",
        }
    }

    /// The page about the build must not replace what it is about.
    fn check_report(&self, image: &Path) -> Result<(), Failure> {
        let Some(report) = &self.report else { return Ok(()) };
        let place = options::place;
        let sides = EXTENSIONS.map(|extension| beside(image, extension));
        match [image.to_owned()].iter().chain(&sides).find(|path| place(path) == place(report)) {
            None => Ok(()),
            Some(path) => Err(Failure::refused(format!(
                "--report {}: the build writes {} itself",
                report.display(),
                path.display()
            ))
            .hint("--report takes another name, such as report.html")),
        }
    }

    /// Nothing is written over what the build reads.
    fn check_no_input(&self, file: &Path, option: &str) -> Result<(), Failure> {
        let lock = path_of(&self.path);
        let own = [&self.path, &lock, &self.init].into_iter().chain(&self.programs);
        let files: Vec<&Path> = own.chain(&self.update.root_path).map(PathBuf::as_path).collect();
        let cached = cached::FOLDERS.map(|name| self.cache.join(name));
        let folders = [&self.overlays[..], &cached[..]].concat();
        options::check_no_input(file, option, &files, &folders)
    }

    fn check_output(&self, output: &Path) -> Result<(), Failure> {
        let shown = output.display();
        options::check_new_file(output, "-o")?;
        self.check_no_input(output, "-o")?;
        check_sides(output)?;
        self.check_report(output)?;
        let Ok(metadata) = output.symlink_metadata() else { return Ok(()) };
        if !metadata.is_file() {
            return Err(Failure::refused(format!("{shown} exists and is not a regular file")).hint(
                "the builder writes image files only; write the finished image to a medium afterwards",
            ));
        }
        if !self.force {
            return Err(exists(output));
        }
        Ok(())
    }
}

/// Words of the builder, of the definition and of `--ram-encryption`.
fn command_line(root_hash: &str, definition: &[String], ram_encryption: bool) -> String {
    let mut line = format!("{}={root_hash}", cmdline::ROOT_HASH);
    definition.iter().for_each(|word| line += &format!(" {word}"));
    // Behind what the definition says of it: the kernel takes the last one.
    if ram_encryption && !cmdline::encrypts_ram(&line) {
        line += &format!(" {}=on", cmdline::MEM_ENCRYPT);
    }
    line
}

/// What lies beside an image replaces files only.
fn check_sides(image: &Path) -> Result<(), Failure> {
    let sides = EXTENSIONS.map(|extension| beside(image, extension));
    let is_other = |path: &Path| path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file());
    match sides.iter().find(|side| is_other(side)) {
        None => Ok(()),
        Some(side) => Err(Failure::refused(format!("{} is no regular file", side.display()))
            .hint("a file of this name is written beside the image; -o takes another name")),
    }
}

/// What there is to say of an output that is already there.
pub(super) fn exists(output: &Path) -> Failure {
    Failure::refused(format!("{} exists", output.display()))
        .hint("--force replaces it once the new image is finished; -o takes another name")
}

fn definition_path(base: Option<&str>, image: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = image {
        return Ok(path.to_owned());
    }
    let base = base.unwrap_or_default();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let path = PathBuf::from(format!("images/{base}.toml"));
    if base.is_empty() || !base.chars().all(plain) || !path.is_file() {
        let known = known_bases();
        let hint = if known.is_empty() {
            "run this in the project's folder, or name a definition with --image".to_owned()
        } else {
            format!("known bases are {}; --image takes a definition of your own", known.join(", "))
        };
        return Err(Failure::refused(format!("no base `{base}`: {} is not there", path.display()))
            .hint(hint));
    }
    Ok(path)
}

/// Names of the product definitions in this folder.
fn known_bases() -> Vec<String> {
    let entries = fs::read_dir("images").into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            entry.file_name().into_string().ok()?.strip_suffix(".toml").map(str::to_owned)
        })
        .filter(|name| !name.ends_with("-test"))
        .collect();
    names.sort();
    names
}

/// Reads the definition, with some optional groups and without others.
fn read_definition(
    path: &Path,
    (with, without): (&[String], &[String]),
) -> Result<Definition, Failure> {
    use anklume_bytes::ReadAt;
    let limit = u64::try_from(anklume_definition::MAX_BYTES).unwrap_or(u64::MAX);
    let refused = |error: &dyn std::fmt::Display| {
        Failure::refused(format!("reading {}: {error}", path.display()))
            .hint("--image takes the path of an image definition, such as images/debian.toml")
    };
    let reader = FileReader::open(path).map_err(|error| refused(&error))?;
    let bytes = reader.read_vec(0, reader.size(), limit).map_err(|error| refused(&error))?;
    let text = String::from_utf8(bytes).map_err(|error| refused(&error))?;
    let definition = Definition::parse(&text, &path.display().to_string()).map_err(|error| {
        let failure = Failure::refused(&error);
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    let selected = definition.select(with, without);
    selected.map_err(|error| wrong_group(path, &error))
}

/// What is wrong with a choice of groups.
fn wrong_group(path: &Path, error: &SelectError) -> Failure {
    let failure = Failure::refused(format!("{}: {error}", path.display()));
    match error {
        SelectError::Both { .. } => failure.hint("--with and --without take different groups"),
        SelectError::Unknown { optional, .. } | SelectError::Fixed { optional, .. } => {
            match optional.is_empty() {
                true => failure.hint("no group of this definition is optional"),
                false => failure.hint(format!("optional groups are {}", optional.join(", "))),
            }
        }
    }
}

/// The definition's overlays lie in `overlays/` beside the folder of the definition.
fn overlays(
    definition: &Path,
    content: &Definition,
    more: &[PathBuf],
) -> Result<Vec<PathBuf>, Failure> {
    let folder = definition.parent().unwrap_or(Path::new("")).join("..").join("overlays");
    let named = content.overlays.folders.iter().map(|name| folder.join(name));
    let all: Vec<PathBuf> = named.chain(more.iter().cloned()).collect();
    for folder in &all {
        options::check_overlay(folder)?;
        // What it holds is read again when the packages are there; what is wrong with it is wrong now.
        overlay::read_overlay(folder)?;
    }
    Ok(all)
}

/// Without the time in it, the archive would answer with the packages of today.
fn check_snapshot(url: &str) -> Result<(), Failure> {
    if url.contains(anklume_lock::apt::TIMESTAMP) {
        return Ok(());
    }
    Err(Failure::refused(format!("--snapshot {url} has no {}", anklume_lock::apt::TIMESTAMP))
        .hint("such as --snapshot 'http://mirror.example/{archive}/{timestamp}'"))
}

fn cache(given: Option<&Path>) -> Result<PathBuf, Failure> {
    absolute(match given {
        Some(cache) => cache.to_owned(),
        None => default_cache()?,
    })
}

fn default_cache() -> Result<PathBuf, Failure> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    match cache.or_else(home) {
        Some(base) => Ok(base.join("anklume-build")),
        None => Err(Failure::refused("neither XDG_CACHE_HOME nor HOME says where the cache is")
            .hint("name a folder with --cache")),
    }
}

fn absolute(path: PathBuf) -> Result<PathBuf, Failure> {
    std::path::absolute(&path).context(format!("the folder {}", path.display()))
}

fn init(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let beside = || Some(std::env::current_exe().ok()?.with_file_name("anklume-init"));
    let path = given.map(Path::to_owned).or_else(beside).unwrap_or_default();
    if path.is_file() {
        init_program::check(&path)?;
        return Ok(path);
    }
    Err(Failure::refused(format!("the program {} is not there", path.display()))
        .hint("`cargo xtask build` puts it beside anklume-build; --init takes it from elsewhere"))
}

/// Name of the overlay whose units start the program that sets machines up.
const FIRSTBOOT: &str = "firstboot";

/// The programs of the OS, which lie beside that of the initramfs.
fn programs(init: &Path, definition: &Definition) -> Result<Vec<PathBuf>, Failure> {
    let sets_up = definition.overlays.folders.iter().any(|name| name == FIRSTBOOT);
    let names = ["anklume"].into_iter().chain(sets_up.then_some("anklume-firstboot"));
    names.map(|name| program(init, name)).collect()
}

fn program(init: &Path, name: &str) -> Result<PathBuf, Failure> {
    let path = init.with_file_name(name);
    if path.is_file() {
        init_program::check(&path)?;
        return Ok(path);
    }
    Err(Failure::refused(format!("the program {} is not there", path.display()))
        .hint("`cargo xtask build` puts it beside anklume-init, where it is looked for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ram_is_encrypted_where_it_was_asked_for() {
        let start = format!("{}=00", cmdline::ROOT_HASH);
        for (words, asked, expected) in [
            ("quiet", false, " quiet"),
            ("quiet", true, " quiet mem_encrypt=on"),
            ("mem_encrypt=on quiet", false, " mem_encrypt=on quiet"),
            ("mem_encrypt=on quiet", true, " mem_encrypt=on quiet"),
            ("mem_encrypt=off", true, " mem_encrypt=off mem_encrypt=on"),
            ("mem_encrypt=off", false, " mem_encrypt=off"),
        ] {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            assert_eq!(command_line("00", &words, asked), format!("{start}{expected}"));
        }
        assert_eq!(command_line("00", &[], false), start);
    }
}
