//! The network: as it is given, fixed addresses, Wi-Fi, or nothing for now.
//!
//! What is chosen is tried at once, as nothing else tells whether it works and SSH keys may come from the web; but
//! only for now ([`World::connect`](super::world::World::connect)): the next start knows of it once the plan was
//! agreed to. A dry run tries nothing.

use anklume_dialog::{Choice, Ended, Face, Item, Question, Reply};
use anklume_language::{Language, say};
use anklume_settings::{Connected, Device, DeviceKind, Interface, Network};

use crate::wizard::draft::{Draft, NetworkWish};
use crate::wizard::{ask_addresses, ask_wifi};

pub(crate) fn network(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    let title = language.pick("Network", "Réseau");
    face.heading(title, Some(draft.step))?;
    tell_now(face, draft);
    // Why there are none was told just now.
    let devices = draft.world.devices().unwrap_or_default();
    loop {
        let options = ways(language, &devices);
        let question = Question::new("network", title).back().leave();
        // Who changes the settings of a machine that works has the network that it needs.
        let default = if draft.own_pool.is_some() { 3 } else { 0 };
        let Reply::Answer(way) = face.choose(&Choice::new(question, &options).default(default))?
        else {
            return Ok(Reply::Back);
        };
        let done = match way {
            0 => automatic(face, draft)?,
            1 => ask_addresses::cable(face, draft, &devices)?,
            2 => ask_wifi::wifi(face, draft, &devices)?,
            _ => {
                draft.network = NetworkWish::Keep;
                Reply::Answer(())
            }
        };
        if done == Reply::Answer(()) {
            return Ok(done);
        }
    }
}

fn ways(language: Language, devices: &[Device]) -> [Item; 4] {
    let has = |kind| devices.iter().any(|device| device.kind == kind);
    let automatic = Item::new(language.pick("Automatic (DHCP)", "Automatique (DHCP)")).explained(
        language.pick(
            "Every cable, with the addresses that the network gives.",
            "Chaque câble, avec les adresses que le réseau donne.",
        ),
    );
    let mut fixed = Item::new(language.pick("Fixed addresses", "Adresses fixes")).explained(
        language.pick("Of a network card with a cable.", "D'une carte réseau avec un câble."),
    );
    if !has(DeviceKind::Wired) {
        fixed = fixed.refused(
            language.pick("no network card with a cable", "pas de carte réseau avec un câble"),
        );
    }
    let mut wifi = Item::new("Wi-Fi");
    if !has(DeviceKind::Wifi) {
        wifi = wifi.refused(language.pick("no Wi-Fi card", "pas de carte Wi-Fi"));
    }
    let keep = Item::new(language.pick("Leave it as it is", "Laisser comme c'est"))
        .explained(language.pick("It can be set later.", "Cela peut être réglé plus tard."));
    [automatic, fixed, wifi, keep]
}

/// What the machine has now.
fn tell_now(face: &mut dyn Face, draft: &Draft) {
    let language = face.language();
    match draft.world.connected() {
        Ok(all) if all.is_empty() => {
            face.say(language.pick("Not connected.", "Pas de connexion."));
        }
        Ok(all) => all.iter().for_each(|one| face.say(&words(one, language))),
        Err(error) => face.warn(&error.text(language)),
    }
}

/// A connection in a sentence.
pub(super) fn words(connected: &Connected, language: Language) -> String {
    let Connected { id, interface, addresses, gateways } = connected;
    let addresses = addresses.join(", ");
    let begin = say!(
        language,
        "Connected: {id} on {interface}, {addresses}",
        "Connecté : {id} sur {interface}, {addresses}"
    );
    let routers = gateways.join(", ");
    match gateways.is_empty() {
        true => say!(language, "{begin}; no router", "{begin} ; pas de routeur"),
        false => say!(language, "{begin}; router {routers}", "{begin} ; routeur {routers}"),
    }
}

/// It is what the machine does by itself: is there anything?
fn automatic(face: &mut dyn Face, draft: &mut Draft) -> Result<Reply<()>, Ended> {
    let language = face.language();
    draft.network = NetworkWish::Automatic;
    if draft.dry_run {
        return Ok(Reply::Answer(()));
    }
    loop {
        match draft.world.connected() {
            Ok(all) if all.is_empty() => face.warn(language.pick(
                "No network has given an address: is a cable in?",
                "Aucun réseau n'a donné d'adresse : un câble est-il branché ?",
            )),
            Ok(_) => return Ok(Reply::Answer(())),
            Err(error) => face.warn(&error.text(language)),
        }
        match now_what(face)? {
            Next::Again => {}
            Next::GoOn => return Ok(Reply::Answer(())),
            Next::Change => return Ok(Reply::Back),
        }
    }
}

/// Tries a network, and takes it if it works or is wanted all the same.
pub(super) fn attempt(
    face: &mut dyn Face,
    draft: &mut Draft,
    network: &Network,
) -> Result<Reply<()>, Ended> {
    let language = face.language();
    let taken = NetworkWish::This(Box::new(network.clone()));
    if draft.dry_run {
        face.say(language.pick("Not tried: a dry run.", "Pas essayé : simulation."));
        draft.network = taken;
        return Ok(Reply::Answer(()));
    }
    loop {
        face.say(language.pick("Connecting…", "Connexion…"));
        match draft.world.connect(network) {
            Ok(connected) => {
                face.say(&words(&connected, language));
                break;
            }
            Err(error) => face.warn(&error.text(language)),
        }
        match now_what(face)? {
            Next::Again => {}
            Next::GoOn => break,
            Next::Change => return Ok(Reply::Back),
        }
    }
    draft.network = taken;
    Ok(Reply::Answer(()))
}

/// What to do with a network that does not work.
enum Next {
    Again,
    Change,
    GoOn,
}

fn now_what(face: &mut dyn Face) -> Result<Next, Ended> {
    let language = face.language();
    let options = [
        Item::new(language.pick("Try again", "Réessayer")),
        Item::new(language.pick("Change it", "Le changer")),
        Item::new(language.pick("Go on all the same", "Continuer quand même")).explained(
            language.pick(
                "It is kept, and counts when the network is there.",
                "Il est gardé, et compte quand le réseau est là.",
            ),
        ),
    ];
    let prompt = language.pick("It does not work. What now?", "Cela ne marche pas. Que faire ?");
    let question = Question::new("network-failed", prompt).back().leave();
    Ok(match face.choose(&Choice::new(question, &options).default(0))? {
        Reply::Answer(0) => Next::Again,
        Reply::Answer(2) => Next::GoOn,
        _ => Next::Change,
    })
}

/// One of the cards of this kind; the only one without a question.
pub(super) fn card(
    face: &mut dyn Face,
    devices: &[Device],
    kind: DeviceKind,
) -> Result<Reply<Option<Device>>, Ended> {
    let language = face.language();
    let fits: Vec<&Device> = devices.iter().filter(|device| device.kind == kind).collect();
    if fits.len() < 2 {
        return Ok(Reply::Answer(fits.first().copied().cloned()));
    }
    let options: Vec<Item> = fits
        .iter()
        .map(|device| {
            let mac = device.mac.map(|mac| mac.to_string()).unwrap_or_default();
            let item = Item::new(format!("{} ({mac}, {})", device.interface, device.driver));
            match device.carrier {
                Some(true) => {
                    item.explained(language.pick("A cable is in.", "Un câble est branché."))
                }
                Some(false) => item.explained(language.pick("No cable.", "Pas de câble.")),
                None => item,
            }
        })
        .collect();
    let plugged = fits.iter().position(|device| device.carrier == Some(true)).unwrap_or_default();
    let prompt = language.pick("Which network card?", "Quelle carte réseau ?");
    let question = Question::new("network-card", prompt).back().leave();
    let reply = face.choose(&Choice::new(question, &options).default(plugged))?;
    Ok(reply.map(|index| fits.get(index).copied().cloned()))
}

/// By its address, which it keeps wherever it is plugged in.
pub(super) fn interface(device: &Device) -> Interface {
    match device.mac {
        Some(mac) => Interface::Mac(mac),
        None => Interface::Name(device.interface.clone()),
    }
}
