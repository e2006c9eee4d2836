//! Builds that would make what is there already.
//!
//! A finished build leaves a record in the cache, under the digest of everything that the bytes of the
//! image depend on, of the digests of what it wrote. A build with `--force` that finds the record and
//! the same bytes under the output's name has nothing to do. What it says of the image then is what the
//! manifest beside the image says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anklume_definition::Profile;
use anklume_host::file::replace;
use anklume_layout::manifest::Manifest;
use anklume_roottree::OverlayKind;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::archive::{ArchiveState, hex};
use super::cached::digest;
use super::companions::{EXTENSIONS, beside};
use super::options::check_version;
use super::overlay::read_overlay;
use super::request::Request;
use crate::events::Built;
use crate::failure::{Context, Failure};

/// The program that runs, also after its file was replaced.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Digests of files.
pub(super) type Digests = BTreeMap<PathBuf, String>;

/// What the bytes of an image depend on, in one digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key(String);

/// What a build made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    key: String,
    version: String,
    /// In the order of [`files`].
    digests: Vec<String>,
}

/// Hashes parts of which none can be taken for a piece of its neighbour.
#[derive(Default)]
struct Parts(Sha256);

impl Parts {
    fn add(&mut self, part: impl AsRef<[u8]>) {
        let part = part.as_ref();
        self.0.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        self.0.update(part);
    }

    fn add_all(&mut self, parts: &[String]) {
        self.add(parts.len().to_string());
        parts.iter().for_each(|part| self.add(part));
    }
}

impl Key {
    /// Of what `request` makes from the packages of `archives`.
    pub(super) fn new(request: &Request, archives: &[ArchiveState]) -> Result<Self, Failure> {
        let mut parts = Parts::default();
        let own = [Path::new(THIS_PROGRAM), &request.init];
        for program in own.into_iter().chain(request.programs.iter().map(PathBuf::as_path)) {
            parts.add(digest(program).context(format!("reading {}", program.display()))?);
        }
        parts.add(serde_json::to_vec(&request.definition).context("the definition")?);
        parts.add(request.extension());
        parts.add(match request.profile {
            Profile::Dev => "dev",
            Profile::Release => "release",
        });
        parts.add_all(request.version.as_slice());
        parts.add_all(&request.packages);
        parts.add([u8::from(request.ram_encryption)]);
        parts.add(serde_json::to_vec(archives).context("the archive's state")?);
        for (path, bytes) in request.update.files() {
            parts.add(path);
            parts.add(bytes);
        }
        for folder in &request.overlays {
            add_overlay(&mut parts, folder)?;
        }
        Ok(Self(hex(&parts.0.finalize())))
    }

    /// Where the record is.
    fn path(&self, cache: &Path) -> PathBuf {
        cache.join("made").join(format!("{}.json", self.0.get(..32).unwrap_or(&self.0)))
    }
}

fn add_overlay(parts: &mut Parts, folder: &Path) -> Result<(), Failure> {
    let entries = read_overlay(folder)?;
    parts.add(entries.len().to_string());
    for entry in &entries {
        parts.add(&entry.path);
        parts.add([u8::from(entry.executable)]);
        match &entry.kind {
            OverlayKind::Directory => parts.add("directory"),
            OverlayKind::Symlink(target) => parts.add(format!("link {target}")),
            OverlayKind::File(_) => {
                let path = folder.join(&entry.path);
                let file = digest(&path).context(format!("reading {}", path.display()))?;
                parts.add(format!("file {file}"));
            }
        }
    }
    Ok(())
}

/// The files that are made together with `image`, which is the first.
fn files(image: &Path) -> Vec<PathBuf> {
    [image.to_owned()].into_iter().chain(EXTENSIONS.map(|e| beside(image, e))).collect()
}

/// Digests of `image` and of what lies beside it. What is not there or cannot be read is left out.
pub(super) fn look(image: &Path) -> Digests {
    let found = |path: PathBuf| digest(&path).ok().map(|digest| (path, digest));
    files(image).into_iter().filter_map(found).collect()
}

/// What a build with this key made, if all of it is still there. `known` are digests that were
/// taken a moment ago.
pub(super) fn find(request: &Request, key: &Key, known: &Digests) -> Option<Built> {
    let path = Some(key.path(&request.cache)).filter(|path| path.is_file())?;
    let record: Record = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    if record.key != key.0 {
        return None;
    }
    check_version(&record.version).ok()?;
    let image = request.output_path(&record.version).ok()?;
    let looked = if known.is_empty() { look(&image) } else { known.clone() };
    let files = files(&image);
    let now: Option<Vec<String>> = files.iter().map(|file| looked.get(file).cloned()).collect();
    if now? != record.digests {
        return None;
    }
    let manifest: Manifest = serde_json::from_slice(&fs::read(files.last()?).ok()?).ok()?;
    let shown = [&manifest.image_version, &manifest.kernel, &manifest.root_hash];
    if !shown.iter().all(|text| text.bytes().all(|byte| byte.is_ascii_graphic())) {
        return None;
    }
    let bytes = image.metadata().ok()?.len();
    let built = Built::new(request, &manifest, &image, bytes, files.get(1..)?);
    Some(Built { unchanged: true, ..built })
}

/// Remembers what a build with this key made.
pub(super) fn remember(request: &Request, key: &Key, built: &Built) -> Result<(), Failure> {
    let files = files(Path::new(&built.image));
    let digest = |path: &PathBuf| digest(path).context(format!("reading {}", path.display()));
    let digests = files.iter().map(digest).collect::<Result<_, _>>()?;
    let record = Record { key: key.0.clone(), version: built.version.clone(), digests };
    let text = serde_json::to_vec(&record).context("the record")?;
    let path = key.path(&request.cache);
    let what = || format!("writing {}", path.display());
    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).context(what())?;
    replace(&path, &text).context(what())
}

#[cfg(test)]
mod tests {
    use super::super::update::Update;
    use super::*;
    use anklume_layout::disk::Format;

    const DEFINITION: &str = include_str!("../../../../images/debian-test.toml");

    fn request(folder: &Path) -> Request {
        let overlay = folder.join("overlay");
        fs::create_dir_all(&overlay).unwrap();
        fs::write(overlay.join("file"), "content").unwrap();
        fs::write(folder.join("init"), "program").unwrap();
        fs::write(folder.join("tool"), "program").unwrap();
        Request {
            path: PathBuf::new(),
            definition: anklume_definition::Definition::parse(DEFINITION, "x").unwrap(),
            overlays: vec![overlay],
            packages: Vec::new(),
            ram_encryption: false,
            format: Format::Iso,
            profile: Profile::Dev,
            version: None,
            output: Some(folder.join("x.iso")),
            report: None,
            force: true,
            mirror: None,
            cache: folder.join("cache"),
            derived: folder.join("cache"),
            block_cache_bytes: 0,
            shared_blocks: None,
            offline: false,
            init: folder.join("init"),
            programs: vec![folder.join("tool")],
            lock: None,
            snapshot: None,
            update: Update::default(),
        }
    }

    fn archive(digest: &str) -> ArchiveState {
        ArchiveState { lines: Vec::new(), digest: digest.to_owned(), epoch: 7 }
    }

    fn manifest() -> Manifest {
        let text = |text: &str| text.to_owned();
        Manifest {
            manifest_version: anklume_layout::manifest::VERSION,
            compatible: text("debian-test"),
            image_version: text("1"),
            architecture: text("amd64"),
            kernel: text("6.12"),
            source_date_epoch: 7,
            root_hash: text("ab"),
            salt: text("cd"),
            os_bytes: 1,
            hash_bytes: 1,
            minimum_updater: 1,
            state_schema: 1,
            command_line: text(""),
            boot_files: BTreeMap::new(),
            loader: BTreeMap::new(),
            packages: Vec::new(),
        }
    }

    /// Writes all the files of an image.
    fn built(request: &Request, manifest: &Manifest) -> Built {
        let image = request.output.clone().unwrap();
        for (number, file) in files(&image).iter().enumerate() {
            fs::write(file, format!("file {number}")).unwrap();
        }
        fs::write(beside(&image, "manifest.json"), serde_json::to_vec(manifest).unwrap()).unwrap();
        Built::new(request, manifest, &image, 6, &[PathBuf::from("report.html")])
    }

    #[test]
    fn the_key_depends_on_everything_that_the_bytes_depend_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let key = |change: &dyn Fn(&mut Request), digest: &str| {
            let mut request = request(path);
            change(&mut request);
            Key::new(&request, &[archive(digest)]).unwrap()
        };
        let plain = key(&|_| (), "a");
        assert_eq!(plain, key(&|_| (), "a"));
        assert_eq!(plain, key(&|request| request.output = None, "a"));
        let changes: [&dyn Fn(&mut Request); 13] = [
            &|request| request.update.root = Some(b"root".to_vec()),
            &|request| request.update.settings.channel = Some("beta".to_owned()),
            &|request| request.profile = Profile::Release,
            &|request| request.format = Format::Raw,
            &|request| request.version = Some("2".to_owned()),
            &|request| request.packages = vec!["htop".to_owned()],
            &|request| request.ram_encryption = true,
            &|request| request.overlays.clear(),
            &|request| request.definition.title = "Other TEST".to_owned(),
            &|request| fs::write(&request.init, "Program").unwrap(),
            &|request| fs::write(&request.programs[0], "Program").unwrap(),
            &|_| fs::write(path.join("overlay/file"), "Content").unwrap(),
            &|_| std::os::unix::fs::symlink("file", path.join("overlay/link")).unwrap(),
        ];
        let mut keys = vec![plain, key(&|_| (), "b")];
        keys.extend(changes.iter().map(|change| key(change, "a")));
        let count = keys.len();
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn only_what_is_as_it_was_made_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let request = request(folder.path());
        let image = request.output.clone().unwrap();
        let key = Key::new(&request, &[archive("a")]).unwrap();
        let none = Digests::new();
        assert!(find(&request, &key, &none).is_none());
        remember(&request, &key, &built(&request, &manifest())).unwrap();
        let found = find(&request, &key, &none).unwrap();
        assert_eq!((found.unchanged, found.beside.len()), (true, 3));
        assert_eq!(
            (found.root_hash.as_str(), found.kernel.as_str(), found.bytes),
            ("ab", "6.12", 6)
        );
        assert!(find(&request, &key, &look(&image)).is_some());
        assert!(find(&request, &Key::new(&request, &[]).unwrap(), &none).is_none());
        for file in files(&image) {
            let content = fs::read(&file).unwrap();
            fs::write(&file, "damage").unwrap();
            assert!(find(&request, &key, &none).is_none(), "{}", file.display());
            fs::remove_file(&file).unwrap();
            assert!(find(&request, &key, &none).is_none(), "{}", file.display());
            fs::write(&file, content).unwrap();
        }
        assert!(find(&request, &key, &none).is_some());
        let other = Key::new(&request, &[archive("b")]).unwrap();
        fs::copy(key.path(&request.cache), other.path(&request.cache)).unwrap();
        assert!(find(&request, &other, &none).is_none());
        fs::write(key.path(&request.cache), "{").unwrap();
        assert!(find(&request, &key, &none).is_none());
    }
    #[test]
    fn what_no_build_writes_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let request = request(folder.path());
        let key = Key::new(&request, &[archive("a")]).unwrap();
        let forged = Manifest { kernel: "\x1b[2J".to_owned(), ..manifest() };
        remember(&request, &key, &built(&request, &forged)).unwrap();
        assert!(find(&request, &key, &Digests::new()).is_none());
        let built = built(&request, &manifest());
        remember(&request, &key, &Built { version: "../1".to_owned(), ..built }).unwrap();
        assert!(find(&request, &key, &Digests::new()).is_none());
    }
}
