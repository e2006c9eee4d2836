//! Whether a release fits a machine, and what it brings.

use anklume_release::{
    Choice, Machine, Note, Offer, Power, Refusal, Release, changes, check, choose,
};

use crate::sample::{custom, machine, release, targets, wanted};

fn offer() -> Offer {
    match choose(&targets([custom("2")]), &wanted(), &machine("1")) {
        Ok(Choice::Take(chosen)) => chosen.offer,
        other => panic!("{other:?}"),
    }
}

fn checked(change: impl FnOnce(&mut Release, &mut Machine)) -> Result<Vec<Note>, Refusal> {
    let (mut release, mut machine) = (release("2"), machine("1"));
    change(&mut release, &mut machine);
    check(&offer(), &release, &machine)
}

#[test]
fn what_just_fits_is_taken() {
    assert_eq!(checked(|_, _| {}), Ok(vec![]));
    assert_eq!(checked(|_, machine| machine.free_bytes = (4 << 20) + 400), Ok(vec![]));
    assert_eq!(checked(|_, machine| machine.power = Power::Battery(20)), Ok(vec![]));
}

#[test]
fn what_does_not_fit_is_refused_with_numbers() {
    let cases = [
        (
            checked(|r, _| r.compatible = "arch".into()),
            "compatible is arch, but targets.json says debian",
        ),
        (checked(|r, _| r.version = "3".into()), "version is 3"),
        (checked(|r, _| r.architecture = "arm64".into()), "architecture is arm64"),
        (checked(|_, m| m.grown = false), "not grown"),
        (checked(|r, _| r.minimum_updater = 2), "needs an updater of protocol 2, this one has 1"),
        (checked(|_, m| m.state_schema = 2), "schema 1, the persistent partition has schema 2"),
        (
            checked(|_, m| m.slot.boot -= 1),
            "takes 70000 bytes of the boot partition, which has 69999",
        ),
        (checked(|_, m| m.slot.os -= 1), "takes 49152 bytes of the os partition, which has 49151"),
        (checked(|_, m| m.free_bytes = (4 << 20) + 399), "has 4194703 bytes free"),
    ];
    for (result, text) in cases {
        let refusal = result.unwrap_err();
        assert!(refusal.to_string().contains(text), "{refusal}");
        assert!(!refusal.hint().is_empty() && !refusal.to_string().ends_with('.'));
    }
    let older_may_fit = |result: Result<_, Refusal>| result.unwrap_err().may_fit_others();
    assert!(older_may_fit(checked(|r, _| r.minimum_updater = 2)));
    assert!(!older_may_fit(checked(|_, m| m.grown = false)));
}

#[test]
fn what_a_person_should_know_is_said() {
    let notes = checked(|release, machine| {
        release.state_schema = 2;
        machine.power = Power::Battery(19);
    });
    let expected =
        vec![Note::StateSchemaRises { from: 1, to: 2 }, Note::BatteryLow { percent: 19 }];
    assert_eq!(notes, Ok(expected));
}

#[test]
fn a_change_log_names_packages() {
    let old = release("1").packages;
    let mut new = old.clone();
    new[0].version = "5.3-1".into();
    new[1].name = "xz".into();
    let mut foreign = new[0].clone();
    foreign.architecture = "i386".into();
    new.push(foreign);
    let changes = changes(&old, &new);
    let names = |entries: &[anklume_compare::PackageEntry]| {
        entries.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&changes.added), ["bash:i386", "xz"]);
    assert_eq!(names(&changes.removed), ["zstd"]);
    let change = &changes.changed[0];
    assert_eq!((change.name.as_str(), change.after.version.as_str()), ("bash", "5.3-1"));
    assert_eq!(change.direction, anklume_compare::Direction::Upgraded);
}
