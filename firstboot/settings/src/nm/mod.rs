//! NetworkManager: `org.freedesktop.NetworkManager`.
//!
//! Values of its enumerations are from its reference manual, section *Types*.

mod device;
mod profile;
mod value;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use zbus::OwnedObjectPath;

use crate::bus::{Dict, Object, Services, Signals, body, within};
use crate::error::{Error, Reason};
use crate::network::{ID_PREFIX, Network};
use crate::settings::check_networks;

use profile::profile;
use value::{Values, dicts};

pub use device::{AccessPoint, Device, DeviceKind, Security};

const SERVICE: &str = "org.freedesktop.NetworkManager";
const MANAGER: Object<'static> =
    Object { service: SERVICE, path: "/org/freedesktop/NetworkManager", interface: SERVICE };
const SETTINGS: Object<'static> = Object {
    service: SERVICE,
    path: "/org/freedesktop/NetworkManager/Settings",
    interface: "org.freedesktop.NetworkManager.Settings",
};
const CONNECTION: &str = "org.freedesktop.NetworkManager.Settings.Connection";
const ACTIVE: &str = "org.freedesktop.NetworkManager.Connection.Active";
const IP4: &str = "org.freedesktop.NetworkManager.IP4Config";
const IP6: &str = "org.freedesktop.NetworkManager.IP6Config";

/// `NM_SETTINGS_ADD_CONNECTION2_FLAG_TO_DISK`, and `NM_SETTINGS_UPDATE2_FLAG_TO_DISK`.
const TO_DISK: u32 = 1;
/// `NM_SETTINGS_ADD_CONNECTION2_FLAG_IN_MEMORY`, and `NM_SETTINGS_UPDATE2_FLAG_IN_MEMORY`: a file on the disk stays as
/// it is, and counts again after the next start.
const IN_MEMORY: u32 = 2;
/// Types of connections that reach a network, not containers.
const OUTWARD: [&str; 3] = ["802-3-ethernet", "802-11-wireless", "vlan"];
/// `NM_ACTIVE_CONNECTION_STATE_ACTIVATED`.
const ACTIVATED: u32 = 2;
/// `NM_ACTIVE_CONNECTION_STATE_DEACTIVATED`.
const DEACTIVATED: u32 = 4;

/// NetworkManager, through the bus.
#[derive(Debug, Clone, Copy)]
pub struct NetworkManager<'a> {
    services: &'a Services,
}

/// What became of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added(String),
    /// It was there, and is as wanted now.
    Updated(String),
    /// It was ours, and is not wanted any more.
    Removed(String),
}

/// A connection that is up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connected {
    /// Name of the connection.
    pub id: String,
    /// Name of its interface.
    pub interface: String,
    /// Addresses with the lengths of their networks, IPv4 first.
    pub addresses: Vec<String>,
    /// Routers.
    pub gateways: Vec<String>,
}

impl<'a> NetworkManager<'a> {
    /// Of these services. Nothing is asked yet.
    #[must_use]
    pub fn new(services: &'a Services) -> Self {
        Self { services }
    }

    /// Makes the connections whose names begin with `anklume-` those of `networks`: adds, updates and
    /// removes them. Other connections stay as they are. Nothing is activated.
    ///
    /// # Errors
    /// [`Error::Field`] before anything is changed; what the service says, after which some connections
    /// may be changed: applying again goes on.
    pub fn apply(&self, networks: &[Network]) -> Result<Vec<Change>, Error> {
        if let Some(error) = check_networks(networks).into_iter().next() {
            return Err(Error::Field(error));
        }
        zbus::block_on(async {
            let mut changes = Vec::new();
            let mut ours = self.ours().await?;
            for network in networks {
                let id = network.id();
                let mut paths = ours.remove(&id).unwrap_or_default().into_iter();
                let changed = match paths.next() {
                    Some(path) => {
                        self.update(&path, network, TO_DISK).await.map(|()| Change::Updated(id))
                    }
                    None => self.add(network, TO_DISK).await.map(|()| Change::Added(id)),
                };
                changes.push(changed.map_err(|error| without_secrets(error, network))?);
                // Somebody copied it.
                self.remove(paths).await?;
            }
            for (id, paths) in ours {
                self.remove(paths.into_iter()).await?;
                changes.push(Change::Removed(id));
            }
            Ok(changes)
        })
    }

    /// Makes the connection of `network` for now, so that it can be tried: the next start knows nothing of it,
    /// unless [`apply`](Self::apply) keeps it. Nothing is activated.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn prepare(&self, network: &Network) -> Result<(), Error> {
        if let Some(error) = network.check().into_iter().next() {
            return Err(Error::Field(error));
        }
        zbus::block_on(async {
            let ours = self.ours().await?.remove(&network.id());
            let made = match ours.and_then(|paths| paths.into_iter().next()) {
                Some(path) => self.update(&path, network, IN_MEMORY).await,
                None => self.add(network, IN_MEMORY).await,
            };
            made.map_err(|error| without_secrets(error, network))
        })
    }

    /// What is up now and leads out of the machine: cables, Wi-Fi, VLANs, whoever made them.
    ///
    /// # Errors
    /// What the service says.
    pub fn connected_now(&self) -> Result<Vec<Connected>, Error> {
        zbus::block_on(async {
            let mut all = Vec::new();
            let manager = self.services.properties(MANAGER).await?;
            for path in manager.paths("ActiveConnections") {
                let properties = match self.properties(path.as_str(), ACTIVE).await {
                    // It ended just now.
                    Err(Error::Service { .. }) => continue,
                    properties => properties?,
                };
                let outward = OUTWARD.contains(&properties.text("Type").as_str());
                if outward && properties.number("State") == ACTIVATED {
                    all.push(self.connected(&properties.text("Id"), &path).await?);
                }
            }
            Ok(all)
        })
    }

    /// Brings a connection up and waits until it is, or is not, for at most `patience`.
    ///
    /// # Errors
    /// [`Error::Network`] with the reason, [`Error::Late`], and what the service says.
    pub fn activate(&self, network: &Network, patience: Duration) -> Result<Connected, Error> {
        let id = network.id();
        let up = zbus::block_on(within(patience, self.bring_up(&id)));
        let late =
            || Error::Late { service: SERVICE, what: id.clone(), seconds: patience.as_secs() };
        up.unwrap_or_else(|| Err(late())).map_err(|error| without_secrets(error, network))
    }

    async fn bring_up(&self, id: &str) -> Result<Connected, Error> {
        let path = self.ours().await?.remove(id).and_then(|paths| paths.into_iter().next());
        let Some(path) = path else {
            return Err(Error::Network { id: id.to_owned(), reason: Reason::Ended });
        };
        // Before it is asked for: the end may come before the answer.
        let rule = format!("interface='{ACTIVE}',member='StateChanged'");
        let mut signals = self.services.signals(SERVICE, &rule, id).await?;
        let root = OwnedObjectPath::try_from("/").unwrap_or_default();
        let arguments = (&path, &root, &root);
        let reply = self.services.call(MANAGER, "ActivateConnection", &arguments, id).await;
        let reply = reply.map_err(|error| match error {
            Error::Service { error, .. } if error.ends_with(".UnknownDevice") => {
                Error::Network { id: id.to_owned(), reason: Reason::NoDevice }
            }
            error => error,
        })?;
        let active: OwnedObjectPath = body(SERVICE, "ActivateConnection", &reply)?;
        self.wait(id, &active, &mut signals).await?;
        self.connected(id, active.as_str()).await
    }

    /// Until the active connection is up.
    async fn wait(
        &self,
        id: &str,
        active: &OwnedObjectPath,
        signals: &mut Signals,
    ) -> Result<(), Error> {
        let object = Object { service: SERVICE, path: active.as_str(), interface: ACTIVE };
        // An error: it is gone already, and the signal that says why has come.
        let mut state = match self.services.properties(object).await {
            Ok(properties) => (properties.number("State"), None),
            Err(Error::Service { .. }) => (0, None),
            Err(error) => return Err(error),
        };
        loop {
            match state {
                (ACTIVATED, _) => return Ok(()),
                // Without a reason: that is in a signal that has come.
                (DEACTIVATED, Some(reason)) => {
                    let reason = Reason::of(reason);
                    return Err(Error::Network { id: id.to_owned(), reason });
                }
                _ => {}
            }
            let signal = signals.next().await?;
            if signal.header().path().is_some_and(|path| path.as_str() == active.as_str()) {
                let (now, reason) = body(SERVICE, "StateChanged", &signal)?;
                state = (now, Some(reason));
            }
        }
    }

    async fn connected(&self, id: &str, active: &str) -> Result<Connected, Error> {
        let object = Object { service: SERVICE, path: active, interface: ACTIVE };
        let properties = self.services.properties(object).await?;
        let mut connected = Connected { id: id.to_owned(), ..Connected::default() };
        if let Some(device) = properties.paths("Devices").first() {
            connected.interface = self.properties(device, device::DEVICE).await?.text("Interface");
        }
        for (name, interface) in [("Ip4Config", IP4), ("Ip6Config", IP6)] {
            let path = properties.text(name);
            if path.len() < 2 {
                continue;
            }
            let config = self.properties(&path, interface).await?;
            for address in dicts(config.get("AddressData")) {
                let (address, prefix) = (address.text("address"), address.number("prefix"));
                connected.addresses.push(format!("{address}/{prefix}"));
            }
            connected.gateways.extend(Some(config.text("Gateway")).filter(|g| !g.is_empty()));
        }
        Ok(connected)
    }

    async fn properties(&self, path: &str, interface: &str) -> Result<Dict, Error> {
        self.services.properties(Object { service: SERVICE, path, interface }).await
    }

    /// Paths of the connections that are ours, by name.
    async fn ours(&self) -> Result<BTreeMap<String, Vec<OwnedObjectPath>>, Error> {
        let reply = self.services.call(SETTINGS, "ListConnections", &(), "ListConnections").await?;
        let all: Vec<OwnedObjectPath> = body(SERVICE, "ListConnections", &reply)?;
        let mut ours = BTreeMap::<_, Vec<_>>::new();
        for path in all {
            let object = Object { service: SERVICE, path: path.as_str(), interface: CONNECTION };
            let reply = match self.services.call(object, "GetSettings", &(), "GetSettings").await {
                // It was removed just now, or is another user's.
                Err(Error::Service { .. }) => continue,
                reply => reply?,
            };
            let settings: HashMap<String, Dict> = body(SERVICE, "GetSettings", &reply)?;
            let id = settings.get("connection").map(|group| group.text("id")).unwrap_or_default();
            if id.starts_with(ID_PREFIX) {
                ours.entry(id).or_default().push(path);
            }
        }
        Ok(ours)
    }

    async fn add(&self, network: &Network, flags: u32) -> Result<(), Error> {
        let none = HashMap::<&str, zbus::Variant<'_>>::new();
        let arguments = (profile(network), flags, none);
        let id = network.id();
        self.services.call(SETTINGS, "AddConnection2", &arguments, &id).await.map(drop)
    }

    async fn update(
        &self,
        path: &OwnedObjectPath,
        network: &Network,
        flags: u32,
    ) -> Result<(), Error> {
        let object = Object { service: SERVICE, path: path.as_str(), interface: CONNECTION };
        let none = HashMap::<&str, zbus::Variant<'_>>::new();
        let arguments = (profile(network), flags, none);
        self.services.call(object, "Update2", &arguments, &network.id()).await.map(drop)
    }

    async fn remove(&self, paths: impl Iterator<Item = OwnedObjectPath>) -> Result<(), Error> {
        for path in paths {
            let object = Object { service: SERVICE, path: path.as_str(), interface: CONNECTION };
            self.services.call(object, "Delete", &(), "Delete").await?;
        }
        Ok(())
    }
}

/// A service could quote what it was sent.
fn without_secrets(error: Error, network: &Network) -> Error {
    let secret = network.wifi.as_ref().and_then(|wifi| wifi.passphrase.as_ref());
    match (error, secret) {
        (Error::Service { service, what, error, cause }, Some(secret)) => {
            let cause = cause.replace(secret.expose(), "…");
            Error::Service { service, what, error, cause }
        }
        (error, _) => error,
    }
}
