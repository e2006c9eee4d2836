//! Invariant: reading any bytes as an address, as a header of an answer or as a bundle ends without a
//! panic. An address that is accepted, or that a redirect leads to, is read from its own text as the
//! same; a range is not empty and lies in its file; every file of a bundle lies in it, and no name of
//! one is long.
//!
//! The first byte of the input says what the rest is.
#![no_main]

use anklume_fetch::{
    BundleIndex, ContentRange, Location, Proxies, Settings, Source, Url, http_date, retry_after,
};
use libfuzzer_sys::fuzz_target;

fn read_back(url: &Url) {
    assert_eq!(Url::parse(&url.to_string()).as_ref(), Ok(url));
}

fn redirect(text: &str) {
    let Some((base, reference)) = text.split_once(' ') else { return };
    let Ok(base) = Url::parse(base) else { return };
    read_back(&base);
    if let Ok(next) = base.resolve(reference) {
        read_back(&next);
    }
}

fn header(text: &str) {
    if let Some(range) = ContentRange::parse(text) {
        assert!(range.first <= range.last && range.total.is_none_or(|total| range.last < total));
    }
    let _ = ContentRange::parse_unsatisfied(text);
    let (value, date) = text.split_once('\n').unwrap_or((text, ""));
    let _ = (retry_after(value, Some(date)), http_date(value));
}

fn bundle(bytes: &[u8]) {
    let Ok(index) = BundleIndex::read(bytes) else { return };
    for name in index.names() {
        let place = index.find(name).expect("it is listed");
        assert!(place.start <= place.end && place.end <= bytes.len() as u64);
        assert!(name.len() <= 1024);
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    if *kind == b'b' {
        return bundle(rest);
    }
    let Ok(text) = str::from_utf8(rest) else { return };
    match *kind {
        b'l' => {
            if let Ok(Location::Web(url)) = Location::parse(text) {
                read_back(&url);
                assert_eq!(Url::folder(&url.to_string()), Ok(url));
            }
        }
        b'r' => redirect(text),
        b'h' => header(text),
        _ => {
            let proxies = Proxies::from_variables(|name| (name != "no_proxy").then(|| text.into()));
            let location = Location::parse("http://h").expect("an address");
            let _ = Source::open(&location, Settings { proxies, ..Settings::default() });
        }
    }
});
