//! `release.json`: what a release consists of.

use std::fmt;
use std::str::FromStr;

use anklume_chunks::{ChunkList, Part};
use anklume_trust::{Digest, Moment};
use anklume_verity::{BLOCK_BYTES, RootHash};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::names::{is_file, is_label, is_version};
use crate::text::{hex, shown, unhex};
use crate::{ReleaseError, text};

/// Version of the form.
pub const RELEASE_VERSION: u32 = 1;
/// The most bytes of a description: a thousand packages take about 70 KiB.
pub const MAX_RELEASE_BYTES: u64 = 4 << 20;
/// The most bytes of a chunk list: those of a million chunks.
pub const MAX_CHUNK_LIST_BYTES: u64 = 36 << 20;
/// The most bytes of an image.
const MAX_IMAGE_BYTES: u64 = 1 << 40;
/// The most packages.
const MAX_PACKAGES: usize = 50_000;
/// The longest field of a package, in bytes.
const MAX_PACKAGE_FIELD: usize = 256;
/// The longest salt that dm-verity takes, in bytes.
const MAX_SALT_BYTES: usize = 256;

/// What a release consists of. It has one encoding: [`Release::parse`] accepts nothing that
/// [`Release::encode`] does not write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Release {
    /// [`RELEASE_VERSION`].
    pub release_version: u32,
    /// Name of the image: only an image of the same name can replace it.
    pub compatible: String,
    /// Version of the image.
    pub version: String,
    /// CPU architecture as Debian spells it.
    pub architecture: String,
    /// The time of the image's content in seconds since 1970.
    pub source_date_epoch: u64,
    /// The image file.
    pub image: File,
    /// The chunk list.
    pub chunks: File,
    /// What the slot's boot partition consists of, as bytes of the image file.
    pub boot: Extent,
    /// What the slot's OS partition consists of, as bytes of the image file.
    pub os: Extent,
    /// Bytes of the squashfs, padded to whole verity blocks.
    pub os_bytes: u64,
    /// Bytes of the hash tree with its superblock, behind the squashfs.
    pub hash_bytes: u64,
    /// Root hash of the OS partition.
    #[serde(with = "spelled")]
    pub root_hash: RootHash,
    /// Salt of the hash tree.
    #[serde(with = "spelled")]
    pub salt: Salt,
    /// The oldest updater that can install it ([`crate::UPDATER_PROTOCOL`]).
    pub minimum_updater: u32,
    /// What it keeps on the persistent partition ([`crate::STATE_SCHEMA`]).
    pub state_schema: u32,
    /// Every package, sorted.
    pub packages: Vec<Package>,
}

/// A file in the folder of the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    /// Its name.
    pub name: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// Its SHA-256.
    #[serde(with = "spelled")]
    pub sha256: Digest,
}

/// Bytes of the image file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Extent {
    /// The first one.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
}

impl Extent {
    /// First byte behind it.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes)
    }
}

/// An installed package, for a change log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Package {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture.
    pub architecture: String,
}

/// Salt of a hash tree; lower-case hexadecimal at its edges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salt(pub Vec<u8>);

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl FromStr for Salt {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected up to 512 lower-case hexadecimal digits";
        let bytes = unhex(text).filter(|bytes| bytes.len() <= MAX_SALT_BYTES);
        bytes.map(Self).ok_or(expected)
    }
}

/// Values that are text in JSON.
mod spelled {
    use super::{Deserialize, Deserializer, FromStr, Serializer, fmt};

    pub(super) fn serialize<T: fmt::Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: fmt::Display>,
        D: Deserializer<'de>,
    {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What is read before it is known that the form is.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Form {
    release_version: u64,
}

impl Release {
    /// Reads a description.
    ///
    /// # Errors
    /// All of [`ReleaseError`]. What is allocated is bounded by the length of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReleaseError> {
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if found > MAX_RELEASE_BYTES {
            return Err(ReleaseError::TooLong { limit: MAX_RELEASE_BYTES, found });
        }
        let Form { release_version: found } =
            serde_json::from_slice(bytes).map_err(|e| json(&e))?;
        if found != u64::from(RELEASE_VERSION) {
            return Err(ReleaseError::Version { expected: RELEASE_VERSION, found });
        }
        let release: Self = serde_json::from_slice(bytes).map_err(|error| json(&error))?;
        release.validate()?;
        let encoded = release.encode();
        if encoded == bytes {
            return Ok(release);
        }
        let same = encoded.iter().zip(bytes).take_while(|(ours, theirs)| ours == theirs);
        Err(ReleaseError::Encoding { offset: same.count() })
    }

    /// The file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Texts and numbers only: nothing of it can fail to be written.
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Checks every rule that the types do not express.
    ///
    /// # Errors
    /// [`ReleaseError::Field`].
    pub fn validate(&self) -> Result<(), ReleaseError> {
        self.validate_names()?;
        self.validate_sizes()?;
        self.validate_extents()?;
        self.validate_packages()
    }

    fn validate_names(&self) -> Result<(), ReleaseError> {
        let label = "lower-case letters, digits and hyphens, at most 32";
        require(is_label(&self.compatible), "compatible", label, || shown(&self.compatible))?;
        require(is_label(&self.architecture), "architecture", label, || shown(&self.architecture))?;
        let version = "up to 32 lower-case letters, digits and `._~^+-`";
        require(is_version(&self.version), "version", version, || shown(&self.version))?;
        let file = "the name of a file, letters, digits and `._~^+-`";
        for (field, name) in [("image.name", &self.image.name), ("chunks.name", &self.chunks.name)]
        {
            require(is_file(name), field, file, || shown(name))?;
        }
        let differ = self.chunks.name != self.image.name;
        require(differ, "chunks.name", "another name than the image", || shown(&self.chunks.name))
    }

    fn validate_sizes(&self) -> Result<(), ReleaseError> {
        let number = |good: bool, field, expected: &str, found: u64| {
            require(good, field, expected, || found.to_string())
        };
        let form = self.release_version == RELEASE_VERSION;
        number(form, "release-version", "1", self.release_version.into())?;
        let time = Moment::from_unix(self.source_date_epoch).seconds() == self.source_date_epoch;
        let epoch = self.source_date_epoch;
        number(time, "source-date-epoch", "a time before the year 10000", epoch)?;
        let within = |bytes: u64, limit: u64| (1..=limit).contains(&bytes);
        let (image, chunks) = (self.image.bytes, self.chunks.bytes);
        number(within(image, MAX_IMAGE_BYTES), "image.bytes", "1 to 2^40", image)?;
        number(within(chunks, MAX_CHUNK_LIST_BYTES), "chunks.bytes", "1 to 36 MiB", chunks)?;
        let blocks = |bytes: u64| bytes > 0 && bytes.is_multiple_of(BLOCK_BYTES);
        number(blocks(self.os_bytes), "os-bytes", "whole blocks of 4096 bytes", self.os_bytes)?;
        let hash_bytes = self.hash_bytes;
        number(blocks(hash_bytes), "hash-bytes", "whole blocks of 4096 bytes", hash_bytes)?;
        let (updater, schema) = (self.minimum_updater, self.state_schema);
        number(updater > 0, "minimum-updater", "at least 1", updater.into())?;
        number(schema > 0, "state-schema", "at least 1", schema.into())?;
        let salt = self.salt.0.len() <= MAX_SALT_BYTES;
        require(salt, "salt", "at most 256 bytes", || self.salt.to_string())
    }

    /// Both parts lie in the image, and not in one another.
    fn validate_extents(&self) -> Result<(), ReleaseError> {
        let text =
            |extent: &Extent| format!("{} bytes from byte {} on", extent.bytes, extent.offset);
        let inside = format!("bytes of an image of {}", self.image.bytes);
        for (field, extent) in [("boot", &self.boot), ("os", &self.os)] {
            let end = extent.offset.checked_add(extent.bytes);
            let good = extent.bytes > 0 && end.is_some_and(|end| end <= self.image.bytes);
            require(good, field, &inside, || text(extent))?;
        }
        let whole = self.os_bytes.checked_add(self.hash_bytes);
        let expected = "as many bytes as os-bytes and hash-bytes say";
        require(whole == Some(self.os.bytes), "os", expected, || text(&self.os))?;
        let apart = self.boot.end() <= self.os.offset || self.os.end() <= self.boot.offset;
        require(apart, "os", "no byte of boot", || text(&self.os))
    }

    fn validate_packages(&self) -> Result<(), ReleaseError> {
        let count = self.packages.len();
        let expected = "at most 50000 entries";
        require(count <= MAX_PACKAGES, "packages", expected, || count.to_string())?;
        let fit = |text: &String| {
            (1..=MAX_PACKAGE_FIELD).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        for Package { name, version, architecture } in &self.packages {
            for text in [name, version, architecture] {
                let expected = "1 to 256 printable ASCII characters";
                require(fit(text), "a field of packages", expected, || text::shown(text))?;
            }
        }
        let pairs = self.packages.iter().zip(self.packages.iter().skip(1));
        for (first, second) in pairs {
            let expected = "sorted by name, version and architecture, each once";
            require(first < second, "packages", expected, || shown(&second.name))?;
        }
        Ok(())
    }

    /// Checks that a chunk list is about the same parts: what a machine writes must be what it was
    /// told the size of.
    ///
    /// # Errors
    /// [`ReleaseError::Field`]: a part lies elsewhere or has another length.
    pub fn check_chunks(&self, list: &ChunkList) -> Result<(), ReleaseError> {
        for (field, extent, part) in [("boot", self.boot, Part::Boot), ("os", self.os, Part::Os)] {
            let part = list.part(part);
            let found = Extent { offset: part.image_offset(0), bytes: part.total_bytes() };
            let expected = format!("{found:?}, as the chunk list says");
            require(found == extent, field, &expected, || format!("{extent:?}"))?;
        }
        // Only the superblock of the tree is a chunk.
        let tree = list.part(Part::Os).derived_bytes().checked_add(BLOCK_BYTES);
        let expected = "that of the chunk list";
        require(tree == Some(self.hash_bytes), "hash-bytes", expected, || {
            self.hash_bytes.to_string()
        })
    }
}

fn json(error: &serde_json::Error) -> ReleaseError {
    // It may quote what it found.
    let reason = anklume_layout::text::printable(&error.to_string(), 200);
    ReleaseError::Json { reason }
}

fn require(
    good: bool,
    field: &'static str,
    expected: &str,
    found: impl FnOnce() -> String,
) -> Result<(), ReleaseError> {
    match good {
        true => Ok(()),
        false => Err(ReleaseError::Field { field, expected: expected.to_owned(), found: found() }),
    }
}
