//! What the questions need of the machine and of what is around it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anklume_host::process::Cmd;
use anklume_inventory::{Bus, Inventory, boot_medium};
use anklume_language::Language;
use anklume_settings::{
    AccessPoint, Connected, Device, Error, KeyList, Network, NetworkManager, Services, SourceError,
    keys_from_folder, keys_from_url,
};

use crate::inventory;

/// How long a card listens for Wi-Fi.
const LISTEN: Duration = Duration::from_secs(15);
/// How long a network may take to come up: NetworkManager itself waits 45 s for an address.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Where a stick is mounted while its keys are read.
const STICK: &str = "/run/anklume/stick";
/// Folders of a stick that are looked into.
const FOLDERS: [&str; 3] = ["", "anklume", ".ssh"];
/// File systems that sticks have, and what else mounts them without a write.
const KINDS: [(&str, &str, &str); 5] = [
    ("vfat", "vfat", ""),
    ("exfat", "exfat", ""),
    ("ntfs", "ntfs3", ""),
    ("iso9660", "iso9660", ""),
    // Its journal would be replayed.
    ("ext4", "ext4", ",noload"),
];

/// What is asked of the machine between two questions; a test has another one.
pub(crate) trait World {
    /// Network cards.
    fn devices(&self) -> Result<Vec<Device>, Error>;
    /// What is up.
    fn connected(&self) -> Result<Vec<Connected>, Error>;
    /// What Wi-Fi the card hears.
    fn scan(&self, interface: &str) -> Result<Vec<AccessPoint>, Error>;
    /// Tries a network, which the next start knows nothing of.
    fn connect(&self, network: &Network) -> Result<Connected, Error>;
    /// File systems of sticks and cards that are connected now.
    fn sticks(&self) -> Result<Vec<Stick>, String>;
    /// The keys on one.
    fn keys_on(&self, stick: &Stick, language: Language) -> Result<KeyList, String>;
    /// Writes a file to one.
    fn save(&self, stick: &Stick, name: &str, text: &str) -> Result<(), String>;
    /// The keys at a web address.
    fn keys_at(&self, url: &str) -> Result<KeyList, SourceError>;
}

/// A file system of a stick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stick {
    /// Kernel name of its device.
    pub(crate) node: String,
    /// Kind, as libblkid names it: one of [`KINDS`].
    pub(crate) kind: String,
    /// In words.
    pub(crate) words: String,
}

/// This machine.
pub(crate) struct Here;

impl World for Here {
    fn devices(&self) -> Result<Vec<Device>, Error> {
        let services = Services::system()?;
        let mut devices = NetworkManager::new(&services).devices()?;
        devices.retain(|device| device.managed);
        Ok(devices)
    }

    fn connected(&self) -> Result<Vec<Connected>, Error> {
        let services = Services::system()?;
        NetworkManager::new(&services).connected_now()
    }

    fn scan(&self, interface: &str) -> Result<Vec<AccessPoint>, Error> {
        let services = Services::system()?;
        NetworkManager::new(&services).scan(interface, LISTEN)
    }

    fn connect(&self, network: &Network) -> Result<Connected, Error> {
        let services = Services::system()?;
        let manager = NetworkManager::new(&services);
        manager.prepare(network)?;
        manager.activate(network, PATIENCE)
    }

    fn sticks(&self) -> Result<Vec<Stick>, String> {
        // Of now: it may have been plugged in for this question.
        let inventory = inventory::collect().map_err(|failure| failure.to_string())?;
        Ok(sticks(&inventory))
    }

    fn keys_on(&self, stick: &Stick, language: Language) -> Result<KeyList, String> {
        let _mounted = Mounted::at(stick, "ro", true)?;
        keys_below(Path::new(STICK)).map_err(|error| error.text(language))
    }

    fn save(&self, stick: &Stick, name: &str, text: &str) -> Result<(), String> {
        let mounted = Mounted::at(stick, "rw", false)?;
        let path = Path::new(STICK).join(name);
        anklume_host::file::replace(&path, text.as_bytes())
            .map_err(|error| format!("{}: {error}", path.display()))?;
        // Only then can it be pulled out.
        mounted.end()
    }

    fn keys_at(&self, url: &str) -> Result<KeyList, SourceError> {
        keys_from_url(url)
    }
}

/// A stick that is mounted at [`STICK`], until it is dropped.
struct Mounted;

impl Mounted {
    /// `access` is `ro` or `rw`; `untouched` also keeps a journal from being replayed.
    fn at(stick: &Stick, access: &str, untouched: bool) -> Result<Self, String> {
        let (_, kind, more) = KINDS
            .into_iter()
            .find(|(name, ..)| *name == stick.kind)
            .ok_or_else(|| format!("{}: {}", stick.node, stick.kind))?;
        fs::create_dir_all(STICK).map_err(|error| format!("{STICK}: {error}"))?;
        let more = if untouched { more } else { "" };
        let options = format!("{access},nodev,noexec,nosuid{more}");
        let mount = Cmd::new("mount").args(["-t", kind, "-o", &options]);
        let mount = mount.args([&format!("/dev/{}", stick.node), STICK]);
        mount.output().map_err(|error| error.to_string())?;
        Ok(Self)
    }

    fn end(self) -> Result<(), String> {
        std::mem::forget(self);
        Cmd::new("umount").arg(STICK).output().map(drop).map_err(|error| error.to_string())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Cmd::new("umount").arg(STICK).output();
    }
}

/// The keys in those folders of a stick where people put them.
fn keys_below(root: &Path) -> Result<KeyList, SourceError> {
    let mut all = KeyList::default();
    for folder in FOLDERS {
        let path = root.join(folder);
        // Not a link: it could lead to a folder of this machine.
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            all.add(keys_from_folder(&path)?);
        }
    }
    Ok(all)
}

/// Partitions, and disks without any, that can be taken out, but for the boot medium.
fn sticks(inventory: &Inventory) -> Vec<Stick> {
    let boot = boot_medium(inventory);
    let outside = inventory.disks.iter().filter(|disk| {
        let portable = disk.removable || matches!(disk.bus, Bus::Usb | Bus::Mmc);
        portable && boot.names(&disk.name).is_none()
    });
    let mut found = Vec::new();
    for disk in outside {
        let whole = std::iter::once((&disk.name, &disk.content));
        let parts = disk.content.partitions.iter().map(|part| (&part.name, &part.content));
        for (node, content) in whole.chain(parts) {
            let known = |kind: &str| KINDS.iter().any(|(name, ..)| *name == kind);
            let Some(one) = content.signatures.iter().find(|one| known(&one.kind)) else {
                continue;
            };
            let title = disk.title(Language::English);
            let label = one.label.as_deref().unwrap_or(&one.kind);
            let words = format!("{title}: {label} ({node})");
            found.push(Stick { node: node.clone(), kind: one.kind.clone(), words });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    #[test]
    fn sticks_are_what_can_be_taken_out_but_not_the_boot_medium() {
        let disk = |name: &str, bus: &str, content: &str| {
            format!(
                r#"{{"name": "{name}", "size": 16000000000, "logical-sector": 512,
                "physical-sector": 512, "bus": "{bus}", "content": {content}}}"#
            )
        };
        let vfat = r#"{"signatures": [{"kind": "vfat", "label": "KEYS"}]}"#;
        let parts = format!(
            r#"{{"partitions": [{{"name": "sdc1", "number": 1, "size": 1, "content": {vfat}}},
            {{"name": "sdc2", "number": 2, "size": 1,
              "content": {{"signatures": [{{"kind": "crypto_LUKS"}}]}}}}]}}"#
        );
        let disks = [
            disk("sda", "usb", vfat),
            disk("sdb", "ata", vfat),
            disk("sdc", "usb", &parts),
            disk("mmcblk0", "mmc", r#"{"signatures": [{"kind": "exfat"}]}"#),
        ];
        let text = format!(
            r#"{{"version": 1, "memory": 1, "boot": {{"backing": ["sda"]}}, "disks": [{}]}}"#,
            disks.join(",")
        );
        let found = sticks(&Inventory::parse(text.as_bytes()).unwrap());
        let nodes: Vec<_> =
            found.iter().map(|one| (one.node.as_str(), one.kind.as_str())).collect();
        assert_eq!(nodes, [("sdc1", "vfat"), ("mmcblk0", "exfat")]);
        assert!(found[0].words.contains("KEYS"), "{found:?}");
    }

    #[test]
    fn keys_are_found_in_the_folders_of_a_stick_and_not_behind_links() {
        let stick = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let key = |end: &str| KEY.replace("Ghsc", end);
        fs::create_dir(stick.path().join("anklume")).unwrap();
        fs::write(stick.path().join("anklume/id.pub"), KEY).unwrap();
        fs::write(stick.path().join("authorized_keys"), key("Gasc")).unwrap();
        fs::write(other.path().join("id.pub"), key("Gbsc")).unwrap();
        std::os::unix::fs::symlink(other.path(), stick.path().join(".ssh")).unwrap();
        assert_eq!(keys_below(stick.path()).unwrap().keys.len(), 2);
    }
}
