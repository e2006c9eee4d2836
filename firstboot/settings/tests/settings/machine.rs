//! `hostname1`, `locale1` and `timedate1`, there and not there.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anklume_settings::{Done, Error, Services, Settings, apply_machine};
use zbus::Message;
use zbus::message::Flags;

use crate::bus::{Alone, Answer, Refusal, parts, with};

fn settings() -> Settings {
    toml::from_str(
        "hostname = \"bureau\"\npretty-name = \"Le bureau\"\nlocale = \"fr_FR.UTF-8\"\n\
         timezone = \"Europe/Paris\"\nntp = true\n[keyboard]\nkeymap = \"fr\"\n\
         x11 = { layout = \"fr\", variant = \"oss\" }\n",
    )
    .unwrap()
}

type Calls = Arc<Mutex<Vec<String>>>;

/// The three services. `refuse` is a method that is not allowed.
fn serve(bus: &Alone, calls: &Calls, refuse: &'static str) {
    let names =
        ["org.freedesktop.hostname1", "org.freedesktop.locale1", "org.freedesktop.timedate1"];
    for name in names {
        let calls = Arc::clone(calls);
        bus.serve(name, move |_, call| answer(call, &calls, refuse));
    }
}

const DENIED: Refusal = ("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", "no");

fn answer(call: &Message, calls: &Calls, refuse: &str) -> Answer {
    let (_, _, method) = parts(call);
    if method == "ListTimezones" {
        return with(call, &vec!["Europe/Paris", "UTC"]);
    }
    let body = call.body();
    let arguments = body.deserialize::<zbus::wire::Structure<'_>>().unwrap();
    let interactive = call.primary_header().flags().contains(Flags::ALLOW_INTERACTIVE_AUTH);
    assert!(!interactive, "nobody is there to be asked");
    calls.lock().unwrap().push(format!("{method}{arguments}"));
    if method == refuse { Err(DENIED) } else { with(call, &()) }
}

fn outcome<'a>(
    outcomes: &'a [(&'static str, Result<Done, Error>)],
    field: &str,
) -> &'a Result<Done, Error> {
    &outcomes.iter().find(|(name, _)| *name == field).unwrap().1
}

#[test]
fn services_are_asked_for_what_is_wanted_and_nothing_else() {
    let (bus, calls) = (Alone::new(), Calls::default());
    serve(&bus, &calls, "");
    let root = tempfile::tempdir().unwrap();
    let outcomes = apply_machine(Some(&bus.services()), root.path(), &settings());
    for (field, outcome) in &outcomes {
        assert!(matches!(outcome, Ok(Done::Service)), "{field}: {outcome:?}");
    }
    let expected = [
        "SetStaticHostname(\"bureau\", false)",
        "SetPrettyHostname(\"Le bureau\", false)",
        "SetLocale([\"LANG=fr_FR.UTF-8\"], false)",
        "SetX11Keyboard(\"fr\", \"\", \"oss\", \"\", false, false)",
        "SetVConsoleKeyboard(\"fr\", \"\", false, false)",
        "SetTimezone(\"Europe/Paris\", false)",
        "SetNTP(true, false)",
    ];
    assert_eq!(*calls.lock().unwrap(), expected);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0, "nothing is written beside them");
    calls.lock().unwrap().clear();
    // One half of a keyboard: the service finds the other.
    let half: Settings = toml::from_str("[keyboard]\nkeymap = \"fr\"").unwrap();
    assert_eq!(apply_machine(Some(&bus.services()), root.path(), &half).len(), 1);
    assert_eq!(*calls.lock().unwrap(), ["SetVConsoleKeyboard(\"fr\", \"\", true, false)"]);
}

#[test]
fn what_a_service_refuses_is_said_and_the_rest_is_done() {
    let (bus, calls) = (Alone::new(), Calls::default());
    serve(&bus, &calls, "SetStaticHostname");
    let root = tempfile::tempdir().unwrap();
    let mut wanted = settings();
    wanted.timezone = Some(anklume_settings::Timezone::parse("Mars/Olympus").unwrap());
    let outcomes = apply_machine(Some(&bus.services()), root.path(), &wanted);
    let error = outcome(&outcomes, "hostname").as_ref().unwrap_err();
    let text = "StaticHostname: org.freedesktop.hostname1 says: no";
    assert_eq!(error.to_string(), text);
    let unknown = outcome(&outcomes, "timezone");
    assert!(
        matches!(unknown, Err(Error::Timezone { name }) if name == "Mars/Olympus"),
        "{unknown:?}"
    );
    assert!(matches!(outcome(&outcomes, "locale"), Ok(Done::Service)));
    assert!(!root.path().join("etc/hostname").exists(), "not behind its back");
}

fn files(root: &Path) {
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::create_dir_all(root.join("usr/share/zoneinfo/Europe")).unwrap();
    fs::write(root.join("usr/share/zoneinfo/Europe/Paris"), "TZif").unwrap();
    fs::write(root.join("etc/timezone"), "UTC\n").unwrap();
    fs::write(root.join("etc/vconsole.conf"), "FONT=x\nKEYMAP=us\n").unwrap();
    fs::create_dir_all(root.join("etc/default")).unwrap();
    let keyboard =
        "# mine\nXKBMODEL=\"pc105\"\nXKBLAYOUT=\"us\"\nXKBVARIANT=\"\"\nBACKSPACE=\"guess\"\n";
    fs::write(root.join("etc/default/keyboard"), keyboard).unwrap();
}

fn in_files(services: Option<&Services>) {
    let root = tempfile::tempdir().unwrap();
    files(root.path());
    for _ in 0..2 {
        let outcomes = apply_machine(services, root.path(), &settings());
        for (field, outcome) in &outcomes {
            let expected = match *field {
                "ntp" => matches!(outcome, Err(Error::NoService { .. })),
                _ => matches!(outcome, Ok(Done::File)),
            };
            assert!(expected, "{field}: {outcome:?}");
        }
    }
    let read = |name: &str| fs::read_to_string(root.path().join("etc").join(name)).unwrap();
    assert_eq!(read("hostname"), "bureau\n");
    assert_eq!(read("machine-info"), "PRETTY_HOSTNAME=\"Le bureau\"\n");
    assert_eq!(read("locale.conf"), "LANG=fr_FR.UTF-8\n");
    assert_eq!(read("vconsole.conf"), "FONT=x\nKEYMAP=fr\nXKBLAYOUT=fr\nXKBVARIANT=oss\n");
    let keyboard = "# mine\nBACKSPACE=\"guess\"\nXKBLAYOUT=fr\nXKBVARIANT=oss\n";
    assert_eq!(read("default/keyboard"), keyboard);
    assert_eq!((read("timezone"), read("localtime")), ("Europe/Paris\n".into(), "TZif".into()));
    let link = fs::read_link(root.path().join("etc/localtime")).unwrap();
    assert_eq!(link, Path::new("../usr/share/zoneinfo/Europe/Paris"));
}

#[test]
fn without_services_the_files_are_written() {
    in_files(Some(&Alone::new().services()));
}

#[test]
fn without_a_bus_the_files_are_written() {
    assert!(matches!(Services::at("unix:path=/nowhere/bus"), Err(Error::NoBus { .. })));
    in_files(None);
}
