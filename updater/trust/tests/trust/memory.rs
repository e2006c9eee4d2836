//! What a machine remembers: kept, damaged, tampered with, or of another image.

use anklume_trust::{Client, Error, Memory, Role, Staleness, Stored};
use serde_json::{Value, json};

use crate::source::{Source, clock, machine, refresh, seen, stolen_and_rotated};

/// A refresh by an image that embeds this root.
fn image(root: &[u8], stored: Option<Stored>) -> Client {
    Client::new(root, stored, clock(2), Staleness::Refuse).unwrap()
}

/// Changes the file of a state and makes its checksum right again.
fn forged(stored: &Stored, change: impl FnOnce(&mut Value)) -> Stored {
    let mut value: Value = serde_json::from_slice(&stored.encode()).unwrap();
    value.as_object_mut().unwrap().remove("checksum");
    change(&mut value);
    // serde_json sorts keys and writes no white space; nothing here has other escapes than \" and \\.
    let form = value.to_string().replace("\\n", "\n");
    value["checksum"] = json!(anklume_trust::Digest::of(form.as_bytes()).to_string());
    Stored::decode(value.to_string().as_bytes()).unwrap()
}

#[test]
fn what_is_kept_is_read_again() {
    let mut source = Source::new();
    source.rotate(&[1, 2], |_| {});
    let stored = seen(None, &source, 2);
    let bytes = stored.encode();
    assert_eq!(Stored::decode(&bytes), Ok(stored.clone()));
    assert_eq!(forged(&stored, |_| {}), stored);
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains(r#""format":1"#) && text.ends_with("}\n"));
}

#[test]
fn damage_is_noticed() {
    let bytes = seen(None, &Source::new(), 2).encode();
    for cut in [0, 1, bytes.len() / 2, bytes.len() - 3] {
        assert!(Stored::decode(&bytes[..cut]).is_err(), "{cut} bytes");
    }
    let mut changed: Vec<usize> = (0..bytes.len()).step_by(7).collect();
    changed.retain(|at| {
        let mut bytes = bytes.clone();
        bytes[*at] ^= 1;
        Stored::decode(&bytes).is_ok()
    });
    assert!(changed.is_empty(), "bytes {changed:?}");
    let mut long = bytes.clone();
    long.resize(anklume_trust::MAX_STORED_BYTES, b' ');
    assert!(Stored::decode(&long).is_ok());
    long.push(b' ');
    assert!(matches!(Stored::decode(&long), Err(Error::TooLong { .. })));
}

#[test]
fn a_later_format_is_refused_by_name() {
    let text = String::from_utf8(seen(None, &Source::new(), 2).encode()).unwrap();
    let later = text.replace(r#""format":1"#, r#""format":2"#);
    let error = Stored::decode(later.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "the stored state: format is 2, expected 1");
}

#[test]
fn a_root_that_does_not_follow_from_the_image_is_not_trusted() {
    let mut other = Source::new();
    // Somebody else's keys, who can write to the persistent partition.
    other.rotate(&[50, 51], |source| {
        (source.root, source.timestamp) = (vec![50, 51], vec![52]);
        (source.snapshot, source.targets) = (vec![53], vec![54]);
    });
    other.publish();
    let honest = Source::new();
    let root = String::from_utf8(other.file("2.root.json").to_vec()).unwrap();
    let stored = forged(&seen(None, &honest, 2), |state| {
        state["roots"].as_array_mut().unwrap().push(json!(root));
    });
    let mut client = machine(Some(stored.clone()), 2);
    assert!(matches!(client.memory(), Memory::Dropped(Error::Threshold { .. })));
    assert_eq!(client.root().header.version, 1);
    assert!(refresh(&mut client, &other).is_err());
    refresh(&mut machine(Some(stored), 2), &honest).unwrap();
}

#[test]
fn the_same_version_of_another_root_is_another_image() {
    let mut own = Source::new();
    own.timestamp = vec![11];
    let root = own.root_bytes(&[1, 2]);
    let stored = seen(None, &Source::new(), 2);
    let client = image(&root, Some(stored));
    let dropped = Error::Changed { file: "root.json", version: 1 };
    assert_eq!(client.memory(), &Memory::Dropped(dropped));
    assert_eq!(client.stored(), image(&root, None).stored());
}

#[test]
fn state_that_is_empty_or_lacks_the_beginning_is_dropped() {
    let mut source = Source::new();
    source.rotate(&[1, 2], |_| {});
    let stored = seen(None, &source, 2);
    let empty = forged(&stored, |state| state["roots"] = json!([]));
    let headless = forged(&stored, |state| drop(state["roots"].as_array_mut().unwrap().remove(0)));
    let broken = forged(&stored, |state| state["roots"][0] = json!("{}"));
    for stored in [empty, headless, broken] {
        let client = machine(Some(stored), 2);
        assert!(matches!(client.memory(), Memory::Dropped(_)), "{:?}", client.memory());
        assert_eq!(client.stored(), machine(None, 2).stored());
    }
}

#[test]
fn a_newer_image_keeps_what_was_seen() {
    let mut source = Source::new();
    let first = source.file("1.root.json").to_vec();
    source.rotate(&[1, 2], |_| {});
    source.release("anklume-2.iso");
    let stored = seen(None, &source, 2);
    source.rotate(&[1, 2], |_| {});
    let third = source.file("3.root.json").to_vec();
    source.rotate(&[1, 2], |_| {});
    let fifth = {
        source.rotate(&[1, 2], |_| {});
        source.file("5.root.json").to_vec()
    };
    let old = Source::new();
    for root in [&third, &fifth] {
        let mut client = image(root, Some(stored.clone()));
        assert_eq!(client.memory(), &Memory::Kept);
        let error = client.update_timestamp(old.file("timestamp.json")).unwrap_err();
        assert_eq!(error, Error::Rollback { file: "timestamp.json", seen: 2, found: 1 });
    }
    // And the older image of the other slot follows to where the newer one was.
    let newer = image(&third, Some(stored)).stored().clone();
    let client = image(&first, Some(newer));
    assert_eq!((client.memory(), client.root().header.version), (&Memory::Kept, 3));
}

#[test]
fn a_newer_image_with_other_keys_forgets_what_they_signed() {
    let (stored, source) = stolen_and_rotated();
    let mut client = image(source.file("2.root.json"), Some(stored));
    refresh(&mut client, &source).unwrap();
}

#[test]
fn an_older_image_starts_where_a_newer_one_stopped() {
    let mut source = Source::new();
    for _ in 0..4 {
        source.rotate(&[1, 2], |_| {});
    }
    let stored = seen(None, &source, 2);
    let client = machine(Some(stored.clone()), 2);
    assert_eq!(client.root().header.version, 5);
    assert_eq!(client.root_file().name, "6.root.json");
    let client = image(source.file("3.root.json"), Some(stored));
    assert_eq!((client.memory(), client.root().header.version), (&Memory::Kept, 5));
}

#[test]
fn what_is_kept_has_a_bound() {
    // Roots at their limit of length: more of them than are kept.
    let mut source = Source::new();
    let limit = usize::try_from(Role::Root.limit()).unwrap();
    for _ in 0..20 {
        source.rotate(&[1, 2], |_| {});
        let name = format!("{}.root.json", source.versions[&Role::Root]);
        source.files.get_mut(&name).unwrap().resize(limit, b'\n');
    }
    let stored = seen(None, &source, 2);
    let bytes = stored.encode();
    assert!(bytes.len() < anklume_trust::MAX_STORED_BYTES);
    let stored = Stored::decode(&bytes).unwrap();
    // The newest are there: an image that is not too old starts from them.
    let client = image(source.file("16.root.json"), Some(stored.clone()));
    assert_eq!((client.memory(), client.root().header.version), (&Memory::Kept, 21));
    // One that is older begins anew.
    assert!(matches!(machine(Some(stored), 2).memory(), Memory::Dropped(_)));
}
