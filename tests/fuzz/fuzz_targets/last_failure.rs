//! Reading any bytes as the last failure ends without a panic. A failure that was read has no control
//! characters but newlines in its reason, and after it was written once, writing and reading give
//! the same bytes again.
#![no_main]

use anklume_medium::LastFailure;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(Some(failure)) = LastFailure::parse(data) else { return };
    let values = [&failure.image_version, &failure.root_hash, &failure.reason];
    let mut characters = values.iter().flat_map(|text| text.chars());
    assert!(!characters.any(|c| c.is_control() && c != '\n'));
    assert!(!failure.image_version.contains('\n') && !failure.root_hash.contains('\n'));
    let bytes = failure.encode();
    assert_eq!(bytes.len(), 4096);
    let again = LastFailure::parse(&bytes).expect("what was written is read");
    assert_eq!(again.expect("it is not empty").encode(), bytes);
});
