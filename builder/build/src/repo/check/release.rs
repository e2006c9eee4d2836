//! A release against its image: what machines are told must be what they get.

use std::collections::BTreeSet;

use anklume_bytes::ReadAt;
use anklume_chunks::ChunkList;
use anklume_layout::manifest::Manifest;
use anklume_release::{MAX_CHUNK_LIST_BYTES, MAX_RELEASE_BYTES, Offer, Release, names};
use anklume_trust::Target;

use super::findings::Findings;
use crate::events::Reporter;
use crate::failure::Failure;
use crate::image::parts::{first_wrong_chunk, said};
use crate::image::source::{Bytes, Source};
use crate::image::{Options, verify};
use crate::repo::bundle::{self, BUNDLE_BYTES_MAX, Member};
use crate::repo::metadata::{self, Signed};
use crate::repo::publish::packages;
use crate::repo::store::Repository;

/// A release that is looked at.
struct Look<'a> {
    repository: &'a Repository,
    signed: &'a Signed,
    offer: &'a Offer,
    findings: &'a mut Findings,
}

/// Compares what is said of a release with its image. Files that are not as signed were reported.
pub(super) fn look(
    repository: &Repository,
    (signed, offer): (&Signed, &Offer),
    sound: &BTreeSet<String>,
    reporter: &Reporter,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let name = names::file(&offer.folder, names::RELEASE);
    let mut look = Look { repository, signed, offer, findings };
    if !sound.contains(&name) {
        return Ok(());
    }
    let bytes = repository.read(&name, MAX_RELEASE_BYTES)?.unwrap_or_default();
    let release = match Release::parse(&bytes) {
        Ok(release) => release,
        Err(error) => {
            look.findings.bad(&name, error);
            return Ok(());
        }
    };
    look.description(&name, &release);
    let files = [&release.image.name, &release.chunks.name];
    let files = files.map(|file| names::file(&offer.folder, file));
    if files.get(1).is_some_and(|chunks| sound.contains(chunks)) {
        look.bundle(&release)?;
    }
    if files.iter().all(|file| sound.contains(file)) {
        let step = reporter.step(&offer.folder);
        look.image(&release, &files)?;
        step.finish("image, description and chunk list compared");
    }
    Ok(())
}

impl Look<'_> {
    /// The description against the list of files.
    fn description(&mut self, name: &str, release: &Release) {
        let custom = &self.offer.custom;
        for (field, said, signed) in [
            ("compatible", &release.compatible, &custom.compatible),
            ("version", &release.version, &custom.version),
            ("architecture", &release.architecture, &custom.architecture),
        ] {
            if said != signed {
                let text = format!("{field} is {said}, but targets.json says {signed}");
                self.findings.bad(name, text);
            }
        }
        let targets = self.signed.targets().map(|targets| &targets.targets);
        for file in [&release.image, &release.chunks] {
            let path = names::file(&self.offer.folder, &file.name);
            let own = Target { length: file.bytes, sha256: file.sha256, custom: None };
            match targets.and_then(|targets| targets.get(&path)) {
                None => self.findings.bad(&path, "is part of the release, but is not signed"),
                Some(target) if Target { custom: None, ..target.clone() } != own => {
                    self.findings.bad(name, format!("{} is another file than signed", file.name));
                }
                Some(_) => {}
            }
        }
    }

    /// The image against description and chunk list.
    fn image(&mut self, release: &Release, [image, chunks]: &[String; 2]) -> Result<(), Failure> {
        let name = names::file(&self.offer.folder, names::RELEASE);
        let source = Source::open(&self.repository.path(image))?;
        let view: &Bytes<'_> = &source;
        let before = self.findings.damage.len();
        match said(view) {
            Ok(said) => self.manifest(&name, release, &said.manifest),
            Err(fault) => self.findings.bad(image, fault),
        }
        let report = verify(view, Options::default(), &mut |_, _, _| {});
        report.faults().for_each(|fault| self.findings.bad(image, fault));
        let bytes = self.repository.read(chunks, MAX_CHUNK_LIST_BYTES)?.unwrap_or_default();
        match ChunkList::parse(&bytes, source.size()) {
            Err(error) => self.findings.bad(chunks, error),
            Ok(list) => {
                if let Err(error) = release.check_chunks(&list) {
                    self.findings.bad(&name, error);
                }
                match first_wrong_chunk(view, &list) {
                    Ok(None) => {}
                    Ok(Some((part, chunk))) => self.findings.bad(
                        chunks,
                        format!(
                            "{part}: the chunk of {} bytes at byte {} is not what the image has there",
                            chunk.bytes, chunk.offset
                        ),
                    ),
                    Err(fault) => self.findings.bad(image, fault),
                }
            }
        }
        source.trouble()?;
        if self.findings.damage.len() == before {
            let custom = &self.offer.custom;
            let text = format!(
                "{}: {} {}, channel {}: image, description and chunk list agree",
                self.offer.folder, custom.compatible, custom.version, custom.channel
            );
            self.findings.ok(text);
        }
        Ok(())
    }

    /// The description against the manifest in the image.
    fn manifest(&mut self, name: &str, release: &Release, manifest: &Manifest) {
        let text = |value: &dyn std::fmt::Display| value.to_string();
        for (field, said, found) in [
            ("compatible", text(&release.compatible), text(&manifest.compatible)),
            ("version", text(&release.version), text(&manifest.image_version)),
            ("architecture", text(&release.architecture), text(&manifest.architecture)),
            (
                "source-date-epoch",
                text(&release.source_date_epoch),
                text(&manifest.source_date_epoch),
            ),
            ("os-bytes", text(&release.os_bytes), text(&manifest.os_bytes)),
            ("hash-bytes", text(&release.hash_bytes), text(&manifest.hash_bytes)),
            ("root-hash", text(&release.root_hash), text(&manifest.root_hash)),
            ("salt", text(&release.salt), text(&manifest.salt)),
            ("minimum-updater", text(&release.minimum_updater), text(&manifest.minimum_updater)),
            ("state-schema", text(&release.state_schema), text(&manifest.state_schema)),
        ] {
            if said != found {
                let text = format!("{field} is {said}, but the manifest in the image says {found}");
                self.findings.bad(name, text);
            }
        }
        if release.packages != packages(manifest) {
            self.findings.bad(name, "packages are not those of the manifest in the image");
        }
    }

    /// The bundle: it may lag behind what is signed, but must be right in itself.
    fn bundle(&mut self, release: &Release) -> Result<(), Failure> {
        let name = names::file(&self.offer.folder, &names::bundle(&release.image.name));
        let lags = "`anklume-build publish --refresh` brings it up to what is signed";
        let bytes = match self.repository.read(&name, BUNDLE_BYTES_MAX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                self.findings.note(&name, format!("is not there: {lags}"));
                return Ok(());
            }
            Err(failure) => {
                self.findings.bad(&name, failure.message());
                return Ok(());
            }
        };
        let found = match bundle::decode(&bytes) {
            Ok(found) => found,
            Err(error) => {
                self.findings.bad(&name, format!("is not a tar archive: {error}"));
                return Ok(());
            }
        };
        let small = bundle::small_files(self.repository, &self.offer.folder)?;
        let expected = [bundle::metadata(self.signed), small.clone()].concat();
        if found == expected && bundle::encode(&expected)? == bytes {
            self.findings.ok(format!("{name}: the small files, as they are signed"));
            return Ok(());
        }
        match self.older_bundle(&found, &small) {
            Ok(()) => self.findings.note(&name, format!("is of older signatures: {lags}")),
            Err(what) => self.findings.bad(&name, what),
        }
        Ok(())
    }

    /// Whether a bundle is one of an earlier time: a client takes it, and it has this release.
    fn older_bundle(&self, found: &[Member], small: &[Member]) -> Result<(), String> {
        for (path, bytes) in small {
            let own = found.iter().find(|(own, _)| own == path);
            if own.is_none_or(|(_, own)| own != bytes) {
                return Err(format!("{path} in it is another file"));
            }
        }
        let anchor = self.signed.roots.first().map(|(_, bytes)| bytes.as_slice());
        let file = |name: &str, _| {
            let path = names::metadata(name);
            Ok(found.iter().find(|(own, _)| *own == path).map(|(_, bytes)| bytes.clone()))
        };
        let now = self.signed.issued().unwrap_or(anklume_trust::Moment::from_unix(0));
        let older = metadata::read(anchor.unwrap_or_default(), now, &file)
            .map_err(|failure| failure.message().to_owned())?;
        let count = older.roots.len() + older.rest.len() + small.len();
        if older.targets().is_none() || count != found.len() {
            return Err("it has files that do not belong together".into());
        }
        Ok(())
    }
}
