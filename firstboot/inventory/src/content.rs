//! What is on a disk, in words.

use anklume_language::{Language, say, size};
use anklume_layout::{Role, Slot};

use crate::text::{harmless, plural, quoted};
use crate::{BootMedium, Content, Disk, Partition, Signature};

/// The most partitions that are described.
const DESCRIBED: usize = 6;

/// Signatures: libblkid's name, and what it is called in English and French.
const KINDS: [(&str, &str, &str); 16] = [
    ("btrfs", "BTRFS", "BTRFS"),
    ("ntfs", "NTFS", "NTFS"),
    ("vfat", "FAT", "FAT"),
    ("exfat", "exFAT", "exFAT"),
    ("xfs", "XFS", "XFS"),
    ("iso9660", "ISO 9660", "ISO 9660"),
    ("BitLocker", "BitLocker volume", "volume BitLocker"),
    ("LVM2_member", "LVM volume", "volume LVM"),
    ("LVM1_member", "LVM volume", "volume LVM"),
    ("linux_raid_member", "member of a RAID array", "membre d'une grappe RAID"),
    ("mpath_member", "multipath disk", "disque multipath"),
    ("swap", "swap", "espace d'échange (swap)"),
    ("swsuspend", "hibernated system", "système en hibernation"),
    ("DM_verity_hash", "verity hashes", "empreintes verity"),
    ("bcache", "bcache device", "périphérique bcache"),
    ("apfs", "APFS", "APFS"),
];

/// Partition types that say what a partition without a signature is for: GUID or MBR number, English, French.
const TYPES: [(&str, &str, &str); 6] = [
    ("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "EFI system", "système EFI"),
    ("21686148-6449-6e6f-744e-656564454649", "BIOS boot", "amorçage BIOS"),
    ("e3c9e316-0b5c-4db8-817d-f92df00215ae", "Microsoft reserved", "réservée Microsoft"),
    ("de94bba4-06d1-4d40-a16a-bfd50179d6ac", "Windows recovery", "récupération Windows"),
    ("6a945a3b-1dd2-11b2-99a6-080020736631", "ZFS reserved", "réservée ZFS"),
    ("0x5", "extended", "étendue"),
];

impl Disk {
    /// What is on it, in a line: `LUKS2 volume 'pool'`, `2 partitions: NTFS 'Windows' 200.0 GiB, …`, `nothing
    /// found on it`.
    #[must_use]
    pub fn content_words(&self, language: Language, boot: &BootMedium) -> String {
        let content = &self.content;
        let mut parts = Vec::new();
        let own = self.holds_this_os();
        if own {
            parts.push(this_os(language, &self.name, boot));
        }
        parts.extend(partitions(language, content, own));
        // The medium of an OS has an ISO 9660 view, which is no content of its own.
        let whole = content.signatures.iter().filter(|one| !(own && one.kind == "iso9660"));
        parts.extend(whole.map(|one| one.words(language)));
        if content.unread {
            parts.push(say!(language, "it could not be read", "il n'a pas pu être lu"));
        }
        match (parts.is_empty(), &content.table) {
            (false, _) => parts.join(language.pick("; ", " ; ")),
            (true, Some(table)) => {
                let table = harmless(&table.to_uppercase());
                say!(
                    language,
                    "an empty partition table ({table})",
                    "une table de partitions vide ({table})"
                )
            }
            (true, None) => say!(language, "nothing found on it", "rien n'y a été trouvé"),
        }
    }

    /// Whether it holds an OS of this kind, by the names of its partitions.
    #[must_use]
    pub fn holds_this_os(&self) -> bool {
        let has = |role: Role| {
            let mut labels = self.content.partitions.iter().filter_map(|one| one.label.as_deref());
            labels.any(|label| label == role.label())
        };
        has(Role::Esp) && has(Role::Os(Slot::A))
    }
}

/// The OS on the disk `name`, and whether it is the one that runs.
fn this_os(language: Language, name: &str, boot: &BootMedium) -> String {
    match (boot.names(name), boot.is_certain()) {
        (None, _) => say!(language, "an anklume OS", "un système anklume"),
        (Some(_), true) => say!(
            language,
            "an anklume OS (this machine's boot medium)",
            "un système anklume (le support de démarrage de cette machine)"
        ),
        (Some(_), false) => say!(
            language,
            "an anklume OS (perhaps this machine's boot medium)",
            "un système anklume (peut-être le support de démarrage de cette machine)"
        ),
    }
}

/// The partitions of `content`; those of this OS are not listed where it is named already.
fn partitions(language: Language, content: &Content, own: bool) -> Option<String> {
    let is_listed = |partition: &&Partition| {
        let label = partition.label.as_deref();
        !(own && Role::ALL.iter().any(|role| label == Some(role.label())))
    };
    let listed: Vec<&Partition> = content.partitions.iter().filter(is_listed).collect();
    if listed.is_empty() {
        return None;
    }
    let mut words: Vec<String> =
        listed.iter().take(DESCRIBED).map(|partition| partition.words(language)).collect();
    let rest = listed.len().saturating_sub(words.len());
    if rest > 0 {
        words.push(say!(language, "{rest} more", "{rest} de plus"));
    }
    let (count, words) = (listed.len(), words.join(", "));
    Some(match (own, plural(language, u64::try_from(count).unwrap_or(u64::MAX))) {
        (false, true) => {
            say!(language, "{count} partitions: {words}", "{count} partitions : {words}")
        }
        (false, false) => {
            say!(language, "{count} partition: {words}", "{count} partition : {words}")
        }
        (true, true) => say!(
            language,
            "{count} more partitions: {words}",
            "{count} autres partitions : {words}"
        ),
        (true, false) => {
            say!(language, "{count} more partition: {words}", "{count} autre partition : {words}")
        }
    })
}

impl Partition {
    /// It in a few words: `NTFS 'Windows' 200.0 GiB`.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        let bytes = size(language, self.size);
        let content = &self.content;
        let found: Vec<String> =
            content.signatures.iter().map(|one| one.sized(language, Some(&bytes))).collect();
        if !found.is_empty() {
            return found.join(" + ");
        }
        let named = self.kind.as_deref().and_then(|kind| {
            TYPES.iter().find(|(name, ..)| *name == kind).map(|(_, e, f)| language.pick(*e, *f))
        });
        let what = match (named, &self.label) {
            (Some(named), _) => named.to_owned(),
            (None, Some(label)) => quoted(language, label),
            (None, None) if content.unread => say!(language, "unreadable", "illisible"),
            (None, None) => say!(language, "nothing known", "rien de connu"),
        };
        format!("{what} {bytes}")
    }
}

impl Signature {
    /// It in a few words: `LUKS2 volume 'pool'`, `ZFS pool tank, last used by hostA`.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        self.sized(language, None)
    }

    /// The same with a size. In a list, what would follow a comma stands in brackets.
    fn sized(&self, language: Language, bytes: Option<&str>) -> String {
        let bytes = bytes.map(|bytes| format!(" {bytes}")).unwrap_or_default();
        if self.kind == "zfs_member" {
            let pool = harmless(self.label.as_deref().unwrap_or("?"));
            let pool = say!(language, "ZFS pool {pool}{bytes}", "pool ZFS {pool}{bytes}");
            let Some(host) = self.host.as_deref().map(harmless) else { return pool };
            let by = say!(language, "last used by {host}", "utilisé en dernier par {host}");
            return if bytes.is_empty() {
                format!("{pool}, {by}")
            } else {
                format!("{pool} ({by})")
            };
        }
        let label = self.label.as_ref().map(|label| format!(" {}", quoted(language, label)));
        format!("{}{}{bytes}", self.what(language), label.unwrap_or_default())
    }

    /// What it is, without its label.
    fn what(&self, language: Language) -> String {
        if self.kind == "crypto_LUKS" {
            let version = harmless(self.version.as_deref().unwrap_or_default());
            return say!(language, "LUKS{version} volume", "volume LUKS{version}");
        }
        if let Some((_, english, french)) = KINDS.iter().find(|(kind, ..)| *kind == self.kind) {
            return language.pick(*english, *french).to_owned();
        }
        if self.kind.ends_with("_raid_member") {
            let array = ("member of a firmware RAID", "membre d'un RAID du micrologiciel");
            return language.pick(array.0, array.1).to_owned();
        }
        harmless(&self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(kind: &str, version: Option<&str>, label: Option<&str>) -> Signature {
        let (version, label) = (version.map(str::to_owned), label.map(str::to_owned));
        Signature { kind: kind.to_owned(), version, label, ..Signature::default() }
    }

    #[test]
    fn signatures_are_what_people_call_them() {
        for (signature, english, french) in [
            (
                signature("crypto_LUKS", Some("2"), Some("pool")),
                "LUKS2 volume 'pool'",
                "volume LUKS2 « pool »",
            ),
            (signature("crypto_LUKS", None, None), "LUKS volume", "volume LUKS"),
            (signature("ntfs", None, Some("Windows")), "NTFS 'Windows'", "NTFS « Windows »"),
            (
                signature("isw_raid_member", None, None),
                "member of a firmware RAID",
                "membre d'un RAID du micrologiciel",
            ),
            (signature("ext4", Some("1.0"), Some("a\u{1b}b")), "ext4 'a?b'", "ext4 « a?b »"),
        ] {
            assert_eq!(signature.words(Language::English), english);
            assert_eq!(signature.words(Language::French), french);
        }
    }

    #[test]
    fn a_pool_is_told_with_its_last_host() {
        let mut pool = signature("zfs_member", None, Some("tank"));
        assert_eq!(pool.words(Language::English), "ZFS pool tank");
        pool.host = Some("hostA".to_owned());
        assert_eq!(pool.words(Language::English), "ZFS pool tank, last used by hostA");
        assert_eq!(pool.words(Language::French), "pool ZFS tank, utilisé en dernier par hostA");
        let sized = pool.sized(Language::English, Some("9.0 GiB"));
        assert_eq!(sized, "ZFS pool tank 9.0 GiB (last used by hostA)");
    }
}
