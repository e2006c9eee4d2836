//! Networks through a fake NetworkManager.

use std::time::Duration;

use anklume_settings::{Change, DeviceKind, Error, Mac, Network, NetworkManager, Reason, Security};
use zbus::Variant;

use crate::bus::Alone;
use crate::manager::{Fate, Profile, serve};

/// What takes longer will never come.
const PATIENCE: Duration = Duration::from_secs(30);
const SECRET: &str = "correct horse";

fn networks() -> Vec<Network> {
    #[derive(serde::Deserialize)]
    struct All {
        networks: Vec<Network>,
    }
    let text = format!(
        "[[networks]]\ninterface = \"eth0\"\n[[networks]]\n[networks.wifi]\nssid = \"Home\"\n\
         passphrase = \"{SECRET}\"\n"
    );
    toml::from_str::<All>(&text).unwrap().networks
}

fn id(profile: &Profile) -> String {
    match &*profile["connection"]["id"] {
        Variant::Str(text) => text.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_networks_twice_make_no_second_connection() {
    let bus = Alone::new();
    let state = serve(&bus);
    let services = bus.services();
    let manager = NetworkManager::new(&services);
    let mut wanted = networks();
    let ids: Vec<String> = wanted.iter().map(Network::id).collect();
    let added = manager.apply(&wanted).unwrap();
    assert_eq!(added, ids.iter().cloned().map(Change::Added).collect::<Vec<_>>());
    // Somebody made connections of their own, one of them a copy of ours.
    {
        let mut state = state.lock().unwrap();
        let copy = state.connections[&1].iter().map(|(name, group)| {
            let group = group.iter().map(|(k, v)| (k.clone(), v.try_clone().unwrap()));
            (name.clone(), group.collect())
        });
        let copy: Profile = copy.collect();
        state.connections.insert(50, copy);
        let mut other = Profile::default();
        let name = Variant::from("Wired connection 1").try_into_owned().unwrap();
        other.entry("connection".into()).or_default().insert("id".into(), name);
        state.connections.insert(51, other);
    }
    for _ in 0..2 {
        let updated = manager.apply(&wanted).unwrap();
        assert_eq!(updated, ids.iter().cloned().map(Change::Updated).collect::<Vec<_>>());
        let state = state.lock().unwrap();
        let here: Vec<String> = state.connections.values().map(id).collect();
        assert_eq!(here, [&ids[0], &ids[1], "Wired connection 1"]);
        let psk = &state.connections[&2]["802-11-wireless-security"]["psk"];
        assert_eq!(**psk, Variant::from(SECRET));
    }
    assert!(state.lock().unwrap().flags.iter().all(|flags| *flags == 1), "kept on the disk");
    wanted.pop();
    let changes = manager.apply(&wanted).unwrap();
    assert_eq!(changes[1..], [Change::Removed(ids[1].clone())]);
    assert_eq!(state.lock().unwrap().connections.len(), 2);
}

#[test]
fn what_cannot_be_is_refused_before_anything_changes() {
    let bus = Alone::new();
    let state = serve(&bus);
    let services = bus.services();
    let mut wanted = networks();
    wanted[1].wifi.as_mut().unwrap().passphrase = None;
    let error = NetworkManager::new(&services).apply(&wanted).unwrap_err();
    let text = "networks[1].wifi.passphrase: it is missing";
    assert_eq!(error.to_string(), text);
    assert_eq!(state.lock().unwrap().calls, [""; 0]);
}

#[test]
fn a_service_that_quotes_a_secret_does_not_give_it_away() {
    let bus = Alone::new();
    let state = serve(&bus);
    state.lock().unwrap().refusal = Some("psk: 'correct horse' is not valid");
    let services = bus.services();
    let error = NetworkManager::new(&services).apply(&networks()[1..]).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("psk: '…' is not valid"), "{text}");
    assert!(!format!("{error:?} {:?}", networks()).contains(SECRET));
}

#[test]
fn a_network_comes_up_and_its_addresses_are_told() {
    for fate in [Fate::After(&[(1, 1), (2, 1)]), Fate::AtOnce] {
        let bus = Alone::new();
        let state = serve(&bus);
        let services = bus.services();
        let manager = NetworkManager::new(&services);
        let networks = networks();
        manager.apply(&networks).unwrap();
        state.lock().unwrap().fate = Some(fate);
        let connected = manager.activate(&networks[0], PATIENCE).unwrap();
        assert_eq!(connected.interface, "eth0");
        assert_eq!(connected.addresses, ["192.0.2.10/24", "192.0.2.11/32"]);
        assert_eq!(connected.gateways, ["192.0.2.1"]);
    }
}

#[test]
fn a_network_that_does_not_come_up_says_why() {
    let unknown: Fate = Fate::No(("org.freedesktop.NetworkManager.UnknownDevice", "none"));
    for (fate, reason) in [
        (Fate::After(&[(1, 1), (4, 9)]), Reason::Passphrase),
        (Fate::Before(&[(4, 14)]), Reason::NoDevice),
        (Fate::After(&[(3, 1), (4, 5)]), Reason::NoAddress),
        (Fate::After(&[(4, 0)]), Reason::Other(0)),
        (unknown, Reason::NoDevice),
    ] {
        let bus = Alone::new();
        let state = serve(&bus);
        let services = bus.services();
        let manager = NetworkManager::new(&services);
        let networks = networks();
        manager.apply(&networks).unwrap();
        state.lock().unwrap().fate = Some(fate);
        let error = manager.activate(&networks[1], PATIENCE).unwrap_err();
        let Error::Network { reason: found, .. } = error else { panic!("{error:?}") };
        assert_eq!(found, reason);
    }
}

#[test]
fn waiting_has_an_end() {
    let bus = Alone::new();
    let state = serve(&bus);
    let services = bus.services();
    let manager = NetworkManager::new(&services);
    let networks = networks();
    manager.apply(&networks).unwrap();
    state.lock().unwrap().fate = Some(Fate::After(&[(1, 1)]));
    let late = manager.activate(&networks[0], Duration::from_millis(200));
    assert!(matches!(late, Err(Error::Late { .. })), "{late:?}");
    state.lock().unwrap().fate = Some(Fate::Leaves);
    let gone = manager.activate(&networks[0], PATIENCE);
    assert!(matches!(gone, Err(Error::Gone { .. } | Error::NoService { .. })), "{gone:?}");
    let absent = manager.apply(&networks);
    assert!(matches!(absent, Err(Error::NoService { .. })), "{absent:?}");
}

#[test]
fn devices_and_wifis_are_told() {
    let bus = Alone::new();
    let state = serve(&bus);
    let services = bus.services();
    let manager = NetworkManager::new(&services);
    let devices = manager.devices().unwrap();
    let [wired, wifi] = &devices[..] else { panic!("{devices:?}") };
    assert_eq!((wired.interface.as_str(), wired.kind), ("eth0", DeviceKind::Wired));
    // Its own address, not the one it uses now.
    assert_eq!(wired.mac, Some(Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56])));
    assert_eq!((wired.driver.as_str(), wired.carrier), ("virtio_net", Some(true)));
    assert_eq!((wifi.interface.as_str(), wifi.carrier, wifi.managed), ("wlan0", None, true));
    let heard = manager.scan("wlan0", PATIENCE).unwrap();
    let heard: Vec<_> = heard.iter().map(|p| (p.name(), p.strength, p.security)).collect();
    let expected = [
        ("Home".to_owned(), 90, Security::WpaOrWpa3),
        ("\u{fffd}[2J".to_owned(), 60, Security::Wpa3),
    ];
    assert_eq!(heard, expected);
    assert_eq!(state.lock().unwrap().calls, ["RequestScan", "GetAllAccessPoints"]);
    let none = manager.scan("eth0", PATIENCE);
    assert!(matches!(none, Err(Error::Interface { .. })), "{none:?}");
}

#[test]
fn a_network_that_is_tried_is_not_kept_until_it_is_applied() {
    let bus = Alone::new();
    let state = serve(&bus);
    let services = bus.services();
    let manager = NetworkManager::new(&services);
    let wifi = &networks()[1..];
    manager.prepare(&wifi[0]).unwrap();
    // Typed again.
    manager.prepare(&wifi[0]).unwrap();
    assert_eq!(state.lock().unwrap().flags, [2, 2]);
    manager.apply(wifi).unwrap();
    let state = state.lock().unwrap();
    assert_eq!((state.flags.as_slice(), state.connections.len()), (&[2, 2, 1][..], 1));
}

#[test]
fn what_is_up_and_leads_out_is_told() {
    let bus = Alone::new();
    let state = serve(&bus);
    let services = bus.services();
    let manager = NetworkManager::new(&services);
    assert_eq!(manager.connected_now().unwrap(), []);
    state.lock().unwrap().up = 2;
    let up = manager.connected_now().unwrap();
    let [wired] = &up[..] else { panic!("{up:?}") };
    assert_eq!((wired.id.as_str(), wired.interface.as_str()), ("Wired connection 1", "eth0"));
    assert_eq!(wired.addresses[0], "192.0.2.10/24");
}
