//! The files of a release: the image copied, its description and its chunk list.

use std::io::{self, Read, Seek};
use std::sync::Mutex;

use anklume_bytes::ReadAt;
use anklume_chunks::{ChunkList, Part};
use anklume_host::file::{FileReader, OutputFile, free_bytes};
use anklume_host::interrupt::interrupted;
use anklume_layout::manifest::Manifest;
use anklume_release::{Custom, Extent, Package, RELEASE_VERSION, Release, names};
use anklume_trust::{Digest, Target};
use sha2::{Digest as _, Sha256};

use super::Publisher;
use super::plan::{Known, check_test};
use crate::events::{Reporter, Step, human_bytes};
use crate::failure::{Context, Failure};
use crate::image::parts::{Said, chunk_list, said};
use crate::image::source::{Bytes, Source};
use crate::image::{Options, verify};
use crate::repo::check;
use crate::repo::store::Repository;

/// Bytes hashed, and bytes copied at a time.
const PIECE_BYTES: usize = 1 << 20;
const COPY_BYTES: u64 = 64 << 20;
/// What lies beside the image, with room to spare.
const BESIDE_BYTES: u64 = 64 << 20;

/// The files of a release, as they are signed.
pub(super) struct Files {
    pub(super) image: Target,
    pub(super) release: Target,
    pub(super) chunks: Target,
}

impl Files {
    /// Those of a version that is published already: the image must be the same, to the byte.
    pub(super) fn known(
        publisher: &Publisher<'_>,
        source: &Source,
        known: &Known,
        custom: &Custom,
    ) -> Result<Self, Failure> {
        let step = Mutex::new(publisher.reporter.step("image"));
        let same =
            source.size() == known.image.length && hash(source, &step)? == known.image.sha256;
        if !same {
            return Err(Failure::refused(format!(
                "version {} of {} is published already, with another image",
                custom.version, custom.compatible
            ))
            .hint(
                "machines that have it would never see the change; give the image a new version",
            ));
        }
        if custom.channel != known.offer.custom.channel {
            let (.., is_test) = look(source)?;
            check_test(is_test, &custom.channel)?;
        }
        done(step, "is published already");
        let release = Target { custom: None, ..known.offer.target.clone() };
        let (image, chunks) = (known.image.clone(), known.chunks.clone());
        let files = Self { image, release, chunks };
        files.restore(publisher, source, custom)?;
        Ok(files)
    }

    /// Copies the image, and writes what is said about it.
    ///
    /// Everything is read from the copy: whoever writes to the image meanwhile changes nothing of what
    /// is published, or the copy is refused.
    pub(super) fn write(
        publisher: &Publisher<'_>,
        source: &Source,
        custom: &Custom,
    ) -> Result<Self, Failure> {
        let repository = &publisher.repository;
        let folder = names::folder(&custom.compatible, &custom.version);
        let name = names::file(&folder, &names::image(&custom.compatible, &custom.version));
        let output = copy(publisher, source, &name)?;
        let copied = Copied::read(&output, publisher.reporter)?;
        check_test(copied.is_test, &custom.channel)?;
        let release = copied.release(custom)?;
        let chunks = copied.list.encode();
        let encoded = release.encode();
        // What a machine would refuse is found here.
        Release::parse(&encoded)
            .and_then(|release| release.check_chunks(&copied.list))
            .map_err(|error| Failure::damaged(format!("the image: {error}")))?;
        repository.write(&names::file(&folder, names::CHUNKS), &chunks)?;
        repository.write(&names::file(&folder, names::RELEASE), &encoded)?;
        output.finish().map_err(|error| repository.not_written(&name, &error))?;
        let image = Target { length: copied.bytes, sha256: copied.sha256, custom: None };
        Ok(Self { image, release: Target::of(&encoded), chunks: Target::of(&chunks) })
    }
}

impl Files {
    /// Writes again what is gone from the repository or differs from what is signed. The image is known to
    /// be the signed one.
    fn restore(
        &self,
        publisher: &Publisher<'_>,
        source: &Source,
        custom: &Custom,
    ) -> Result<(), Failure> {
        let Publisher { repository, reporter, .. } = publisher;
        let image = names::image(&custom.compatible, &custom.version);
        let signed =
            [(names::CHUNKS, &self.chunks), (names::RELEASE, &self.release), (&image, &self.image)];
        let mut wrong = [false; 3];
        let mut step = reporter.step("published files");
        for ((file, target), wrong) in signed.iter().zip(&mut wrong) {
            let name = names::file(&names::folder(&custom.compatible, &custom.version), file);
            let look = (&mut step, 0, target.length);
            if let Err(what) = check::wrong(repository, (&name, target), look)? {
                reporter.note(&format!("{name}: {what}; it is written again"));
                *wrong = true;
            }
        }
        step.finish(if wrong.contains(&true) { "not all as signed" } else { "as signed" });
        let [chunks, release, image] = wrong;
        if chunks || release {
            self.restore_small(repository, source, custom)?;
        }
        match image {
            true => self.restore_image(publisher, source, custom),
            false => Ok(()),
        }
    }

    fn restore_small(
        &self,
        repository: &Repository,
        source: &Source,
        custom: &Custom,
    ) -> Result<(), Failure> {
        let (manifest, list, is_test) = look(source)?;
        let (bytes, sha256) = (self.image.length, self.image.sha256);
        let copied = Copied { bytes, sha256, manifest, list, is_test };
        let folder = names::folder(&custom.compatible, &custom.version);
        let made = [
            (names::CHUNKS, &self.chunks, copied.list.encode()),
            (names::RELEASE, &self.release, copied.release(custom)?.encode()),
        ];
        for (name, target, bytes) in made {
            let name = names::file(&folder, name);
            check_made(&name, target, &bytes)?;
            repository.write(&name, &bytes)?;
        }
        Ok(())
    }

    fn restore_image(
        &self,
        publisher: &Publisher<'_>,
        source: &Source,
        custom: &Custom,
    ) -> Result<(), Failure> {
        let Publisher { repository, reporter, .. } = publisher;
        let folder = names::folder(&custom.compatible, &custom.version);
        let name = names::file(&folder, &names::image(&custom.compatible, &custom.version));
        let output = copy(publisher, source, &name)?;
        let step = Mutex::new(reporter.step("image"));
        if hash(&Source::new(open(&output)?), &step)? != self.image.sha256 {
            return Err(Failure::failed("the image changed while it was copied"));
        }
        done(step, "is written again");
        output.finish().map_err(|error| repository.not_written(&name, &error))
    }
}

/// What is made again must be what is signed: machines may have it already.
fn check_made(name: &str, target: &Target, bytes: &[u8]) -> Result<(), Failure> {
    if *target == Target::of(bytes) {
        return Ok(());
    }
    Err(Failure::refused(format!("{name}: it cannot be made again as it is signed")).hint(
        "another version of this program made it: put the file back from a copy of the repository, or \
         publish the image with a new version",
    ))
}

fn check_room(repository: &Repository, image: u64) -> Result<(), Failure> {
    let needed = image.saturating_add(BESIDE_BYTES);
    match free_bytes(repository.root()) {
        Some(free) if free < needed => Err(Failure::refused(format!(
            "the repository {} has {} free, the release needs {}",
            repository.root().display(),
            human_bytes(free),
            human_bytes(needed)
        ))
        .hint("make room on its file system")),
        _ => Ok(()),
    }
}

/// Copies the image to a file of the repository, which has no name yet. Where the file system can, both
/// share their blocks until one is written to. A hard link would share them for good, and the image's owner
/// could change what is published.
fn copy(publisher: &Publisher<'_>, source: &Source, name: &str) -> Result<OutputFile, Failure> {
    let Publisher { repository, reporter, .. } = publisher;
    check_room(repository, source.size())?;
    let output = repository.begin(name)?;
    let not_written = |error: io::Error| repository.not_written(name, &error);
    let mut step = reporter.step("copy");
    let total = source.size();
    let (mut from, mut to) = (source.file(), output.file());
    from.rewind().map_err(not_written)?;
    let mut done = 0;
    while done < total {
        if interrupted() {
            return Err(Failure::interrupted());
        }
        let now = io::copy(&mut from.take(COPY_BYTES), &mut to).map_err(not_written)?;
        if now == 0 {
            return Err(Failure::failed("the image became shorter while it was copied"));
        }
        done = done.saturating_add(now);
        step.progress(done, total);
    }
    step.finish(&human_bytes(total));
    Ok(output)
}

/// A copy that was found to be sound.
struct Copied {
    bytes: u64,
    sha256: Digest,
    manifest: Manifest,
    list: ChunkList,
    is_test: bool,
}

impl Copied {
    /// Flushes, hashes, verifies and cuts the copy at the same time: all but the first need the
    /// processors, and its bytes are in memory still.
    fn read(output: &OutputFile, reporter: &Reporter) -> Result<Self, Failure> {
        let source = Source::new(open(output)?);
        let step = Mutex::new(reporter.step("image"));
        let (flushed, sha256, looked) = std::thread::scope(|scope| {
            let flushed = scope.spawn(|| output.file().sync_all());
            let sha256 = scope.spawn(|| hash(&source, &step));
            let looked = look(&source);
            (flushed.join(), sha256.join(), looked)
        });
        source.trouble()?;
        let ended = |_| Failure::failed("reading the copy of the image");
        flushed.map_err(ended)?.context("flushing the copy of the image")?;
        let sha256 = sha256.map_err(ended)??;
        let (manifest, list, is_test) = looked?;
        let chunks = Part::ALL.map(|part| list.part(part).chunks().len());
        done(step, &format!("sound, {} chunks", chunks[0] + chunks[1]));
        Ok(Self { bytes: source.size(), sha256, manifest, list, is_test })
    }

    /// The description.
    fn release(&self, custom: &Custom) -> Result<Release, Failure> {
        let manifest = &self.manifest;
        let same = manifest.compatible == custom.compatible
            && manifest.image_version == custom.version
            && manifest.architecture == custom.architecture;
        if !same {
            return Err(Failure::failed("the image changed while it was copied"));
        }
        let file = |name: String, target: Target| anklume_release::File {
            name,
            bytes: target.length,
            sha256: target.sha256,
        };
        let image = names::image(&custom.compatible, &custom.version);
        let whole = Target { length: self.bytes, sha256: self.sha256, custom: None };
        let extent = |part| {
            let part = self.list.part(part);
            Extent { offset: part.image_offset(0), bytes: part.total_bytes() }
        };
        let digits = |field: &str, error: String| {
            Failure::damaged(format!("the image: {field} in the manifest: {error}"))
        };
        Ok(Release {
            release_version: RELEASE_VERSION,
            compatible: custom.compatible.clone(),
            version: custom.version.clone(),
            architecture: custom.architecture.clone(),
            source_date_epoch: manifest.source_date_epoch,
            image: file(image, whole),
            chunks: file(names::CHUNKS.into(), Target::of(&self.list.encode())),
            boot: extent(Part::Boot),
            os: extent(Part::Os),
            os_bytes: manifest.os_bytes,
            hash_bytes: manifest.hash_bytes,
            root_hash: manifest
                .root_hash
                .parse()
                .map_err(|e| digits("root-hash", format!("{e}")))?,
            salt: manifest.salt.parse().map_err(|e: &str| digits("salt", e.to_owned()))?,
            minimum_updater: manifest.minimum_updater,
            state_schema: manifest.state_schema,
            packages: packages(manifest),
        })
    }
}

/// The packages of a manifest, as a description lists them.
pub(crate) fn packages(manifest: &Manifest) -> Vec<Package> {
    let mut packages: Vec<Package> = manifest
        .packages
        .iter()
        .map(|package| Package {
            name: package.name.clone(),
            version: package.version.clone(),
            architecture: package.architecture.clone(),
        })
        .collect();
    packages.sort();
    packages.dedup();
    packages
}

fn open(output: &OutputFile) -> Result<FileReader, Failure> {
    let path = output.partial_path();
    FileReader::open(path).context(format!("reading {}", path.display()))
}

/// All that can be wrong with an image, and its chunks.
fn look(source: &Source) -> Result<(Manifest, ChunkList, bool), Failure> {
    let image: &Bytes<'_> = source;
    let damaged = |fault| {
        Failure::damaged(format!("the image: {fault}"))
            .hint("`anklume-build verify` names everything that is wrong")
    };
    let report = verify(image, Options::default(), &mut |_, _, _| {});
    if let Some(fault) = report.faults().next() {
        return Err(damaged(fault.clone()));
    }
    let Said { manifest, .. } = said(image).map_err(damaged)?;
    let list = chunk_list(image).map_err(damaged)?;
    Ok((manifest, list, report.test_image))
}

/// SHA-256 of all of it.
fn hash(source: &Source, step: &Mutex<Step<'_>>) -> Result<Digest, Failure> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; PIECE_BYTES];
    let (mut done, total) = (0_u64, source.size());
    while done < total {
        let now = usize::try_from(total - done).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let piece = &mut buffer[..now];
        let read = source.read_at(done, piece);
        source.trouble()?;
        read.context("reading the image")?;
        hash.update(&*piece);
        done += u64::try_from(now).unwrap_or(0);
        if let Ok(mut step) = step.lock() {
            step.progress(done, total);
        }
    }
    Ok(Digest::from_bytes(hash.finalize().into()))
}

fn done(step: Mutex<Step<'_>>, result: &str) {
    if let Ok(step) = step.into_inner() {
        step.finish(result);
    }
}
