use proptest::prelude::*;

use super::*;

fn network(text: &str) -> Result<Network, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())
}

/// Fields with errors.
fn wrong(text: &str) -> Vec<String> {
    network(text).unwrap().check().into_iter().map(|error| error.field).collect()
}

#[test]
fn nothing_said_is_dhcp_on_any_cable() {
    assert_eq!(network("").unwrap(), Network::default());
    assert_eq!(Network::default().check(), []);
    assert_eq!(Network::default().id(), "anklume-wired");
}

#[test]
fn interfaces() {
    for (text, interface) in [
        ("any", Interface::Any),
        ("enp1s0", Interface::Name("enp1s0".into())),
        ("52:54:00:AB:cd:ef", Interface::Mac(Mac([0x52, 0x54, 0, 0xab, 0xcd, 0xef]))),
        ("52-54-00-12-34-56", Interface::Mac(Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]))),
    ] {
        assert_eq!(Interface::parse(text), Ok(interface), "{text}");
    }
    for text in ["", "a/b", "a b", "..", "lo", "eth0:1", "a%d", "1234567890123456", "é"] {
        assert!(Interface::parse(text).is_err(), "{text}");
    }
    for text in ["00:00:00:00:00:00", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "52:54:00:12:34"] {
        assert!(Interface::parse(text).is_err(), "{text}");
    }
}

#[test]
fn addresses_are_of_machines() {
    for text in ["192.0.2.10/24", "10.0.0.0/31", "10.0.0.1/32", "2001:db8::1/64", "fe80::1/64"] {
        assert_eq!(Cidr::parse(text).unwrap().to_string(), text);
    }
    for text in [
        "192.0.2.10",
        "192.0.2.10/",
        "192.0.2.10/33",
        "192.0.2.10/0",
        "192.0.2.10/+24",
        "192.0.2.0/24",
        "192.0.2.255/24",
        "127.0.0.1/8",
        "224.0.0.1/4",
        "0.0.0.0/32",
        "::/64",
        "::1/64",
        "ff02::1/64",
        "2001:db8::1/129",
        "x/24",
        "192.0.2.10/24/24",
    ] {
        assert!(Cidr::parse(text).is_err(), "{text}");
    }
}

#[test]
fn what_does_not_fit_together_is_named() {
    let fixed = |rest: &str| format!("[ipv4.static]\naddresses = [\"192.0.2.10/24\"]\n{rest}");
    assert_eq!(wrong(&fixed("gateway = \"192.0.2.1\"")), [""; 0]);
    assert_eq!(wrong(&fixed("")), [""; 0]);
    assert_eq!(wrong(&fixed("gateway = \"192.0.3.1\"")), ["ipv4.gateway"]);
    assert_eq!(wrong(&fixed("gateway = \"192.0.2.10\"")), ["ipv4.gateway"]);
    assert_eq!(wrong(&fixed("gateway = \"fe80::1\"")), ["ipv4.gateway"]);
    assert_eq!(wrong("[ipv4.static]\naddresses = []"), ["ipv4.addresses"]);
    assert_eq!(wrong("[ipv6.static]\naddresses = [\"192.0.2.10/24\"]"), ["ipv6.addresses"]);
    let six = "[ipv6.static]\naddresses = [\"2001:db8::2/64\"]\ngateway = \"fe80::1\"";
    assert_eq!(wrong(six), [""; 0]);
    assert_eq!(wrong("ipv4 = \"off\"\nipv6 = \"off\""), ["ipv4"]);
    assert_eq!(wrong("vlan = 7"), ["vlan"]);
    assert_eq!(wrong("vlan = 7\ninterface = \"eth0\""), [""; 0]);
    assert_eq!(wrong("dns = [\"0.0.0.0\"]"), ["dns"]);
    for text in ["vlan = 0", "vlan = 4095", "colour = 1", "ipv4 = \"maybe\"", "dns = [\"x\"]"] {
        assert!(network(text).is_err(), "{text}");
    }
}

#[test]
fn passphrases_fit_their_protection() {
    let wifi = |rest: &str| wrong(&format!("[wifi]\nssid = \"Home\"\n{rest}"));
    let key = "0123456789abcdef".repeat(4);
    let wpa3 = "security = \"wpa3\"\n";
    let bad = ["wifi.passphrase"];
    assert_eq!(wifi("passphrase = \"correct horse\""), [""; 0]);
    assert_eq!(wifi(&format!("passphrase = \"{key}\"")), [""; 0]);
    assert_eq!(wifi(&format!("{wpa3}passphrase = \"correct horse\"")), [""; 0]);
    assert_eq!(wifi("security = \"open\""), [""; 0]);
    assert_eq!(wifi(""), bad);
    assert_eq!(wifi("passphrase = \"short\""), bad);
    assert_eq!(wifi("passphrase = \"pâsswörd\""), bad);
    assert_eq!(wifi(&format!("passphrase = \"{}\"", "x".repeat(64))), bad);
    assert_eq!(wifi(&format!("{wpa3}passphrase = \"{key}\"")), bad);
    assert_eq!(wifi("security = \"open\"\npassphrase = \"correct horse\""), bad);
    assert!(network("[wifi]\nssid = \"\"").is_err());
    assert!(network(&format!("[wifi]\nssid = \"{}\"", "x".repeat(33))).is_err());
}

#[test]
fn names_of_connections_tell_networks_apart_and_outlast_changes() {
    let id = |text: &str| network(text).unwrap().id();
    let ids = [
        id(""),
        id("interface = \"eth0\""),
        id("interface = \"52:54:00:12:34:56\""),
        id("interface = \"eth0\"\nvlan = 7"),
        id("interface = \"eth0\"\nvlan = 8"),
        id("[wifi]\nssid = \"a/../b\""),
        id("[wifi]\nssid = \"ab\""),
    ];
    let different: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(different.len(), ids.len(), "{ids:?}");
    assert!(ids.iter().all(|id| !id.contains(['/', ' '])));
    assert_eq!(id("ipv6 = \"off\""), ids[0]);
}

proptest! {
    #[test]
    fn an_address_is_in_its_own_network(bits: u128, prefix in 1_u8..=128) {
        let address = std::net::Ipv6Addr::from_bits(bits);
        if let Ok(cidr) = Cidr::parse(&format!("{address}/{prefix}")) {
            prop_assert!(cidr.contains(cidr.address()));
            let outside = bits ^ (1_u128 << (128 - prefix));
            prop_assert!(!cidr.contains(std::net::Ipv6Addr::from_bits(outside).into()));
        }
    }
}
