//! Network devices, and the Wi-Fi that they hear.

use std::collections::HashMap;
use std::time::Duration;

use zbus::OwnedObjectPath;

use super::value::Values;
use super::{MANAGER, NetworkManager, SERVICE};
use crate::bus::{Dict, Object, Signals, body, within};
use crate::error::Error;
use crate::network::Mac;

pub(super) const DEVICE: &str = "org.freedesktop.NetworkManager.Device";
const WIRED: &str = "org.freedesktop.NetworkManager.Device.Wired";
const WIRELESS: &str = "org.freedesktop.NetworkManager.Device.Wireless";
const ACCESS_POINT: &str = "org.freedesktop.NetworkManager.AccessPoint";
/// Most access points that are asked for their properties.
const MOST_POINTS: usize = 256;

/// A network device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Name of its interface.
    pub interface: String,
    /// Kind.
    pub kind: DeviceKind,
    /// Its own address, also while another one is used.
    pub mac: Option<Mac>,
    /// Driver of the kernel.
    pub driver: String,
    /// Whether a cable is in; `None` for what has no cable.
    pub carrier: Option<bool>,
    /// Whether NetworkManager uses it at all.
    pub managed: bool,
}

/// Kind of a device; others are not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceKind {
    /// `NM_DEVICE_TYPE_ETHERNET`.
    Wired,
    /// `NM_DEVICE_TYPE_WIFI`.
    Wifi,
}

/// A Wi-Fi that is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessPoint {
    /// Its name, as it sends it: any 1 to 32 bytes.
    pub ssid: Vec<u8>,
    /// Strength in percent, of the strongest of this name.
    pub strength: u8,
    /// Protection.
    pub security: Security,
}

impl AccessPoint {
    /// Its name for people: anybody near can send one, so control characters are replaced.
    #[must_use]
    pub fn name(&self) -> String {
        let text = String::from_utf8_lossy(&self.ssid);
        text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
    }
}

/// Protection of a Wi-Fi, as it announces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Security {
    /// None, or encrypted without a passphrase (OWE).
    Open,
    /// WPA or WPA2 with a passphrase.
    Wpa,
    /// WPA2 and WPA3 with a passphrase.
    WpaOrWpa3,
    /// WPA3 with a passphrase.
    Wpa3,
    /// With accounts (802.1X), or WEP: cannot be set here.
    Other,
}

impl Security {
    /// `NM80211ApFlags` and `NM80211ApSecurityFlags`.
    fn of(flags: u32, wpa: u32, rsn: u32) -> Self {
        const PRIVACY: u32 = 1;
        const PSK: u32 = 0x100;
        const SAE: u32 = 0x400;
        const OWE: u32 = 0x800 | 0x1000;
        let all = wpa | rsn;
        match (all & PSK != 0, all & SAE != 0) {
            (true, true) => Self::WpaOrWpa3,
            (true, false) => Self::Wpa,
            (false, true) => Self::Wpa3,
            (false, false) if all & !OWE == 0 && flags & PRIVACY == 0 => Self::Open,
            (false, false) if all & OWE != 0 => Self::Open,
            (false, false) => Self::Other,
        }
    }
}

impl NetworkManager<'_> {
    /// Devices with and without a cable, sorted by kind and name.
    ///
    /// # Errors
    /// What the service says.
    pub fn devices(&self) -> Result<Vec<Device>, Error> {
        zbus::block_on(async {
            let mut devices = Vec::new();
            for path in self.device_paths().await? {
                let properties = match self.properties(path.as_str(), DEVICE).await {
                    // It was pulled out just now.
                    Err(Error::Service { .. }) => continue,
                    properties => properties?,
                };
                devices.extend(self.device(path.as_str(), &properties).await?);
            }
            devices.sort_by(|a: &Device, b| (a.kind, &a.interface).cmp(&(b.kind, &b.interface)));
            Ok(devices)
        })
    }

    async fn device_paths(&self) -> Result<Vec<OwnedObjectPath>, Error> {
        let what = "GetDevices";
        let reply = self.services.call(MANAGER, what, &(), what).await?;
        body(SERVICE, what, &reply)
    }

    async fn device(&self, path: &str, properties: &Dict) -> Result<Option<Device>, Error> {
        let (kind, interface) = match properties.number("DeviceType") {
            1 => (DeviceKind::Wired, WIRED),
            2 => (DeviceKind::Wifi, WIRELESS),
            _ => return Ok(None),
        };
        let more = match self.properties(path, interface).await {
            Err(Error::Service { .. }) => return Ok(None),
            more => more?,
        };
        let addresses =
            [more.text("PermHwAddress"), properties.text("HwAddress"), more.text("HwAddress")];
        Ok(Some(Device {
            interface: properties.text("Interface"),
            kind,
            mac: addresses.iter().find_map(|text| Mac::parse(text)),
            driver: properties.text("Driver"),
            carrier: (kind == DeviceKind::Wired).then(|| more.flag("Carrier")),
            managed: properties.flag("Managed"),
        }))
    }

    /// Listens for Wi-Fi with the device of `interface`, for at most `patience`, and gives what it hears:
    /// each name once, the strongest first. What hides its name is left out.
    ///
    /// # Errors
    /// [`Error::Interface`], and what the service says.
    pub fn scan(&self, interface: &str, patience: Duration) -> Result<Vec<AccessPoint>, Error> {
        zbus::block_on(async {
            let path = self.wireless(interface).await?;
            let rule = format!("path='{path}',member='PropertiesChanged'");
            let mut signals = self.services.signals(SERVICE, &rule, "RequestScan").await?;
            let object = Object { service: SERVICE, path: &path, interface: WIRELESS };
            let before = self.properties(&path, WIRELESS).await?.signed("LastScan");
            let none = HashMap::<&str, zbus::Variant<'_>>::new();
            match self.services.call(object, "RequestScan", &none, "RequestScan").await {
                // When time is over, what was heard so far counts.
                Ok(_) => {
                    within(patience, self.scanned(&path, before, &mut signals))
                        .await
                        .transpose()?;
                }
                // It scans already, or did just now: what it heard counts too.
                Err(Error::Service { .. }) => {}
                Err(error) => return Err(error),
            }
            self.heard(&path).await
        })
    }

    async fn wireless(&self, interface: &str) -> Result<String, Error> {
        for path in self.device_paths().await? {
            let properties = match self.properties(path.as_str(), DEVICE).await {
                Err(Error::Service { .. }) => continue,
                properties => properties?,
            };
            if properties.text("Interface") == interface && properties.number("DeviceType") == 2 {
                return Ok(path.to_string());
            }
        }
        Err(Error::Interface { name: interface.to_owned() })
    }

    async fn scanned(&self, path: &str, before: i64, signals: &mut Signals) -> Result<(), Error> {
        while self.properties(path, WIRELESS).await?.signed("LastScan") == before {
            signals.next().await?;
        }
        Ok(())
    }

    async fn heard(&self, path: &str) -> Result<Vec<AccessPoint>, Error> {
        let object = Object { service: SERVICE, path, interface: WIRELESS };
        let what = "GetAllAccessPoints";
        let reply = self.services.call(object, what, &(), what).await?;
        let paths: Vec<OwnedObjectPath> = body(SERVICE, what, &reply)?;
        let mut heard: Vec<AccessPoint> = Vec::new();
        for path in paths.into_iter().take(MOST_POINTS) {
            let properties = match self.properties(path.as_str(), ACCESS_POINT).await {
                // It is not heard any more.
                Err(Error::Service { .. }) => continue,
                properties => properties?,
            };
            let ssid = properties.bytes("Ssid");
            if !ssid.iter().all(|byte| *byte == 0) {
                heard.push(access_point(ssid, &properties));
            }
        }
        Ok(strongest(heard))
    }
}

fn access_point(ssid: Vec<u8>, properties: &Dict) -> AccessPoint {
    let number = |name| properties.number(name);
    AccessPoint {
        ssid,
        strength: properties.byte("Strength").min(100),
        security: Security::of(number("Flags"), number("WpaFlags"), number("RsnFlags")),
    }
}

/// Each name once.
fn strongest(mut heard: Vec<AccessPoint>) -> Vec<AccessPoint> {
    heard.sort_by(|a, b| (b.strength, &a.ssid).cmp(&(a.strength, &b.ssid)));
    let mut once: Vec<AccessPoint> = Vec::new();
    for point in heard {
        if !once.iter().any(|known| known.ssid == point.ssid) {
            once.push(point);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protection_is_what_the_flags_say() {
        for (flags, wpa, rsn, security) in [
            (0, 0, 0, Security::Open),
            (1, 0, 0, Security::Other),
            (1, 0x188, 0, Security::Wpa),
            (1, 0, 0x188, Security::Wpa),
            (1, 0, 0x588, Security::WpaOrWpa3),
            (1, 0, 0x488, Security::Wpa3),
            (1, 0, 0x288, Security::Other),
            (0, 0, 0x1088, Security::Open),
        ] {
            assert_eq!(Security::of(flags, wpa, rsn), security, "{flags} {wpa:#x} {rsn:#x}");
        }
    }

    #[test]
    fn names_are_safe_to_show_and_there_once() {
        let point = |ssid: &[u8], strength| AccessPoint {
            ssid: ssid.to_vec(),
            strength,
            security: Security::Open,
        };
        assert_eq!(point(b"a\x1b[2J\xff", 1).name(), "a\u{fffd}[2J\u{fffd}");
        let once = strongest(vec![point(b"a", 10), point(b"b", 50), point(b"a", 90)]);
        assert_eq!(once, [point(b"a", 90), point(b"b", 50)]);
    }
}
