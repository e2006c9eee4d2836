//! The form in which an inventory is saved.

use std::collections::BTreeSet;

use crate::json::{number, parse};
use crate::{Error, Inventory, VERSION};

const OBJECT: &str = "the inventory";

impl Inventory {
    /// Reads an inventory that was saved.
    ///
    /// # Errors
    /// If it is too large, not JSON, of another version, has a field that is not known or lacks one, or
    /// names two disks alike.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let value = parse(OBJECT, bytes)?;
        // The version first: a later one may have any other field.
        let shape = |reason: String| Error::Shape { object: OBJECT, reason };
        let found = number(value.get("version"))
            .ok_or_else(|| shape(format!("expected `version`: {VERSION}, found none")))?;
        if found != u64::from(VERSION) {
            return Err(Error::Version { found, expected: VERSION });
        }
        let inventory: Self =
            serde_json::from_value(value).map_err(|error| shape(error.to_string()))?;
        let mut names = BTreeSet::new();
        match inventory.disks.iter().find(|disk| !names.insert(disk.name.as_str())) {
            Some(disk) => Err(Error::TwoDisks { name: disk.name.clone() }),
            None => Ok(inventory),
        }
    }

    /// The form to save: JSON for people's eyes too, and the same for the same inventory.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Keys are texts and no number is a fraction, so there is nothing that JSON could not say.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The disk `name`, a kernel name.
    #[must_use]
    pub fn disk(&self, name: &str) -> Option<&crate::Disk> {
        self.disks.iter().find(|disk| disk.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(change: impl FnOnce(&mut serde_json::Value)) -> Result<Inventory, Error> {
        let disk = |name: &str| {
            serde_json::json!({
                "name": name, "size": 1, "logical-sector": 512, "physical-sector": 512, "bus": "usb"
            })
        };
        let disks = [disk("sda"), disk("sdb")];
        let mut value =
            serde_json::json!({"version": VERSION, "memory": 1, "boot": {}, "disks": disks});
        change(&mut value);
        Inventory::parse(value.to_string().as_bytes())
    }

    #[test]
    fn what_is_saved_is_read_again() {
        let inventory = sample(|_| {}).unwrap();
        assert_eq!(inventory.disks.len(), 2);
        assert_eq!(Inventory::parse(inventory.to_json().as_bytes()), Ok(inventory));
    }

    #[test]
    fn another_version_is_named_before_anything_else() {
        let other = sample(|value| {
            value["version"] = 2.into();
            value["new"] = true.into();
        });
        assert_eq!(other, Err(Error::Version { found: 2, expected: VERSION }));
        assert_eq!(other.unwrap_err().to_string(), "the inventory has version 2, expected 1");
        let none = sample(|value| value["version"] = "x".into());
        assert!(matches!(none, Err(Error::Shape { .. })), "{none:?}");
    }

    #[test]
    fn a_field_too_many_and_a_disk_twice_are_errors() {
        let field = sample(|value| value["disks"][0]["colour"] = "red".into());
        assert!(matches!(&field, Err(Error::Shape { reason, .. }) if reason.contains("colour")));
        let twice = sample(|value| value["disks"][1]["name"] = "sda".into());
        assert_eq!(twice, Err(Error::TwoDisks { name: "sda".to_owned() }));
        assert!(matches!(Inventory::parse(b"nonsense"), Err(Error::NotJson { .. })));
    }
}
