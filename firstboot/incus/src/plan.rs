//! From the wanted state and what is there: what to do about each object.

use std::collections::BTreeMap;
use std::fmt;

use anklume_language::{Language, say};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::names::Subnet;
use crate::operation::null_is_empty;
use crate::request::{Method, Request};
use crate::wanted::{Addressing, Bridge, Pool, Wanted};

/// Settings as Incus tells them.
pub type Settings = BTreeMap<String, String>;

/// The profile that instances get when none is named. It is always there.
pub const PROFILE: &str = "default";
/// Its devices, as Incus's own tools name them.
const ROOT: &str = "root";
const ETH0: &str = "eth0";
/// The status of a pool or network that is whole.
const CREATED: &str = "Created";
/// The status of one whose making did not come to its end.
const PENDING: &str = "Pending";

/// What is there, as far as it matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The pool of the wanted name.
    pub pool: Option<FoundPool>,
    /// All networks, also those that Incus does not manage.
    pub networks: Vec<FoundNetwork>,
    /// The profile of the wanted name.
    pub profile: Option<FoundProfile>,
}

/// A storage pool that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct FoundPool {
    /// Its driver.
    pub driver: String,
    /// `Created`, `Pending`, `Unavailable` and so on.
    #[serde(default)]
    pub status: String,
    /// Its settings.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub config: Settings,
    /// What identifies this state of it.
    #[serde(skip)]
    pub etag: Option<String>,
}

/// A network that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct FoundNetwork {
    /// Its name.
    pub name: String,
    /// `bridge`, `physical`, `loopback` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it is Incus's own.
    #[serde(default)]
    pub managed: bool,
    /// As that of a pool.
    #[serde(default)]
    pub status: String,
    /// Its settings.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub config: Settings,
}

/// A profile that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct FoundProfile {
    /// Its settings.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub config: Settings,
    /// Its devices, by name.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub devices: BTreeMap<String, Settings>,
    /// What identifies this state of it.
    #[serde(skip)]
    pub etag: Option<String>,
}

/// An object of Incus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A storage pool.
    Pool(String),
    /// A network.
    Network(String),
    /// A profile.
    Profile(String),
}

impl Object {
    /// Its kind and name.
    #[must_use]
    pub fn say(&self, language: Language) -> String {
        match self {
            Self::Pool(name) => say!(language, "storage pool {name}", "pool de stockage {name}"),
            Self::Network(name) => say!(language, "network {name}", "réseau {name}"),
            Self::Profile(name) => say!(language, "profile {name}", "profil {name}"),
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.say(Language::English))
    }
}

/// How an object differs from what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A part of it has another value.
    Value {
        /// The part.
        part: Part,
        /// What is wanted.
        expected: String,
        /// What is there, if anything is.
        found: Option<String>,
    },
    /// It is an interface of the host that Incus does not manage.
    Foreign,
    /// The device of this name is something else than the root disk.
    OtherDevice(String),
    /// The addresses belong to another network.
    Taken {
        /// What is wanted.
        subnet: Subnet,
        /// The network that has them.
        network: String,
        /// Its subnet.
        has: Subnet,
    },
}

/// A part of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A setting or property, by its name in Incus.
    Setting(String),
    /// The pool of the device of this name.
    PoolOf(String),
    /// The network of the device of this name.
    NetworkOf(String),
}

impl Difference {
    /// The difference in words.
    #[must_use]
    pub fn say(&self, language: Language) -> String {
        match self {
            Self::Value { part, expected, found } => {
                let unset = language.pick("unset", "absent");
                let found = found.as_deref().unwrap_or(unset);
                let part = match part {
                    Part::Setting(key) => key.clone(),
                    Part::PoolOf(name) => {
                        say!(
                            language,
                            "the pool of device {name}",
                            "le pool du périphérique {name}"
                        )
                    }
                    Part::NetworkOf(name) => {
                        say!(
                            language,
                            "the network of device {name}",
                            "le réseau du périphérique {name}"
                        )
                    }
                };
                say!(
                    language,
                    "{part} is {found}, expected {expected}",
                    "{part} : {found}, attendu {expected}"
                )
            }
            Self::Foreign => {
                say!(language, "it does not belong to Incus", "n'appartient pas à Incus")
            }
            Self::OtherDevice(name) => {
                say!(
                    language,
                    "device {name} is no root disk",
                    "le périphérique {name} n'est pas le disque racine"
                )
            }
            Self::Taken { subnet, network, has } => say!(
                language,
                "{subnet} lies in the subnet of {network}, {has}",
                "{subnet} est dans le sous-réseau de {network}, {has}"
            ),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.say(Language::English))
    }
}

/// What to do about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It is as it should be.
    Leave,
    /// It is missing.
    Create,
    /// Its making was interrupted: what is left is only a name, which Incus itself does not use. It is
    /// removed and made again.
    Remake,
    /// These settings are missing; nothing is overwritten.
    Complete(Vec<String>),
    /// It is there, but different. It is left as it is, and so is everything else.
    Conflict(Vec<Difference>),
}

/// One object, and what to do about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The object.
    pub object: Object,
    /// What to do.
    pub action: Action,
    /// The requests that do it.
    pub requests: Vec<Request>,
}

impl Step {
    /// The step in words.
    #[must_use]
    pub fn say(&self, language: Language) -> String {
        let object = self.object.say(language);
        match &self.action {
            Action::Leave => say!(language, "{object}: nothing to do", "{object} : rien à faire"),
            Action::Create => say!(language, "{object}: is created", "{object} : est créé"),
            Action::Remake => say!(
                language,
                "{object}: was left unfinished, is created again",
                "{object} : inachevé, est recréé"
            ),
            Action::Complete(keys) => {
                let keys = keys.join(", ");
                say!(language, "{object}: gets {keys}", "{object} : reçoit {keys}")
            }
            Action::Conflict(differences) => {
                let list: Vec<_> =
                    differences.iter().map(|difference| difference.say(language)).collect();
                say!(language, "{object}: {}", "{object} : {}", list.join("; "))
            }
        }
    }
}

/// What to do about each object, in the order in which it is done: what is used comes before its users.
/// The wanted state must have been checked.
#[must_use]
pub fn plan(wanted: &Wanted, found: &Found) -> Vec<Step> {
    let networks = wanted.networks.iter().map(|bridge| network(bridge, found));
    let pool = pool(&wanted.pool, found.pool.as_ref());
    std::iter::once(pool).chain(networks).chain([profile(wanted, found.profile.as_ref())]).collect()
}

/// The conflicts of a plan, each with its object.
pub fn conflicts(plan: &[Step]) -> impl Iterator<Item = (&Object, &Difference)> {
    plan.iter().flat_map(|step| {
        let differences = match &step.action {
            Action::Conflict(differences) => differences.as_slice(),
            _ => &[],
        };
        differences.iter().map(|difference| (&step.object, difference))
    })
}

fn pool(wanted: &Pool, found: Option<&FoundPool>) -> Step {
    let name = wanted.name.as_str();
    let object = Object::Pool(name.to_owned());
    let body = json!({
        "name": name, "driver": wanted.driver.as_str(), "config": wanted.settings(),
    });
    let create = Request::of(Method::Post, &["storage-pools"]).body(body);
    let path = ["storage-pools", name];
    let Some(found) = found else {
        return Step { object, action: Action::Create, requests: vec![create] };
    };
    let mut differences: Vec<_> =
        different("driver", wanted.driver.as_str(), &found.driver).into_iter().collect();
    if found.status == PENDING && differences.is_empty() {
        return remake(object, Request::of(Method::Delete, &path), create);
    }
    differences.extend(different("status", CREATED, &found.status));
    let mut settings = wanted.settings();
    settings.remove("source");
    let source = "source";
    let mut given =
        ["volatile.initial_source", source].into_iter().filter_map(|key| found.config.get(key));
    if !given.clone().any(|given| *given == wanted.source) {
        // The last one is what it lies on now.
        let there = given.next_back().map_or("", String::as_str);
        differences.extend(different(source, &wanted.source, there));
    }
    compare(object, &path, &settings, &found.config, differences, found.etag.clone())
}

fn network(wanted: &Bridge, found: &Found) -> Step {
    let name = wanted.name.as_str();
    let object = Object::Network(name.to_owned());
    let body = json!({ "name": name, "type": "bridge", "config": wanted.settings() });
    let create = Request::of(Method::Post, &["networks"]).body(body);
    let path = ["networks", name];
    let mut differences = overlaps(wanted, &found.networks);
    let Some(there) = found.networks.iter().find(|network| network.name == name) else {
        if !differences.is_empty() {
            return Step { object, action: Action::Conflict(differences), requests: vec![] };
        }
        return Step { object, action: Action::Create, requests: vec![create] };
    };
    if !there.managed {
        differences.push(Difference::Foreign);
        return Step { object, action: Action::Conflict(differences), requests: vec![] };
    }
    differences.extend(different("type", "bridge", &there.kind));
    if there.status == PENDING && differences.is_empty() {
        return remake(object, Request::of(Method::Delete, &path), create);
    }
    differences.extend(different("status", CREATED, &there.status));
    let mut settings = wanted.settings();
    for (family, addressing) in [("ipv4", wanted.ipv4), ("ipv6", wanted.ipv6)] {
        let key = format!("{family}.address");
        let address = there.config.get(&key).map_or("none", String::as_str);
        if addressing == Addressing::Auto && address != "none" {
            settings.insert(key, address.to_owned());
        }
    }
    compare(object, &path, &settings, &there.config, differences, None)
}

/// Subnets of the bridge that another network has.
fn overlaps(wanted: &Bridge, found: &[FoundNetwork]) -> Vec<Difference> {
    let others = found.iter().filter(|network| network.name != wanted.name.as_str());
    let taken: Vec<(&str, Subnet)> = others
        .flat_map(|network| {
            let addresses = ["ipv4.address", "ipv6.address"].map(|key| network.config.get(key));
            let subnets = addresses.into_iter().flatten().filter_map(|text| text.parse().ok());
            subnets.map(|subnet| (network.name.as_str(), subnet))
        })
        .collect();
    let clash = |own: Subnet| taken.iter().find(|(_, subnet)| subnet.overlaps(own));
    wanted
        .subnets()
        .filter_map(|own| {
            let (name, subnet) = clash(own)?;
            Some(Difference::Taken { subnet: own, network: (*name).to_owned(), has: *subnet })
        })
        .collect()
}

fn remake(object: Object, delete: Request, create: Request) -> Step {
    Step { object, action: Action::Remake, requests: vec![delete, create] }
}

/// Settings that are missing are added, those that differ are a conflict.
fn compare(
    object: Object,
    path: &[&str],
    wanted: &Settings,
    found: &Settings,
    mut differences: Vec<Difference>,
    etag: Option<String>,
) -> Step {
    let mut missing = Settings::new();
    for (key, value) in wanted {
        match found.get(key).filter(|found| !found.is_empty()) {
            Some(found) if is_same(value, found) => {}
            Some(found) => differences.extend(different(key, value, found)),
            // Incus leaves a switch out that was never turned on.
            None if key.ends_with(".nat") && value == "false" => {}
            None if key.ends_with(".address") && value == "none" => {}
            None => drop(missing.insert(key.clone(), value.clone())),
        }
    }
    if !differences.is_empty() {
        return Step { object, action: Action::Conflict(differences), requests: vec![] };
    }
    if missing.is_empty() {
        return Step { object, action: Action::Leave, requests: vec![] };
    }
    let keys = missing.keys().cloned().collect();
    let patch = Request::of(Method::Patch, path).body(json!({ "config": missing }));
    Step { object, action: Action::Complete(keys), requests: vec![patch.only_if(etag)] }
}

/// Whether two spellings mean the same.
fn is_same(wanted: &str, found: &str) -> bool {
    // `shared/util` of Incus: IsTrue, IsFalse.
    let switch = |text: &str| match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    };
    let subnet = |text: &str| text.parse::<Subnet>().ok();
    wanted == found
        || (switch(wanted).is_some() && switch(wanted) == switch(found))
        || (subnet(wanted).is_some() && subnet(wanted) == subnet(found))
}

fn different(key: &str, expected: &str, found: &str) -> Option<Difference> {
    differs(Part::Setting(key.to_owned()), expected, found)
}

fn differs(part: Part, expected: &str, found: &str) -> Option<Difference> {
    let is_set = !found.is_empty();
    (expected != found).then(|| Difference::Value {
        part,
        expected: expected.to_owned(),
        found: is_set.then(|| found.to_owned()),
    })
}

/// How long an instance may take to stop when the machine is switched off, in seconds; one that takes longer is ended.
/// Incus's own 30 are little for a machine on which everything stops at once.
const HOST_SHUTDOWN: (&str, &str) = ("boot.host_shutdown_timeout", "120");

/// The profile: a root disk on the pool, and `eth0` on the network. What is missing is added; `PATCH` leaves the rest
/// alone.
fn profile(wanted: &Wanted, found: Option<&FoundProfile>) -> Step {
    let name = wanted.profile.as_str();
    let object = Object::Profile(name.to_owned());
    let none = FoundProfile::default();
    let (differences, missing) = devices(wanted, found.unwrap_or(&none));
    if !differences.is_empty() {
        return Step { object, action: Action::Conflict(differences), requests: vec![] };
    }
    let Some(found) = found else {
        let create = Request::of(Method::Post, &["profiles"]);
        let config = json!({ HOST_SHUTDOWN.0: HOST_SHUTDOWN.1 });
        let create = create.body(json!({ "name": name, "config": config, "devices": missing }));
        return Step { object, action: Action::Create, requests: vec![create] };
    };
    let config = Some(HOST_SHUTDOWN).filter(|(key, _)| !found.config.contains_key(*key));
    if missing.is_empty() && config.is_none() {
        return Step { object, action: Action::Leave, requests: vec![] };
    }
    let keys = config.iter().map(|(key, _)| *key).chain(missing.keys().copied());
    let keys = keys.map(str::to_owned).collect();
    let config: BTreeMap<_, _> = config.into_iter().collect();
    let patch = Request::of(Method::Patch, &["profiles", name]);
    let patch = patch.body(json!({ "config": config, "devices": missing }));
    let patch = patch.only_if(found.etag.clone());
    Step { object, action: Action::Complete(keys), requests: vec![patch] }
}

/// What is different about the devices of a profile, and those that are missing.
fn devices(
    wanted: &Wanted,
    found: &FoundProfile,
) -> (Vec<Difference>, BTreeMap<&'static str, Value>) {
    let pool = wanted.pool.name.as_str();
    let mut differences = Vec::new();
    let mut missing = BTreeMap::new();

    let has =
        |device: &Settings, key: &str, value: &str| device.get(key).is_some_and(|v| v == value);
    let is_root = |device: &Settings| has(device, "type", "disk") && has(device, "path", "/");
    match found.devices.iter().find(|(_, device)| is_root(device)) {
        Some((name, device)) => {
            let there = device.get("pool").map_or("", String::as_str);
            differences.extend(differs(Part::PoolOf(name.clone()), pool, there));
        }
        None if found.devices.contains_key(ROOT) => {
            differences.push(Difference::OtherDevice(ROOT.to_owned()));
        }
        None => drop(missing.insert(ROOT, json!({ "type": "disk", "path": "/", "pool": pool }))),
    }
    if let Some(network) = wanted.default_network.as_ref().map(|name| name.as_str()) {
        // A device's name inside is its own unless it says so.
        let is_eth0 = |name: &str, device: &Settings| {
            name == ETH0 || (has(device, "type", "nic") && has(device, "name", ETH0))
        };
        let there = found.devices.iter().find(|(name, device)| is_eth0(name, device));
        match there {
            Some((name, device)) => {
                let keys = ["network", "parent"];
                let on = keys.iter().find_map(|key| device.get(*key)).map_or("", String::as_str);
                differences.extend(differs(Part::NetworkOf(name.clone()), network, on));
            }
            None => {
                let device = json!({ "type": "nic", "name": ETH0, "network": network });
                missing.insert(ETH0, device);
            }
        }
    }
    (differences, missing)
}
