//! Wi-Fi.

use anklume_dialog::{Choice, Confirm, Ended, Face, Item, Question, Reply, Secret, Text};
use anklume_language::{Language, say};
use anklume_settings::{
    AccessPoint, Device, DeviceKind, Network, Secret as Password, Security, Ssid, Wifi,
    WifiSecurity,
};

use crate::wizard::ask_addresses::fixed;
use crate::wizard::ask_network::{attempt, card};
use crate::wizard::draft::Draft;

/// One that is heard, or one that hides.
pub(super) fn wifi(
    face: &mut dyn Face,
    draft: &mut Draft,
    devices: &[Device],
) -> Result<Reply<()>, Ended> {
    let Reply::Answer(Some(device)) = card(face, devices, DeviceKind::Wifi)? else {
        return Ok(Reply::Back);
    };
    loop {
        let Reply::Answer(wifi) = which(face, draft, &device)? else { return Ok(Reply::Back) };
        let Reply::Answer(wifi) = passphrase(face, wifi)? else { continue };
        let network = Network { wifi: Some(wifi), ..Network::default() };
        let Reply::Answer(network) = addresses(face, network)? else { continue };
        if attempt(face, draft, &network)? == Reply::Answer(()) {
            return Ok(Reply::Answer(()));
        }
    }
}

/// The list, as often as somebody wants it anew.
fn which(face: &mut dyn Face, draft: &Draft, device: &Device) -> Result<Reply<Wifi>, Ended> {
    let language = face.language();
    loop {
        face.say(language.pick("Listening…", "Écoute…"));
        let heard = draft.world.scan(&device.interface).unwrap_or_else(|error| {
            face.warn(&error.text(language));
            Vec::new()
        });
        let mut options: Vec<Item> = heard.iter().map(|point| item(point, language)).collect();
        options.push(Item::new(language.pick("One that hides its name", "Un qui cache son nom")));
        options.push(Item::new(language.pick("Listen again", "Écouter encore")));
        let prompt = language.pick("Which Wi-Fi?", "Quel Wi-Fi ?");
        let question = Question::new("wifi", prompt).back().leave();
        let Reply::Answer(index) = face.choose(&Choice::new(question, &options))? else {
            return Ok(Reply::Back);
        };
        if let Some(wifi) = heard.get(index).and_then(of) {
            return Ok(Reply::Answer(wifi));
        }
        if index == heard.len()
            && let Reply::Answer(wifi) = hidden(face)?
        {
            return Ok(Reply::Answer(wifi));
        }
    }
}

fn item(point: &AccessPoint, language: Language) -> Item {
    let protection = match point.security {
        Security::Open => language.pick("open", "ouvert"),
        Security::Wpa => "WPA2",
        Security::WpaOrWpa3 => "WPA2/WPA3",
        Security::Wpa3 => "WPA3",
        Security::Other => language.pick("another protection", "autre protection"),
    };
    let strength = point.strength;
    let words =
        say!(language, "signal {strength} %, {protection}", "signal {strength} %, {protection}");
    let item = Item::new(point.name()).explained(words);
    if point.security == Security::Other {
        return item.refused(language.pick(
            "needs an account or is WEP; `nmcli` can set it",
            "demande un compte ou est en WEP ; `nmcli` peut le régler",
        ));
    }
    match of(point) {
        Some(_) => item,
        None => item.refused(language.pick("its name cannot be written", "son nom est illisible")),
    }
}

/// What is to be set for a Wi-Fi that is heard; none if it cannot be.
fn of(point: &AccessPoint) -> Option<Wifi> {
    let ssid = Ssid::parse(std::str::from_utf8(&point.ssid).ok()?).ok()?;
    let security = match point.security {
        Security::Open => WifiSecurity::Open,
        Security::Wpa | Security::WpaOrWpa3 => WifiSecurity::Wpa,
        Security::Wpa3 => WifiSecurity::Wpa3,
        Security::Other => return None,
    };
    Some(Wifi { ssid, hidden: false, security, passphrase: None })
}

fn hidden(face: &mut dyn Face) -> Result<Reply<Wifi>, Ended> {
    let language = face.language();
    let check = |typed: &str| Ssid::parse(typed).map(drop).map_err(|why| why.fault.text(language));
    let prompt = language.pick("Its name", "Son nom");
    let question = Text::new(Question::new("wifi-name", prompt).back().leave()).check(&check);
    let Reply::Answer(typed) = face.text(&question)? else { return Ok(Reply::Back) };
    let Ok(ssid) = Ssid::parse(&typed) else { return Ok(Reply::Back) };
    let options = [
        Item::new(
            language.pick("WPA2, or WPA3 where it has both", "WPA2, ou WPA3 s'il a les deux"),
        ),
        Item::new(language.pick("WPA3 only", "WPA3 seulement")),
        Item::new(language.pick("Open, without a password", "Ouvert, sans mot de passe")),
    ];
    let prompt = language.pick("How is it protected?", "Comment est-il protégé ?");
    let question = Question::new("wifi-security", prompt).back().leave();
    let reply = face.choose(&Choice::new(question, &options).default(0))?;
    Ok(reply.map(|index| {
        let security = match index {
            0 => WifiSecurity::Wpa,
            1 => WifiSecurity::Wpa3,
            _ => WifiSecurity::Open,
        };
        Wifi { ssid, hidden: true, security, passphrase: None }
    }))
}

fn passphrase(face: &mut dyn Face, mut wifi: Wifi) -> Result<Reply<Wifi>, Ended> {
    if wifi.security == WifiSecurity::Open {
        return Ok(Reply::Answer(wifi));
    }
    let language = face.language();
    let check = |typed: &str| {
        let passphrase = Some(Password::new(typed.to_owned()));
        let network =
            Network { wifi: Some(Wifi { passphrase, ..wifi.clone() }), ..Network::default() };
        network.check().first().map_or(Ok(()), |why| Err(why.fault.text(language)))
    };
    let name = &wifi.ssid;
    let prompt = say!(language, "Password of {name}", "Mot de passe de {name}");
    let question = Secret::new(Question::new("wifi-password", &prompt).back().leave());
    let Reply::Answer(typed) = face.secret(&question.check(&check))? else {
        return Ok(Reply::Back);
    };
    wifi.passphrase = Some(Password::new(typed.to_string()));
    Ok(Reply::Answer(wifi))
}

fn addresses(face: &mut dyn Face, network: Network) -> Result<Reply<Network>, Ended> {
    let language = face.language();
    loop {
        let prompt = language.pick(
            "Addresses as the network gives them (DHCP)?",
            "Adresses que le réseau donne (DHCP) ?",
        );
        let question = Question::new("wifi-automatic", prompt).back().leave();
        match face.confirm(&Confirm::new(question).default(true))? {
            Reply::Back => return Ok(Reply::Back),
            Reply::Answer(true) => return Ok(Reply::Answer(network)),
            Reply::Answer(false) => {}
        }
        if let Reply::Answer(network) = fixed(face, network.clone())? {
            return Ok(Reply::Answer(network));
        }
    }
}
