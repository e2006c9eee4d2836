//! Whatever a source offers, in whatever order.

use anklume_trust::{Client, Role, Staleness, Stored};
use proptest::prelude::*;

use crate::source::{Source, clock, machine, try_refresh};

/// Versions that a state remembers, by role; none if nothing was seen.
fn versions(stored: &Stored) -> [u64; 3] {
    let value: serde_json::Value = serde_json::from_slice(&stored.encode()).unwrap();
    [Role::Timestamp, Role::Snapshot, Role::Targets]
        .map(|role| value[role.name()]["version"].as_u64().unwrap_or(0))
}

/// A source as it may be: honest, with some versions chosen, and perhaps one byte changed.
#[derive(Debug, Clone)]
struct Offer {
    versions: [u64; 3],
    damage: Option<(prop::sample::Index, prop::sample::Index, u8)>,
    today: u64,
}

fn offers() -> impl Strategy<Value = Offer> {
    let damage = any::<(prop::sample::Index, prop::sample::Index, u8)>();
    let versions = [1..4_u64, 1..4, 1..4];
    (versions, prop::option::of(damage), 1..12_u64).prop_map(|(versions, damage, today)| Offer {
        versions,
        damage,
        today,
    })
}

fn source(offer: &Offer) -> Source {
    let mut source = Source::new();
    let roles = [Role::Timestamp, Role::Snapshot, Role::Targets];
    source.versions.extend(roles.into_iter().zip(offer.versions));
    source.publish();
    if let Some((file, at, bits)) = &offer.damage {
        let file = file.index(source.files.len());
        let bytes = source.files.values_mut().nth(file).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
    }
    source
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn versions_never_go_back(offers in prop::collection::vec(offers(), 1..6)) {
        let mut stored: Option<Stored> = None;
        for offer in &offers {
            let before = stored.as_ref().map_or([0; 3], versions);
            let mut client = machine(stored, offer.today);
            let done = try_refresh(&mut client, &source(offer)) == Ok(true);
            let after = versions(client.stored());
            prop_assert!(after.iter().zip(before).all(|(after, before)| *after >= before));
            if done {
                prop_assert_eq!(after, offer.versions);
                prop_assert!(offer.today < 7);
            }
            let kept = client.stored().clone();
            prop_assert_eq!(&Stored::decode(&kept.encode()).unwrap(), &kept);
            stored = Some(kept);
        }
    }

    #[test]
    fn one_changed_byte_is_noticed(
        file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let mut source = Source::new();
        source.rotate(&[1, 2], |_| {});
        source.publish();
        source.files.remove("1.root.json");
        let file = file.index(source.files.len());
        let name = source.files.keys().nth(file).unwrap().clone();
        let bytes = source.files.get_mut(&name).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let result = try_refresh(&mut machine(None, 2), &source);
        prop_assert!(result.is_err(), "{name} at {at}");
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut client = machine(None, 2);
        prop_assert!(client.update_root(&bytes).is_err());
        prop_assert!(client.update_timestamp(&bytes).is_err());
        prop_assert!(Stored::decode(&bytes).is_err());
        prop_assert!(Client::new(&bytes, None, clock(2), Staleness::Refuse).is_err());
    }
}
