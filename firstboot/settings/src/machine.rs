//! Host name, keyboard, locale and time: `hostname1`, `locale1` and `timedate1` of systemd.

use std::path::{Path, PathBuf};

use zbus::DynamicType;

use crate::bus::{Object, Services, body};
use crate::error::Error;
use crate::files;
use crate::names::{HostName, Locale, PrettyName, Timezone};
use crate::settings::{Keyboard, Settings, X11Keyboard};

const HOSTNAME: Object<'static> = Object {
    service: "org.freedesktop.hostname1",
    path: "/org/freedesktop/hostname1",
    interface: "org.freedesktop.hostname1",
};
const LOCALE: Object<'static> = Object {
    service: "org.freedesktop.locale1",
    path: "/org/freedesktop/locale1",
    interface: "org.freedesktop.locale1",
};
const TIME: Object<'static> = Object {
    service: "org.freedesktop.timedate1",
    path: "/org/freedesktop/timedate1",
    interface: "org.freedesktop.timedate1",
};
/// Nobody is asked for a password.
const INTERACTIVE: bool = false;
/// Layout, model, variant and options of a keyboard, in vconsole.conf(5) as in keyboard(5).
const XKB: [&str; 4] = ["XKBLAYOUT", "XKBMODEL", "XKBVARIANT", "XKBOPTIONS"];

/// How something was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// By the service. It counts at once.
    Service,
    /// There is no such service: in the file that it would have written. It counts from the next
    /// start on.
    File,
}

/// Sets everything but networks and accounts, and goes on after what fails. Gives each field that was
/// to be set, and what came of it.
///
/// `root` is where the files of the OS are, `/` in the running one.
#[must_use]
pub fn apply_machine(
    services: Option<&Services>,
    root: &Path,
    settings: &Settings,
) -> Vec<(&'static str, Result<Done, Error>)> {
    let machine = Machine { services, root };
    let mut outcomes = Vec::new();
    if let Some(name) = &settings.hostname {
        outcomes.push(("hostname", machine.hostname(name)));
    }
    if let Some(name) = &settings.pretty_name {
        outcomes.push(("pretty-name", machine.pretty_name(name)));
    }
    if let Some(locale) = &settings.locale {
        outcomes.push(("locale", machine.locale(locale)));
    }
    if let Some(keyboard) = &settings.keyboard {
        outcomes.push(("keyboard", machine.keyboard(keyboard)));
    }
    if let Some(timezone) = &settings.timezone {
        outcomes.push(("timezone", machine.timezone(timezone)));
    }
    if let Some(ntp) = settings.ntp {
        // What it would change are links of units, whose names only the service knows.
        let set = machine.set(TIME, "SetNTP", "NTP", &(ntp, INTERACTIVE));
        outcomes.push(("ntp", set.map(|()| Done::Service)));
    }
    outcomes
}

struct Machine<'a> {
    services: Option<&'a Services>,
    root: &'a Path,
}

impl Machine<'_> {
    fn hostname(&self, name: &HostName) -> Result<Done, Error> {
        let set = self.set(
            HOSTNAME,
            "SetStaticHostname",
            "StaticHostname",
            &(name.as_str(), INTERACTIVE),
        );
        self.or(set, || files::write(&self.etc("hostname"), &format!("{name}\n"), 0o644))
    }

    fn pretty_name(&self, name: &PrettyName) -> Result<Done, Error> {
        let set = self.set(
            HOSTNAME,
            "SetPrettyHostname",
            "PrettyHostname",
            &(name.as_str(), INTERACTIVE),
        );
        let variables = [("PRETTY_HOSTNAME", Some(name.as_str()))];
        self.or(set, || self.variables("machine-info", &variables))
    }

    fn locale(&self, locale: &Locale) -> Result<Done, Error> {
        let assignments = vec![format!("LANG={locale}")];
        let set = self.set(LOCALE, "SetLocale", "Locale", &(assignments, INTERACTIVE));
        self.or(set, || self.variables("locale.conf", &[("LANG", Some(locale.as_str()))]))
    }

    fn keyboard(&self, keyboard: &Keyboard) -> Result<Done, Error> {
        let set = self.ask_for_keyboard(keyboard);
        let done = self.or(set, || {
            let mut variables = Vec::new();
            if let Some(keymap) = &keyboard.keymap {
                variables.push(("KEYMAP", Some(keymap.as_str())));
            }
            if let Some(x11) = &keyboard.x11 {
                let [layout, model, variant, options] = x11.texts();
                for (name, text) in XKB.into_iter().zip([layout, model, variant, options]) {
                    variables.push((name, Some(text).filter(|text| !text.is_empty())));
                }
            }
            self.variables("vconsole.conf", &variables)
        })?;
        self.keyboard_of_consoles()?;
        Ok(done)
    }

    /// Debian's consoles take their keyboard from keyboard(5), to which vconsole.conf is a link at first. Who writes
    /// that one anew, as the service does, leaves the other as it was.
    fn keyboard_of_consoles(&self) -> Result<(), Error> {
        let (of_consoles, written) = (self.etc("default/keyboard"), self.etc("vconsole.conf"));
        if !of_consoles.is_file() || !written.is_file() || written.is_symlink() {
            return Ok(());
        }
        let written = files::read(&written)?.unwrap_or_default();
        let values = XKB.map(|name| (name, files::variable(&written, name)));
        let values = values.each_ref().map(|(name, value)| (*name, value.as_deref()));
        self.variables("default/keyboard", &values)
    }

    fn ask_for_keyboard(&self, keyboard: &Keyboard) -> Result<(), Error> {
        // The service finds the other half only where one is given.
        let convert = keyboard.keymap.is_none() || keyboard.x11.is_none();
        if let Some(x11) = &keyboard.x11 {
            let [layout, model, variant, options] = x11.texts();
            let body = (layout, model, variant, options, convert, INTERACTIVE);
            self.set(LOCALE, "SetX11Keyboard", "X11Layout", &body)?;
        }
        if let Some(keymap) = &keyboard.keymap {
            let body = (keymap.as_str(), "", convert, INTERACTIVE);
            self.set(LOCALE, "SetVConsoleKeyboard", "VConsoleKeymap", &body)?;
        }
        Ok(())
    }

    fn timezone(&self, timezone: &Timezone) -> Result<Done, Error> {
        let unknown = || Error::Timezone { name: timezone.to_string() };
        let set = match self.list_timezones() {
            Ok(known) if known.iter().any(|name| name == timezone.as_str()) => {
                self.set(TIME, "SetTimezone", "Timezone", &(timezone.as_str(), INTERACTIVE))
            }
            Ok(_) => Err(unknown()),
            Err(error) => Err(error),
        };
        self.or(set, || {
            let zone = Path::new("usr/share/zoneinfo").join(timezone.as_str());
            if !self.root.join(&zone).is_file() {
                return Err(unknown());
            }
            files::link(&self.etc("localtime"), &Path::new("..").join(zone))?;
            // Debian has the name in a file as well.
            let name = self.etc("timezone");
            if name.is_file() {
                files::write(&name, &format!("{timezone}\n"), 0o644)?;
            }
            Ok(())
        })
    }

    fn list_timezones(&self) -> Result<Vec<String>, Error> {
        let what = "ListTimezones";
        let services = self.services(TIME, what)?;
        let reply = zbus::block_on(services.call(TIME, what, &(), what))?;
        body(TIME.service, what, &reply)
    }

    fn services(&self, object: Object<'static>, what: &str) -> Result<&Services, Error> {
        let absent = || Error::NoService { service: object.service, what: what.to_owned() };
        self.services.ok_or_else(absent)
    }

    fn set<B>(
        &self,
        object: Object<'static>,
        method: &str,
        property: &str,
        body: &B,
    ) -> Result<(), Error>
    where
        B: serde::ser::Serialize + DynamicType,
    {
        let services = self.services(object, property)?;
        zbus::block_on(services.call(object, method, body, property)).map(drop)
    }

    /// Only where there is no service: what one refuses is not written behind its back.
    fn or(
        &self,
        set: Result<(), Error>,
        write: impl FnOnce() -> Result<(), Error>,
    ) -> Result<Done, Error> {
        match set {
            Ok(()) => Ok(Done::Service),
            Err(Error::NoService { .. }) => write().map(|()| Done::File),
            Err(error) => Err(error),
        }
    }

    fn variables(&self, file: &str, variables: &[(&str, Option<&str>)]) -> Result<(), Error> {
        let path = self.etc(file);
        let old = files::read(&path)?.unwrap_or_default();
        files::write(&path, &files::set_variables(&old, variables), 0o644)
    }

    fn etc(&self, name: &str) -> PathBuf {
        self.root.join("etc").join(name)
    }
}

impl X11Keyboard {
    /// Layout, model, variant and options; empty where not given.
    fn texts(&self) -> [&str; 4] {
        [
            self.layout.as_str(),
            self.model.as_ref().map_or("", |name| name.as_str()),
            self.variant.as_ref().map_or("", |name| name.as_str()),
            self.options.as_ref().map_or("", |name| name.as_str()),
        ]
    }
}
