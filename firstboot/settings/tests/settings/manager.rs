//! A NetworkManager that has two devices and remembers its connections.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use zbus::{Connection, Message, OwnedObjectPath, OwnedVariant, Variant};

use crate::bus::{Alone, Answer, Refusal, parts, with};

pub(crate) const NAME: &str = "org.freedesktop.NetworkManager";
const ACTIVE: &str = "org.freedesktop.NetworkManager.Connection.Active";
const WIRELESS: &str = "org.freedesktop.NetworkManager.Device.Wireless";
const PATH: &str = "/org/freedesktop/NetworkManager";

/// Settings of a connection.
pub(crate) type Profile = HashMap<String, HashMap<String, OwnedVariant>>;
type Dict = HashMap<&'static str, Variant<'static>>;

/// What becomes of a connection that is to be activated.
#[derive(Clone, Copy)]
pub(crate) enum Fate {
    /// These states and reasons come after the answer.
    After(&'static [(u32, u32)]),
    /// They come before the answer, and the object is gone then.
    Before(&'static [(u32, u32)]),
    /// It is up when the answer comes.
    AtOnce,
    /// The service says no.
    No(Refusal),
    /// The service leaves the bus.
    Leaves,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) connections: BTreeMap<u32, Profile>,
    /// Methods that changed something.
    pub(crate) calls: Vec<String>,
    pub(crate) fate: Option<Fate>,
    next: u32,
    pub(crate) up: u32,
    last_scan: i64,
    /// Flags of what was added or updated: 1 on the disk, 2 until the next start.
    pub(crate) flags: Vec<u32>,
    /// The next connection is refused with this text.
    pub(crate) refusal: Option<&'static str>,
}

pub(crate) type Shared = Arc<Mutex<State>>;

pub(crate) fn serve(bus: &Alone) -> Shared {
    let state = Shared::default();
    let own = Arc::clone(&state);
    bus.serve(NAME, move |connection, call| answer(connection, call, &mut own.lock().unwrap()));
    state
}

fn path(text: String) -> OwnedObjectPath {
    OwnedObjectPath::try_from(text).unwrap()
}

fn answer(connection: &Connection, call: &Message, state: &mut State) -> Answer {
    let (at, interface, method) = parts(call);
    let number = || at.rsplit('/').next().unwrap().parse::<u32>().unwrap();
    if !matches!(method.as_str(), "GetAll" | "GetSettings" | "ListConnections" | "GetDevices") {
        state.calls.push(method.clone());
    }
    let body = call.body();
    match method.as_str() {
        "ListConnections" => {
            let all = state.connections.keys().map(|n| path(format!("{PATH}/Settings/{n}")));
            with(call, &all.collect::<Vec<_>>())
        }
        "GetSettings" => with(call, &without_secrets(&state.connections[&number()])),
        "AddConnection2" => add(call, state),
        "Update2" => {
            let (profile, flags, _): (Profile, u32, HashMap<String, OwnedVariant>) =
                body.deserialize().unwrap();
            state.flags.push(flags);
            state.connections.insert(number(), profile);
            with(call, &HashMap::<&str, Variant<'_>>::new())
        }
        "Delete" => {
            state.connections.remove(&number());
            with(call, &())
        }
        "GetDevices" => {
            let paths = (0..4).map(|n| path(format!("{PATH}/Devices/{n}")));
            with(call, &paths.collect::<Vec<_>>())
        }
        "RequestScan" => {
            state.last_scan = 77;
            let changed = Dict::from([("LastScan", Variant::from(77_i64))]);
            signal(
                connection,
                &at,
                "org.freedesktop.DBus.Properties",
                "PropertiesChanged",
                &(WIRELESS, changed, Vec::<String>::new()),
            );
            with(call, &())
        }
        "GetAllAccessPoints" => {
            // The last one goes away before it is asked.
            let paths = (0..5).map(|n| path(format!("{PATH}/AccessPoint/{n}")));
            with(call, &paths.collect::<Vec<_>>())
        }
        "ActivateConnection" => activate(connection, call, state),
        "GetAll" => {
            let of: String = body.deserialize().unwrap();
            match properties(&at, &of, state) {
                Some(dict) => with(call, &dict),
                None => Err(("org.freedesktop.DBus.Error.UnknownObject", "no such object")),
            }
        }
        other => panic!("{interface}.{other} is not called"),
    }
}

fn add(call: &Message, state: &mut State) -> Answer {
    let (profile, flags, _): (Profile, u32, HashMap<String, OwnedVariant>) =
        call.body().deserialize().unwrap();
    state.flags.push(flags);
    if let Some(text) = state.refusal {
        return Err(("org.freedesktop.NetworkManager.Settings.Connection.InvalidProperty", text));
    }
    let uuid = |profile: &Profile| format!("{:?}", profile["connection"]["uuid"]);
    if state.connections.values().any(|known| uuid(known) == uuid(&profile)) {
        return Err(("org.freedesktop.NetworkManager.Settings.UuidExists", "twice"));
    }
    state.next += 1;
    state.connections.insert(state.next, profile);
    let none = HashMap::<&str, Variant<'_>>::new();
    with(call, &(path(format!("{PATH}/Settings/{}", state.next)), none))
}

fn activate(connection: &Connection, call: &Message, state: &mut State) -> Answer {
    let (_, device, _): (OwnedObjectPath, OwnedObjectPath, OwnedObjectPath) =
        call.body().deserialize().unwrap();
    assert_eq!(device.as_str(), "/", "the service finds the device");
    let active = format!("{PATH}/ActiveConnection/1");
    let answer = with(call, &path(active.clone()));
    let send = |states: &[(u32, u32)]| {
        for state in states {
            signal(connection, &active, ACTIVE, "StateChanged", state);
        }
    };
    match state.fate.unwrap() {
        Fate::No(refusal) => return Err(refusal),
        Fate::AtOnce => state.up = 2,
        Fate::Before(states) => {
            state.up = 0;
            send(states);
        }
        Fate::After(states) => {
            state.up = 1;
            zbus::block_on(connection.send(answer.as_ref().unwrap())).unwrap();
            // Somebody else's first.
            signal(
                connection,
                &format!("{PATH}/ActiveConnection/9"),
                ACTIVE,
                "StateChanged",
                &(4_u32, 9_u32),
            );
            send(states);
        }
        Fate::Leaves => {
            state.up = 1;
            zbus::block_on(connection.send(answer.as_ref().unwrap())).unwrap();
            zbus::block_on(connection.release_name(NAME)).unwrap();
        }
    }
    answer
}

fn signal<B>(connection: &Connection, path: &str, interface: &str, name: &str, body: &B)
where
    B: serde::ser::Serialize + zbus::DynamicType,
{
    let none: Option<&str> = None;
    zbus::block_on(connection.emit_signal(none, path, interface, name, body)).unwrap();
}

fn without_secrets(profile: &Profile) -> HashMap<&str, HashMap<&str, &OwnedVariant>> {
    let mut shown = HashMap::new();
    for (name, group) in profile {
        let public = group.iter().filter(|(key, _)| *key != "psk");
        shown.insert(name.as_str(), public.map(|(key, value)| (key.as_str(), value)).collect());
    }
    shown
}

fn device(name: &str, kind: u32) -> Dict {
    Dict::from([
        ("Interface", Variant::from(name.to_owned())),
        ("DeviceType", Variant::from(kind)),
        ("Driver", Variant::from("virtio_net")),
        ("HwAddress", Variant::from("52:54:00:00:00:99")),
        ("Managed", Variant::from(true)),
    ])
}

fn point(ssid: &'static [u8], strength: u8, rsn: u32) -> Dict {
    Dict::from([
        ("Ssid", Variant::from(ssid)),
        ("Strength", Variant::from(strength)),
        ("Flags", Variant::from(1_u32)),
        ("RsnFlags", Variant::from(rsn)),
    ])
}

fn properties(at: &str, interface: &str, state: &State) -> Option<Dict> {
    let address = |address: &'static str, prefix: u32| {
        HashMap::from([("address", Variant::from(address)), ("prefix", Variant::from(prefix))])
    };
    let object = at.strip_prefix(PATH)?;
    let interface = interface.strip_prefix(NAME)?;
    Some(match (object, interface) {
        ("/Devices/0", ".Device") => device("wlan0", 2),
        ("/Devices/0", ".Device.Wireless") => {
            Dict::from([("LastScan", Variant::from(state.last_scan))])
        }
        ("/Devices/1", ".Device") => device("eth0", 1),
        ("/Devices/1", ".Device.Wired") => Dict::from([
            ("Carrier", Variant::from(true)),
            ("PermHwAddress", Variant::from("52:54:00:12:34:56")),
        ]),
        ("/Devices/2", ".Device") => device("incusbr0", 13),
        ("/AccessPoint/0", _) => point(b"Home", 40, 0x188),
        ("/AccessPoint/1", _) => point(b"Home", 90, 0x588),
        ("/AccessPoint/2", _) => point(b"", 99, 0x188),
        ("/AccessPoint/3", _) => point(b"\x1b[2J", 60, 0x488),
        ("", "") => {
            let paths = (1..4).map(|n| path(format!("{PATH}/ActiveConnection/{n}")));
            Dict::from([("ActiveConnections", Variant::from(paths.collect::<Vec<_>>()))])
        }
        // What Incus has, which leads nowhere; the third went away just now.
        ("/ActiveConnection/2", ".Connection.Active") => {
            Dict::from([("State", Variant::from(2_u32)), ("Type", Variant::from("bridge"))])
        }
        ("/ActiveConnection/1", ".Connection.Active") if state.up > 0 => Dict::from([
            ("Id", Variant::from("Wired connection 1")),
            ("Type", Variant::from("802-3-ethernet")),
            ("State", Variant::from(state.up)),
            ("Devices", Variant::from(vec![path(format!("{PATH}/Devices/1"))])),
            ("Ip4Config", Variant::from(path(format!("{PATH}/IP4Config/1")))),
            ("Ip6Config", Variant::from(path("/".to_owned()))),
        ]),
        ("/IP4Config/1", _) => Dict::from([
            (
                "AddressData",
                Variant::from(vec![address("192.0.2.10", 24), address("192.0.2.11", 32)]),
            ),
            ("Gateway", Variant::from("192.0.2.1")),
        ]),
        _ => return None,
    })
}
