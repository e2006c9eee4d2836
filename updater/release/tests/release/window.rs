//! Maintenance windows.

use anklume_release::{Day, LocalTime, Window};

fn window(text: &str) -> Window {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn at(day: Day, hour: u8, minute: u8) -> LocalTime {
    LocalTime::new(day, hour, minute).unwrap()
}

#[test]
fn a_window_is_open_from_its_first_minute_to_its_last() {
    let daily = window("02:00-04:00");
    for (hour, minute, open) in
        [(1, 59, false), (2, 0, true), (3, 59, true), (4, 0, false), (23, 59, false)]
    {
        for day in Day::ALL {
            assert_eq!(daily.contains(at(day, hour, minute)), open, "{day:?} {hour}:{minute}");
        }
    }
}

#[test]
fn beyond_midnight_it_is_that_of_the_day_before() {
    let window = window("mon..FRI 22:00-5:00");
    for (day, hour, open) in [
        (Day::Mon, 4, false),
        (Day::Mon, 22, true),
        (Day::Tue, 4, true),
        (Day::Tue, 5, false),
        (Day::Sat, 4, true),
        (Day::Sat, 22, false),
        (Day::Sun, 4, false),
    ] {
        assert_eq!(window.contains(at(day, hour, 0)), open, "{day:?} {hour}");
    }
    assert_eq!(window.opens_in(at(Day::Sat, 5, 0)), 2 * 24 * 60 + 17 * 60);
    assert_eq!(window.opens_in(at(Day::Mon, 21, 59)), 1);
    assert_eq!(window.to_string(), "mon..FRI 22:00-5:00");
}

#[test]
fn days_are_ranges_and_lists() {
    let open = |text: &str| {
        let window = window(text);
        let days = Day::ALL.into_iter().filter(|day| window.contains(at(*day, 12, 0)));
        days.collect::<Vec<_>>()
    };
    assert_eq!(open("Sat,Sun 10:00-18:00"), [Day::Sat, Day::Sun]);
    assert_eq!(open("Sat..Mon 10:00-18:00"), [Day::Mon, Day::Sat, Day::Sun]);
    assert_eq!(open("Mon,Wed..Thu,Thu 10:00-18:00"), [Day::Mon, Day::Wed, Day::Thu]);
    assert_eq!(open("Wed 10:00-18:00"), [Day::Wed]);
    // A whole day, up to the same time on the next one.
    assert_eq!(open("Wed 13:00-13:00"), [Day::Thu]);
}

#[test]
fn the_next_opening_is_the_next_one() {
    for text in ["02:00-04:00", "Mon..Fri 22:00-05:00", "Sun 23:30-00:30", "Sat,Sun 00:00-00:00"] {
        let window = window(text);
        let minutes: Vec<LocalTime> = Day::ALL
            .into_iter()
            .flat_map(|day| (0..24).flat_map(move |h| (0..60).map(move |m| at(day, h, m))))
            .collect();
        for (now, time) in minutes.iter().enumerate().step_by(7) {
            let later = (now..now + minutes.len()).map(|minute| minutes[minute % minutes.len()]);
            let wait = later.into_iter().take_while(|time| !window.contains(*time)).count();
            assert_eq!(usize::from(window.opens_in(*time)), wait, "{text} {time:?}");
        }
    }
}

#[test]
fn other_texts_are_refused() {
    for text in [
        "",
        "02:00",
        "2-4",
        "02:00-04:00 Mon",
        "Mon 02:00 - 04:00",
        "24:00-04:00",
        "02:60-04:00",
        "02:0-04:00",
        "+2:00-04:00",
        "Mon..  02:00-04:00",
        "Mo 02:00-04:00",
        "Mon,,Tue 02:00-04:00",
        "Mon-Fri 02:00-04:00",
    ] {
        let error = text.parse::<Window>().unwrap_err();
        assert!(error.to_string().starts_with("window: expected "), "{text}: {error}");
    }
    assert_eq!(LocalTime::new(Day::Mon, 24, 0), None);
    assert_eq!(LocalTime::new(Day::Mon, 0, 60), None);
}
