//! Networks that are wanted.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::fault::{Fault, FieldError, rule};
use crate::names::{DomainName, name, printable, sized};
use crate::secret::Secret;

/// Begin of the names of all connections that are ours.
pub(crate) const ID_PREFIX: &str = "anklume-";

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Which interface: `any`, a name, or a MAC address. For a VLAN, the one that carries it.
    pub interface: Interface,
    /// The Wi-Fi, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wifi: Option<Wifi>,
    /// Number of the VLAN (IEEE 802.1Q), if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<VlanId>,
    /// IPv4: by DHCP unless said otherwise.
    pub ipv4: Addressing,
    /// IPv6: by router advertisements and DHCPv6 unless said otherwise.
    pub ipv6: Addressing,
    /// Name servers, before those that the network names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<IpAddr>,
    /// Domains in which short names are searched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<DomainName>,
}

/// A Wi-Fi.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wifi {
    /// Its name.
    pub ssid: Ssid,
    /// Whether it does not send its name, and has to be asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// How it is protected.
    #[serde(default)]
    pub security: WifiSecurity,
    /// Passphrase, or the 64 hexadecimal digits of the key.
    #[serde(default, skip_serializing)]
    pub passphrase: Option<Secret>,
}

/// Protection of a Wi-Fi.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WifiSecurity {
    /// None.
    Open,
    /// WPA2 Personal, or WPA3 where the access point has both.
    #[default]
    Wpa,
    /// WPA3 Personal only.
    Wpa3,
}

name!(
    /// The name of a Wi-Fi: 1 to 32 bytes (IEEE 802.11-2020 section 9.4.2.2), here of printable UTF-8.
    Ssid, "wifi.ssid", |text| printable(text, 32)
);

/// Number of a VLAN, 1 to 4094.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct VlanId(u16);

impl VlanId {
    /// The number.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for VlanId {
    type Error = FieldError;
    fn try_from(number: u16) -> Result<Self, FieldError> {
        match number {
            1..=4094 => Ok(Self(number)),
            _ => Err(rule("expected 1 to 4094", "attendu : 1 à 4094").of("vlan")),
        }
    }
}

impl From<VlanId> for u16 {
    fn from(id: VlanId) -> Self {
        id.0
    }
}

/// Which interface.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Interface {
    /// Any of its kind.
    #[default]
    Any,
    /// The one of this name, such as `enp1s0`.
    Name(String),
    /// The one with this address, whatever its name is.
    Mac(Mac),
}

/// Hardware address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Reads six pairs of hexadecimal digits with colons or hyphens between.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 6];
        let mut parts = text.split([':', '-']);
        for byte in &mut bytes {
            let part = parts.next()?;
            let is_pair = part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
            *byte = is_pair.then(|| u8::from_str_radix(part, 16).ok()).flatten()?;
        }
        parts.next().is_none().then_some(Self(bytes))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            write!(formatter, "{}{byte:02x}", if index == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl Interface {
    /// Reads `any`, a MAC address or the name of an interface.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        if text == "any" {
            return Ok(Self::Any);
        }
        if let Some(mac) = Mac::parse(text) {
            // The lowest bit of the first byte is that of groups.
            if mac.0 == [0; 6] || mac.0[0] & 1 == 1 {
                let fault = rule(
                    "it is the address of no single device",
                    "ce n'est pas l'adresse d'un seul appareil",
                );
                return Err(fault.of("interface"));
            }
            return Ok(Self::Mac(mac));
        }
        // IFNAMSIZ - 1 bytes; the kernel's `dev_valid_name` forbids the rest.
        sized(text, 15).map_err(|fault| fault.of("interface"))?;
        let odd = |c: &char| !c.is_ascii_graphic() || matches!(c, '/' | ':' | '%');
        match text.chars().find(odd) {
            Some(odd) => Err(Fault::Character(odd).of("interface")),
            None if matches!(text, "." | ".." | "lo") => {
                Err(rule("it is no network card", "ce n'est pas une carte réseau").of("interface"))
            }
            None => Ok(Self::Name(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Interface {
    type Error = FieldError;
    fn try_from(text: String) -> Result<Self, FieldError> {
        Self::parse(&text)
    }
}

impl From<Interface> for String {
    fn from(interface: Interface) -> Self {
        match interface {
            Interface::Any => "any".to_owned(),
            Interface::Name(name) => name,
            Interface::Mac(mac) => mac.to_string(),
        }
    }
}

/// Where addresses come from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Addressing {
    /// From the network.
    #[default]
    Automatic,
    /// These.
    Static(StaticAddresses),
    /// There are none.
    Off,
}

/// Fixed addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticAddresses {
    /// Addresses, with the lengths of their networks.
    pub addresses: Vec<Cidr>,
    /// The router, if one leads further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
}

/// An address and the length of its network in bits, as `192.0.2.10/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Reads an address of a machine, a slash and a length.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let parts = text.split_once('/');
        let address = parts.and_then(|(address, _)| address.parse::<IpAddr>().ok());
        let digits = |prefix: &&str| prefix.bytes().all(|b| b.is_ascii_digit());
        let prefix = parts.map(|(_, prefix)| prefix).filter(digits).and_then(|p| p.parse().ok());
        let (Some(address), Some(prefix)) = (address, prefix) else {
            let fault = rule(
                "expected an address and a length such as 192.0.2.10/24",
                "attendu : une adresse et une longueur comme 192.0.2.10/24",
            );
            return Err(fault.of("addresses"));
        };
        let cidr = Self { address, prefix };
        cidr.check().map_err(|fault| fault.of("addresses"))?;
        Ok(cidr)
    }

    fn check(self) -> Result<(), Fault> {
        let most = if self.address.is_ipv4() { 32 } else { 128 };
        if !(1..=most).contains(&self.prefix) {
            return Err(rule(
                "the length of the network is 1 to 32, or 1 to 128 for IPv6",
                "la longueur du réseau est de 1 à 32, ou de 1 à 128 pour IPv6",
            ));
        }
        let ends = match self.address {
            // RFC 3021: in a network of two addresses both are machines.
            IpAddr::V4(address) if self.prefix <= 30 => {
                let bits = address.to_bits();
                let hosts = u32::MAX >> self.prefix;
                bits & hosts == 0 || bits & hosts == hosts
            }
            _ => false,
        };
        let special = self.address.is_unspecified()
            || self.address.is_loopback()
            || self.address.is_multicast()
            || self.address == IpAddr::V4(Ipv4Addr::BROADCAST);
        if ends || special {
            return Err(rule(
                "it is the address of a network or group, not of a machine",
                "c'est l'adresse d'un réseau ou d'un groupe, pas d'une machine",
            ));
        }
        Ok(())
    }

    /// The address.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// Length of the network in bits.
    #[must_use]
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether `other` is in the same network.
    #[must_use]
    pub fn contains(self, other: IpAddr) -> bool {
        let shift = |width: u8| u32::from(width.saturating_sub(self.prefix));
        match (self.address, other) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                (a.to_bits() ^ b.to_bits()).checked_shr(shift(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                (a.to_bits() ^ b.to_bits()).checked_shr(shift(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

impl TryFrom<String> for Cidr {
    type Error = FieldError;
    fn try_from(text: String) -> Result<Self, FieldError> {
        Self::parse(&text)
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

impl Network {
    /// Name of its connection in NetworkManager. The same for the same interface, Wi-Fi and VLAN,
    /// whatever else changes, so that changed settings find the connection that they change.
    #[must_use]
    pub fn id(&self) -> String {
        let interface = match &self.interface {
            Interface::Any => String::new(),
            Interface::Name(name) => format!("-{name}"),
            Interface::Mac(mac) => format!("-{}", mac.to_string().replace(':', "")),
        };
        match (&self.wifi, self.vlan) {
            // The name of the file is made of this one, and a Wi-Fi may be called anything.
            (Some(wifi), _) => {
                let digest = Sha256::digest(wifi.ssid.as_str().as_bytes());
                let digest: String = digest.iter().take(4).map(|b| format!("{b:02x}")).collect();
                let fits = |c: &char| c.is_ascii_alphanumeric();
                let readable: String = wifi.ssid.as_str().chars().filter(fits).collect();
                format!("{ID_PREFIX}wifi-{readable}-{digest}{interface}")
            }
            (None, Some(vlan)) => format!("{ID_PREFIX}vlan{interface}-{}", vlan.number()),
            (None, None) => format!("{ID_PREFIX}wired{interface}"),
        }
    }

    /// Everything that does not fit together.
    #[must_use]
    pub fn check(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if let Some(wifi) = &self.wifi {
            errors.extend(wifi.check().err().map(|fault| fault.of("wifi.passphrase")));
        }
        if self.vlan.is_some() && (self.wifi.is_some() || self.interface == Interface::Any) {
            let fault = rule(
                "a VLAN needs an interface with a cable, by its name or MAC address",
                "un VLAN demande une interface câblée, par son nom ou son adresse MAC",
            );
            errors.push(fault.of("vlan"));
        }
        if self.ipv4 == Addressing::Off && self.ipv6 == Addressing::Off {
            let fault =
                rule("IPv4 and IPv6 are both off", "IPv4 et IPv6 sont désactivés tous les deux");
            errors.push(fault.of("ipv4"));
        }
        for (field, addressing, is_v4) in [("ipv4", &self.ipv4, true), ("ipv6", &self.ipv6, false)]
        {
            if let Addressing::Static(addresses) = addressing {
                let found = addresses.check(is_v4);
                errors.extend(found.into_iter().map(|error| error.within(field)));
            }
        }
        if self.dns.iter().any(|dns| dns.is_unspecified() || dns.is_multicast()) {
            let fault =
                rule("it is no address of a machine", "ce n'est pas l'adresse d'une machine");
            errors.push(fault.of("dns"));
        }
        if self.dns.len() > MOST_ADDRESSES || self.search.len() > MOST_ADDRESSES {
            errors.push(rule("more than 16", "plus de 16").of("dns"));
        }
        errors
    }
}

/// Most addresses of one kind.
const MOST_ADDRESSES: usize = 16;

impl StaticAddresses {
    fn check(&self, is_v4: bool) -> Vec<FieldError> {
        let mut errors = Vec::new();
        match self.addresses.len() {
            0 => errors.push(Fault::Missing.of("addresses")),
            1..=MOST_ADDRESSES => {}
            _ => errors.push(rule("more than 16", "plus de 16").of("addresses")),
        }
        let family = rule("it is of the other IP version", "elle est de l'autre version d'IP");
        if self.addresses.iter().any(|cidr| cidr.address.is_ipv4() != is_v4) {
            errors.push(family.clone().of("addresses"));
        }
        let Some(gateway) = self.gateway else { return errors };
        let link_local = matches!(gateway, IpAddr::V6(v6) if v6.is_unicast_link_local());
        if gateway.is_ipv4() != is_v4 {
            errors.push(family.of("gateway"));
        } else if !link_local && !self.addresses.iter().any(|cidr| cidr.contains(gateway)) {
            let fault = rule(
                "it is in the network of none of the addresses",
                "elle n'est dans le réseau d'aucune des adresses",
            );
            errors.push(fault.of("gateway"));
        } else if self.addresses.iter().any(|cidr| cidr.address == gateway) {
            let fault =
                rule("it is the machine's own address", "c'est l'adresse de la machine elle-même");
            errors.push(fault.of("gateway"));
        }
        errors
    }
}

impl Wifi {
    /// IEEE 802.11-2020 annex J.4: a passphrase has 8 to 63 characters of printable ASCII; a key is
    /// written as 64 hexadecimal digits. WPA3 would take others, but not every access point does.
    fn check(&self) -> Result<(), Fault> {
        let passphrase = match (&self.passphrase, self.security) {
            (None, WifiSecurity::Open) => return Ok(()),
            (None, _) => return Err(Fault::Missing),
            (Some(_), WifiSecurity::Open) => {
                return Err(rule(
                    "an open Wi-Fi has no passphrase",
                    "un Wi-Fi ouvert n'a pas de phrase de passe",
                ));
            }
            (Some(passphrase), _) => passphrase.expose(),
        };
        let is_key = passphrase.len() == 64 && passphrase.bytes().all(|b| b.is_ascii_hexdigit());
        if is_key && self.security == WifiSecurity::Wpa {
            return Ok(());
        }
        let fits = |c: char| matches!(c, ' '..='~');
        if (8..=63).contains(&passphrase.len()) && passphrase.chars().all(fits) {
            return Ok(());
        }
        Err(rule(
            "expected 8 to 63 characters without accents, or for WPA2 the 64 hexadecimal digits of a key",
            "attendu : 8 à 63 caractères sans accents, ou en WPA2 une clé de 64 chiffres hexadécimaux",
        ))
    }
}

#[cfg(test)]
mod tests;
