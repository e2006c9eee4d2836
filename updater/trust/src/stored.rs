//! What a machine remembers of the metadata that it has seen.
//!
//! One JSON file. Nobody signs it, so nothing in it is a reason to trust anything: its root files
//! are verified again, from the one that the image embeds ([`crate::Client::new`]). Whoever can write
//! it can make a machine forget, or refuse, but not accept.

use serde_json::{Map, Value, json};

use crate::envelope::Envelope;
use crate::json::{canonical, parse};
use crate::metadata::{Header, Root};
use crate::node::Node;
use crate::{Digest, Error, Moment, Role};

/// Name that errors give it.
const FILE: &str = "the stored state";
/// Version of the encoding.
const FORMAT: u64 = 1;
/// Longest encoding that is read, in bytes.
pub const MAX_STORED_BYTES: usize = 1 << 20;
/// Most bytes of root files that are kept; the oldest go first. In the encoding each byte
/// may need two.
const MAX_ROOT_BYTES: usize = 448 << 10;

/// What was seen, to be kept between refreshes. It only grows, until keys are rotated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// Root files in the order in which they were trusted, the newest last.
    pub(crate) roots: Vec<String>,
    pub(crate) timestamp: Option<Record>,
    pub(crate) snapshot: Option<Record>,
    pub(crate) targets: Option<Record>,
}

/// The newest file of a role that was trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) version: u64,
    /// Digest of what is signed.
    pub(crate) digest: Digest,
    pub(crate) issued: Option<Moment>,
    /// Version of the file that it names: of the snapshot, or of the targets.
    pub(crate) names: Option<u64>,
}

impl Record {
    pub(crate) fn of(header: &Header, digest: Digest, names: Option<u64>) -> Self {
        Self { version: header.version, digest, issued: header.issued, names }
    }

    /// Checks that a file of this role is not older than this one, and that one version is one file.
    pub(crate) fn check(&self, role: Role, version: u64, digest: Digest) -> Result<(), Error> {
        let file = role.file();
        if version < self.version {
            return Err(Error::Rollback { file, seen: self.version, found: version });
        }
        if version == self.version && digest != self.digest {
            return Err(Error::Changed { file, version });
        }
        Ok(())
    }

    /// Checks that the file that a file of this role names is not older than the one named before.
    pub(crate) fn check_named(&self, role: Role, version: u64) -> Result<(), Error> {
        match self.names {
            Some(seen) if version < seen => {
                Err(Error::Rollback { file: role.file(), seen, found: version })
            }
            _ => Ok(()),
        }
    }

    fn read(record: &Node<'_>) -> Result<Self, Error> {
        Ok(Self {
            version: record.get("version")?.positive()?,
            digest: record.get("sha256")?.digest()?,
            issued: record.find("issued")?.map(|node| node.moment()).transpose()?,
            names: record.find("names")?.map(|node| node.positive()).transpose()?,
        })
    }

    fn object(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("version".into(), json!(self.version));
        fields.insert("sha256".into(), json!(self.digest.to_string()));
        if let Some(issued) = self.issued {
            fields.insert("issued".into(), json!(issued.to_string()));
        }
        if let Some(names) = self.names {
            fields.insert("names".into(), json!(names));
        }
        Value::Object(fields)
    }
}

impl Stored {
    /// Reads what [`Stored::encode`] wrote.
    ///
    /// # Errors
    /// Damaged, or of a later version of this program: the caller may go on as if there were none,
    /// which is how a machine starts, but should say so.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_STORED_BYTES {
            let count = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
            let (limit, found) = (count(MAX_STORED_BYTES), count(bytes.len()));
            return Err(Error::TooLong { file: FILE, limit, found });
        }
        let value = parse(bytes).map_err(|reason| Error::Json { file: FILE, reason })?;
        let top = Node::top(FILE, &value);
        let format = top.get("format")?;
        if format.number()? != FORMAT {
            return Err(format.wrong("1"));
        }
        let checksum = top.get("checksum")?;
        // A fuzzer does not find digests; what lies behind this one is to be fuzzed too.
        if checksum.digest()? != digest_of(&value) && !cfg!(fuzzing) {
            return Err(checksum.wrong("the digest of the rest"));
        }
        let roots = top.get("roots")?;
        let roots = roots.items()?.map(|root| Ok(root.text()?.to_owned()));
        let record = |role: Role| match top.find(role.name())? {
            Some(node) => Record::read(&node).map(Some),
            None => Ok(None),
        };
        Ok(Self {
            roots: roots.collect::<Result<_, Error>>()?,
            timestamp: record(Role::Timestamp)?,
            snapshot: record(Role::Snapshot)?,
            targets: record(Role::Targets)?,
        })
    }

    /// The file to keep. Write it to another name, flush it and rename it: a damaged file is as good
    /// as none.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = Map::new();
        fields.insert("format".into(), json!(FORMAT));
        fields.insert("roots".into(), json!(self.roots));
        let records = [
            (Role::Timestamp, self.timestamp),
            (Role::Snapshot, self.snapshot),
            (Role::Targets, self.targets),
        ];
        for (role, record) in records {
            if let Some(record) = record {
                fields.insert(role.name().into(), record.object());
            }
        }
        let checksum = digest_of(&Value::Object(fields.clone()));
        fields.insert("checksum".into(), json!(checksum.to_string()));
        format!("{}\n", Value::Object(fields)).into_bytes()
    }

    /// What is remembered on the first start.
    pub(crate) fn new(embedded: &str) -> Self {
        Self { roots: vec![embedded.to_owned()], ..Self::default() }
    }

    /// Takes the next root in. Where it rotates keys, what was signed with the old ones is forgotten,
    /// in the same step: whoever had those keys may have signed the highest version there is (TUF
    /// 1.0, section 5.3.11), and a time far ahead.
    pub(crate) fn follow(&mut self, old: &Root, new: &Root, text: &str) {
        self.forget_rotated(old, new);
        self.push_root(text);
    }

    /// Adds the newest root.
    pub(crate) fn push_root(&mut self, text: &str) {
        self.roots.push(text.to_owned());
        self.trim();
    }

    pub(crate) fn forget_rotated(&mut self, old: &Root, new: &Root) {
        if new.rotates(old, Role::Timestamp) || new.rotates(old, Role::Snapshot) {
            self.timestamp = None;
            self.snapshot = None;
        }
        if new.rotates(old, Role::Targets) {
            self.targets = None;
        }
    }

    fn trim(&mut self) {
        let mut bytes: usize = self.roots.iter().map(String::len).sum();
        let mut surplus: usize = 0;
        for root in self.roots.iter().rev().skip(1).rev() {
            if bytes <= MAX_ROOT_BYTES {
                break;
            }
            bytes = bytes.saturating_sub(root.len());
            surplus = surplus.saturating_add(1);
        }
        self.roots.drain(..surplus);
    }

    /// The root files as they are read; nothing is verified.
    pub(crate) fn opened_roots(&self) -> Result<Vec<(Envelope, Root)>, Error> {
        let opened = self.roots.iter().map(|text| {
            let envelope = Envelope::open(Role::Root, text.as_bytes())?;
            let root = envelope.body::<Root>()?;
            Ok((envelope, root))
        });
        opened.collect()
    }
}

/// Digest of a state without its checksum.
fn digest_of(state: &Value) -> Digest {
    let mut fields = state.as_object().cloned().unwrap_or_default();
    fields.remove("checksum");
    // It was read as strictly as it is written, or holds texts and numbers of ours.
    Digest::of(&canonical(&Value::Object(fields)).unwrap_or_default())
}
