//! The D-Bus service `org.anklume.Update1` and its client.
//!
//! The interface has the shape of `org.freedesktop.sysupdate1`: a manager, an object for each slot and
//! one for the job that runs; `overlays/update/usr/share/dbus-1/interfaces/org.anklume.Update1.xml`
//! documents it. The work itself is an [`Engine`]'s, in two ways:
//!
//! - in the service ([`serve`]), for whom polkit lets, while nobody needs to be root;
//! - in the program itself, for root where there is no service.
//!
//! Either way one [`Order`] goes in, [`Progress`] goes to one [`Watch`], and one object or one
//! [`Failure`] comes out: [`Client::run`] and [`Engine::run`] are alike on purpose.
//!
//! # How it is made
//!
//! zbus is asynchronous inside and brings its own small runtime; all that is public here blocks.
//! Calls are dispatched by hand, not by zbus's object server: the service must know, to the message,
//! which calls came before its name was given up, so that it can leave the bus without losing one
//! (`service/leave.rs`). Properties are then a list, and what is sent when they change is the
//! difference between two lists.
//!
//! Jobs run one at a time, each on a thread of its own; what they report is held back so that at most
//! four signals a second are sent (`reports.rs`). Time is an argument ([`Clock`]).
#![forbid(unsafe_code)]

mod bus;
mod client;
mod clock;
mod dict;
mod engine;
mod failure;
mod login;
mod meter;
mod names;
mod notify;
mod order;
mod polkit;
mod reports;
mod service;
mod wait;

pub use bus::Bus;
pub use client::Client;
pub use clock::{Clock, Monotonic, Sleep};
pub use dict::Dict;
pub use engine::{Engine, Facts, Progress, Slot, Watch};
pub use failure::{Failure, Kind};
pub use login::{Inhibitor, inhibit, reboot};
pub use meter::{Meter, Pace};
pub use names::{INTERFACES, JOB, MANAGER, NAME, PATH, SLOT};
pub use order::{Options, Order, Verb};
pub use polkit::Action;
pub use service::{Config, serve};

/// For the fuzz target: what a caller and a service may send.
#[cfg(fuzzing)]
pub mod fuzz {
    use zbus::wire::LE;
    use zbus::wire::serialized::{Context, Data};

    use crate::dict::{Wire, from_wire, to_wire};
    use crate::{Order, Verb};

    /// Takes `data` for an `a{sv}`. Every order made of it survives the bus, and it becomes a JSON
    /// object that becomes itself again.
    pub fn wire(data: &[u8]) {
        let data = Data::new(data, Context::new(LE, 0));
        let Ok((wire, _)) = data.deserialize::<Wire>() else { return };
        for verb in Verb::ALL {
            let Ok(order) = Order::parse(verb, "", &wire) else { continue };
            let sent = order.wire().into_iter().map(|(key, value)| {
                (key.to_owned(), value.try_into_owned().expect("options hold no descriptors"))
            });
            assert_eq!(Order::parse(verb, "", &sent.collect()).as_ref(), Ok(&order));
        }
        let dict = from_wire(&wire);
        let again = to_wire(&dict)
            .into_iter()
            .map(|(key, value)| (key, value.try_into_owned().expect("JSON holds no descriptors")));
        // Without `null`, which has no place on the bus.
        if !serde_json::Value::from(dict.clone()).to_string().contains("null") {
            assert_eq!(from_wire(&again.collect()), dict);
        }
    }
}
