//! Invariant: any bytes are a history; its boots are no more than its events; what is shortened is
//! short enough, undamaged, and the end of what was there; and lines that are written read back as
//! they were written.
#![no_main]

use anklume_history::{KEPT_BYTES, boots, last_record, parse, rotated};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let history = parse(data);
    assert!(boots(&history.events, None).len() <= history.events.len());
    let _ = last_record(&history.events);
    let text: String = history.events.iter().map(anklume_history::Event::line).collect();
    let again = parse(text.as_bytes());
    assert_eq!(again.damaged, 0);
    assert_eq!(again.events.iter().map(anklume_history::Event::line).collect::<String>(), text);
    // Long enough to be shortened.
    let long = data.repeat(1 + (300 << 10) / data.len().max(1));
    if let Some(left) = rotated(&long) {
        let newest = parse(&left);
        assert!(left.len() <= KEPT_BYTES && newest.damaged == 0);
        assert!(parse(&long).events.ends_with(&newest.events));
    }
});
