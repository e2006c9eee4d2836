//! Fixed addresses.

use std::net::IpAddr;

use anklume_dialog::{Ended, Face, Question, Reply, Text};
use anklume_language::{Language, say};
use anklume_settings::{Addressing, Cidr, Device, DeviceKind, Network, StaticAddresses};

use crate::wizard::ask_network::{attempt, card, interface};
use crate::wizard::draft::Draft;

/// A card with a cable.
pub(super) fn cable(
    face: &mut dyn Face,
    draft: &mut Draft,
    devices: &[Device],
) -> Result<Reply<()>, Ended> {
    let Reply::Answer(Some(device)) = card(face, devices, DeviceKind::Wired)? else {
        return Ok(Reply::Back);
    };
    let network = Network { interface: interface(&device), ..Network::default() };
    loop {
        let Reply::Answer(network) = fixed(face, network.clone())? else {
            return Ok(Reply::Back);
        };
        if attempt(face, draft, &network)? == Reply::Answer(()) {
            return Ok(Reply::Answer(()));
        }
    }
}

/// Asks for the addresses of a network. Going back from the first question gives it up.
pub(super) fn fixed(face: &mut dyn Face, mut network: Network) -> Result<Reply<Network>, Ended> {
    let language = face.language();
    let mut at = 0;
    loop {
        let reply = match at {
            0 => family(face, true)?.map(|addressing| network.ipv4 = addressing),
            1 => family(face, false)?.map(|addressing| network.ipv6 = addressing),
            2 => name_servers(face)?.map(|servers| network.dns = servers),
            _ => return Ok(Reply::Answer(network)),
        };
        at = match (reply, at) {
            (Reply::Back, 0) => return Ok(Reply::Back),
            (Reply::Back, at) => at - 1,
            (Reply::Answer(()), at) => at + 1,
        };
        let none = network.ipv4 == Addressing::Automatic && network.ipv6 == Addressing::Automatic;
        if at == 2 && none {
            face.warn(language.pick(
                "Neither of them is fixed: type at least one address.",
                "Aucune n'est fixe : tapez au moins une adresse.",
            ));
            at = 0;
        }
    }
}

/// Address and router of one version of IP; each is checked when it is typed.
fn family(face: &mut dyn Face, is_v4: bool) -> Result<Reply<Addressing>, Ended> {
    let language = face.language();
    loop {
        let check = |typed: &str| match typed.is_empty() {
            true => Ok(()),
            false => one_address(typed, is_v4, language).map(drop),
        };
        let (id, prompt) = if is_v4 {
            let prompt = language.pick(
                "IPv4 address and length, such as 192.0.2.10/24 (nothing: automatic)",
                "Adresse IPv4 et longueur, comme 192.0.2.10/24 (rien : automatique)",
            );
            ("ipv4", prompt)
        } else {
            let prompt = language.pick(
                "IPv6 address and length, such as 2001:db8::10/64 (nothing: automatic)",
                "Adresse IPv6 et longueur, comme 2001:db8::10/64 (rien : automatique)",
            );
            ("ipv6", prompt)
        };
        let question = Question::new(id, prompt).back().leave();
        let Reply::Answer(typed) = face.text(&Text::new(question).check(&check))? else {
            return Ok(Reply::Back);
        };
        let Ok(address) = one_address(&typed, is_v4, language) else {
            return Ok(Reply::Answer(Addressing::Automatic));
        };
        if let Reply::Answer(gateway) = router(face, address, is_v4)? {
            let addresses = StaticAddresses { addresses: vec![address], gateway };
            return Ok(Reply::Answer(Addressing::Static(addresses)));
        }
    }
}

fn one_address(typed: &str, is_v4: bool, language: Language) -> Result<Cidr, String> {
    let address = Cidr::parse(typed).map_err(|why| why.fault.text(language))?;
    whole(address, None, is_v4, language).map(|()| address)
}

fn router(face: &mut dyn Face, address: Cidr, is_v4: bool) -> Result<Reply<Option<IpAddr>>, Ended> {
    let language = face.language();
    let check = |typed: &str| {
        if typed.is_empty() {
            return Ok(());
        }
        let wrong = || language.pick("it is no address", "ce n'est pas une adresse").to_owned();
        let gateway = typed.parse().map_err(|_| wrong())?;
        whole(address, Some(gateway), is_v4, language)
    };
    let prompt = language.pick("Router (nothing: none)", "Routeur (rien : aucun)");
    let id = if is_v4 { "ipv4-router" } else { "ipv6-router" };
    let question = Text::new(Question::new(id, prompt).back().leave()).check(&check);
    Ok(face.text(&question)?.map(|typed| typed.parse().ok()))
}

/// Whether these fit together, by the rules that an answer file has to pass.
fn whole(
    address: Cidr,
    gateway: Option<IpAddr>,
    is_v4: bool,
    language: Language,
) -> Result<(), String> {
    let fixed = Addressing::Static(StaticAddresses { addresses: vec![address], gateway });
    let network = match is_v4 {
        true => Network { ipv4: fixed, ..Network::default() },
        false => Network { ipv6: fixed, ..Network::default() },
    };
    network.check().first().map_or(Ok(()), |why| Err(why.fault.text(language)))
}

fn name_servers(face: &mut dyn Face) -> Result<Reply<Vec<IpAddr>>, Ended> {
    let language = face.language();
    let check = |typed: &str| servers(typed, language).map(drop);
    let prompt = language.pick(
        "Name servers, with spaces between (nothing: those that the network names)",
        "Serveurs de noms, séparés par des espaces (rien : ceux que le réseau indique)",
    );
    let question = Text::new(Question::new("name-servers", prompt).back().leave()).check(&check);
    Ok(face.text(&question)?.map(|typed| servers(&typed, language).unwrap_or_default()))
}

fn servers(typed: &str, language: Language) -> Result<Vec<IpAddr>, String> {
    let words = typed.split([' ', ',', ';', '\t']).filter(|word| !word.is_empty());
    let no_address =
        |word: &str| say!(language, "{word} is no address", "{word} n'est pas une adresse");
    let dns: Result<Vec<IpAddr>, String> =
        words.map(|word| word.parse().map_err(|_| no_address(word))).collect();
    let network = Network { dns: dns?, ..Network::default() };
    match network.check().first() {
        Some(why) => Err(why.fault.text(language)),
        None => Ok(network.dns),
    }
}
