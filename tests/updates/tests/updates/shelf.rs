//! Images and repositories, made once for all tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use anklume_host::lock::Lock;
use anklume_release::Release;
use anklume_trust::publish::SecretKey;
use anklume_trust::{Digest, FileInfo, Snapshot, Target, Targets, Timestamp};
use serde_json::Value;

use crate::machine::{DISK_BYTES, Template};
use crate::sample;

/// When the first version was published, and a day.
pub(crate) const START: u64 = 1_794_648_103;
pub(crate) const DAY: u64 = 86_400;

/// So many files of noise an OS has, of so many bytes each.
const FILES: u64 = 6;
const FILE_BYTES: usize = 512 << 10;

/// What all tests share; nobody changes it.
pub(crate) struct Shelf {
    folder: PathBuf,
    /// Media on which 1.0 and 2.0 run.
    templates: [Template; 2],
    /// The folder is this program's as long as it runs.
    _lock: Lock,
}

/// The images and repositories.
///
/// | folder | what it has |
/// |---|---|
/// | `old` | 1.0 |
/// | `www` | 2.0 as well, which differs from 1.0 in one file |
/// | `next` | 3.0 as well, which has nothing of 2.0; signed a day later |
/// | `other` | an image of another name, signed with the same keys |
/// | `strange` | 2.0, signed with other keys |
pub(crate) fn shelf() -> &'static Shelf {
    static SHELF: LazyLock<Shelf> = LazyLock::new(Shelf::make);
    &SHELF
}

impl Shelf {
    fn make() -> Self {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let lock = Lock::make(&place.join("updates.lock"), Duration::from_secs(300)).unwrap();
        let folder = place.join("updates");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let first = image(&folder, ("sample", "1.0"), |file| file);
        let second = image(&folder, ("sample", "2.0"), |file| if file == 2 { 20 } else { file });
        image(&folder, ("sample", "3.0"), |file| 30 + file);
        image(&folder, ("other", "9"), |file| file);
        let templates = [&first, &second].map(|sample| Template::grown(sample, DISK_BYTES));
        let shelf = Self { folder, templates, _lock: lock };
        shelf.build(0, "keys new keys");
        shelf.build(0, "keys new stranger");
        shelf.build(0, "publish sample-1.0.iso --repo www --channel stable");
        copy(&shelf.path("www"), &shelf.path("old"));
        shelf.build(0, "publish sample-2.0.iso --repo www --channel stable");
        copy(&shelf.path("www"), &shelf.path("next"));
        shelf.build(1, "publish sample-3.0.iso --repo next --channel stable");
        shelf.build(0, "publish other-9.iso --repo other --channel stable");
        shelf.build(0, "publish sample-2.0.iso --repo strange --channel stable --keys stranger");
        shelf
    }

    /// A medium on which that version runs.
    pub(crate) fn template(&self, version: &str) -> &Template {
        &self.templates[usize::from(version == "2.0")]
    }

    /// A folder or file of it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        let path = self.path(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Runs `anklume-build` so many days after the start.
    fn build(&self, day: u64, words: &str) {
        publisher(&self.folder, START + day * DAY, words);
    }

    /// The description of a version.
    pub(crate) fn release(&self, version: &str) -> Release {
        Release::parse(&self.read(&format!("next/{}", description(version)))).unwrap()
    }

    /// The bytes of a version's image.
    pub(crate) fn image(&self, version: &str) -> Vec<u8> {
        self.read(&format!("next/{}", iso(version)))
    }

    fn key(&self, name: &str) -> SecretKey {
        SecretKey::from_pem(&String::from_utf8(self.read(&format!("keys/{name}.pem"))).unwrap())
            .unwrap()
    }

    /// The signed files of `www`, as somebody who has the keys signs them after `change`: paths in the
    /// repository, and bytes.
    pub(crate) fn signed(&self, change: impl FnOnce(&mut Signed)) -> Vec<(String, Vec<u8>)> {
        let version = 2;
        let list = self.read(&format!("www/metadata/{version}.targets.json"));
        let mut signed = Signed { targets: read_targets(&list), files: Vec::new() };
        change(&mut signed);
        let Signed { targets, mut files } = signed;
        let header = targets.header;
        let list = targets.sign(&[&self.key("targets")]).unwrap();
        let snapshot = Snapshot { header, targets: FileInfo::of(version, &list) };
        let snapshot = snapshot.sign(&[&self.key("snapshot")]).unwrap();
        let timestamp = Timestamp { header, snapshot: FileInfo::of(version, &snapshot) };
        let timestamp = timestamp.sign(&[&self.key("timestamp")]).unwrap();
        files.push((format!("metadata/{version}.targets.json"), list));
        files.push((format!("metadata/{version}.snapshot.json"), snapshot));
        files.push(("metadata/timestamp.json".to_owned(), timestamp));
        files
    }
}

/// What is about to be signed.
pub(crate) struct Signed {
    pub(crate) targets: Targets,
    files: Vec<(String, Vec<u8>)>,
}

impl Signed {
    /// Another file in place of one, with what the list says beside it.
    pub(crate) fn put(&mut self, name: &str, bytes: Vec<u8>) {
        let custom = self.targets.targets.get(name).and_then(|target| target.custom.clone());
        let target = Target { custom, ..Target::of(&bytes) };
        self.targets.targets.insert(name.to_owned(), target);
        self.files.push((name.to_owned(), bytes));
    }

    /// Another description of 2.0.
    pub(crate) fn describe(&mut self, change: impl FnOnce(&mut Release)) {
        let mut release = shelf().release("2.0");
        change(&mut release);
        self.put(&description("2.0"), release.encode());
    }

    /// Says something else of 2.0 in the list.
    pub(crate) fn say(&mut self, key: &str, value: impl Into<Value>) {
        let target = self.targets.targets.get_mut(&description("2.0")).unwrap();
        target.custom.as_mut().unwrap()["anklume"][key] = value.into();
    }
}

/// What a list says, whoever signed it.
fn read_targets(bytes: &[u8]) -> Targets {
    let anchor = shelf_root();
    let clock = anklume_trust::Clock {
        rtc: anklume_trust::Moment::from_unix(START),
        built: anklume_trust::Moment::from_unix(0),
    };
    let mut client =
        anklume_trust::Client::new(&anchor, None, clock, anklume_trust::Staleness::Refuse).unwrap();
    let read = |name: &str| shelf().read(&format!("www/metadata/{name}"));
    client.update_timestamp(&read("timestamp.json")).unwrap();
    client.update_snapshot(&read("2.snapshot.json")).unwrap();
    client.update_targets(bytes).unwrap();
    client.targets().unwrap().clone()
}

fn shelf_root() -> Vec<u8> {
    shelf().read("keys/1.root.json")
}

/// The image's file in a repository.
pub(crate) fn iso(version: &str) -> String {
    format!("sample/{version}/anklume-sample-{version}.iso")
}

/// The description's.
pub(crate) fn description(version: &str) -> String {
    format!("sample/{version}/release.json")
}

/// The chunk list's.
pub(crate) fn chunks(version: &str) -> String {
    format!("sample/{version}/chunks")
}

/// A digest that no file has.
pub(crate) fn wrong_digest() -> Digest {
    Digest::of(b"nobody's")
}

/// Runs `anklume-build` in a folder, at a moment in seconds since 1970.
pub(crate) fn publisher(folder: &Path, now: u64, words: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_anklume-update-publisher"))
        .args(words.split_whitespace())
        // What is signed at that time is over, or will be.
        .args(words.starts_with("publish").then_some("--past"))
        .current_dir(folder)
        .env("SOURCE_DATE_EPOCH", now.to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{words}: {output:?}");
}

/// Makes a small image whose files of noise are those with these numbers.
fn image(folder: &Path, names: (&str, &str), noise: impl Fn(u64) -> u64) -> sample::Sample {
    image_of(folder, names, FILE_BYTES, noise)
}

/// Makes an image with files of so many bytes.
pub(crate) fn image_of(
    folder: &Path,
    (name, version): (&str, &str),
    file_bytes: usize,
    noise: impl Fn(u64) -> u64,
) -> sample::Sample {
    let place = folder.join(format!("os-{name}-{version}"));
    let files = place.join("root/usr/lib");
    fs::create_dir_all(&files).unwrap();
    for file in 0..FILES {
        let bytes = sample::noise(100 + noise(file)).flat_map(u64::to_le_bytes).take(file_bytes);
        fs::write(files.join(format!("file-{file}")), bytes.collect::<Vec<u8>>()).unwrap();
    }
    let made = sample::release(&place, (name, version, ""));
    fs::write(folder.join(format!("{name}-{version}.iso")), made.whole()).unwrap();
    fs::remove_dir_all(place).unwrap();
    made
}

/// Copies a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}
