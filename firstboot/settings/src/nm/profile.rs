//! A network as NetworkManager has it: a connection profile; nm-settings-dbus(5).

use std::collections::HashMap;
use std::net::IpAddr;

use sha2::{Digest, Sha256};
use zbus::Variant;

use crate::network::{Addressing, Interface, Network, StaticAddresses, Wifi, WifiSecurity};

/// Settings by their names, in groups: `a{sa{sv}}`.
pub(crate) type Profile = HashMap<&'static str, HashMap<&'static str, Variant<'static>>>;

/// The profile of `network`, which was checked.
pub(crate) fn profile(network: &Network) -> Profile {
    let id = network.id();
    let mut profile = Profile::new();
    let kind = match (&network.wifi, network.vlan) {
        (Some(_), _) => "802-11-wireless",
        (None, Some(_)) => "vlan",
        (None, None) => "802-3-ethernet",
    };
    let mut connection = HashMap::from([
        ("uuid", Variant::from(uuid(&id))),
        ("type", Variant::from(kind)),
        ("autoconnect", Variant::from(true)),
    ]);
    if let Some(vlan) = network.vlan {
        let mut group = HashMap::from([("id", Variant::from(u32::from(vlan.number())))]);
        if let Interface::Name(parent) = &network.interface {
            group.insert("parent", Variant::from(parent.clone()));
        }
        connection.insert("interface-name", Variant::from(format!("vlan{}", vlan.number())));
        profile.insert("vlan", group);
    } else if let Interface::Name(name) = &network.interface {
        connection.insert("interface-name", Variant::from(name.clone()));
    }
    if let Some(wifi) = &network.wifi {
        add_wifi(&mut profile, wifi);
    }
    if let Interface::Mac(mac) = network.interface {
        // For a VLAN it is the address of what carries it.
        let group = if network.wifi.is_some() { "802-11-wireless" } else { "802-3-ethernet" };
        let address = Variant::from(mac.0.to_vec());
        profile.entry(group).or_default().insert("mac-address", address);
    }
    profile.entry(kind).or_default();
    connection.insert("id", Variant::from(id));
    profile.insert("connection", connection);
    profile.insert("ipv4", addressing(network, &network.ipv4, true));
    profile.insert("ipv6", addressing(network, &network.ipv6, false));
    profile
}

fn add_wifi(profile: &mut Profile, wifi: &Wifi) {
    let group = HashMap::from([
        ("ssid", Variant::from(wifi.ssid.as_str().as_bytes().to_vec())),
        ("mode", Variant::from("infrastructure")),
        ("hidden", Variant::from(wifi.hidden)),
    ]);
    profile.insert("802-11-wireless", group);
    let key_management = match wifi.security {
        WifiSecurity::Open => return,
        WifiSecurity::Wpa => "wpa-psk",
        WifiSecurity::Wpa3 => "sae",
    };
    let mut group = HashMap::from([("key-mgmt", Variant::from(key_management))]);
    if let Some(passphrase) = &wifi.passphrase {
        group.insert("psk", Variant::from(passphrase.expose().to_owned()));
    }
    profile.insert("802-11-wireless-security", group);
}

fn addressing(
    network: &Network,
    addressing: &Addressing,
    is_v4: bool,
) -> HashMap<&'static str, Variant<'static>> {
    let method = match addressing {
        Addressing::Automatic => "auto",
        Addressing::Static(_) => "manual",
        Addressing::Off => "disabled",
    };
    let mut group = HashMap::from([("method", Variant::from(method))]);
    if let Addressing::Static(StaticAddresses { addresses, gateway }) = addressing {
        let addresses = addresses.iter().map(|cidr| {
            HashMap::from([
                ("address", Variant::from(cidr.address().to_string())),
                ("prefix", Variant::from(u32::from(cidr.prefix()))),
            ])
        });
        group.insert("address-data", Variant::from(addresses.collect::<Vec<_>>()));
        if let Some(gateway) = gateway {
            group.insert("gateway", Variant::from(gateway.to_string()));
        }
    }
    if *addressing == Addressing::Off {
        return group;
    }
    let servers = network.dns.iter().filter(|dns| dns.is_ipv4() == is_v4);
    let servers: Vec<String> = servers.map(IpAddr::to_string).collect();
    if !servers.is_empty() {
        group.insert("dns-data", Variant::from(servers));
    }
    if !network.search.is_empty() {
        let domains: Vec<String> = network.search.iter().map(ToString::to_string).collect();
        group.insert("dns-search", Variant::from(domains));
    }
    group
}

/// The UUID of the connection `id`, always the same: RFC 9562 section 5.8, of a digest. So NetworkManager
/// itself refuses to have it twice.
fn uuid(id: &str) -> String {
    let digest = Sha256::digest(format!("anklume connection {id}").as_bytes());
    let mut hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    hex.replace_range(12..13, "8");
    hex.replace_range(16..17, "8");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    let parts: Vec<&str> = parts.into_iter().filter_map(|part| hex.get(part)).collect();
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Mac;
    use crate::secret::Secret;

    fn text(profile: &Profile, group: &str, name: &str) -> String {
        match profile.get(group).and_then(|group| group.get(name)) {
            Some(Variant::Str(text)) => text.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_cable_with_fixed_addresses() {
        let network: Network = toml::from_str(
            "interface = \"52:54:00:12:34:56\"\ndns = [\"192.0.2.1\", \"2001:db8::1\"]\n\
             search = [\"example.org\"]\nipv6 = \"off\"\n[ipv4.static]\n\
             addresses = [\"192.0.2.10/24\"]\ngateway = \"192.0.2.1\"\n",
        )
        .unwrap();
        assert_eq!(network.check(), []);
        let profile = profile(&network);
        assert_eq!(text(&profile, "connection", "id"), "anklume-wired-525400123456");
        assert_eq!(text(&profile, "connection", "type"), "802-3-ethernet");
        let mac = Variant::from(vec![0x52_u8, 0x54, 0, 0x12, 0x34, 0x56]);
        assert_eq!(profile["802-3-ethernet"]["mac-address"], mac);
        assert_eq!(text(&profile, "ipv4", "method"), "manual");
        assert_eq!(text(&profile, "ipv4", "gateway"), "192.0.2.1");
        assert_eq!(profile["ipv4"]["dns-data"], Variant::from(vec!["192.0.2.1".to_owned()]));
        assert_eq!(profile["ipv4"]["address-data"].value_signature(), "aa{sv}");
        assert_eq!(text(&profile, "ipv6", "method"), "disabled");
        assert!(!profile["ipv6"].contains_key("dns-data"));
    }

    #[test]
    fn a_wifi_and_a_vlan() {
        let mut network = Network {
            wifi: Some(Wifi {
                ssid: crate::Ssid::parse("Chez nous é").unwrap(),
                hidden: true,
                security: WifiSecurity::Wpa3,
                passphrase: Some(Secret::new("correct horse".into())),
            }),
            ..Network::default()
        };
        let wifi = profile(&network);
        let ssid = Variant::from("Chez nous é".as_bytes().to_vec());
        assert_eq!(wifi["802-11-wireless"]["ssid"], ssid);
        assert_eq!(wifi["802-11-wireless"]["hidden"], Variant::from(true));
        assert_eq!(text(&wifi, "802-11-wireless-security", "key-mgmt"), "sae");
        assert_eq!(text(&wifi, "802-11-wireless-security", "psk"), "correct horse");
        assert!(text(&wifi, "connection", "id").starts_with("anklume-wifi-Cheznous-"));
        network.wifi = None;
        network.vlan = Some(crate::VlanId::try_from(7).unwrap());
        network.interface = Interface::Mac(Mac([2, 0, 0, 0, 0, 1]));
        let vlan = profile(&network);
        assert_eq!(vlan["vlan"]["id"], Variant::from(7_u32));
        assert!(vlan["802-3-ethernet"].contains_key("mac-address"));
        network.interface = Interface::parse("enp1s0").unwrap();
        let vlan = profile(&network);
        assert_eq!(text(&vlan, "vlan", "parent"), "enp1s0");
        assert_eq!(text(&vlan, "connection", "interface-name"), "vlan7");
    }

    #[test]
    fn the_same_name_has_the_same_uuid() {
        let one = uuid("anklume-wired");
        assert_eq!(one, uuid("anklume-wired"));
        assert_ne!(one, uuid("anklume-wired-eth0"));
        let shape = |part: &str| part.len();
        assert_eq!(one.split('-').map(shape).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!((one.as_bytes()[14], one.as_bytes()[19]), (b'8', b'8'));
    }
}
