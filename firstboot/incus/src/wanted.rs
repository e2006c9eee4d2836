//! What Incus should have: a storage pool, bridges, and what a profile gives to instances.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::{BridgeName, ConfigKey, NameFault, PoolName, ProfileName, Subnet};

/// Longest value of a setting, in bytes.
const MAX_VALUE: usize = 4096;

/// Settings of an object.
pub type Config = BTreeMap<ConfigKey, String>;

/// The wanted state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Where instances and images lie.
    pub pool: Pool,
    /// The bridges that instances are connected to.
    #[serde(default)]
    pub networks: Vec<Bridge>,
    /// The profile with a root disk on `pool`: the default one, if none is named.
    #[serde(default)]
    pub profile: ProfileName,
    /// The bridge of the profile's `eth0`, one of `networks` or one that is there.
    #[serde(default)]
    pub default_network: Option<BridgeName>,
}

/// A storage pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Its name.
    pub name: PoolName,
    /// What it consists of.
    pub driver: Driver,
    /// Empty dataset of ZFS, as `anklume/incus`; path of an empty subvolume or folder for the others. Incus
    /// owns it as a whole. It is always given: without it, Incus would make a file of its own choice.
    pub source: String,
    /// Further settings.
    #[serde(default)]
    pub config: Config,
}

/// What a storage pool consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// Subvolumes.
    Btrfs,
    /// Datasets.
    Zfs,
    /// Folders; also in RAM.
    Dir,
}

impl Driver {
    /// Incus's name for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Btrfs => "btrfs",
            Self::Zfs => "zfs",
            Self::Dir => "dir",
        }
    }
}

/// A bridge that Incus makes, with DHCP and DNS of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bridge {
    /// Its name.
    pub name: BridgeName,
    /// IPv4 on it.
    pub ipv4: Addressing,
    /// Whether its addresses are translated to the host's on the way out.
    #[serde(default = "yes")]
    pub ipv4_nat: bool,
    /// IPv6 on it.
    pub ipv6: Addressing,
    /// Whether its addresses are translated to the host's on the way out.
    #[serde(default = "yes")]
    pub ipv6_nat: bool,
    /// Further settings.
    #[serde(default)]
    pub config: Config,
}

const fn yes() -> bool {
    true
}

/// Addresses of one family on a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Addressing {
    /// None of this family.
    None,
    /// A subnet that Incus picks; whatever is there is right.
    Auto,
    /// This one.
    Subnet(Subnet),
}

impl FromStr for Addressing {
    type Err = NameFault;

    fn from_str(text: &str) -> Result<Self, NameFault> {
        match text {
            "none" => Ok(Self::None),
            "auto" => Ok(Self::Auto),
            _ => text.parse().map(Self::Subnet),
        }
    }
}

impl TryFrom<String> for Addressing {
    type Error = NameFault;

    fn try_from(text: String) -> Result<Self, NameFault> {
        text.parse()
    }
}

impl From<Addressing> for String {
    fn from(addressing: Addressing) -> Self {
        addressing.to_string()
    }
}

impl fmt::Display for Addressing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => formatter.write_str("none"),
            Self::Auto => formatter.write_str("auto"),
            Self::Subnet(subnet) => subnet.fmt(formatter),
        }
    }
}

/// Why something cannot be wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WantedFault {
    /// Not a place for a pool.
    #[error("storage pool {pool}: {driver} cannot lie on {text:?}, expected {expected}", driver = .driver.as_str())]
    Source {
        /// The pool.
        pool: PoolName,
        /// Its driver.
        driver: Driver,
        /// The text.
        text: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A setting that has a field of its own.
    #[error("{object}: {key} cannot be set in this way")]
    OwnField {
        /// Pool or bridge.
        object: String,
        /// The key.
        key: ConfigKey,
    },
    /// A value that is too long, or has characters that do not belong there.
    #[error("{object}: the value of {key} has control characters or over {MAX_VALUE} bytes")]
    Value {
        /// Pool or bridge.
        object: String,
        /// The key.
        key: ConfigKey,
    },
    /// IPv4 where IPv6 belongs, or the other way.
    #[error("network {network}: {subnet} is no address of the family of {key}")]
    Family {
        /// The bridge.
        network: BridgeName,
        /// The setting.
        key: &'static str,
        /// The address.
        subnet: Subnet,
    },
    /// Two bridges of one name.
    #[error("network {network} is there twice")]
    Twice {
        /// The bridge.
        network: BridgeName,
    },
    /// Two bridges share addresses.
    #[error("networks {one} and {other} share addresses")]
    Overlap {
        /// A bridge.
        one: BridgeName,
        /// The other one.
        other: BridgeName,
    },
}

impl Wanted {
    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// The first thing that cannot be.
    pub fn check(&self) -> Result<(), WantedFault> {
        self.pool.check()?;
        for (index, bridge) in self.networks.iter().enumerate() {
            bridge.check()?;
            for other in self.networks.iter().take(index) {
                if bridge.name == other.name {
                    return Err(WantedFault::Twice { network: bridge.name.clone() });
                }
                let mut subnets = bridge.subnets();
                if subnets.any(|one| other.subnets().any(|other| one.overlaps(other))) {
                    let (one, other) = (other.name.clone(), bridge.name.clone());
                    return Err(WantedFault::Overlap { one, other });
                }
            }
        }
        Ok(())
    }
}

impl Pool {
    pub(crate) fn check(&self) -> Result<(), WantedFault> {
        let (is_good, expected) = match self.driver {
            Driver::Zfs => (is_dataset(&self.source), "a dataset as anklume/incus"),
            Driver::Btrfs | Driver::Dir => (is_path(&self.source), "an absolute path"),
        };
        if !is_good {
            let (pool, driver, text) = (self.name.clone(), self.driver, self.source.clone());
            return Err(WantedFault::Source { pool, driver, text, expected });
        }
        // Wiping is decided elsewhere, with proof.
        let own = ["source", "source.wipe", "zfs.pool_name"];
        check_config(&format!("storage pool {}", self.name), &self.config, &own)
    }

    /// All settings, as Incus takes them.
    #[must_use]
    pub fn settings(&self) -> BTreeMap<String, String> {
        let further = self.config.iter().map(|(key, value)| (key.to_string(), value.clone()));
        further.chain([("source".to_owned(), self.source.clone())]).collect()
    }
}

impl Bridge {
    fn check(&self) -> Result<(), WantedFault> {
        let families = [("ipv4.address", self.ipv4, true), ("ipv6.address", self.ipv6, false)];
        for (key, addressing, is_ipv4) in families {
            if let Addressing::Subnet(subnet) = addressing
                && subnet.address().is_ipv4() != is_ipv4
            {
                return Err(WantedFault::Family { network: self.name.clone(), key, subnet });
            }
        }
        let own = ["ipv4.address", "ipv4.nat", "ipv6.address", "ipv6.nat"];
        check_config(&format!("network {}", self.name), &self.config, &own)
    }

    /// The subnets that are known.
    pub fn subnets(&self) -> impl Iterator<Item = Subnet> {
        [self.ipv4, self.ipv6].into_iter().filter_map(|addressing| match addressing {
            Addressing::Subnet(subnet) => Some(subnet),
            Addressing::None | Addressing::Auto => None,
        })
    }

    /// All settings, as Incus takes them.
    #[must_use]
    pub fn settings(&self) -> BTreeMap<String, String> {
        let further = self.config.iter().map(|(key, value)| (key.to_string(), value.clone()));
        let mut settings: BTreeMap<_, _> = further.collect();
        let families = [("ipv4", self.ipv4, self.ipv4_nat), ("ipv6", self.ipv6, self.ipv6_nat)];
        for (family, addressing, nat) in families {
            settings.insert(format!("{family}.address"), addressing.to_string());
            if addressing != Addressing::None {
                settings.insert(format!("{family}.nat"), nat.to_string());
            }
        }
        settings
    }
}

fn check_config(object: &str, config: &Config, own: &[&str]) -> Result<(), WantedFault> {
    for (key, value) in config {
        let object = object.to_owned();
        if own.contains(&key.as_str()) {
            return Err(WantedFault::OwnField { object, key: key.clone() });
        }
        if value.len() > MAX_VALUE || value.chars().any(char::is_control) {
            return Err(WantedFault::Value { object, key: key.clone() });
        }
    }
    Ok(())
}

/// A pool and at least one dataset in it, as zfs(8) names them. A whole pool cannot be given away: other
/// data lies beside what Incus owns.
fn is_dataset(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.chars().all(known)
    };
    text.len() < 256 && text.contains('/') && text.split('/').all(part)
}

/// An absolute path without `.`, `..` and empty parts, and not the root.
fn is_path(text: &str) -> bool {
    let mut parts = text.split('/').skip(1);
    let is_part =
        |part: &str| !matches!(part, "" | "." | "..") && !part.chars().any(char::is_control);
    text.len() < 4096 && text.starts_with('/') && parts.all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        let text = r#"{
            "pool": {"name": "default", "driver": "zfs", "source": "anklume/incus"},
            "networks": [{"name": "ank-work", "ipv4": "10.60.1.1/24", "ipv6": "none"},
                         {"name": "ank-home", "ipv4": "auto", "ipv6": "fd42::1/64"}],
            "default_network": "ank-work"}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_data_says_what_incus_gets() {
        let wanted = wanted();
        wanted.check().unwrap();
        let settings: Vec<_> = wanted.networks[0].settings().into_iter().collect();
        let expected =
            [("ipv4.address", "10.60.1.1/24"), ("ipv4.nat", "true"), ("ipv6.address", "none")];
        assert_eq!(settings, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let again = serde_json::to_string(&wanted).unwrap();
        assert_eq!(serde_json::from_str::<Wanted>(&again).unwrap(), wanted);
    }

    #[test]
    fn sources_are_what_the_driver_takes() {
        for (driver, source, good) in [
            (Driver::Zfs, "anklume/incus", true),
            (Driver::Zfs, "anklume", false),
            (Driver::Zfs, "/dev/sda", false),
            (Driver::Zfs, "anklume/../incus", false),
            (Driver::Zfs, "anklume//incus", false),
            (Driver::Zfs, "anklume/a b", false),
            (Driver::Btrfs, "/data/incus", true),
            (Driver::Btrfs, "data/incus", false),
            (Driver::Btrfs, "", false),
            (Driver::Dir, "/", false),
            (Driver::Dir, "/a/../b", false),
            (Driver::Dir, "/a/", false),
            (Driver::Dir, "/a\nb", false),
        ] {
            let pool = Pool { driver, source: source.to_owned(), ..wanted().pool };
            assert_eq!(pool.check().is_ok(), good, "{driver:?} {source:?}");
        }
    }

    #[test]
    fn what_cannot_be_is_named() {
        let mut twice = wanted();
        twice.networks[1].name = twice.networks[0].name.clone();
        assert!(matches!(twice.check(), Err(WantedFault::Twice { .. })));

        let mut overlap = wanted();
        overlap.networks[1].ipv4 = "10.60.0.1/16".parse().unwrap();
        let fault = overlap.check().unwrap_err();
        assert_eq!(fault.to_string(), "networks ank-work and ank-home share addresses");

        let mut family = wanted();
        family.networks[0].ipv6 = "10.60.9.1/24".parse().unwrap();
        assert!(matches!(family.check(), Err(WantedFault::Family { key: "ipv6.address", .. })));

        for key in ["source", "source.wipe", "zfs.pool_name"] {
            let mut own = wanted();
            own.pool.config.insert(ConfigKey::new(key).unwrap(), "x".to_owned());
            assert!(matches!(own.check(), Err(WantedFault::OwnField { .. })), "{key}");
        }
        let mut value = wanted();
        value.networks[0].config.insert(ConfigKey::new("user.x").unwrap(), "a\nb".to_owned());
        assert!(matches!(value.check(), Err(WantedFault::Value { .. })));
    }
}
