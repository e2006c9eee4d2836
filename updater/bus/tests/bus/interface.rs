//! The interface is what its documentation says.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anklume_bus::{INTERFACES, JOB, MANAGER, NAME, PATH, SLOT};
use zbus::{OwnedVariant, Variant};

use crate::alone::{Alone, call, error};
use crate::fake::{Fake, Step, dict, report, serving};

/// Compares with a file, or writes it when `ANKLUME_WRITE_SNAPSHOTS` is set.
fn snapshot(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("ANKLUME_WRITE_SNAPSHOTS").is_some() {
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert_eq!(found, expected, "{}", path.display());
}

/// A bus with a service that has a job in its hands.
fn with_job() -> (Alone, crate::alone::Service, crate::fake::Strings) {
    let (bus, strings, service) = serving();
    let options: HashMap<&str, Variant<'_>> = HashMap::new();
    bus.call(PATH, "Manager.Update", &("2026.3", options)).unwrap();
    strings.wait_for_job();
    (bus, service, strings)
}

#[test]
fn what_busctl_shows() {
    let (bus, _service, strings) = with_job();
    for (name, path) in [
        ("manager.txt", PATH),
        ("slot.txt", "/org/anklume/Update1/slot/b"),
        ("job.txt", "/org/anklume/Update1/job/1"),
    ] {
        snapshot(name, &bus.busctl(&["introspect", NAME, path]));
    }
    snapshot("tree.txt", &bus.busctl(&["tree", "--list", NAME]));
    strings.step.send(Step::End(Ok(dict(serde_json::json!({}))))).unwrap();
}

/// Name and type.
type Property = (String, String);
/// Name, and the types of what it takes and gives.
type Method = (String, String, String);

/// What the documentation says.
fn documented(interface: &str) -> (Vec<Property>, Vec<Method>) {
    let start = INTERFACES.find(&format!("<interface name=\"{interface}\">")).unwrap();
    let text = &INTERFACES[start..];
    let text = &text[..text.find("</interface>").unwrap()];
    let attribute = |line: &str, name: &str| -> String {
        let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let (mut properties, mut methods) = (Vec::new(), Vec::new());
    for line in text.lines().map(str::trim) {
        if line.starts_with("<property ") {
            properties.push((attribute(line, "name"), attribute(line, "type")));
            assert_eq!(attribute(line, "access"), "read");
        } else if line.starts_with("<method ") {
            methods.push((attribute(line, "name"), String::new(), String::new()));
        } else if line.starts_with("<signal ") {
            // Their arguments must not be taken for those of the method before.
            methods.push((String::new(), String::new(), String::new()));
        } else if line.starts_with("<arg ") {
            let (_, taken, given) = methods.last_mut().unwrap();
            match line.contains("direction=\"in\"") {
                true => taken.push_str(&attribute(line, "type")),
                false => given.push_str(&attribute(line, "type")),
            }
        }
    }
    methods.retain(|method| !method.0.is_empty());
    (properties, methods)
}

#[test]
fn every_property_has_its_documented_type_and_cannot_be_set() {
    let (bus, _service, strings) = with_job();
    strings.step.send(Step::Report(report("write", 7))).unwrap();
    let connection = bus.connect();
    for (interface, path) in [
        (MANAGER, PATH),
        (SLOT, "/org/anklume/Update1/slot/a"),
        (JOB, "/org/anklume/Update1/job/1"),
    ] {
        let (properties, _) = documented(interface);
        let all = call(&connection, path, "org.freedesktop.DBus.Properties.GetAll", &interface);
        let all: HashMap<String, OwnedVariant> = all.unwrap().body().deserialize().unwrap();
        assert_eq!(all.len(), properties.len(), "{interface}");
        for (name, signature) in properties {
            let name = name.as_str();
            assert_eq!(all[name].value_signature().to_string(), signature, "{interface}.{name}");
            let one =
                call(&connection, path, "org.freedesktop.DBus.Properties.Get", &(interface, name));
            let one: OwnedVariant = one.unwrap().body().deserialize().unwrap();
            assert_eq!(one.value_signature().to_string(), signature);
            let body = (interface, name, Variant::from("x"));
            let set = call(&connection, path, "org.freedesktop.DBus.Properties.Set", &body);
            assert_eq!(error(set).0, "org.freedesktop.DBus.Error.PropertyReadOnly");
        }
    }
    strings.step.send(Step::End(Ok(dict(serde_json::json!({}))))).unwrap();
}

#[test]
fn every_method_answers_with_its_documented_types() {
    let bus = Alone::new();
    let (fake, strings) = Fake::new();
    let _service = bus.serve(fake.clone());
    let connection = bus.connect();
    let none: HashMap<&str, Variant<'_>> = HashMap::new();
    let (_, methods) = documented(MANAGER);
    for (name, taken, given) in &methods {
        strings.step.send(Step::End(Ok(dict(serde_json::json!({"a": 1}))))).unwrap();
        let method = format!("Manager.{name}");
        let answer = match taken.as_str() {
            "" => call(&connection, PATH, &method, &()),
            "a{sv}" => call(&connection, PATH, &method, &none),
            "sa{sv}" => call(&connection, PATH, &method, &("2026.3", &none)),
            "s" => call(&connection, PATH, &method, &"2026.3"),
            "u" => call(&connection, PATH, &method, &2u32),
            other => panic!("{name} takes {other}"),
        };
        match name.as_str() {
            "Rollback" => {
                let (name, text) = error(answer);
                assert_eq!(name, "org.anklume.Update1.Error.Refused");
                assert_eq!(text, "slot b was never good\nhint: update instead");
            }
            _ => {
                let answer = answer.unwrap();
                let signature = answer.body().signature().to_string_no_parens();
                assert_eq!(&signature, given, "{name}");
            }
        }
        // Wrong arguments, for each of them.
        let (error, text) = error(call(&connection, PATH, &method, &(1u8, 2u8)));
        assert_eq!(error, "org.freedesktop.DBus.Error.InvalidArgs", "{name}");
        assert!(text.contains("\"yy\""), "{name}: {text}");
        if given == "o" {
            wait_until_idle(&connection);
        }
    }
    let verbs: Vec<&str> = fake.orders.lock().unwrap().iter().map(|o| o.verb.method()).collect();
    let listed = ["History", "ListSlots", "ListJobs"];
    let expected: Vec<&str> =
        methods.iter().map(|m| m.0.as_str()).filter(|m| !listed.contains(m)).collect();
    assert_eq!(verbs, expected);
}

fn wait_until_idle(connection: &zbus::Connection) {
    loop {
        let jobs = call(connection, PATH, "Manager.ListJobs", &()).unwrap();
        let jobs: Vec<(u32, String, String, zbus::OwnedObjectPath)> =
            jobs.body().deserialize().unwrap();
        if jobs.is_empty() {
            return;
        }
    }
}

#[test]
fn lists_say_what_there_is() {
    let (bus, _service, strings) = with_job();
    let jobs = bus.call(PATH, "Manager.ListJobs", &()).unwrap();
    let jobs: Vec<(u32, String, String, zbus::OwnedObjectPath)> =
        jobs.body().deserialize().unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!((jobs[0].0, jobs[0].1.as_str()), (1, "update"));
    assert_eq!(jobs[0].3.as_str(), "/org/anklume/Update1/job/1");
    let slots = bus.call(PATH, "Manager.ListSlots", &()).unwrap();
    let slots: Vec<(String, zbus::OwnedObjectPath)> = slots.body().deserialize().unwrap();
    let slots: Vec<(&str, &str)> = slots.iter().map(|s| (s.0.as_str(), s.1.as_str())).collect();
    assert_eq!(slots, [("a", "/org/anklume/Update1/slot/a"), ("b", "/org/anklume/Update1/slot/b")]);
    strings.step.send(Step::End(Ok(dict(serde_json::json!({}))))).unwrap();
}

#[test]
fn what_does_not_exist_gets_the_standard_errors() {
    let bus = Alone::new();
    let _service = bus.serve(Fake::new().0);
    let connection = bus.connect();
    let name = |path: &str, method: &str| error(call(&connection, path, method, &())).0;
    let standard = |name: &str| format!("org.freedesktop.DBus.Error.{name}");
    assert_eq!(name("/org/example", "Manager.ListJobs"), standard("UnknownObject"));
    assert_eq!(name("/org/anklume/Update1/job/1", "Job.Cancel"), standard("UnknownObject"));
    assert_eq!(name("/org/anklume/Update1/slot/c", "Slot.X"), standard("UnknownObject"));
    assert_eq!(name("/org/anklume/Update1/slot/a", "Slot.X"), standard("UnknownMethod"));
    assert_eq!(name(PATH, "Manager.Explode"), standard("UnknownMethod"));
    assert_eq!(name(PATH, "org.freedesktop.DBus.Properties.X"), standard("UnknownMethod"));
    assert_eq!(name(PATH, "Job.Cancel"), standard("UnknownInterface"));
    assert_eq!(name("/org/anklume", "Manager.ListJobs"), standard("UnknownInterface"));
    let get = |interface: &str, property: &str| {
        let body = (interface, property);
        error(call(&connection, PATH, "org.freedesktop.DBus.Properties.Get", &body)).0
    };
    assert_eq!(get(MANAGER, "Colour"), standard("UnknownProperty"));
    assert_eq!(get(SLOT, "Version"), standard("UnknownInterface"));
    // Everybody may ask any object whether somebody is there.
    assert!(call(&connection, "/what/ever", "org.freedesktop.DBus.Peer.Ping", &()).is_ok());
}

#[test]
fn malformed_options_are_refused_by_name_and_nothing_runs() {
    let bus = Alone::new();
    let (fake, _strings) = Fake::new();
    let _service = bus.serve(fake.clone());
    let connection = bus.connect();
    for (key, value, part) in [
        ("sauce", Variant::from("x"), "no option \"sauce\""),
        ("source", Variant::from(1u8), "source has the type y, expected s"),
        ("source", Variant::from("x.iso"), "absolute path"),
        ("reboot", Variant::from("yes"), "reboot has the type s, expected b"),
    ] {
        let options = HashMap::from([(key, value)]);
        let answer = call(&connection, PATH, "Manager.Update", &("", options));
        let (name, text) = error(answer);
        assert_eq!(name, "org.freedesktop.DBus.Error.InvalidArgs");
        assert!(text.contains(part), "{text}");
    }
    let reboot = HashMap::from([("reboot", Variant::from(true))]);
    let (_, text) = error(call(&connection, PATH, "Manager.Prepare", &("", reboot)));
    assert!(text.starts_with("Prepare has no option \"reboot\""), "{text}");
    assert_eq!(
        error(call(&connection, PATH, "Manager.Hold", &"")).1,
        "which version is to be held?"
    );
    assert!(fake.orders.lock().unwrap().is_empty());
}
