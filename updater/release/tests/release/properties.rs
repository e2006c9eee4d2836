//! What holds for every list and every machine.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use anklume_compare::compare_versions;
use anklume_release::{
    Choice, Custom, Extent, MAX_ROLLOUT_HOURS, Machine, Package, Release, Rollout, Salt, choose,
};
use anklume_trust::Moment;
use proptest::prelude::*;

use crate::sample::{PUBLISHED, custom, machine, release, targets, wanted};

fn a_version() -> impl Strategy<Value = String> {
    "[1-3](\\.[0-3])?(~[0-1])?"
}

fn a_custom() -> impl Strategy<Value = Custom> {
    (a_version(), 0..2_u8, 0..4_u8, 0..60_u32).prop_map(|(version, channel, image, hours)| {
        let mut custom = custom(&version);
        custom.rollout_hours = hours;
        if channel == 0 {
            custom.channel = "beta".into();
        }
        match image {
            0 => custom.compatible = "arch".into(),
            1 => custom.architecture = "arm64".into(),
            _ => {}
        }
        custom
    })
}

prop_compose! {
    fn a_machine()(
        running in a_version(),
        floor in proptest::option::of(a_version()),
        held in proptest::collection::btree_set(a_version(), 0..4),
        failed in proptest::collection::btree_set(a_version(), 0..4),
        automatic: bool,
        seed: [u8; 32],
        hours in 0..70_u64,
    ) -> Machine {
        let failed: BTreeMap<_, _> = failed.into_iter().map(|v| (v, "no".to_owned())).collect();
        let now = PUBLISHED.plus(hours * 3600);
        Machine { running: running.clone(), floor, held, failed, automatic, seed, now, ..machine("") }
    }
}

/// Whether `custom` may be taken, in other words than the code's.
fn admissible(custom: &Custom, machine: &Machine) -> bool {
    let newer = |than: &str| compare_versions(&custom.version, than) == Ordering::Greater;
    let not_older = |than: &String| compare_versions(&custom.version, than) != Ordering::Less;
    let due = Rollout::of(custom, &machine.seed).is_none_or(|rollout| rollout.is_due(machine.now));
    custom.channel == "stable"
        && custom.compatible == "debian"
        && custom.architecture == "amd64"
        && newer(&machine.running)
        && machine.floor.as_ref().is_none_or(not_older)
        && !machine.held.contains(&custom.version)
        && !machine.failed.contains_key(&custom.version)
        && (due || !machine.automatic)
}

prop_compose! {
    fn a_release()(
        boot in (1_u64..1 << 20, 0_u64..1 << 20),
        blocks in (1_u64..1 << 20, 1_u64..1 << 12),
        gap in 0_u64..1 << 16,
        salt in proptest::collection::vec(any::<u8>(), 0..40),
        packages in proptest::collection::btree_set(("[a-z0-9+.-]{1,12}", "[!-~]{1,12}"), 0..8),
        version in "[a-z0-9][a-z0-9._~^+-]{0,31}",
    ) -> Release {
        let (os_bytes, hash_bytes) = (blocks.0 * 4096, blocks.1 * 4096);
        let boot = Extent { bytes: boot.0, offset: boot.1 };
        let os = Extent { offset: boot.end() + gap, bytes: os_bytes + hash_bytes };
        let packages = packages.into_iter().map(|(name, version)| Package {
            name,
            version,
            architecture: "all".into(),
        });
        let mut release = release("1");
        release.image.bytes = os.end() + gap;
        Release { version, boot, os, os_bytes, hash_bytes, salt: Salt(salt),
            packages: packages.collect::<BTreeSet<_>>().into_iter().collect(), ..release }
    }
}

proptest! {
    #[test]
    fn a_release_is_read_as_it_was_written(release in a_release()) {
        prop_assert_eq!(Release::parse(&release.encode()), Ok(release));
    }

    #[test]
    fn no_change_of_a_release_makes_another_encoding(
        release in a_release(), at: proptest::sample::Index, byte: u8, cut: bool,
    ) {
        let mut bytes = release.encode();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        if let Ok(other) = Release::parse(&bytes) {
            prop_assert_eq!(other.encode(), bytes);
        }
    }

    #[test]
    fn what_is_taken_is_the_highest_that_may_be(
        list in proptest::collection::vec(a_custom(), 0..10), machine in a_machine(),
    ) {
        let list = targets(list);
        let (offers, _) = anklume_release::offers(&list);
        let best = offers.iter().map(|offer| &offer.custom)
            .filter(|custom| admissible(custom, &machine))
            .map(|custom| &custom.version)
            .max_by(|a, b| compare_versions(a, b).then_with(|| a.cmp(b)));
        let taken = match choose(&list, &wanted(), &machine) {
            Ok(Choice::Take(chosen)) => Some(chosen.offer.custom.version),
            _ => None,
        };
        prop_assert_eq!(taken.as_ref(), best);
    }

    #[test]
    fn everybody_joins_a_rollout_once_and_by_its_end(
        seed: [u8; 32], hours in 1..MAX_ROLLOUT_HOURS * 2, later in 0_u64..1 << 40,
    ) {
        let custom = Custom { rollout_hours: hours, ..custom("1") };
        let rollout = Rollout::of(&custom, &seed).unwrap();
        prop_assert!(PUBLISHED <= rollout.due && rollout.due < rollout.end);
        let length = u64::from(hours.min(MAX_ROLLOUT_HOURS)) * 3600;
        prop_assert_eq!(rollout.end, PUBLISHED.plus(length));
        prop_assert!(rollout.is_due(rollout.due.plus(later)));
        let before = rollout.due.seconds().checked_sub(1).map(Moment::from_unix).unwrap();
        prop_assert!(!rollout.is_due(before));
    }
}

#[test]
fn machines_join_evenly_and_in_another_order_for_each_version() {
    let turn = |version: &str, seed: u32| {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&seed.to_le_bytes());
        let custom = Custom { rollout_hours: 100, ..custom(version) };
        Rollout::of(&custom, &bytes).unwrap().due.since(PUBLISHED)
    };
    for tenth in 1..10_u64 {
        let joined = (0..1000).filter(|seed| turn("1", *seed) <= tenth * 36_000).count();
        assert!((tenth * 100).abs_diff(joined as u64) < 60, "{joined} after {tenth} tenths");
    }
    let same =
        (0..1000).filter(|seed| (turn("1", *seed) < 180_000) == (turn("2", *seed) < 180_000));
    assert!((440..560).contains(&same.count()));
}
