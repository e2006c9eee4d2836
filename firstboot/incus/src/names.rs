//! Names and addresses, checked once when they are read.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is no such name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}: {rule}")]
pub struct NameFault {
    /// The text.
    pub text: String,
    /// What it should be.
    pub what: &'static str,
    /// What such names consist of.
    pub rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks a name.
            ///
            /// # Errors
            /// What such names consist of.
            pub fn new(text: &str) -> Result<Self, NameFault> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(NameFault { text: text.to_owned(), what: $what, rule: $rule })
            }

            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameFault;

            fn try_from(text: String) -> Result<Self, NameFault> {
                Self::new(&text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl FromStr for $type {
            type Err = NameFault;

            fn from_str(text: &str) -> Result<Self, NameFault> {
                Self::new(text)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

/// Between `least` and `most` bytes of letters, digits and `others`, the first one a letter or digit.
fn consists(text: &str, least: usize, most: usize, others: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    (least..=most).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(known)
}

name!(
    /// Name of a storage pool.
    PoolName,
    "name of a storage pool",
    "1 to 64 of a-z, A-Z, 0-9, '.', '_' and '-', the first one a letter or digit",
    |text| consists(text, 1, 64, "._-")
);

name!(
    /// Name of a profile.
    ProfileName,
    "name of a profile",
    "1 to 64 of a-z, A-Z, 0-9, '.', '_' and '-', the first one a letter or digit",
    |text| consists(text, 1, 64, "._-")
);

impl Default for ProfileName {
    /// The profile that instances get when none is named. It is always there.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

name!(
    /// Name of a bridge, which is also that of the kernel's interface: at most 15 bytes (`IFNAMSIZ` without
    /// its NUL).
    BridgeName,
    "name of a bridge",
    "2 to 15 of a-z, A-Z, 0-9, '.', '_' and '-', the first one a letter or digit",
    |text| consists(text, 2, 15, "._-")
);

name!(
    /// Name of an instance, which is also its host name (RFC 1123).
    InstanceName,
    "name of an instance",
    "1 to 63 of a-z, A-Z, 0-9 and '-', the first one a letter, the last one no '-'",
    |text| {
        consists(text, 1, 63, "-")
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && !text.ends_with('-')
    }
);

name!(
    /// Alias of an image, as `debian/13`.
    AliasName,
    "alias of an image",
    "1 to 128 of a-z, A-Z, 0-9, '.', '_', '-', '+' and single '/', the first and last one a letter or digit",
    |text| {
        consists(text, 1, 128, "._-+/")
            && !text.contains("//")
            && text.ends_with(|c: char| c.is_ascii_alphanumeric())
    }
);

name!(
    /// SHA-256 of an image's files one after the other, in hexadecimal.
    Fingerprint,
    "fingerprint of an image",
    "64 of 0-9 and a-f",
    |text| text.len() == 64 && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
);

name!(
    /// Key of a setting, as `ipv4.nat`.
    ConfigKey,
    "key of a setting",
    "1 to 128 of a-z, A-Z, 0-9, '.', '_' and '-', not beginning with 'volatile.'",
    |text| consists(text, 1, 128, "._-") && !text.starts_with("volatile.")
);

/// The address of a bridge and the prefix of its subnet, as `10.60.1.1/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    address: IpAddr,
    prefix: u8,
}

impl Subnet {
    /// Checks an address and its prefix.
    ///
    /// # Errors
    /// When it cannot be the address of a router in that subnet.
    pub fn new(address: IpAddr, prefix: u8) -> Result<Self, NameFault> {
        let (least, most) = match address {
            IpAddr::V4(_) => (8, 30),
            IpAddr::V6(_) => (16, 126),
        };
        let subnet = Self { address, prefix };
        let is_special =
            address.is_loopback() || address.is_multicast() || address.is_unspecified();
        let host = subnet.number() & !subnet.mask();
        let is_last = address.is_ipv4() && host == u128::from(u32::MAX) & !subnet.mask();
        if (least..=most).contains(&prefix) && !is_special && host != 0 && !is_last {
            return Ok(subnet);
        }
        Err(fault(&format!("{address}/{prefix}")))
    }

    /// The bridge's address.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// Bits that all addresses of the subnet share.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether an address belongs to both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        let mask = if self.prefix < other.prefix { self.mask() } else { other.mask() };
        self.address.is_ipv4() == other.address.is_ipv4()
            && self.number() & mask == other.number() & mask
    }

    /// The address in the low bits: 32 of them for IPv4.
    fn number(self) -> u128 {
        match self.address {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        }
    }

    /// Ones where the prefix is, zeros elsewhere, in as many low bits as an address has.
    fn mask(self) -> u128 {
        let (ones, bits) = match self.address {
            IpAddr::V4(_) => (u128::from(u32::MAX), 32_u8),
            IpAddr::V6(_) => (u128::MAX, 128),
        };
        let host = u32::from(bits.saturating_sub(self.prefix));
        ones & u128::MAX.checked_shl(host).unwrap_or(0)
    }
}

fn fault(text: &str) -> NameFault {
    NameFault {
        text: text.to_owned(),
        what: "address of a bridge",
        rule: "an address and a prefix as 10.60.1.1/24 or fd42:60:1::1/64, not the subnet's own address",
    }
}

impl FromStr for Subnet {
    type Err = NameFault;

    fn from_str(text: &str) -> Result<Self, NameFault> {
        let (address, prefix) = text.split_once('/').ok_or_else(|| fault(text))?;
        let is_number = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix = prefix.parse().ok().filter(|_| is_number).ok_or_else(|| fault(text))?;
        let address = address.parse().map_err(|_| fault(text))?;
        Self::new(address, prefix).map_err(|_| fault(text))
    }
}

impl TryFrom<String> for Subnet {
    type Error = NameFault;

    fn try_from(text: String) -> Result<Self, NameFault> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_incus_and_the_kernel_take() {
        let long = "a".repeat(64);
        for (name, pool, bridge, instance, alias) in [
            ("default", true, true, true, true),
            ("ank-work", true, true, true, true),
            ("a", true, false, true, true),
            ("abcdefghijklmno", true, true, true, true),
            ("abcdefghijklmnop", true, false, true, true),
            ("1a", true, true, false, true),
            ("a-", true, true, false, false),
            ("a.b", true, true, false, true),
            ("debian/13", false, false, false, true),
            ("a//b", false, false, false, false),
            ("..", false, false, false, false),
            ("-a", false, false, false, false),
            ("a b", false, false, false, false),
            ("a\n", false, false, false, false),
            ("é", false, false, false, false),
            ("", false, false, false, false),
            (&long, true, false, false, true),
        ] {
            assert_eq!(PoolName::new(name).is_ok(), pool, "{name:?}");
            assert_eq!(ProfileName::new(name).is_ok(), pool, "{name:?}");
            assert_eq!(BridgeName::new(name).is_ok(), bridge, "{name:?}");
            assert_eq!(InstanceName::new(name).is_ok(), instance, "{name:?}");
            assert_eq!(AliasName::new(name).is_ok(), alias, "{name:?}");
        }
        assert_eq!(ProfileName::new(crate::plan::PROFILE), Ok(ProfileName::default()));
        assert!(ConfigKey::new("ipv4.nat").is_ok());
        assert!(ConfigKey::new("volatile.x").is_err());
        assert!(Fingerprint::new(&"0f".repeat(32)).is_ok());
        assert!(Fingerprint::new(&"0F".repeat(32)).is_err());
    }

    #[test]
    fn addresses_are_those_of_a_router() {
        for (text, good) in [
            ("10.60.1.1/24", true),
            ("10.60.1.0/24", false),
            ("10.60.1.255/24", false),
            ("10.60.1.1/31", false),
            ("10.60.1.1/7", false),
            ("10.60.1.1/33", false),
            ("10.60.1.1/256", false),
            ("10.60.1.1/+8", false),
            ("10.60.1/24", false),
            ("10.60.1.1", false),
            ("127.0.0.1/8", false),
            ("224.0.0.1/8", false),
            ("fd42::1/64", true),
            ("fd42::/64", false),
            ("::1/64", false),
            ("fd42::1/127", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<Subnet>().is_ok(), good, "{text}");
        }
    }

    #[test]
    fn overlapping_subnets_are_seen_both_ways() {
        for (one, other, expected) in [
            ("10.60.1.1/24", "10.60.1.2/24", true),
            ("10.60.1.1/24", "10.60.2.1/24", false),
            ("10.60.1.1/24", "10.0.0.1/8", true),
            ("fd42::1/64", "fd42::2/48", true),
            ("fd42:0:1::1/64", "fd42::1/64", false),
            ("10.60.1.1/24", "fd42::1/64", false),
        ] {
            let (one, other): (Subnet, Subnet) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(one.overlaps(other), expected, "{one} {other}");
            assert_eq!(other.overlaps(one), expected, "{other} {one}");
        }
    }
}
