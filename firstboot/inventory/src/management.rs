//! Media that a server's management controller (BMC) lends over the network.
//!
//! They look like USB drives, can have any size, and are gone when somebody closes a window. The names are
//! those of SCSI INQUIRY, vendor and model.

use crate::{Bus, Disk};

/// What vendor and model begin with, in lower case, and whose controller it is.
const PREFIXES: [(&str, &str); 24] = [
    ("idrac", "Dell iDRAC"),
    ("dell virtual cd", "Dell iDRAC"),
    ("dell virtual floppy", "Dell iDRAC"),
    ("dell virtual hdisk", "Dell iDRAC"),
    ("hp ilo", "HPE iLO"),
    ("hpe ilo", "HPE iLO"),
    ("ilo virtual", "HPE iLO"),
    ("hp virtual", "HPE iLO"),
    ("hpe virtual", "HPE iLO"),
    ("cisco vkvm", "Cisco CIMC"),
    ("cisco cimc", "Cisco CIMC"),
    ("cisco virtual", "Cisco CIMC"),
    ("ami virtual", "AMI MegaRAC"),
    ("aten virtual", "Supermicro"),
    ("supermicro virtual", "Supermicro"),
    ("ipmi virtual", "Supermicro"),
    ("pepperc virtual", "Supermicro"),
    ("lenovo xcc", "Lenovo XCC"),
    ("lenovo virtual", "Lenovo XCC"),
    ("ibm virtual", "Lenovo IMM"),
    ("imm virtual", "Lenovo IMM"),
    ("xcc virtual", "Lenovo XCC"),
    ("fts irmc", "Fujitsu iRMC"),
    ("linux file-stor gadget", "OpenBMC"),
];

/// Whose management controller lends `disk`; none if it is a real one. RAID controllers have virtual disks
/// as well, and disks of virtual machines are called so, but neither on USB.
pub(crate) fn controller(disk: &Disk) -> Option<&'static str> {
    if !matches!(disk.bus, Bus::Usb | Bus::Other) {
        return None;
    }
    let words = |text: &Option<String>| -> Vec<String> {
        let text = text.as_deref().unwrap_or_default().to_lowercase().replace('_', " ");
        text.split_whitespace().map(str::to_owned).collect()
    };
    let model = words(&disk.model);
    let whole = [words(&disk.vendor), model.clone()].concat().join(" ");
    let model = model.join(" ");
    let begins = |prefix: &str| whole.starts_with(prefix) || model.starts_with(prefix);
    PREFIXES.iter().find(|(prefix, _)| begins(prefix)).map(|(_, controller)| *controller)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bus: &str, vendor: Option<&str>, model: &str) -> Option<&'static str> {
        let disk = serde_json::json!({
            "name": "sda", "size": 1, "logical-sector": 512, "physical-sector": 512, "bus": bus,
            "vendor": vendor, "model": model,
        });
        controller(&serde_json::from_value(disk).unwrap())
    }

    #[test]
    fn lent_media_are_known_by_vendor_and_model() {
        for (vendor, model, expected) in [
            (Some("AMI"), "Virtual HDisk0", "AMI MegaRAC"),
            (None, "AMI_Virtual_Floppy0", "AMI MegaRAC"),
            (Some("iDRAC"), "LCDRIVE", "Dell iDRAC"),
            (Some("Dell"), "Virtual  Floppy", "Dell iDRAC"),
            (Some("HP iLO"), "LUN 00 Media 0", "HPE iLO"),
            (Some("Cisco"), "vKVM-Mapped vHDD", "Cisco CIMC"),
            (Some("ATEN"), "Virtual CDROM", "Supermicro"),
            (Some("Lenovo"), "XCC Virtual Media", "Lenovo XCC"),
            (Some("Linux"), "File-Stor Gadget", "OpenBMC"),
        ] {
            assert_eq!(of("usb", vendor, model), Some(expected), "{vendor:?} {model}");
        }
    }

    #[test]
    fn real_disks_of_the_same_makers_are_not() {
        for (bus, vendor, model) in [
            ("scsi", Some("Dell"), "VIRTUAL DISK"),
            ("scsi", Some("AMI"), "Virtual HDisk0"),
            ("virtio", Some("VMware"), "Virtual disk"),
            ("usb", Some("HP"), "x750w"),
            ("usb", Some("SanDisk"), "Ultra"),
            ("usb", Some("Dell"), "Virtual Disk"),
        ] {
            assert_eq!(of(bus, vendor, model), None, "{vendor:?} {model}");
        }
    }

    #[test]
    fn prefixes_are_as_they_are_compared() {
        for (prefix, _) in PREFIXES {
            assert_eq!(
                prefix,
                prefix.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
            );
        }
    }
}
