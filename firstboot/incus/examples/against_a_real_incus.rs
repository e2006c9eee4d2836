//! What the tests do with a fake Incus, done with a real one by hand: it must have no objects, and is one that may
//! be thrown away. It panics where the real one differs.
//!
//! Variables: `INCUS_SOCKET`; `POOL`, an empty folder, as the server sees it; `METADATA` and `ROOTFS`, the
//! files of an image with a shell.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for the person who runs it"
)]

use std::time::Duration;

use anklume_incus::names::{AliasName, InstanceName};
use anklume_incus::wanted::Wanted;
use anklume_incus::{Client, Error, ImageFiles, ImageKind, Launch, Settings, Turn, find_socket};
use serde_json::json;

fn wanted(pool: &str) -> Wanted {
    let wanted = json!({
        "pool": { "name": "default", "driver": "dir", "source": pool },
        "networks": [{ "name": "ank-work", "ipv4": "10.60.1.1/24", "ipv6": "fd42:60:1::1/64" },
                     { "name": "ank-home", "ipv4": "10.60.2.1/24", "ipv6": "none" },
                     { "name": "ank-auto", "ipv4": "auto", "ipv6": "auto" }],
        "default_network": "ank-work",
    });
    serde_json::from_value(wanted).unwrap()
}

fn stop_and_start(client: &Client, name: &InstanceName) {
    for turn in [Turn::Off(Duration::from_secs(5)), Turn::Kill, Turn::Kill, Turn::On, Turn::On] {
        match client.turn(name, turn) {
            // What the image runs may not know how to shut down.
            Ok(()) | Err(Error::Failed { .. }) => {}
            Err(error) => panic!("{turn:?}: {error}"),
        }
    }
    assert!(client.instance(name).unwrap().unwrap().is_up());
}

fn main() {
    let variable = |name| std::env::var(name).unwrap();
    let client = Client::new(&find_socket().unwrap(), Settings::default());
    let server = client.server().unwrap();
    println!("Incus {}, {:?}", server.version, server.drivers);
    let wanted = wanted(&variable("POOL"));
    let report = |step: &anklume_incus::plan::Step| println!("{step:?}");
    assert!(!client.apply(&wanted, &mut { report }, &mut |_| {}).unwrap().was_done());
    assert!(client.apply(&wanted, &mut { report }, &mut |_| {}).unwrap().was_done());

    let files = ImageFiles::Split {
        metadata: variable("METADATA").into(),
        rootfs: variable("ROOTFS").into(),
        kind: ImageKind::Container,
    };
    let alias: AliasName = "test/1".parse().unwrap();
    let tell = |sent, all| println!("{sent} of {all}");
    let import = || {
        client
            .import_image(&files, std::slice::from_ref(&alias), &mut { tell }, &mut |_| {})
            .unwrap()
    };
    assert!(!import().was_there);
    let image = import();
    assert!(image.was_there && image.moved.is_empty());
    assert_eq!(client.image_of(&alias).unwrap(), Some(image.fingerprint.clone()));
    assert_eq!(client.images().unwrap().len(), 1);

    let name: InstanceName = "c1".parse().unwrap();
    client.launch_alias(name.clone(), &alias, &mut |progress| println!("{progress:?}")).unwrap();
    let again = client.launch(&Launch::new(name.clone(), image.fingerprint), &mut |_| {});
    assert!(matches!(again, Err(Error::Exists { .. })));
    let done = client.exec(&name, &["sh", "-c", "echo out; echo err >&2; exit 3"], 100).unwrap();
    assert_eq!((done.code, done.stdout.bytes.as_slice()), (3, b"out\n".as_slice()));
    assert_eq!(done.stderr.bytes, b"err\n");
    let error = client.exec(&name, &["/none"], 100).unwrap_err();
    println!("{error}");
    stop_and_start(&client, &name);
    println!("{:?}", client.stop_all(Duration::from_secs(5)).unwrap());
    assert!(!client.instance(&name).unwrap().unwrap().is_up());
    println!("{:?}", client.recoverable(&wanted.pool).unwrap());
}
