//! Histories as they come about, and as accidents leave them.

use anklume_history::{
    Boot, Event, Judged, KEPT_BOOTS, KEPT_BYTES, Missed, Moment, Outcome, RolledBack, Started,
    Verdict, boots, last_record, parse, record_text, rotated, was_good,
};
use anklume_layout::Slot;
use anklume_slots::Record;
use proptest::prelude::*;

fn started(id: &str, slot: Slot, hash: &str) -> Event {
    Event::Started(Started {
        boot_id: id.to_owned(),
        at: Moment::new(1_794_648_103),
        slot,
        version: "13.1".to_owned(),
        root_hash: hash.to_owned(),
        firmware: "uefi".to_owned(),
        record: Some(record_text(&Record::new())),
    })
}

fn verdict(id: &str, verdict: Verdict, reason: Option<&str>) -> Event {
    Event::Verdict(Judged {
        boot_id: id.to_owned(),
        at: Moment::new(1_794_648_199),
        verdict,
        reason: reason.map(str::to_owned),
        record: None,
    })
}

fn text(events: &[Event]) -> String {
    events.iter().map(Event::line).collect()
}

fn outcomes(boots: &[Boot]) -> Vec<Outcome> {
    boots.iter().map(|boot| boot.outcome).collect()
}

#[test]
fn lines_have_this_form() {
    let lines = text(&[
        started("1d", Slot::A, "ab"),
        verdict("1d", Verdict::GivenBack, None),
        Event::Missed(Missed {
            at: Moment::new(0),
            slot: Slot::B,
            version: None,
            count: 3,
            reason: Some("no medium".to_owned()),
        }),
        Event::Rollback(RolledBack {
            boot_id: "2e".to_owned(),
            at: Moment::new(1),
            from: Slot::A,
            to: Slot::B,
            record: None,
        }),
    ]);
    let expected = r#"{"event":"started","boot-id":"1d","time":"2026-11-14T09:21:43Z","seconds":1794648103,"slot":"a","version":"13.1","root-hash":"ab","firmware":"uefi","record":"seq=100000000 turn=0 good=- a=t b=e left=3 fails=0 end=1000000000"}
{"event":"verdict","boot-id":"1d","time":"2026-11-14T09:23:19Z","seconds":1794648199,"verdict":"given-back"}
{"event":"missed","time":"1970-01-01T00:00:00Z","seconds":0,"slot":"b","count":3,"reason":"no medium"}
{"event":"rollback","boot-id":"2e","time":"1970-01-01T00:00:01Z","seconds":1,"from":"a","to":"b"}
"#;
    assert_eq!(lines, expected);
    assert_eq!(text(&parse(lines.as_bytes()).events), expected);
}

#[test]
fn events_become_boots() {
    let events = [
        started("1", Slot::A, "aa"),
        verdict("1", Verdict::Good, None),
        started("2", Slot::B, "bb"),
        started("3", Slot::B, "bb"),
        verdict("3", Verdict::Bad, Some("10-units: x failed")),
        verdict("9", Verdict::Good, None),
        started("4", Slot::A, "aa"),
        verdict("4", Verdict::Bad, Some("why")),
        verdict("4", Verdict::Good, None),
        started("5", Slot::A, "aa"),
        started("5", Slot::A, "aa"),
    ];
    let all = boots(&events, Some("5"));
    let expected =
        [Outcome::Good, Outcome::Unfinished, Outcome::Bad, Outcome::Good, Outcome::Running];
    assert_eq!(outcomes(&all), expected);
    assert_eq!(all[2].reason.as_deref(), Some("10-units: x failed"));
    assert_eq!(all[3].reason, None, "the last verdict counts");
    assert!(all[1].reason.as_deref().unwrap().starts_with("did not say that it was well"));
    assert_eq!(outcomes(&boots(&events, None)).last(), Some(&Outcome::Unfinished));
    assert!(was_good(&events, "aa"));
    assert!(!was_good(&events, "bb"));
    assert_eq!(last_record(&events), Some(Record::new()));
}

#[test]
fn damaged_lines_are_counted_and_passed_over() {
    let good = started("1", Slot::A, "aa").line();
    let mut bytes = good.clone().into_bytes();
    bytes.extend(&good.as_bytes()[..40]);
    bytes.extend(b"\n\n  \n\xff\xfe{]\n{\"event\":\"started\"}\n");
    bytes.extend(b"{\"event\":\"of-tomorrow\",\"x\":[1]}\n");
    bytes.extend(vec![b'['; 5000]);
    bytes.push(b'\n');
    // Too long, and otherwise whole.
    bytes.extend(good.replace(':', &format!(":{}", " ".repeat(1000))).bytes());
    bytes.extend(good.replace("\"slot\"", "\"new\":{\"a\":1},\"slot\"").bytes());
    bytes.extend(verdict("1", Verdict::Good, None).line().trim_end().bytes());
    let history = parse(&bytes);
    assert_eq!((history.events.len(), history.damaged), (3, 5));
    assert_eq!(outcomes(&boots(&history.events, None)), [Outcome::Good]);
}

#[test]
fn hostile_texts_are_written_as_one_short_line() {
    let long = format!("\u{1b}]0;x\u{7}\n{}", "y".repeat(100_000));
    let line = verdict("1", Verdict::Bad, Some(&long)).line();
    assert!(line.len() < 1000, "{}", line.len());
    assert_eq!(line.matches(|c: char| c.is_control()).count(), 1, "{line:?}");
    assert_eq!(parse(line.as_bytes()).events.len(), 1);
}

#[test]
fn a_long_history_keeps_its_newest_boots() {
    let boot = |n: usize| {
        let id = n.to_string();
        text(&[started(&id, Slot::A, "aa"), verdict(&id, Verdict::Good, None)])
    };
    let many = |count: usize| (0..count).map(boot).collect::<String>();
    assert_eq!(rotated(many(KEPT_BOOTS + 62).as_bytes()), None);
    let left = rotated(many(KEPT_BOOTS + 63).as_bytes()).unwrap();
    let history = parse(&left);
    assert_eq!(boots(&history.events, None).len(), KEPT_BOOTS);
    let Some(Event::Started(first)) = history.events.first() else { panic!() };
    assert_eq!(first.boot_id, "63");
    assert_eq!(rotated(&left), None);
}

fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let id = 0..9_u8;
    let line = |event: Event| event.line().into_bytes();
    prop_oneof![
        id.clone().prop_map(move |id| line(started(&id.to_string(), Slot::B, "cc"))),
        (id, ".*").prop_map(move |(id, why)| {
            line(verdict(&id.to_string(), Verdict::Bad, Some(&why)))
        }),
        Just(b"{\"event\":\"later\"}\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..200),
        (1..9000_usize).prop_map(|length| vec![b'x'; length]),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_read_and_shortened(
        lines in prop::collection::vec(any_line(), 0..300),
        again in 1..5_usize,
    ) {
        let bytes = lines.concat().repeat(again);
        let history = parse(&bytes);
        prop_assert!(boots(&history.events, Some("3")).len() <= history.events.len());
        if let Some(left) = rotated(&bytes) {
            let newest = parse(&left);
            prop_assert!(left.len() <= KEPT_BYTES);
            prop_assert_eq!(newest.damaged, 0);
            prop_assert!(history.events.ends_with(&newest.events));
            prop_assert_eq!(rotated(&left), None);
        }
    }

    #[test]
    fn what_is_written_reads_back(why in ".{0,300}", id in "[0-9a-f]{1,36}") {
        let event = verdict(&id, Verdict::Bad, Some(&why));
        let read = parse(event.line().as_bytes());
        prop_assert_eq!(read.damaged, 0);
        prop_assert_eq!(text(&read.events), event.line());
    }
}
