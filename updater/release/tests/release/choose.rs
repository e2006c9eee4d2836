//! Which release is taken.

use anklume_release::{
    Choice, Chosen, Custom, Day, LocalTime, Note, Reason, Refusal, choose, offers,
};
use anklume_trust::Target;

use crate::sample::{PUBLISHED, custom, machine, targets, wanted, wanted_version};

fn taken(choice: Result<Choice, Refusal>) -> Box<Chosen> {
    match choice.unwrap() {
        Choice::Take(chosen) => chosen,
        other => panic!("{other:?}"),
    }
}

fn version(choice: Result<Choice, Refusal>) -> String {
    taken(choice).offer.custom.version
}

fn passed(choice: Result<Choice, Refusal>) -> Vec<(String, Reason)> {
    let passed = match choice.unwrap() {
        Choice::Take(chosen) => chosen.passed,
        Choice::UpToDate { passed, .. } => passed,
    };
    passed.into_iter().map(|passed| (passed.version, passed.reason)).collect()
}

#[test]
fn the_newest_of_the_channel_is_taken() {
    let other = |change: fn(&mut Custom), version| {
        let mut custom = custom(version);
        change(&mut custom);
        custom
    };
    let list = targets([
        custom("13.9"),
        custom("13.10"),
        custom("13.10~rc1"),
        other(|custom| custom.channel = "beta".into(), "13.11"),
        other(|custom| custom.compatible = "arch".into(), "13.12"),
        other(|custom| custom.architecture = "arm64".into(), "13.13"),
    ]);
    let chosen = taken(choose(&list, &wanted(), &machine("13.9")));
    assert_eq!((chosen.offer.folder.as_str(), chosen.is_prepared), ("debian/13.10", false));
    assert_eq!(chosen.offer.target.length, "debian/13.10".len() as u64);
    let mut prepared = machine("13.9");
    prepared.other = Some("13.10".into());
    assert!(taken(choose(&list, &wanted(), &prepared)).is_prepared);
}

#[test]
fn nothing_newer_is_no_error() {
    let list = targets([custom("13.1"), custom("13.2")]);
    for running in ["13.2", "13.3", "13.02"] {
        let choice = choose(&list, &wanted(), &machine(running)).unwrap();
        assert_eq!(choice, Choice::UpToDate { newest: "13.2".into(), passed: vec![] });
    }
    let choice = choose(&list, &wanted_version("13.2"), &machine("13.2"));
    assert!(matches!(choice, Ok(Choice::UpToDate { .. })));
}

#[test]
fn what_a_source_has_instead_is_named() {
    let mut beta = custom("1");
    beta.channel = "beta".into();
    let mut arch = custom("2");
    arch.compatible = "arch".into();
    let hint = |list, wanted| choose(&targets(list), &wanted, &machine("0")).unwrap_err().hint();
    assert!(hint(vec![], wanted()).contains("no releases"));
    assert!(hint(vec![beta.clone()], wanted()).ends_with("channels: beta"));
    let text = hint(vec![arch], wanted());
    assert!(text.contains("runs debian, the source has arch"), "{text}");
    let error = choose(&targets([custom("1")]), &wanted_version("3"), &machine("0"));
    assert!(matches!(error, Err(Refusal::NoVersion { found: None, .. })), "{error:?}");
    let mut beta = custom("3");
    beta.channel = "beta".into();
    let error = choose(&targets([custom("1"), beta]), &wanted_version("3"), &machine("0"));
    assert!(error.unwrap_err().hint().contains("--channel beta"));
}

#[test]
fn versions_never_go_back() {
    let list = targets([custom("1"), custom("2"), custom("3")]);
    let error = choose(&list, &wanted_version("1"), &machine("2"));
    assert!(matches!(error, Err(Refusal::Downgrade { .. })), "{error:?}");
    // After a way back to version 1, version 3 was good here.
    let mut machine = machine("1");
    machine.floor = Some("3".into());
    assert_eq!(version(choose(&list, &wanted(), &machine)), "3");
    let error = choose(&list, &wanted_version("2"), &machine);
    assert!(matches!(error, Err(Refusal::BelowFloor { .. })), "{error:?}");
    machine.held.insert("3".into());
    let choice = choose(&list, &wanted(), &machine);
    assert_eq!(passed(choice), [("3".into(), Reason::Held), ("2".into(), Reason::BelowFloor)]);
}

#[test]
fn what_failed_or_is_held_is_passed_over() {
    let list = targets([custom("1"), custom("2"), custom("3")]);
    let mut machine = machine("0");
    machine.failed.insert("3".into(), "no network".into());
    machine.held.insert("2".into());
    for automatic in [false, true] {
        machine.automatic = automatic;
        let choice = choose(&list, &wanted(), &machine);
        let failed = Reason::Failed("no network".into());
        assert_eq!(passed(choice.clone()), [("3".into(), failed), ("2".into(), Reason::Held)]);
        assert_eq!(version(choice), "1");
    }
    let error = choose(&list, &wanted_version("2"), &machine).unwrap_err();
    assert!(matches!(&error, Refusal::Held { .. }) && error.hint().contains("unhold 2"));
    let error = choose(&list, &wanted_version("3"), &machine).unwrap_err();
    assert!(error.to_string().contains("no network") && error.hint().contains("--retry"));
    let mut wanted = wanted_version("3");
    wanted.retry = true;
    let chosen = taken(choose(&list, &wanted, &machine));
    assert_eq!(chosen.notes, [Note::Retried { reason: "no network".into() }]);
}

#[test]
fn versions_whose_description_was_refused_are_passed_over() {
    let list = targets([custom("1"), custom("2")]);
    let mut wanted = wanted();
    wanted.except.insert("2".into());
    let choice = choose(&list, &wanted, &machine("0"));
    assert_eq!(passed(choice.clone()), [("2".into(), Reason::Unfit)]);
    assert_eq!(version(choice), "1");
}

#[test]
fn a_rollout_is_waited_for_unless_somebody_asks() {
    let mut newest = custom("2");
    newest.rollout_hours = 100;
    let list = targets([custom("1"), newest]);
    let mut machine = machine("0");
    machine.automatic = true;
    let choice = choose(&list, &wanted(), &machine);
    let Reason::NotDue(due) = passed(choice.clone())[0].1 else { panic!("{choice:?}") };
    assert_eq!(version(choice), "1");
    assert!(due > PUBLISHED && due < PUBLISHED.plus(360_000));
    machine.now = due;
    assert_eq!(version(choose(&list, &wanted(), &machine)), "2");
    machine.now = PUBLISHED;
    machine.automatic = false;
    let chosen = taken(choose(&list, &wanted(), &machine));
    assert_eq!(chosen.offer.custom.version, "2");
    assert_eq!(chosen.notes, [Note::AheadOfRollout { due }]);
}

#[test]
fn unasked_an_update_waits_for_the_window() {
    let list = targets([custom("1")]);
    let mut machine = machine("0");
    machine.window = Some("02:00-04:00".parse().unwrap());
    assert_eq!(version(choose(&list, &wanted(), &machine)), "1");
    machine.automatic = true;
    let error = choose(&list, &wanted(), &machine).unwrap_err();
    assert!(matches!(error, Refusal::OutsideWindow { opens_in: 840, .. }), "{error:?}");
    assert!(error.to_string().ends_with("in 14 h 0 min"), "{error}");
    machine.local = LocalTime::new(Day::Sun, 3, 59).unwrap();
    assert_eq!(version(choose(&list, &wanted(), &machine)), "1");
    // Without anything to do there is nothing to wait for.
    machine.local = LocalTime::new(Day::Sun, 4, 0).unwrap();
    machine.running = "1".into();
    assert!(matches!(choose(&list, &wanted(), &machine), Ok(Choice::UpToDate { .. })));
}

#[test]
fn entries_that_say_nothing_readable_are_left_out() {
    let mut list = targets([custom("1"), custom("2"), custom("3"), custom("4")]);
    let target = |name: &str| format!("debian/{name}/release.json");
    list.targets.insert(target("2"), Target::of(b""));
    list.targets.get_mut(&target("3")).unwrap().custom = Some(custom("1").value());
    let mut later = custom("4").value();
    later["anklume"]["more"] = "said by a later version".into();
    list.targets.get_mut(&target("4")).unwrap().custom = Some(later);
    let (offers, errors) = offers(&list);
    let versions: Vec<_> = offers.iter().map(|offer| offer.custom.version.as_str()).collect();
    assert_eq!(versions, ["1", "4"]);
    assert!(errors[0].to_string().contains("debian/2/release.json has no custom"), "{errors:?}");
    assert!(errors[1].to_string().contains("debian/3/release.json"), "{errors:?}");
}
