//! A machine with two cards and a stick, as tests want it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use anklume_language::Language;
use anklume_settings::{
    AccessPoint, Connected, Device, DeviceKind, Error, KeyList, Mac, Network, Reason, Security,
    SourceError, read_keys,
};

use crate::wizard::world::{Stick, World};

pub(super) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f marie@desk";

#[derive(Default)]
pub(super) struct Around {
    /// What tries end with, in their order; then all succeed.
    pub(super) fails: RefCell<VecDeque<Reason>>,
    /// What was tried.
    pub(super) tried: Rc<RefCell<Vec<Network>>>,
    pub(super) unplugged: bool,
    /// Files that were written to the stick; the first time, there is no room.
    pub(super) saved: RefCell<Vec<(String, String)>>,
}

fn device(interface: &str, kind: DeviceKind, last: u8) -> Device {
    Device {
        interface: interface.to_owned(),
        kind,
        mac: Some(Mac([0x52, 0x54, 0, 0, 0, last])),
        driver: "virtio_net".to_owned(),
        carrier: (kind == DeviceKind::Wired).then_some(true),
        managed: true,
    }
}

pub(super) fn up() -> Connected {
    Connected {
        id: "Wired connection 1".to_owned(),
        interface: "eth0".to_owned(),
        addresses: vec!["192.0.2.33/24".to_owned()],
        gateways: vec!["192.0.2.1".to_owned()],
    }
}

impl World for Around {
    fn devices(&self) -> Result<Vec<Device>, Error> {
        Ok(vec![device("eth0", DeviceKind::Wired, 1), device("wlan0", DeviceKind::Wifi, 2)])
    }

    fn connected(&self) -> Result<Vec<Connected>, Error> {
        Ok(if self.unplugged { Vec::new() } else { vec![up()] })
    }

    fn scan(&self, interface: &str) -> Result<Vec<AccessPoint>, Error> {
        assert_eq!(interface, "wlan0");
        let point = |ssid: &str, strength, security| AccessPoint {
            ssid: ssid.as_bytes().to_vec(),
            strength,
            security,
        };
        Ok(vec![
            point("Home", 90, Security::WpaOrWpa3),
            point("Office", 60, Security::Other),
            point("Cafe", 20, Security::Open),
        ])
    }

    fn connect(&self, network: &Network) -> Result<Connected, Error> {
        assert_eq!(network.check(), []);
        self.tried.borrow_mut().push(network.clone());
        match self.fails.borrow_mut().pop_front() {
            Some(reason) => Err(Error::Network { id: network.id(), reason }),
            None => Ok(up()),
        }
    }

    fn sticks(&self) -> Result<Vec<Stick>, String> {
        let words = "Stick: KEYS (sdc1)".to_owned();
        Ok(vec![Stick { node: "sdc1".to_owned(), kind: "vfat".to_owned(), words }])
    }

    fn keys_on(&self, stick: &Stick, _: Language) -> Result<KeyList, String> {
        assert_eq!(stick.node, "sdc1");
        let other = KEY.replace("Ghsc", "Gasc").replace("marie@desk", "paul@lab");
        Ok(read_keys(&format!("{KEY}\n{other}\nssh-dss AAAA old\n")))
    }

    fn save(&self, stick: &Stick, name: &str, text: &str) -> Result<(), String> {
        assert_eq!(stick.node, "sdc1");
        self.saved.borrow_mut().push((name.to_owned(), text.to_owned()));
        match self.saved.borrow().len() {
            1 => Err("no room is left".to_owned()),
            _ => Ok(()),
        }
    }

    fn keys_at(&self, url: &str) -> Result<KeyList, SourceError> {
        match url {
            "https://example.org/marie.keys" => Ok(read_keys(KEY)),
            _ => Err(SourceError::Status { url: url.to_owned(), status: 404 }),
        }
    }
}
