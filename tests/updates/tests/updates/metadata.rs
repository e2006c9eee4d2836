//! Signed files that are old, mixed up, damaged, or somebody else's.

use std::fs;

use anklume_bus::{Engine, Kind, Order, Verb};
use anklume_update::Updates;
use anklume_web::{Act, Content, Server};

use crate::machine::{Ear, Machine, order, update};
use crate::network::{at, on, sent, serve};
use crate::shelf::{DAY, START, Signed, chunks, description, iso, shelf, wrong_digest};

/// A server of `www` as somebody with the keys would sign it.
pub(crate) fn signed(change: impl FnOnce(&mut Signed)) -> Server {
    let server = serve("www");
    for (path, bytes) in shelf().signed(change) {
        server.put(&format!("/{path}"), Content::bytes(bytes));
    }
    server
}

#[test]
fn a_flipped_bit_in_any_small_file_is_found() {
    let metadata = ["timestamp", "2.snapshot", "2.targets"].map(|n| format!("metadata/{n}.json"));
    for path in metadata.into_iter().chain([description("2.0"), chunks("2.0")]) {
        let (machine, server) = (Machine::new(), serve("www"));
        let length = shelf().read(&format!("www/{path}")).len() as u64;
        let name = path.rsplit_once('/').unwrap().1.trim_start_matches("2.");
        for at_byte in [0, length / 3, length / 2, length - 2] {
            server.rule(on(&path, Act::Flip(at_byte)));
            machine.untouched(&update(&at(&server)), Kind::Untrusted, name);
            server.clear_rules();
        }
        assert_eq!(sent(&server, &iso("2.0")), 0);
        // The next time it is asked for it is right.
        machine.updates(&update(&at(&server)), "2.0");
    }
}

#[test]
fn files_of_another_time_are_refused() {
    let machine = Machine::new();
    machine.run(&order(Verb::Refresh, &at(&serve("next")))).unwrap();
    machine.untouched(&update(&at(&serve("www"))), Kind::Untrusted, "timestamp.json");
    machine.untouched(&update(&at(&serve("old"))), Kind::Untrusted, "timestamp.json");
    machine.updates(&update(&at(&serve("next"))), "3.0");
}

#[test]
fn files_of_different_releases_do_not_go_together() {
    let (old, new, targets) = (description("1.0"), description("3.0"), "metadata/2.targets.json");
    for (path, other) in [
        ("metadata/2.snapshot.json".to_owned(), "metadata/3.snapshot.json".to_owned()),
        (targets.to_owned(), "metadata/3.targets.json".to_owned()),
        (targets.to_owned(), "metadata/timestamp.json".to_owned()),
        (description("2.0"), old),
        (description("2.0"), new),
        (chunks("2.0"), chunks("1.0")),
        (chunks("2.0"), chunks("3.0")),
    ] {
        let (machine, server) = (Machine::new(), serve("www"));
        let other = shelf().read(&format!("next/{other}"));
        // What is longer than it may be is not read to its end.
        let is_longer = other.len() > shelf().read(&format!("www/{path}")).len();
        let kind = if is_longer { Kind::Source } else { Kind::Untrusted };
        server.put(&format!("/{path}"), Content::bytes(other));
        let name = path.rsplit_once('/').unwrap().1.trim_start_matches("2.");
        machine.untouched(&update(&at(&server)), kind, name);
        machine.updates(&update(&at(&serve("next"))), "3.0");
    }
    let (machine, server) = (Machine::new(), serve("www"));
    let newest = Content::bytes(shelf().read("next/metadata/timestamp.json"));
    server.put("/metadata/timestamp.json", newest);
    machine.untouched(&update(&at(&server)), Kind::Source, "has no metadata/3.snapshot.json");
    machine.updates(&update(&at(&serve("next"))), "3.0");
}

#[test]
fn what_a_stranger_signed_is_refused() {
    let (machine, server) = (Machine::new(), serve("strange"));
    machine.untouched(&update(&at(&server)), Kind::Untrusted, "timestamp.json");
    // Nor does another root file make a machine change sides.
    let root = shelf().read("stranger/1.root.json");
    server.put("/metadata/2.root.json", Content::bytes(root));
    machine.untouched(&update(&at(&server)), Kind::Untrusted, "root");
    machine.updates(&update(&at(&serve("www"))), "2.0");
}

/// What somebody who has the keys signs.
type Lie = fn(&mut Signed);

#[test]
fn a_publisher_who_contradicts_himself_is_refused() {
    let lists: [(Lie, &str); 5] = [
        (|s| s.describe(|release| release.version = "2.1".to_owned()), "version is 2.1"),
        (|s| s.describe(|release| release.compatible = "other".to_owned()), "compatible is other"),
        (|s| s.describe(|release| release.architecture = "arm64".to_owned()), "is arm64"),
        (|s| s.describe(|r| r.chunks.sha256 = wrong_digest()), "chunks"),
        (|s| s.describe(|r| r.image.sha256 = wrong_digest()), ".iso"),
    ];
    for (change, says) in lists {
        let machine = Machine::new();
        machine.untouched(&update(&at(&signed(change))), Kind::Untrusted, says);
        machine.updates(&update(&at(&serve("next"))), "3.0");
    }
}

#[test]
fn garbage_that_is_signed_is_refused() {
    let lists: [(Lie, &str); 3] = [
        (|s| s.put(&description("2.0"), b"{}".to_vec()), "release.json"),
        (|s| s.put(&description("2.0"), b"\xff\0".to_vec()), "release.json"),
        (
            |s| {
                let garbage = vec![7; 4096];
                s.put(&chunks("2.0"), garbage.clone());
                s.describe(|release| {
                    release.chunks.bytes = 4096;
                    release.chunks.sha256 = anklume_trust::Digest::of(&garbage);
                });
            },
            "chunks",
        ),
    ];
    for (change, says) in lists {
        let machine = Machine::new();
        machine.untouched(&update(&at(&signed(change))), Kind::Untrusted, says);
        machine.updates(&update(&at(&serve("next"))), "3.0");
    }
}

/// After the metadata's 90 days.
fn late() -> u64 {
    START + 100 * DAY
}

/// After the root file's ten years.
fn far() -> u64 {
    START + 20 * 365 * DAY
}

fn at_the_epoch() -> u64 {
    0
}

#[test]
fn expired_files_are_taken_from_a_local_source_only_and_when_asked_to() {
    let (machine, server) = (Machine::new(), serve("www"));
    let site = || {
        let mut site = machine.site();
        site.now = late;
        site
    };
    let local = shelf().path("www").to_str().unwrap().to_owned();
    for source in [&at(&server), &local] {
        machine.refused_by(site(), &update(source), Kind::Expired, "expired");
    }
    let stale = |source: &str| {
        let mut order = update(source);
        order.options.accept_stale = true;
        order
    };
    machine.refused_by(site(), &stale(&at(&server)), Kind::Usage, "a local source only");
    let mut automatic = stale(&local);
    automatic.options.automatic = true;
    machine.set("automatic = true\n");
    machine.refused_by(site(), &automatic, Kind::Usage, "a local source only");
    let updates = Updates::new(site());
    let answer = updates.run(&stale(&local), &Ear::default()).unwrap();
    machine.assert_updated("2.0");
    let warnings = answer["warnings"].to_string();
    assert!(warnings.contains("expired"), "{warnings}");
}

#[test]
fn a_clock_that_is_wrong_is_not_believed_below_the_image_and_believed_above() {
    let (machine, server) = (Machine::new(), serve("www"));
    let run = |now: fn() -> u64, kind: Option<Kind>| {
        let mut site = machine.site();
        site.now = now;
        match kind {
            Some(kind) => drop(machine.refused_by(site, &update(&at(&server)), kind, "expired")),
            None => {
                let updates = Updates::new(site);
                updates.run(&update(&at(&server)), &Ear::default()).unwrap();
            }
        }
    };
    run(far, Some(Kind::Expired));
    run(late, Some(Kind::Expired));
    run(at_the_epoch, None);
    machine.assert_updated("2.0");
}

#[test]
fn without_an_anchor_or_a_source_nothing_is_asked() {
    let (machine, server) = (Machine::new(), serve("www"));
    let anchor = machine.path("usr/lib/anklume/update/root.json");
    fs::remove_file(&anchor).unwrap();
    machine.untouched(&update(&at(&server)), Kind::Refused, "trusts no repository");
    fs::write(&anchor, "{").unwrap();
    machine.untouched(&update(&at(&server)), Kind::Damaged, "root.json");
    assert!(server.log().is_empty());
    machine.trust("keys");
    let nowhere = Order::new(Verb::Update);
    machine.untouched(&nowhere, Kind::Refused, "no source");
    machine.set("sauce = \"x\"\n");
    machine.untouched(&nowhere, Kind::Damaged, "update.conf");
    machine.untouched(&update("ftp://host/"), Kind::Damaged, "update.conf");
    machine.set("");
    machine.untouched(&update("ftp://host/"), Kind::Usage, "ftp");
    machine.set(&format!("source = \"{}\"\n", at(&server)));
    machine.updates(&nowhere, "2.0");
}

#[test]
fn what_is_remembered_can_be_damaged_or_gone() {
    let (machine, server) = (Machine::new(), serve("www"));
    machine.run(&order(Verb::Refresh, &at(&server))).unwrap();
    let file = machine.path("persist/update/trust.json");
    assert!(file.exists());
    for text in ["", "{", "[]"] {
        fs::write(&file, text).unwrap();
        let answer = machine.run(&order(Verb::Refresh, &at(&server))).unwrap();
        assert!(answer["warnings"].to_string().contains("stored state"), "{answer:?}");
    }
    fs::write(machine.path("persist/update/state.json"), "{").unwrap();
    let answer = machine.updates(&update(&at(&server)), "2.0");
    assert!(answer["warnings"].to_string().contains("state.json"), "{answer:?}");
}
