//! Areas of an image file.

use anklume_compare::{Area, area_differences, segments};

fn area(name: &str, offset: u64, bytes: u64) -> Area {
    Area { name: name.to_owned(), offset, bytes, padding: name == "rest" }
}

#[test]
fn every_byte_belongs_to_the_last_area_that_holds_it() {
    let areas = [area("partition", 10, 50), area("rest", 40, 20), area("file", 20, 10)];
    let expected = [
        (0..10, None),
        (10..20, Some(0)),
        (20..30, Some(2)),
        (30..40, Some(0)),
        (40..60, Some(1)),
        (60..70, None),
    ];
    assert_eq!(segments(&areas, 70), expected);
    assert_eq!(segments(&areas, 0), []);
    assert_eq!(segments(&[], 5), [(0..5, None)]);
    // An area that reaches beyond the file, or lies beyond it.
    let beyond = [area("a", 3, u64::MAX), area("b", 9, 1)];
    assert_eq!(segments(&beyond, 5), [(0..3, None), (3..5, Some(0))]);
}

#[test]
fn what_differs_is_counted_by_area() {
    let areas = [area("partition", 10, 50), area("rest", 40, 20)];
    let found = [(Some(0), 12, 3), (None, 65, 1), (Some(0), 31, 2), (Some(1), 41, 7), (None, 2, 1)];
    let found = area_differences(&areas, found);
    let shown: Vec<_> =
        found.iter().map(|d| (d.name.as_str(), d.first, d.bytes, d.padding)).collect();
    assert_eq!(
        shown,
        [("no known area", 2, 2, true), ("partition", 12, 5, false), ("rest", 41, 7, true)]
    );
}
