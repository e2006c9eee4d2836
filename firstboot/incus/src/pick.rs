//! Subnets for new bridges.
//!
//! Incus picks one by asking with `ping` who answers in it, and gives up where a router answers for everybody, or
//! where there is no program to ask with. Here the machine's own routes decide.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::names::Subnet;

/// How many are tried.
const TRIES: u64 = 1000;
/// Bits of a subnet for instances.
const PREFIX_V4: u8 = 24;
const PREFIX_V6: u8 = 64;

/// Where packets go: a network, by its address and the bits that its addresses share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Its address.
    pub network: Ipv4Addr,
    /// Bits that its addresses share; 0 is the default route.
    pub prefix: u8,
}

impl Route {
    /// Reads `10.0.2.0/24`, or an address alone. None for `default` and what is no network.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (network, prefix) = text.split_once('/').unwrap_or((text, "32"));
        let (network, prefix) = (network.parse().ok()?, prefix.parse().ok()?);
        (prefix <= 32).then_some(Self { network, prefix })
    }

    fn overlaps(self, network: Ipv4Addr, prefix: u8) -> bool {
        let shared = self.prefix.min(prefix);
        let mask = u32::MAX.checked_shl(32_u32.saturating_sub(u32::from(shared))).unwrap_or(0);
        self.prefix > 0 && self.network.to_bits() & mask == network.to_bits() & mask
    }
}

/// A subnet of 10.0.0.0/8 (RFC 1918) that none of the routes leads into, with the bridge's address. The same `random`
/// number gives the same one.
#[must_use]
pub fn free_ipv4(routes: &[Route], random: u64) -> Option<Subnet> {
    let candidates = (0..TRIES).map(|step| {
        // 16 to 254 and 0 to 254: the beginning of the range is what people number first.
        let number = random.wrapping_add(step.wrapping_mul(0x9e37_79b9));
        let [low, high, ..] = number.to_le_bytes();
        Ipv4Addr::new(10, 16_u8.saturating_add(high.checked_rem(239).unwrap_or(0)), low.min(254), 1)
    });
    let mut free = candidates
        .filter(|address| !routes.iter().any(|route| route.overlaps(*address, PREFIX_V4)));
    Subnet::new(IpAddr::V4(free.next()?), PREFIX_V4).ok()
}

/// A subnet that nobody else has (RFC 4193: 40 random bits), with the bridge's address.
#[must_use]
pub fn unique_local(random: [u8; 5]) -> Option<Subnet> {
    let [a, b, c, d, e] = random;
    let group = |high, low| u16::from_be_bytes([high, low]);
    let address = Ipv6Addr::new(group(0xfd, a), group(b, c), group(d, e), 0, 0, 0, 0, 1);
    Subnet::new(IpAddr::V6(address), PREFIX_V6).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(texts: &[&str]) -> Vec<Route> {
        texts.iter().filter_map(|text| Route::parse(text)).collect()
    }

    #[test]
    fn a_subnet_is_one_that_no_route_leads_into() {
        let first = free_ipv4(&[], 7).unwrap();
        assert_eq!(first, free_ipv4(&routes(&["default", "0.0.0.0/0"]), 7).unwrap());
        let IpAddr::V4(address) = first.address() else { panic!("{first}") };
        let [_, second, third, _] = address.octets();
        // The very one, a larger one around it, and an address in it.
        for taken in [
            format!("10.{second}.{third}.0/24"),
            format!("10.{second}.0.0/16"),
            format!("10.{second}.{third}.77"),
        ] {
            let other = free_ipv4(&routes(&[&taken]), 7).unwrap();
            assert!(!other.overlaps(first), "{taken}: {other}");
        }
        assert_eq!(free_ipv4(&routes(&["10.0.0.0/8"]), 7), None);
    }

    #[test]
    fn a_unique_local_subnet_has_its_random_bits() {
        let subnet = unique_local([1, 2, 3, 4, 5]).unwrap();
        assert_eq!(subnet.to_string(), "fd01:203:405::1/64");
    }

    #[test]
    fn what_is_no_network_is_no_route() {
        for text in ["default", "", "10.0.0.0/33", "fe80::/64", "10.0.0.0/x"] {
            assert_eq!(Route::parse(text), None, "{text}");
        }
    }
}
