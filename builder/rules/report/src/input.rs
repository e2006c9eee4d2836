//! What a report is made of.

use serde::{Deserialize, Serialize};

/// A built image, and how it was built.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// Which image.
    pub image: Image,
    /// Its partitions, in the order in which they lie.
    pub partitions: Vec<Partition>,
    /// What was done; any order.
    pub steps: Vec<Step>,
    /// The caches that were asked; any order, which is kept.
    pub caches: Vec<Cache>,
    /// The installed packages; any order.
    pub packages: Vec<Package>,
    /// The files of the OS; any order.
    pub files: Vec<File>,
}

/// Which image a report is about. Texts are shown as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Image {
    /// Name from the image definition.
    pub name: String,
    /// Version of the image.
    pub version: String,
    /// Kind of image file, such as `iso`.
    pub format: String,
    /// Bytes of the image file.
    pub bytes: u64,
    /// Root hash of the OS image, hexadecimal.
    pub root_hash: String,
    /// Release of the kernel.
    pub kernel: String,
    /// Time that the image bears, in seconds since 1970-01-01 00:00 UTC.
    pub epoch_seconds: u64,
}

/// A partition of the image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Partition {
    /// Its label.
    pub label: String,
    /// Its bytes.
    pub bytes: u64,
}

/// A step of the build. Times count from the start of the build. A step that ends before it
/// starts is taken to have no length.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Step {
    /// What it does.
    pub name: String,
    /// When it began, in milliseconds.
    pub start_milliseconds: u64,
    /// When it ended, in milliseconds.
    pub end_milliseconds: u64,
    /// What came of it; may be empty.
    pub detail: String,
    /// Whether other steps ran at the same time by intent.
    pub parallel: bool,
}

/// A cache that the build asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cache {
    /// What it keeps.
    pub name: String,
    /// Questions that it could answer.
    pub hits: u64,
    /// Questions that it could not answer.
    pub misses: u64,
    /// Bytes that came out of it.
    pub bytes: u64,
    /// How long it took to take what was there and to make what was not, in milliseconds, where
    /// known.
    #[serde(default)]
    pub milliseconds: Option<u64>,
}

/// An installed package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Package {
    /// Its name, by which [`File::package`] refers to it. Of several packages with one name the
    /// first counts.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Debian's section or Arch's group; may be empty.
    pub section: String,
}

/// A regular file of the OS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct File {
    /// Its path from the root of the OS, with or without a leading `/`. Serialized as text, in
    /// which U+FFFD stands for bytes that are not UTF-8.
    #[serde(with = "path_text")]
    pub path: Vec<u8>,
    /// Bytes of its content.
    pub bytes: u64,
    /// Bytes that it takes in the image. Of names that share their data (hard links, duplicates)
    /// one has them and the others zero.
    pub compressed_bytes: u64,
    /// Name of the package that owns it, if one does.
    pub package: Option<String>,
}

mod path_text {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&String::from_utf8_lossy(path))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        String::deserialize(from).map(String::into_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_json() {
        let mut report = Report::default();
        report.files.push(File { path: b"usr/bin/\xc3\xa9".to_vec(), ..File::default() });
        report.steps.push(Step { name: "pack".into(), end_milliseconds: 7, ..Step::default() });
        let json = serde_json::to_string(&report).unwrap();
        assert!(json.contains(r#""path":"usr/bin/é""#), "{json}");
        assert!(json.contains(r#""end-milliseconds":7"#), "{json}");
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
        report.files[0].path = vec![b'a', 0xff];
        assert!(serde_json::to_string(&report).unwrap().contains("\"a\u{fffd}\""));
    }
}
