//! The publisher's half.

use std::collections::BTreeMap;

use anklume_trust::publish::add_signature;
use anklume_trust::{Error, PublicKey, Role, RoleKeys, Target, Targets};
use serde_json::{Value, json};

use crate::source::{Source, day, key, machine, public};

#[test]
fn same_arguments_give_the_same_bytes() {
    let [one, two] = [Source::new(), Source::new()];
    assert_eq!(one.files, two.files);
    assert!(one.file("1.root.json").ends_with(b"\n"));
}

#[test]
fn a_root_is_signed_by_one_person_after_the_other() {
    let mut source = Source::new();
    source.versions.insert(Role::Root, 2);
    let alone = source.root_bytes(&[1]);
    let both = add_signature(Role::Root, &alone, &key(2)).unwrap();
    assert_eq!(both, source.root_bytes(&[1, 2]));
    assert_eq!(machine(None, 2).update_root(&both), Ok(()));
    // Again by the same key: still two.
    let again = add_signature(Role::Root, &both, &key(1)).unwrap();
    let file: Value = serde_json::from_slice(&again).unwrap();
    assert_eq!(file["signatures"].as_array().unwrap().len(), 2);
    assert_eq!(machine(None, 2).update_root(&again), Ok(()));
    assert!(add_signature(Role::Targets, &alone, &key(2)).is_err());
    assert!(add_signature(Role::Root, b"{}", &key(2)).is_err());
}

#[test]
fn a_role_has_at_least_as_many_keys_as_its_threshold() {
    assert!(RoleKeys::new(public(&[1, 2]), 2).is_ok());
    for (keys, threshold) in [(&[1, 2][..], 0), (&[1, 2], 3), (&[1, 1], 2), (&[], 1)] {
        let error = RoleKeys::new(public(keys), threshold).unwrap_err();
        assert!(matches!(error, Error::Key { .. }));
    }
    let keys = RoleKeys::new(public(&[1, 1, 2]), 1).unwrap();
    assert_eq!((keys.keys().len(), keys.threshold()), (2, 1));
}

#[test]
fn what_a_client_would_refuse_is_not_signed() {
    let source = Source::new();
    let sign = |name: &str, change: &dyn Fn(&mut Targets)| {
        let targets = BTreeMap::from([(name.to_owned(), Target::of(b""))]);
        let mut body = Targets { header: source.header(Role::Targets), targets };
        change(&mut body);
        body.sign(&[&key(30)])
    };
    assert!(sign("a", &|_| {}).is_ok());
    assert!(matches!(sign("../a", &|_| {}), Err(Error::Field { .. })));
    let custom = |custom: Value| {
        sign("a", &move |body| {
            body.targets.get_mut("a").unwrap().custom = Some(custom.clone());
        })
    };
    assert!(custom(json!({ "notes": "größer", "n": 1 })).is_ok());
    assert!(matches!(custom(json!(1.5)), Err(Error::Json { .. })));
    let deep = (0..16).fold(json!(1), |inner, _| json!([inner]));
    assert!(matches!(custom(deep), Err(Error::Json { .. })));
    let long = custom(json!("x".repeat(1 << 20)));
    assert!(matches!(long, Err(Error::TooLong { .. })));
    assert!(sign("a", &|body| body.header.version = 0).is_err());
    assert!(sign("a", &|body| body.header.expires = day(1)).is_err());
    assert!(sign("a", &|body| body.header.issued = Some(day(90))).is_err());
}

#[test]
fn a_targets_file_of_full_length_holds_two_thousand_releases() {
    let source = Source::new();
    let custom =
        json!({ "version": "2026.11.1", "compatible": "anklume-amd64", "notes": "n".repeat(100) });
    let target = |_: u32| Target { custom: Some(custom.clone()), ..Target::of(b"") };
    let targets = (0..2000).map(|n| (format!("anklume-{n}.iso"), target(n))).collect();
    let body = Targets { header: source.header(Role::Targets), targets };
    assert!(body.sign(&[&key(30)]).is_ok());
}

#[test]
fn public_keys_have_one_spelling() {
    let key = key(1).public();
    let text = key.to_string();
    assert_eq!(text.parse::<PublicKey>(), Ok(key));
    assert!(text.to_uppercase().parse::<PublicKey>().is_err());
    assert!(text[2..].parse::<PublicKey>().is_err());
    // RFC 8032, section 7.1, test 1.
    let rfc: [u8; 32] = *b"\x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4\x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03\x1c\xae\x7f\x60";
    let public = anklume_trust::publish::SecretKey::from_random(&rfc).public();
    assert_eq!(
        public.to_string(),
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    );
}
