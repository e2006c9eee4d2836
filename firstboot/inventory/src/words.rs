//! A disk for people: what it is, and how it is.

use anklume_language::{Language, say, size};

use crate::text::{harmless, plural};
use crate::{Bus, Content, Disk};

impl Disk {
    /// What is on the whole disk, then on each partition.
    pub(crate) fn contents(&self) -> impl Iterator<Item = &Content> {
        std::iter::once(&self.content)
            .chain(self.content.partitions.iter().map(|partition| &partition.content))
    }

    /// Whether nothing was found on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let content = &self.content;
        content.partitions.is_empty() && content.table.is_none() && content.signatures.is_empty()
    }

    /// Whether it is made of RAM, a file or other devices: no medium that a machine starts from.
    pub(crate) fn is_virtual(&self) -> bool {
        let made = ["loop", "zram", "ram", "dm-", "md"];
        made.iter().any(|prefix| self.name.starts_with(prefix))
    }

    /// Whether it is a drive with a medium.
    pub(crate) fn is_physical(&self) -> bool {
        self.size > 0 && self.kind.is_none() && !self.is_virtual()
    }

    /// Vendor and model; the kernel's name if it has neither.
    #[must_use]
    pub fn title(&self, language: Language) -> String {
        let model = self.model.as_deref().unwrap_or_default();
        // Adapters put their own name or a number of theirs where the maker's belongs.
        let vendor = self.vendor.as_deref().filter(|vendor| {
            let lower = vendor.to_lowercase();
            !matches!(lower.as_str(), "ata" | "nvme" | "usb" | "generic")
                && !lower.starts_with("0x")
                && !model.to_lowercase().starts_with(&lower)
        });
        let title = [vendor.unwrap_or_default(), model].join(" ");
        match (title.trim(), self.bus) {
            ("", Bus::Virtio) => {
                let name = harmless(&self.name);
                say!(language, "virtual disk {name}", "disque virtuel {name}")
            }
            ("", _) => {
                let name = harmless(&self.name);
                say!(language, "disk {name}", "disque {name}")
            }
            (title, _) => harmless(title),
        }
    }

    /// It in a line: `Samsung SSD 870, 931.5 GiB, serial S5Y1NX0R, SATA, SSD`.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        let mut parts = vec![self.title(language)];
        if self.size > 0 {
            parts.push(size(language, self.size));
        }
        parts.push(match (&self.serial, &self.wwn) {
            (Some(serial), _) => {
                let serial = harmless(serial);
                say!(language, "serial {serial}", "n° de série {serial}")
            }
            (None, Some(wwn)) => format!("WWN {}", harmless(wwn)),
            (None, None) => say!(language, "no serial number", "sans numéro de série"),
        });
        parts.extend(self.bus.words(language));
        parts.extend(self.build(language));
        parts.join(", ")
    }

    /// How it is built, where that can be known.
    fn build(&self, language: Language) -> Option<String> {
        if matches!(self.bus, Bus::Virtio | Bus::Mmc | Bus::Other) || self.kind.is_some() {
            return None;
        }
        Some(if self.removable {
            say!(language, "removable", "amovible")
        } else if self.rotational {
            say!(language, "hard disk", "disque dur")
        } else {
            "SSD".to_owned()
        })
    }

    /// Its health in a line: `healthy, 3 % worn, 12000 hours of use, 38 °C`.
    #[must_use]
    pub fn health_words(&self, language: Language) -> String {
        let health = &self.health;
        let mut parts = vec![match health.passed {
            Some(true) => say!(language, "healthy", "en bonne santé"),
            Some(false) => {
                say!(language, "failing (by its own check)", "en panne (d'après son contrôle)")
            }
            None => say!(language, "health unknown", "état de santé inconnu"),
        }];
        if let Some(percent) = health.wear {
            parts.push(say!(language, "{percent} % worn", "usé à {percent} %"));
        }
        if let Some(count) = health.bad_sectors.filter(|count| *count > 0) {
            parts.push(if plural(language, count) {
                say!(language, "{count} bad sectors", "{count} secteurs défectueux")
            } else {
                say!(language, "{count} bad sector", "{count} secteur défectueux")
            });
        }
        if let Some(hours) = health.hours {
            parts.push(if plural(language, hours) {
                say!(language, "{hours} hours of use", "{hours} heures d'utilisation")
            } else {
                say!(language, "{hours} hour of use", "{hours} heure d'utilisation")
            });
        }
        if let Some(degrees) = health.temperature {
            parts.push(format!("{degrees} °C"));
        }
        parts.join(", ")
    }
}

impl Bus {
    /// Its name; none if it says nothing.
    #[must_use]
    pub fn words(self, language: Language) -> Option<String> {
        match self {
            Self::Usb => Some("USB".to_owned()),
            Self::Ata => Some("SATA".to_owned()),
            Self::Scsi => Some("SCSI".to_owned()),
            Self::Nvme => Some("NVMe".to_owned()),
            Self::Mmc => Some(say!(language, "SD card or eMMC", "carte SD ou eMMC")),
            Self::Virtio => Some(say!(language, "virtual", "virtuel")),
            Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(change: serde_json::Value) -> Disk {
        let mut json = serde_json::json!({
            "name": "sda", "size": 1_000_204_886_016_u64, "logical-sector": 512,
            "physical-sector": 512, "bus": "ata", "model": "Samsung SSD 870", "vendor": "ATA",
            "serial": "S5Y1NX0R",
        });
        for (key, value) in change.as_object().unwrap() {
            json[key] = value.clone();
        }
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_disk_is_a_line() {
        let none = serde_json::json!(null);
        for (change, english, french) in [
            (
                serde_json::json!({}),
                "Samsung SSD 870, 931.5 GiB, serial S5Y1NX0R, SATA, SSD",
                "Samsung SSD 870, 931,5 Gio, n° de série S5Y1NX0R, SATA, SSD",
            ),
            (
                serde_json::json!({"vendor": "San\u{1b}Disk", "model": "Ultra", "bus": "usb",
                                   "serial": none, "wwn": "0x5", "removable": true}),
                "San?Disk Ultra, 931.5 GiB, WWN 0x5, USB, removable",
                "San?Disk Ultra, 931,5 Gio, WWN 0x5, USB, amovible",
            ),
            (
                serde_json::json!({"vendor": "0x1af4", "model": none, "bus": "virtio",
                                   "serial": none, "rotational": true}),
                "virtual disk sda, 931.5 GiB, no serial number, virtual",
                "disque virtuel sda, 931,5 Gio, sans numéro de série, virtuel",
            ),
            (
                serde_json::json!({"vendor": "samsung", "rotational": true}),
                "Samsung SSD 870, 931.5 GiB, serial S5Y1NX0R, SATA, hard disk",
                "Samsung SSD 870, 931,5 Gio, n° de série S5Y1NX0R, SATA, disque dur",
            ),
        ] {
            let disk = disk(change);
            assert_eq!(disk.words(Language::English), english);
            assert_eq!(disk.words(Language::French), french);
        }
    }

    #[test]
    fn health_is_a_line() {
        let health = serde_json::json!({
            "passed": true, "wear": 3, "hours": 1, "bad-sectors": 2, "temperature": 38,
        });
        let disk_with = disk(serde_json::json!({"health": health}));
        let english = disk_with.health_words(Language::English);
        assert_eq!(english, "healthy, 3 % worn, 2 bad sectors, 1 hour of use, 38 °C");
        let french = disk_with.health_words(Language::French);
        let expected =
            "en bonne santé, usé à 3 %, 2 secteurs défectueux, 1 heure d'utilisation, 38 °C";
        assert_eq!(french, expected);
        let silent = disk(serde_json::json!({}));
        assert_eq!(silent.health_words(Language::English), "health unknown");
    }
}
