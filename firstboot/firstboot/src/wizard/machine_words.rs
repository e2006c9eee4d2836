//! What becomes of the machine itself, for the plan.

use anklume_language::{Language, say};
use anklume_settings::{Addressing, Admin, Network};
use anklume_setup::What;

use crate::wizard::draft::{Draft, NetworkWish};
use crate::wizard::work::is_trial;

/// One line for each setting that the draft changes, and for what is started.
pub(super) fn lines(draft: &Draft, language: Language) -> Vec<String> {
    let settings = draft.machine();
    let mut lines = Vec::new();
    if let Some(name) = &settings.hostname {
        lines.push(say!(language, "name: {name}", "nom : {name}"));
    }
    if let Some(zone) = &settings.timezone {
        lines.push(say!(language, "time zone: {zone}", "fuseau horaire : {zone}"));
    }
    lines.push(network(&draft.network, language));
    lines.extend(account(draft, settings.admin.as_ref(), language));
    if matches!(draft.what, What::New | What::Open) && is_trial() {
        lines.push(trial(language).to_owned());
    }
    lines.extend(incus(draft.what, language).map(str::to_owned));
    lines
}

fn network(wish: &NetworkWish, language: Language) -> String {
    match wish {
        NetworkWish::Keep => language.pick("network: as it is", "réseau : comme il est").to_owned(),
        NetworkWish::Automatic => language
            .pick(
                "network: DHCP on every cable, in place of what was set here before",
                "réseau : DHCP sur chaque câble, à la place de ce qui était réglé ici",
            )
            .to_owned(),
        NetworkWish::This(network) => {
            let (which, addresses) = (name(network), addresses(network, language));
            say!(language, "network: {which}, {addresses}", "réseau : {which}, {addresses}")
        }
    }
}

/// Its Wi-Fi, or the network card.
fn name(network: &Network) -> String {
    match &network.wifi {
        Some(wifi) => format!("Wi-Fi {}", wifi.ssid),
        None => String::from(network.interface.clone()),
    }
}

fn addresses(network: &Network, language: Language) -> String {
    let of = |addressing: &Addressing| match addressing {
        Addressing::Static(fixed) => fixed.addresses.iter().map(ToString::to_string).collect(),
        Addressing::Automatic | Addressing::Off => Vec::new(),
    };
    let fixed: Vec<String> = [&network.ipv4, &network.ipv6].into_iter().flat_map(of).collect();
    match fixed.is_empty() {
        true => language.pick("addresses by DHCP", "adresses par DHCP").to_owned(),
        false => fixed.join(", "),
    }
}

fn account(draft: &Draft, admin: Option<&Admin>, language: Language) -> Option<String> {
    let Some(admin) = admin else {
        let kept = language.pick("accounts: those on the disk", "comptes : ceux du disque");
        return draft.keep_accounts.then(|| kept.to_owned());
    };
    let (name, keys) = (&admin.name, admin.ssh_keys.len());
    let mut line =
        say!(language, "account: {name}, SSH keys: {keys}", "compte : {name}, clés SSH : {keys}");
    if admin.unlock_over_ssh {
        line.push_str(
            language.pick("; they may unlock the disk", " ; elles peuvent déverrouiller le disque"),
        );
    }
    Some(line)
}

fn trial(language: Language) -> &'static str {
    language.pick(
        "Incus in memory is stopped, and what is in it is lost",
        "Incus en mémoire est arrêté, et ce qu'il contient est perdu",
    )
}

fn incus(what: What, language: Language) -> Option<&'static str> {
    match what {
        What::New => Some(language.pick(
            "Incus is started, with a storage pool on the disk, a bridge with NAT and the image of this OS",
            "Incus démarre, avec un pool de stockage sur le disque, un pont avec NAT et l'image de ce système",
        )),
        What::Open => Some(language.pick(
            "Incus is started, with what is on the disk",
            "Incus démarre, avec ce qui est sur le disque",
        )),
        What::Try => Some(language.pick(
            "Incus is started in memory, in up to half of it",
            "Incus démarre en mémoire, dans la moitié au plus",
        )),
        What::Later => None,
    }
}
