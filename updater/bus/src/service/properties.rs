//! The properties of the objects, and what is sent when they change.

use std::collections::HashMap;

use zbus::{Connection, ObjectPath, Variant};

use super::job::{Job, signal};
use super::state::Hub;
use crate::engine::{Facts, Slot};
use crate::names;
use crate::order::Order;
use crate::reports::Report;

/// Properties by name.
pub(super) type Properties = HashMap<&'static str, Variant<'static>>;

/// In place of a job's path when there is none.
pub(super) fn no_job() -> ObjectPath<'static> {
    ObjectPath::from_static_str_unchecked("/")
}

pub(super) fn manager(facts: &Facts, job: Option<&Job>) -> Properties {
    [
        ("Version", Variant::from(clean(&facts.version))),
        ("Channel", Variant::from(clean(&facts.channel))),
        ("Source", Variant::from(clean(&facts.source))),
        ("Automatic", Variant::from(facts.automatic)),
        ("Held", Variant::from(facts.held.iter().map(|held| clean(held)).collect::<Vec<_>>())),
        ("Pending", Variant::from(clean(&facts.pending))),
        ("Job", Variant::from(job.map_or_else(no_job, Job::path))),
    ]
    .into()
}

pub(super) fn slot(slot: &Slot) -> Properties {
    [
        ("Slot", Variant::from(clean(&slot.slot))),
        ("Version", Variant::from(clean(&slot.version))),
        ("RootHash", Variant::from(clean(&slot.root_hash))),
        ("State", Variant::from(clean(&slot.state))),
        ("TriesLeft", Variant::from(slot.tries_left)),
        ("Running", Variant::from(slot.running)),
        ("Next", Variant::from(slot.next)),
        ("Good", Variant::from(slot.good)),
    ]
    .into()
}

pub(super) fn job(job: &Job) -> Properties {
    let Order { verb, version, .. } = &job.order;
    let mut properties: Properties = progress(&job.newest()).into();
    properties.insert("Id", Variant::from(job.id));
    properties.insert("Type", Variant::from(verb.name()));
    properties.insert("Version", Variant::from(version.clone().unwrap_or_default()));
    properties
}

/// Those that change while a job runs.
pub(super) fn progress(report: &Report) -> [(&'static str, Variant<'static>); 7] {
    let Report { progress, pace } = report;
    let eta = pace.remaining.and_then(|left| u64::try_from(left.as_micros()).ok());
    [
        ("Phase", Variant::from(clean(&progress.phase))),
        ("Done", Variant::from(progress.done)),
        ("Total", Variant::from(progress.total)),
        ("Fetched", Variant::from(progress.fetched)),
        ("Rate", Variant::from(pace.rate)),
        ("EtaUsec", Variant::from(eta.unwrap_or(u64::MAX))),
        ("Message", Variant::from(clean(&progress.message))),
    ]
}

/// A D-Bus string holds no NUL: the whole message could not be sent.
fn clean(text: &str) -> String {
    text.replace('\0', " ")
}

/// Slots that can be objects: the name is the last part of a path.
pub(super) fn slots(facts: &Facts) -> impl Iterator<Item = &Slot> {
    facts.slots.iter().filter(|slot| {
        !slot.slot.is_empty() && slot.slot.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Takes `facts` and tells what is different now.
pub(super) async fn refresh(hub: &Hub, connection: &Connection, facts: Facts) {
    let old = hub.set_facts(facts.clone());
    let changed = difference(&manager(&old, None), manager(&facts, None));
    emit(hub, connection, names::PATH, names::MANAGER, changed).await;
    for now in slots(&facts) {
        let before = slots(&old).find(|before| before.slot == now.slot);
        let before = before.map(slot).unwrap_or_default();
        let path = names::slot_path(&now.slot);
        emit(hub, connection, &path, names::SLOT, difference(&before, slot(now))).await;
    }
}

fn difference(old: &Properties, new: Properties) -> Properties {
    new.into_iter().filter(|(name, value)| old.get(name) != Some(value)).collect()
}

/// Sends `PropertiesChanged`, unless nothing changed.
pub(super) async fn emit(
    hub: &Hub,
    connection: &Connection,
    path: &str,
    interface: &str,
    changed: Properties,
) {
    if !changed.is_empty() {
        let body = (interface, changed, [""; 0].as_slice());
        signal(hub, connection, path, names::PROPERTIES, "PropertiesChanged", &body).await;
    }
}
