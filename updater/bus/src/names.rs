//! Names of the service, its objects and its interfaces.

/// The well-known name.
pub const NAME: &str = "org.anklume.Update1";
/// The manager's object, above all others.
pub const PATH: &str = "/org/anklume/Update1";
/// The manager's interface.
pub const MANAGER: &str = "org.anklume.Update1.Manager";
/// The interface of a slot.
pub const SLOT: &str = "org.anklume.Update1.Slot";
/// The interface of a job.
pub const JOB: &str = "org.anklume.Update1.Job";

/// `org.freedesktop.DBus.Properties`
pub(crate) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// `org.freedesktop.DBus`
pub(crate) const BUS: &str = "org.freedesktop.DBus";
/// The bus as an object.
pub(crate) const BUS_PATH: &str = "/org/freedesktop/DBus";

/// The three interfaces with their documentation; the file is installed, too.
pub const INTERFACES: &str =
    include_str!("../../../overlays/update/usr/share/dbus-1/interfaces/org.anklume.Update1.xml");

/// The object of a slot.
pub(crate) fn slot_path(slot: &str) -> String {
    format!("{PATH}/slot/{slot}")
}

/// The object of a job.
pub(crate) fn job_path(id: u32) -> String {
    format!("{PATH}/job/{id}")
}
