//! What lies beside an image: bills of materials, package manifest, and the page about the build.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use anklume_host::file::{FileReader, OutputFile};
use anklume_layout::disk::DiskPlan;
use anklume_layout::manifest::Manifest;
use anklume_report::{Cache, File, Image, Partition, Report, Step};
use anklume_roottree::{Index, LISTS, Member, MemberKind, Owners, Package, read_file};
use anklume_sbom::{Distribution, Inventory, Source};
use anklume_verity::RootHash;

use super::packages::Sums;
use super::request::Request;
use super::{Build, Inputs, Packed, blocks};
use crate::events::StepTime;
use crate::failure::{Context, Failure};

/// Longest list of a package's files, in bytes.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// Extensions of what lies beside every image.
pub(super) const EXTENSIONS: [&str; 3] = ["spdx.json", "cdx.json", "manifest.json"];

/// The path of what lies beside `image`: its whole name and one more extension, since an ISO file and
/// a raw image may differ in just theirs.
pub(super) fn beside(image: &Path, extension: &str) -> PathBuf {
    let mut name = image.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

/// Files that are written, and do not have their names yet.
pub(super) struct Papers(Vec<(PathBuf, OutputFile)>);

impl Papers {
    fn add(&mut self, path: PathBuf, text: &str) -> Result<(), Failure> {
        let what = || format!("writing {}", path.display());
        let room = "make room on the disk that the image is written to";
        let output = OutputFile::create_replacing(&path).context(what())?;
        let written = output.file().write_all(text.as_bytes());
        let written = written.and_then(|()| output.file().sync_all());
        written.context(what()).map_err(|failure| failure.hint(room))?;
        self.0.push((path, output));
        Ok(())
    }

    /// Gives all of them their names, and returns these.
    pub(super) fn finish(self) -> Result<Vec<PathBuf>, Failure> {
        let finish = |(path, output): (PathBuf, OutputFile)| {
            output.finish().context(format!("writing {}", path.display()))?;
            Ok(path)
        };
        self.0.into_iter().map(finish).collect()
    }
}

/// An image that is finished.
pub(super) struct Finished<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) root_hash: RootHash,
    pub(super) disk: &'a DiskPlan,
}

impl Build<'_> {
    /// Writes the bills of materials and the manifest of `image`, which are finished after it: what
    /// lies beside an image that is not there would be of no use.
    pub(super) fn papers(
        &self,
        inputs: &Inputs<'_>,
        finished: &Finished<'_>,
        image: &Path,
    ) -> Result<Papers, Failure> {
        let Finished { manifest, root_hash, .. } = finished;
        let inventory = inventory(self.request, manifest, root_hash, components(inputs));
        let what = "the bill of materials";
        let mut text = serde_json::to_string_pretty(manifest).context("the manifest")?;
        text.push('\n');
        let texts = [
            anklume_sbom::spdx(&inventory).context(what)?,
            anklume_sbom::cyclonedx(&inventory).context(what)?,
            text,
        ];
        let mut papers = Papers(Vec::new());
        for (extension, text) in EXTENSIONS.into_iter().zip(texts) {
            papers.add(beside(image, extension), &text)?;
        }
        Ok(papers)
    }

    /// Writes the page about the build, if one is wanted, and returns its path.
    pub(super) fn page(
        &self,
        inputs: &Inputs<'_>,
        finished: &Finished<'_>,
        os: Packed,
    ) -> Result<Option<PathBuf>, Failure> {
        let Some(page) = &self.request.report else { return Ok(None) };
        let account = Account {
            manifest: finished.manifest,
            format: self.request.extension(),
            disk: finished.disk,
            packages: &all_packages(inputs),
            members: &inputs.members(finished.manifest.source_date_epoch),
            stored: &os.usage.stored(),
            owners: &owners(inputs)?,
            steps: self.reporter.times(),
            caches: {
                let blocks = os.blocks.iter().flat_map(blocks::caches);
                self.asked.caches().into_iter().chain(blocks).collect()
            },
        };
        let mut papers = Papers(Vec::new());
        papers.add(page.clone(), &anklume_report::html(&account.report()))?;
        papers.finish()?;
        Ok(Some(page.clone()))
    }
}

fn inventory(
    request: &Request,
    manifest: &Manifest,
    root_hash: &RootHash,
    packages: Vec<anklume_sbom::Package>,
) -> Inventory {
    let definition = &request.definition;
    Inventory {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        image: anklume_sbom::Image {
            name: definition.name.clone(),
            title: definition.title.clone(),
            version: manifest.image_version.clone(),
            architecture: manifest.architecture.clone(),
            epoch: manifest.source_date_epoch,
            root_hash: root_hash.0,
        },
        distribution: Distribution {
            id: "debian".to_owned(),
            codename: definition.os.suite.clone(),
        },
        packages,
    }
}

/// The packages of the OS, those that only its container has, and those that its kernel modules were
/// built from, with the digests of their files.
fn components(inputs: &Inputs<'_>) -> Vec<anklume_sbom::Package> {
    let own = inputs.packages.iter().map(|package| component(package, &inputs.trees.sums));
    let more = inputs.container.into_iter().flat_map(|inside| {
        let more = only_in(&inside.packaged.packages, &inputs.packages);
        more.map(|package| component(package, &inside.packaged.sums))
    });
    let built = inputs.modules.into_iter().flat_map(|modules| {
        let sources = only_in(&modules.sources, &inputs.packages);
        sources.map(|package| component(package, &modules.sums))
    });
    own.chain(more).chain(built).collect()
}

/// The packages of the OS, and those that only its container has.
fn all_packages(inputs: &Inputs<'_>) -> Vec<Package> {
    let inner = inputs.container.map(|inside| inside.packaged.packages.as_slice());
    let more = only_in(inner.unwrap_or_default(), &inputs.packages);
    inputs.packages.iter().chain(more).cloned().collect()
}

/// Those of `packages` that are not among `others`.
fn only_in<'p>(
    packages: &'p [Package],
    others: &[Package],
) -> impl Iterator<Item = &'p Package> + use<'p> {
    let key = |package: &Package| {
        let Package { name, version, architecture, .. } = package;
        [name, version, architecture].map(String::clone)
    };
    let known: BTreeSet<[String; 3]> = others.iter().map(key).collect();
    packages.iter().filter(move |package| !known.contains(&key(package)))
}

fn component(package: &Package, sums: &Sums) -> anklume_sbom::Package {
    let (name, version) = package.source_name_and_version();
    anklume_sbom::Package {
        name: package.name.clone(),
        version: package.version.clone(),
        architecture: package.architecture.clone(),
        source: Source { name: name.to_owned(), version: version.to_owned() },
        installed_bytes: package.installed_kib.saturating_mul(1024),
        deb_sha256: sums.get(&package.name, &package.version, &package.architecture),
        maintainer: package.maintainer.clone(),
        homepage: package.homepage.clone(),
        licence: None,
    }
}

/// What the page about a build is made from.
struct Account<'a> {
    manifest: &'a Manifest,
    format: &'a str,
    disk: &'a DiskPlan,
    packages: &'a [Package],
    members: &'a [Member<'a>],
    /// Stored bytes of each file.
    stored: &'a BTreeMap<Vec<u8>, u64>,
    owners: &'a Owners,
    steps: Vec<StepTime>,
    caches: Vec<Cache>,
}

impl Account<'_> {
    /// The report.
    fn report(self) -> Report {
        let manifest = self.manifest;
        let extents = self.disk.extents.iter();
        Report {
            image: Image {
                name: manifest.compatible.clone(),
                version: manifest.image_version.clone(),
                format: self.format.to_owned(),
                bytes: self.disk.total_bytes,
                root_hash: manifest.root_hash.clone(),
                kernel: manifest.kernel.clone(),
                epoch_seconds: manifest.source_date_epoch,
            },
            partitions: extents
                .map(|extent| Partition {
                    label: extent.role.label().to_owned(),
                    bytes: extent.bytes,
                })
                .collect(),
            packages: self.packages.iter().map(reported).collect(),
            files: self.members.iter().filter_map(|member| self.file(member)).collect(),
            steps: self.steps.into_iter().map(step).collect(),
            caches: self.caches,
        }
    }

    fn file(&self, member: &Member<'_>) -> Option<File> {
        let bytes = match member.kind {
            MemberKind::File(data) => data.size(),
            // Its content is the other name's.
            MemberKind::HardLink(_) => 0,
            _ => return None,
        };
        let path = member.path.as_bytes().to_vec();
        let compressed_bytes = self.stored.get(&path).copied().unwrap_or(0);
        Some(File {
            path,
            bytes,
            compressed_bytes,
            package: self.owners.get(member.path).map(str::to_owned),
        })
    }
}

fn reported(package: &Package) -> anklume_report::Package {
    anklume_report::Package {
        name: package.name.clone(),
        version: package.version.clone(),
        section: package.section.clone(),
    }
}

fn step(step: StepTime) -> Step {
    let milliseconds = |seconds: f64| (seconds * 1000.0).round() as u64;
    Step {
        name: step.step,
        start_milliseconds: milliseconds(step.start_seconds),
        end_milliseconds: milliseconds(step.start_seconds + step.seconds),
        detail: step.result,
        parallel: false,
    }
}

/// Which package owns which path of the tree, and of the container in it.
fn owners(inputs: &Inputs<'_>) -> Result<Owners, Failure> {
    let mut owners = Owners::default();
    let index = inputs.index;
    lists(index, inputs.tar, |package, list| {
        owners.add(package, list, &|path| index.find(path).is_some());
    })?;
    let Some(inside) = inputs.container else { return Ok(owners) };
    lists(&inside.packaged.index, &inside.packaged.tar, |package, list| {
        owners.add_placed(package, list, &|path| inside.nested.path(path).map(str::to_owned));
    })?;
    Ok(owners)
}

/// Hands the list of every package of a tree to `take`.
fn lists(
    index: &Index,
    tar: &FileReader,
    mut take: impl FnMut(&str, &[u8]),
) -> Result<(), Failure> {
    for entry in index.children(LISTS) {
        let Some(package) = Owners::package_of_list(&entry.path) else { continue };
        let list = read_file(tar, index, &entry.path, MAX_LIST_BYTES).context("dpkg's lists")?;
        take(package, &list);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn papers_have_their_names_when_they_are_finished() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("x.iso");
        let paths = EXTENSIONS.map(|extension| beside(&image, extension));
        assert_eq!(paths[0], folder.path().join("x.iso.spdx.json"));
        let written = || {
            let mut papers = Papers(Vec::new());
            for path in &paths {
                papers.add(path.clone(), "new").unwrap();
            }
            papers
        };
        let there = || fs::read_dir(folder.path()).unwrap().count();
        fs::write(&paths[0], "old").unwrap();
        drop(written());
        assert_eq!((there(), fs::read_to_string(&paths[0]).unwrap().as_str()), (1, "old"));
        let papers = written();
        assert_eq!(fs::read_to_string(&paths[0]).unwrap(), "old");
        assert!(!paths[1].exists());
        assert_eq!(papers.finish().unwrap(), paths);
        assert_eq!(there(), paths.len());
        assert!(paths.iter().all(|path| fs::read_to_string(path).unwrap() == "new"));
    }
}
