//! The network step.

use std::rc::Rc;

use anklume_dialog::{Answer, ScriptFace};
use anklume_language::Language;
use anklume_settings::{Addressing, Network, Reason, WifiSecurity};

use super::world::Around;
use super::{draft, person, pick, run, typed};
use crate::answers::Answers;
use crate::wizard::ask_network;
use crate::wizard::draft::NetworkWish;

/// The step alone, not in a dry run; what was said, what is wished, and what was tried.
fn step(
    language: Language,
    around: Around,
    answers: Vec<(&'static str, Answer)>,
) -> (ScriptFace, NetworkWish, Vec<Network>) {
    let mut draft = draft();
    let tried = Rc::clone(&around.tried);
    draft.world = Box::new(around);
    let mut face = ScriptFace::new(language, answers);
    ask_network::network(&mut face, &mut draft).unwrap();
    let tried = tried.borrow().clone();
    (face, draft.network, tried)
}

fn failing(reasons: &[Reason]) -> Around {
    let around = Around::default();
    around.fails.borrow_mut().extend(reasons.iter().copied());
    around
}

#[test]
fn what_there_is_is_told_and_dhcp_is_the_default() {
    let (face, wish, tried) =
        step(Language::English, Around::default(), vec![("network", Answer::Default)]);
    assert!(
        face.mentions("Connected: Wired connection 1 on eth0, 192.0.2.33/24; router 192.0.2.1")
    );
    assert_eq!((wish, tried), (NetworkWish::Automatic, Vec::new()));
    let (face, wish, _) =
        step(Language::French, Around::default(), vec![("network", pick("Laisser"))]);
    assert!(face.mentions("Connecté") && wish == NetworkWish::Keep);
}

#[test]
fn without_a_cable_one_may_go_on() {
    let around = Around { unplugged: true, ..Around::default() };
    let answers = vec![
        ("network", Answer::Default),
        ("network-failed", pick("Try")),
        ("network-failed", pick("Go")),
    ];
    let (face, wish, _) = step(Language::English, around, answers);
    assert!(face.mentions("Not connected.") && face.mentions("is a cable in?"));
    assert_eq!(wish, NetworkWish::Automatic);
}

#[test]
fn fixed_addresses_are_checked_as_they_are_typed() {
    let answers = vec![
        ("network", pick("Fixed")),
        ("ipv4", typed("192.0.2.10")),
        ("ipv4", typed("2001:db8::1/64")),
        ("ipv4", typed("192.0.2.0/24")),
        ("ipv4", typed("192.0.2.10/24")),
        ("ipv4-router", typed("x")),
        ("ipv4-router", typed("198.51.100.1")),
        ("ipv4-router", typed("192.0.2.10")),
        ("ipv4-router", typed("192.0.2.1")),
        ("ipv6", typed("2001:db8::10/64")),
        ("ipv6-router", typed("fe80::1")),
        ("name-servers", typed("192.0.2.1 nowhere")),
        ("name-servers", typed("192.0.2.1, 2001:db8::1")),
    ];
    let (face, wish, tried) = step(Language::English, Around::default(), answers);
    for why in ["other IP version", "of a network or group", "none of the addresses", "own address"]
    {
        assert!(face.mentions(why), "{why}: {:?}", face.said());
    }
    assert!(face.mentions("nowhere is no address"));
    let NetworkWish::This(network) = wish else { panic!("{wish:?}") };
    assert_eq!(network.id(), "anklume-wired-525400000001");
    assert!(matches!(&network.ipv6, Addressing::Static(fixed) if fixed.gateway.is_some()));
    assert_eq!((network.dns.len(), tried), (2, vec![*network]));
}

#[test]
fn an_address_is_needed_and_one_can_go_back() {
    let answers = vec![
        ("network", pick("Adresses")),
        ("ipv4", typed("")),
        ("ipv6", typed("")),
        ("ipv4", typed("192.0.2.10/24")),
        ("ipv4-router", Answer::Back),
        ("ipv4", Answer::Back),
        ("network", Answer::Back),
    ];
    let (face, wish, _) = step(Language::French, Around::default(), answers);
    assert!(face.mentions("au moins une adresse") && wish == NetworkWish::Keep);
}

#[test]
fn a_wifi_with_a_wrong_password_is_tried_again() {
    let answers = vec![
        ("network", pick("Wi")),
        ("wifi", pick("Office")),
        ("wifi", pick("Home")),
        ("wifi-password", typed("short")),
        ("wifi-password", typed("wrong word")),
        ("wifi-automatic", Answer::Default),
        ("network-failed", pick("Change")),
        ("wifi", pick("Home")),
        ("wifi-password", typed("right word")),
        ("wifi-automatic", Answer::Default),
    ];
    let (face, wish, tried) = step(Language::English, failing(&[Reason::Passphrase]), answers);
    assert!(face.mentions("passphrase is missing or wrong") && face.mentions("8 to 63"));
    assert!(face.mentions("Password of Home") && !face.mentions("right word"));
    let NetworkWish::This(network) = wish else { panic!("{wish:?}") };
    let wifi = network.wifi.as_ref().unwrap();
    assert_eq!((wifi.security, tried.len()), (WifiSecurity::Wpa, 2));
    assert_eq!(wifi.passphrase.as_ref().unwrap().expose(), "right word");
}

#[test]
fn a_hidden_wifi_is_asked_for_by_name() {
    let answers = vec![
        ("network", pick("Wi")),
        ("wifi", pick("Écouter")),
        ("wifi", pick("Un")),
        ("wifi-name", typed("")),
        ("wifi-name", typed("Cave")),
        ("wifi-security", pick("WPA3")),
        ("wifi-password", typed("right word")),
        ("wifi-automatic", Answer::Say(false)),
        ("ipv4", typed("192.0.2.10/24")),
        ("ipv4-router", typed("")),
        ("ipv6", typed("")),
        ("name-servers", typed("")),
        ("network-failed", pick("Continuer")),
    ];
    let (face, wish, _) = step(Language::French, failing(&[Reason::Silent]), answers);
    assert!(face.mentions("le réseau ne répond pas"));
    let NetworkWish::This(network) = wish else { panic!("{wish:?}") };
    let wifi = network.wifi.unwrap();
    assert!(wifi.hidden && wifi.security == WifiSecurity::Wpa3);
    assert!(matches!(network.ipv4, Addressing::Static(_)));
}

#[test]
fn a_dry_run_tries_nothing_and_its_file_keeps_the_network_without_the_password() {
    let mut answers = vec![
        ("language", pick("1")),
        ("what", pick("Just")),
        ("network", pick("Wi")),
        ("wifi", pick("Home")),
        ("wifi-password", typed("right word")),
        ("wifi-automatic", Answer::Default),
        ("ssh-source", pick("No")),
    ];
    answers.extend(person());
    let mut draft = draft();
    let around = Around::default();
    let tried = Rc::clone(&around.tried);
    draft.world = Box::new(around);
    let (face, file) = run(answers, draft);
    assert!(tried.borrow().is_empty() && face.mentions("Not tried"));
    let file = file.unwrap();
    assert!(file.contains("ssid = \"Home\"") && !file.contains("right word"), "{file}");
    assert!(file.contains("\"machine.networks[0].wifi.passphrase\""), "{file}");
    assert!(file.contains("anklume.wifi"), "{file}");
    assert_eq!(Answers::parse(&file).unwrap().machine.networks.len(), 1);
}
