//! Invariant: any options of a call are refused or an order that survives the bus; any object of an
//! answer is a JSON object, which survives the bus too; and no text of an error breaks its line.
#![no_main]

use anklume_bus::{Failure, Kind};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    anklume_bus::fuzz::wire(data);
    let text = String::from_utf8_lossy(data);
    let failure = Failure::from_text(Kind::Source.error_name(), &text);
    assert!(!failure.message().chars().any(char::is_control));
    let again = Failure::from_text(failure.kind().error_name(), &failure.to_text());
    assert_eq!(again, failure);
});
