//! What low-level probes print of one device: `blkid`, `wipefs` and `zdb`.

use crate::json::{MAXIMUM_BYTES, clean, list, parse, text};
use crate::{Error, Signature};

/// Names that `wipefs` gives to partition tables, which are no content.
const TABLES: [&str; 8] = ["gpt", "PMBR", "dos", "mac", "sun", "sgi", "bsd", "atari"];

/// What `blkid -p -o export` prints of a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Blkid {
    /// One signature; several where it finds the result ambivalent and says so.
    pub(crate) signatures: Vec<Signature>,
    /// Partition table.
    pub(crate) table: Option<String>,
    /// Its GUID or number.
    pub(crate) table_guid: Option<String>,
    /// Of the partition that the device is: number, type, name and GUID.
    pub(crate) number: Option<u32>,
    pub(crate) kind: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) guid: Option<String>,
}

/// Reads lines of `KEY=value` with a backslash before each character that a shell would take for its own.
pub(crate) fn blkid(bytes: &[u8]) -> Blkid {
    let mut found = Blkid::default();
    let mut signature = Signature::default();
    for line in String::from_utf8_lossy(bounded(bytes)).lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let Some(value) = clean(&plain(&unescaped(value))) else { continue };
        match key {
            "TYPE" => signature.kind = value,
            "VERSION" => signature.version = Some(value),
            "LABEL" => signature.label = Some(value),
            "UUID" => signature.uuid = Some(value),
            "AMBIVALENT" | "ID_FS_AMBIVALENT" => found.signatures.extend(ambivalent(&value)),
            "PTTYPE" => found.table = Some(value),
            "PTUUID" => found.table_guid = Some(value.to_ascii_lowercase()),
            "PART_ENTRY_NUMBER" => found.number = value.parse().ok(),
            "PART_ENTRY_TYPE" => found.kind = Some(value.to_ascii_lowercase()),
            "PART_ENTRY_NAME" => found.label = Some(value),
            "PART_ENTRY_UUID" => found.guid = Some(value.to_ascii_lowercase()),
            _ => {}
        }
    }
    if !signature.kind.is_empty() {
        found.signatures.insert(0, signature);
    }
    found
}

/// The kinds of `kind:usage:version kind:usage:version`.
fn ambivalent(value: &str) -> impl Iterator<Item = Signature> + '_ {
    value.split_whitespace().map(|one| {
        let mut parts = one.split(':');
        let kind = parts.next().unwrap_or_default().to_owned();
        let version = parts.nth(1).and_then(clean);
        Signature { kind, version, ..Signature::default() }
    })
}

fn unescaped(value: &str) -> String {
    let mut characters = value.chars();
    let mut plain = String::new();
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    plain
}

/// `value` without the notation of `cat -v` (`M-CM-)` for é), if that gives UTF-8. It cannot be told from a
/// label with just these characters, which nobody writes.
fn plain(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value;
    while let Some(character) = rest.chars().next() {
        let high = rest.strip_prefix("M-").and_then(|rest| caret(rest, 0x80));
        if let Some((byte, after)) = high {
            bytes.push(byte);
            rest = after;
        } else {
            let after = rest.get(character.len_utf8()..).unwrap_or_default();
            bytes.extend(character.to_string().as_bytes());
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| value.to_owned())
}

/// The byte at the front of `text`, `^A` for a control character, with the bits `high`; and what follows.
fn caret(text: &str, high: u8) -> Option<(u8, &str)> {
    let (text, flip) = match text.strip_prefix('^') {
        Some(after) if !after.is_empty() => (after, 0x40),
        _ => (text, 0),
    };
    let character = text.chars().next().filter(char::is_ascii)?;
    let byte = u8::try_from(character).ok()?;
    Some(((byte ^ flip) | high, text.get(1..)?))
}

/// What `wipefs` finds on a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Wipefs {
    /// Signatures, each once: ZFS has a hundred magic numbers.
    pub(crate) signatures: Vec<Signature>,
    /// Partition table.
    pub(crate) table: Option<String>,
}

/// Reads `wipefs -J DEVICE` or `wipefs -J --all --no-act DEVICE`.
pub(crate) fn wipefs(bytes: &[u8]) -> Result<Wipefs, Error> {
    const OBJECT: &str = "output of wipefs";
    // `--all` prints what it would erase in plain text behind the JSON.
    let end =
        bytes.iter().rposition(|byte| *byte == b'}').map_or(bytes.len(), |at| at.saturating_add(1));
    let value = parse(OBJECT, bytes.get(..end).unwrap_or(bytes))?;
    let mut found = Wipefs::default();
    for one in list(OBJECT, &value, "signatures")? {
        let Some(kind) = text(one.get("type")) else { continue };
        if TABLES.contains(&kind.as_str()) {
            // A protective MBR comes with a GPT, and says less.
            if kind != "PMBR" && found.table.is_none() {
                found.table = Some(kind);
            }
            continue;
        }
        let (label, uuid) = (text(one.get("label")), text(one.get("uuid")));
        let signature = Signature { kind, label, uuid, ..Signature::default() };
        if !found.signatures.contains(&signature) {
            found.signatures.push(signature);
        }
    }
    Ok(found)
}

/// What a ZFS label says of its pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pool {
    /// Name.
    pub name: Option<String>,
    /// GUID, in decimal.
    pub guid: Option<String>,
    /// The host that used it last.
    pub host: Option<String>,
    /// That host's ID.
    pub hostid: Option<u64>,
    /// Whether that host closed it (`POOL_STATE_EXPORTED`).
    pub exported: bool,
}

/// The pools in the labels that `zdb -l` prints, each once. More than one where an old label was left.
#[must_use]
pub fn zdb(bytes: &[u8]) -> Vec<Pool> {
    let mut pools: Vec<Pool> = Vec::new();
    let mut pool = Pool::default();
    let mut keep = |pool: &mut Pool| {
        let whole = std::mem::take(pool);
        if whole.guid.is_some() && !pools.iter().any(|known| known.guid == whole.guid) {
            pools.push(whole);
        }
    };
    for line in String::from_utf8_lossy(bounded(bytes)).lines() {
        if line.starts_with("LABEL") {
            keep(&mut pool);
        }
        // Four spaces: of the pool. More: of its devices, which have names and GUIDs as well.
        let Some((key, value)) = line.strip_prefix("    ").and_then(|line| line.split_once(": "))
        else {
            continue;
        };
        let value = value.trim();
        let value = value.strip_prefix('\'').and_then(|v| v.strip_suffix('\'')).unwrap_or(value);
        match key {
            "name" => pool.name = clean(value),
            "pool_guid" => pool.guid = clean(value),
            "hostname" => pool.host = clean(value),
            "hostid" => pool.hostid = value.parse().ok(),
            "state" => pool.exported = value == "1",
            _ => {}
        }
    }
    keep(&mut pool);
    pools
}

/// The beginning of an output that may be endless.
fn bounded(bytes: &[u8]) -> &[u8] {
    bytes.get(..MAXIMUM_BYTES).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(kind: &str, label: Option<&str>, uuid: Option<&str>) -> Signature {
        let (label, uuid) = (label.map(str::to_owned), uuid.map(str::to_owned));
        Signature { kind: kind.to_owned(), label, uuid, ..Signature::default() }
    }

    /// As blkid 2.38 prints a file system named `été 'b'`.
    #[test]
    fn escapes_of_blkid_are_taken_back() {
        let text =
            "DEVNAME=/dev/sda1\nLABEL=M-CM-)tM-CM-)\\ \\'b\\'\nUUID=a7\nVERSION=1.0\nTYPE=ext4\n";
        let mut expected = signature("ext4", Some("été 'b'"), Some("a7"));
        expected.version = Some("1.0".to_owned());
        assert_eq!(blkid(text.as_bytes()).signatures, [expected]);
    }

    #[test]
    fn a_label_that_only_looks_like_an_escape_stays() {
        for label in ["M-C", "M-", "M-é", "M-^", "^A"] {
            assert_eq!(plain(label), label);
        }
        assert_eq!(plain("M-bM-^BM-,"), "€");
        assert_eq!(unescaped("a\\"), "a");
    }

    #[test]
    fn an_ambivalent_result_names_all() {
        let text = "AMBIVALENT=ext4:filesystem:1.0 zfs_member:filesystem:5000\n";
        let kinds: Vec<_> = blkid(text.as_bytes())
            .signatures
            .into_iter()
            .map(|one| (one.kind, one.version))
            .collect();
        let of = |kind: &str, version: &str| (kind.to_owned(), Some(version.to_owned()));
        assert_eq!(kinds, [of("ext4", "1.0"), of("zfs_member", "5000")]);
    }

    #[test]
    fn a_partition_is_described_by_its_entry() {
        let text = "PTTYPE=gpt\nPTUUID=AB\nPART_ENTRY_NAME=a\\ b\nPART_ENTRY_NUMBER=3\n\
                    PART_ENTRY_TYPE=C12A\nPART_ENTRY_UUID=EF\n";
        let expected = Blkid {
            table: Some("gpt".to_owned()),
            table_guid: Some("ab".to_owned()),
            number: Some(3),
            kind: Some("c12a".to_owned()),
            label: Some("a b".to_owned()),
            guid: Some("ef".to_owned()),
            ..Blkid::default()
        };
        assert_eq!(blkid(text.as_bytes()), expected);
    }

    #[test]
    fn wipefs_finds_each_signature_once_and_the_table_apart() {
        let one = |kind: &str, label: &str, offset: &str| {
            format!(
                r#"{{"device":"sda","offset":"{offset}","type":"{kind}","uuid":null,"label":{label}}}"#
            )
        };
        let all = [
            one("gpt", "null", "0x200"),
            one("gpt", "null", "0x18fffe00"),
            one("PMBR", "null", "0x1fe"),
            one("zfs_member", "\"tank\"", "0x3f000"),
            one("zfs_member", "\"tank\"", "0x3e000"),
            one("ext4", "null", "0x438"),
        ];
        let text = format!("{{\"signatures\": [{}]}}\nsda: 8 bytes were erased\n", all.join(","));
        let found = wipefs(text.as_bytes()).unwrap();
        assert_eq!(found.table.as_deref(), Some("gpt"));
        let expected = [signature("zfs_member", Some("tank"), None), signature("ext4", None, None)];
        assert_eq!(found.signatures, expected);
        assert_eq!(wipefs(b"{\"signatures\": [\n\n]}"), Ok(Wipefs::default()));
        assert!(wipefs(b"").is_err() && wipefs(b"{}").is_err());
    }

    #[test]
    fn zdb_tells_the_pool_and_not_its_devices() {
        let label = |number: u32, name: &str, guid: &str| {
            format!(
                "------------------------------------\nLABEL {number} \n\
                 ------------------------------------\n    version: 5000\n    name: '{name}'\n    \
                 state: 1\n    pool_guid: {guid}\n    hostid: 8323329\n    hostname: 'hostA'\n    \
                 vdev_tree:\n        type: 'disk'\n        guid: 99\n        name: 'inner'\n    \
                 labels = {number}\n"
            )
        };
        let text = [label(0, "tank", "42"), label(1, "tank", "42"), label(2, "old", "7")].concat();
        let pool = |name: &str, guid: &str| Pool {
            name: Some(name.to_owned()),
            guid: Some(guid.to_owned()),
            host: Some("hostA".to_owned()),
            hostid: Some(8_323_329),
            exported: true,
        };
        assert_eq!(zdb(text.as_bytes()), [pool("tank", "42"), pool("old", "7")]);
        assert_eq!(zdb(b"failed to unpack label 0\nfailed to unpack label 1\n"), []);
    }
}
