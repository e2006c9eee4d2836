//! `pool.toml`: what a machine knows of its pool.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::{self, DomainFault, DomainName};
use crate::{Backend, Encryption, Redundancy};

/// Version of the form.
const VERSION: u32 = 1;
/// Most bytes of the file.
const MOST_BYTES: usize = 64 << 10;
/// Most disks of a pool.
const MOST_DISKS: usize = 64;

/// A pool, as it is found again. No secret is in it.
///
/// What a newer OS has added is kept as it is: an older one must open the pool too, after a rollback. What an older one
/// would get wrong has another version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pool {
    /// Version of the form: 1.
    version: u32,
    /// Identity of the pool: a UUID.
    pub id: String,
    /// What keeps the data.
    pub backend: Backend,
    /// How it is spread.
    pub redundancy: Redundancy,
    /// How it is encrypted.
    pub encryption: Encryption,
    /// Whether the disks are told what is free.
    pub discard: bool,
    /// UUID of the file system; of a pool that ZFS encrypts, of the volume with its keys.
    pub file_system: String,
    /// Whether somebody said that the recovery key is in a safe place.
    pub recovery_key_saved: bool,
    /// The domains on it, in the order in which they were made. A record of a pool without any lacks the field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<DomainName>,
    /// What is not known here.
    #[serde(flatten)]
    newer: Newer,
    /// The disks.
    pub disks: Vec<PoolDisk>,
}

/// Fields of a newer form, with every type that TOML has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Newer(toml::Table);

/// As they are written: a number that is none is the same one after all.
impl PartialEq for Newer {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_string() == other.0.to_string()
    }
}

impl Eq for Newer {}

/// A disk of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PoolDisk {
    /// In words, for messages.
    pub name: String,
    /// Serial number, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Size in bytes.
    pub size: u64,
    /// GUID of the partition, in lower case.
    pub partition: String,
    /// UUID of the LUKS volume on it, in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub luks: Option<String>,
    /// As [`Pool`]'s.
    #[serde(flatten)]
    pub(crate) newer: Newer,
}

/// Why a record is of no use.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PoolError {
    /// Not what it should be.
    #[error("pool record: {0}")]
    Malformed(String),
    /// Of another form.
    #[error("pool record: version {found}, expected {VERSION}: a newer OS wrote it")]
    Version {
        /// Its version.
        found: u32,
    },
    /// A value that cannot be.
    #[error("pool record: {field}: {found:?} is not a UUID")]
    Uuid {
        /// Where.
        field: &'static str,
        /// What is there.
        found: String,
    },
    /// Domains that cannot be together.
    #[error("pool record: domains: {0}")]
    Domains(#[from] DomainFault),
    /// So many disks.
    #[error("pool record: {found} disks, expected 1 to {MOST_DISKS}")]
    Disks {
        /// How many.
        found: usize,
    },
}

impl Pool {
    /// A pool without disks.
    pub(crate) fn new(id: String, backend: Backend, file_system: String) -> Self {
        Self {
            version: VERSION,
            id,
            backend,
            redundancy: Redundancy::Single,
            encryption: Encryption::Luks2,
            discard: false,
            file_system,
            recovery_key_saved: false,
            domains: Vec::new(),
            newer: Newer::default(),
            disks: Vec::new(),
        }
    }

    /// A record of nothing, for actions that write none.
    #[must_use]
    pub fn none() -> Self {
        Self::new(String::new(), Backend::Btrfs, String::new())
    }

    /// Reads a record. What it says ends up in commands that root runs, so that everything is checked.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn parse(text: &str) -> Result<Self, PoolError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let malformed = |error: toml::de::Error| PoolError::Malformed(error.to_string());
        if text.len() > MOST_BYTES {
            let found = text.len();
            return Err(PoolError::Malformed(format!("{found} bytes, at most {MOST_BYTES}")));
        }
        let Versioned { version } = toml::from_str(text).map_err(malformed)?;
        if version != VERSION {
            return Err(PoolError::Version { found: version });
        }
        let pool: Self = toml::from_str(text).map_err(malformed)?;
        pool.check()?;
        Ok(pool)
    }

    /// Whether both are records of one pool, whatever else they say.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let what = |pool: &Self| (pool.id.clone(), pool.backend, pool.encryption);
        what(self) == what(other)
    }

    /// The record that counts while the pool is open: that on it, `on_pool`, which is written first, and by every
    /// machine that has the pool. Only a recovery key may have been made on this one while the pool was closed.
    #[must_use]
    pub fn with_record_on_it(&self, on_pool: &Self) -> Self {
        let mut pool = on_pool.clone();
        pool.recovery_key_saved |= self.recovery_key_saved;
        pool
    }

    fn check(&self) -> Result<(), PoolError> {
        let found = self.disks.len();
        if !(1..=MOST_DISKS).contains(&found) {
            return Err(PoolError::Disks { found });
        }
        domain::check(&self.domains)?;
        let mut uuids = vec![("id", &self.id), ("file-system", &self.file_system)];
        for disk in &self.disks {
            uuids.push(("disks.partition", &disk.partition));
            uuids.extend(disk.luks.as_ref().map(|luks| ("disks.luks", luks)));
            if disk.luks.is_some() != (self.encryption == Encryption::Luks2) {
                let partition = &disk.partition;
                let why = format!("disks.luks of {partition} does not fit the encryption");
                return Err(PoolError::Malformed(why));
            }
        }
        let only_zfs = self.encryption == Encryption::Zfs || self.redundancy.only_zfs();
        if (only_zfs && self.backend != Backend::Zfs) || !self.redundancy.fits(found) {
            let why = "backend, encryption, redundancy and disks do not fit each other".to_owned();
            return Err(PoolError::Malformed(why));
        }
        let wrong = uuids.into_iter().find(|(_, text)| !is_uuid(text));
        wrong.map_or(Ok(()), |(field, found)| Err(PoolError::Uuid { field, found: found.clone() }))
    }

    /// As a file.
    ///
    /// # Errors
    /// [`PoolError::Malformed`] for a size that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, PoolError> {
        let body =
            toml::to_string(self).map_err(|error| PoolError::Malformed(error.to_string()))?;
        Ok(format!("# The pool of this machine. Written by anklume; no secret is in it.\n{body}"))
    }

    /// Names of the opened volumes in `/dev/mapper`, in the order of the disks.
    #[must_use]
    pub fn mapper_names(&self) -> MapperNames {
        MapperNames { count: self.disks.len(), next: 0 }
    }

    /// How many disks may be missing, and the data is still there.
    #[must_use]
    pub fn spare(&self) -> usize {
        self.redundancy.spare(self.backend, self.disks.len())
    }

    /// The nodes that the file system lies on, given the partitions that are there: index of the disk, and
    /// its node.
    pub(crate) fn volumes(&self, partitions: &[(usize, String)]) -> Vec<String> {
        let volume = |(index, node): &(usize, String)| match self.encryption {
            Encryption::Luks2 => format!("/dev/mapper/{}", mapper_name(*index)),
            Encryption::Zfs | Encryption::None => node.clone(),
        };
        partitions.iter().map(volume).collect()
    }
}

/// Names of opened volumes.
#[derive(Debug, Clone)]
pub struct MapperNames {
    count: usize,
    next: usize,
}

impl Iterator for MapperNames {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.next >= self.count {
            return None;
        }
        let name = mapper_name(self.next);
        self.next = self.next.saturating_add(1);
        Some(name)
    }
}

/// Name of the opened volume of the disk with this index.
pub(crate) fn mapper_name(index: usize) -> String {
    // People count from 1.
    format!("{}-{}", crate::LABEL, index.saturating_add(1))
}

/// The text form of RFC 9562, in lower case.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => matches!(c, '0'..='9' | 'a'..='f'),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Pool {
        let uuid = "0f9a1c7e-1111-4222-8333-444455556666".to_owned();
        let mut pool = Pool::new(uuid.clone(), Backend::Btrfs, uuid.clone());
        pool.disks.push(PoolDisk {
            name: "QEMU disk".to_owned(),
            serial: Some("a\"b".to_owned()),
            size: 20 << 30,
            partition: uuid.clone(),
            luks: Some(uuid),
            newer: Newer::default(),
        });
        pool
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let text = pool().to_toml().unwrap();
        assert_eq!(Pool::parse(&text).unwrap(), pool());
    }

    #[test]
    fn a_record_has_domains_or_lacks_the_field() {
        let without = pool().to_toml().unwrap();
        assert!(!without.contains("domains") && Pool::parse(&without).unwrap().domains.is_empty());
        let names = ["work", "home"].map(|name| DomainName::new(name).unwrap());
        let with = pool().with_domains(&names).unwrap();
        let text = with.to_toml().unwrap();
        assert!(text.contains("domains = [\"work\", \"home\"]"), "{text}");
        assert_eq!(Pool::parse(&text).unwrap(), with);
        for (wrong, expected) in [
            ("[\"work\", \"work\"]", "twice"),
            ("[\"a/../b\"]", "expected 1 to 11"),
            ("[\"default\"]", "expected another name"),
        ] {
            let why = Pool::parse(&text.replace("[\"work\", \"home\"]", wrong)).unwrap_err();
            assert!(why.to_string().contains(expected), "{why}");
        }
    }

    #[test]
    fn what_a_newer_os_added_is_kept() {
        let text = pool().to_toml().unwrap();
        let (top, disk) = ("tpm = { slot = 2, pcrs = [7] }\ncolour = 'red'", "wear = 3");
        let newer = text.replace("version = 1", &format!("version = 1\n{top}")) + disk;
        let written = Pool::parse(&newer).unwrap().to_toml().unwrap();
        let value = |text: &str| toml::from_str::<toml::Table>(text).unwrap();
        assert_eq!(value(&written), value(&newer));
    }

    #[test]
    fn whatever_type_it_has() {
        let text = pool().to_toml().unwrap();
        let fields = [
            "made = 2026-11-30T12:14:28Z",
            "days = [2026-11-30, { at = 12:14:28 }]",
            "most = inf\nleast = -inf",
            "none = nan",
        ];
        for field in fields {
            let newer = text.replace("version = 1", &format!("version = 1\n{field}"));
            let newer = format!("{newer}{}", field.replace("made", "seen"));
            let read = Pool::parse(&newer).unwrap();
            let written = read.to_toml().unwrap();
            let value = |text: &str| toml::from_str::<toml::Table>(text).unwrap().to_string();
            assert_eq!(value(&written), value(&newer));
            assert_eq!(Pool::parse(&written).unwrap(), read);
        }
    }

    #[test]
    fn what_is_not_a_record_is_told() {
        let text = pool().to_toml().unwrap();
        let newer = text.replace("version = 1", "version = 2");
        assert_eq!(Pool::parse(&newer), Err(PoolError::Version { found: 2 }));
        let evil = text.replacen("0f9a1c7e", "--config", 1);
        assert!(matches!(Pool::parse(&evil), Err(PoolError::Uuid { field: "id", .. })), "{evil}");
        let open = text.replace("luks2", "none");
        assert!(Pool::parse(&open).unwrap_err().to_string().contains("does not fit"));
        assert!(Pool::parse("version = 1").is_err());
        assert!(Pool::parse(&"#".repeat(MOST_BYTES + 1)).is_err());
    }
}
