//! What the time is, for machines whose clock is wrong.

use anklume_trust::{Client, Clock, Error, Expired, Moment, Role, Staleness, Stored, TimeSource};

use crate::source::{Source, clock, day, machine, refresh, refused, seen};

const DAY: u64 = 86_400;

/// A refresh by a machine that knows only this of the time.
fn at(clock: Clock, stored: Option<Stored>, source: &Source) -> Result<Client, Error> {
    let embedded = Source::new().root_bytes(&[1, 2]);
    let mut client = Client::new(&embedded, stored, clock, Staleness::Refuse)?;
    refresh(&mut client, source).map(|()| client)
}

fn expired(result: Result<Client, Error>) -> Expired {
    match result {
        Err(Error::Expired(expired)) => expired,
        other => panic!("{other:?}"),
    }
}

#[test]
fn expired_metadata_says_since_when_and_by_what_clock() {
    let source = Source::new();
    let expired = expired(at(clock(10), None, &source));
    assert_eq!((expired.role, expired.seconds()), (Role::Timestamp, 3 * DAY));
    assert_eq!((expired.now, expired.source), (day(10), TimeSource::Rtc));
    let error = Error::Expired(expired);
    assert_eq!(
        error.to_string(),
        "timestamp.json: expired at 2026-11-08T00:00:00Z, 3 days ago (now: 2026-11-11T00:00:00Z, \
         by the clock of this machine)"
    );
    assert!(error.hint().unwrap().contains("the clock of this machine is ahead"));
    // The very second of its expiry it is over.
    let second =
        |before: u64| Clock { rtc: Moment::from_unix(day(7).seconds() - before), built: day(0) };
    assert!(at(second(1), None, &source).is_ok());
    let error = at(second(0), None, &source).unwrap_err();
    assert!(error.to_string().contains(", 0 s ago"), "{error}");
}

#[test]
fn a_clock_that_is_behind_is_not_believed() {
    let source = Source::new();
    let behind = Moment::from_unix(0);
    // The build time of the image.
    let image = Clock { rtc: behind, built: day(8) };
    let found = expired(at(image, None, &source));
    assert_eq!((found.now, found.source), (day(8), TimeSource::Image));
    assert!(Error::Expired(found).hint().unwrap().contains("an old copy"));
    let image = Clock { rtc: behind, built: day(1) };
    assert!(at(image, None, &source).is_ok());
}

#[test]
fn signing_times_tell_the_time() {
    let old = Source::new();
    let mut new = Source::new();
    new.issued = Some(day(20));
    new.expires.insert(Role::Timestamp, day(27));
    new.release("anklume-2.iso");
    let behind = Clock { rtc: Moment::from_unix(0), built: day(0) };
    let client = at(behind, None, &new).unwrap();
    assert_eq!(client.issued(), Some(day(20)));
    // Had the timestamp been rotated since, the versions would not protect it.
    let mut replayed = old.clone();
    replayed.versions.extend([(Role::Timestamp, 9), (Role::Snapshot, 9), (Role::Targets, 9)]);
    replayed.publish();
    let found = expired(at(behind, Some(client.stored().clone()), &replayed));
    assert_eq!((found.role, found.now), (Role::Timestamp, day(20)));
    assert_eq!(found.source, TimeSource::Signed(Role::Timestamp));
    assert!(Error::Expired(found).to_string().contains("by the signing time of timestamp.json"));
}

#[test]
fn a_file_that_knows_the_time_judges_those_before_it() {
    // Timestamp and root seem fresh to a clock that is behind, until the targets say what time it is.
    let behind = Clock { rtc: Moment::from_unix(0), built: day(0) };
    let mut source = Source::new();
    source.issued = Some(day(10));
    let targets = source.expires[&Role::Targets];
    source.release = Source::new().release;
    source.versions.insert(Role::Targets, 2);
    assert!(targets > day(10));
    source.expires.insert(Role::Timestamp, day(40));
    source.publish();
    source.issued = Some(day(1));
    source.expires.insert(Role::Timestamp, day(7));
    let targets = source.file("2.targets.json").to_vec();
    source.publish_snapshot(&targets);
    let mut client = machine(None, 0);
    let embedded = Source::new().root_bytes(&[1, 2]);
    let mut accepting = Client::new(&embedded, None, behind, Staleness::Accept).unwrap();
    let found = match refresh(&mut client, &source) {
        Err(Error::Expired(expired)) => expired,
        other => panic!("{other:?}"),
    };
    assert_eq!((found.role, found.source), (Role::Timestamp, TimeSource::Signed(Role::Targets)));
    refresh(&mut accepting, &source).unwrap();
    assert_eq!((accepting.expired(), accepting.issued()), (&[found][..], Some(day(10))));
}

#[test]
fn the_root_tells_the_time_too() {
    let mut source = Source::new();
    source.issued = Some(day(8));
    source.rotate(&[1, 2], |_| {});
    let behind = Clock { rtc: Moment::from_unix(0), built: day(0) };
    let found = expired(at(behind, None, &source));
    assert_eq!((found.now, found.source), (day(8), TimeSource::Signed(Role::Root)));
}

#[test]
fn an_expired_root_ends_the_refresh() {
    let source = Source::new();
    let mut late = source.clone();
    late.expires.insert(Role::Timestamp, day(999));
    late.publish_timestamp(source.file("1.snapshot.json"));
    assert!(matches!(refused(None, &late, 365), Error::Expired(Expired { role: Role::Root, .. })));
    for role in [Role::Snapshot, Role::Targets] {
        late.expires.insert(role, day(999));
    }
    late.publish();
    seen(None, &late, 364);
}

#[test]
fn stale_metadata_is_taken_when_somebody_wants_it() {
    let source = Source::new();
    let embedded = source.root_bytes(&[1, 2]);
    let begin = |stored| Client::new(&embedded, stored, clock(400), Staleness::Accept).unwrap();
    let mut client = begin(None);
    refresh(&mut client, &source).unwrap();
    let roles: Vec<Role> = client.expired().iter().map(|expired| expired.role).collect();
    assert_eq!(roles, Role::ALL);
    assert_eq!(client.expired()[0].seconds(), 35 * DAY);
    assert!(client.target("anklume-1.iso").is_ok());
    // Nothing else is taken: not an older version, not an unsigned file.
    let mut newer = source.clone();
    newer.release("anklume-2.iso");
    let mut client = begin(None);
    refresh(&mut client, &newer).unwrap();
    let mut client = begin(Some(client.stored().clone()));
    assert!(matches!(refresh(&mut client, &source), Err(Error::Rollback { .. })));
    let mut unsigned = source.clone();
    unsigned.timestamp = vec![40];
    unsigned.publish_timestamp(source.file("1.snapshot.json"));
    assert!(matches!(refresh(&mut begin(None), &unsigned), Err(Error::Threshold { .. })));
}

#[test]
fn expired_files_are_not_remembered() {
    let mut source = Source::new();
    source.release("anklume-2.iso");
    let mut client = machine(None, 20);
    let before = client.stored().clone();
    refresh(&mut client, &source).unwrap_err();
    assert_eq!(client.stored(), &before);
}

#[test]
fn an_expired_snapshot_ends_the_refresh_where_it_is() {
    let mut source = Source::new();
    source.expires.insert(Role::Snapshot, day(2));
    source.snapshot_of("1.targets.json");
    let mut client = machine(None, 2);
    client.update_timestamp(source.file("timestamp.json")).unwrap();
    let before = client.stored().clone();
    let error = client.update_snapshot(source.file("1.snapshot.json")).unwrap_err();
    assert!(matches!(error, Error::Expired(Expired { role: Role::Snapshot, .. })), "{error}");
    assert_eq!((client.stored(), client.targets_file()), (&before, None));
}

#[test]
fn files_without_a_signing_time_are_read() {
    let mut source = Source::new();
    source.issued = None;
    source.release("anklume-2.iso");
    seen(None, &source, 2);
    assert!(expired(at(clock(7), None, &source)).source == TimeSource::Rtc);
}
