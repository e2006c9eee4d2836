//! Reading any bytes as an environment block or as a copy of the boot record ends without a panic. A
//! record that was read fits a sector and is read back the same; a decision about it gives such a
//! record again; and of two copies, one of which is any bytes, the other is never lost.
#![no_main]

use anklume_slots::{Copies, Record, decide};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(variables) = anklume_grubenv::parse(data) {
        let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len() + 1).sum();
        assert!(bytes <= data.len(), "variables are part of the block");
    }
    let whole = Record::new().encode().expect("a record fits");
    for copies in [Copies::parse([data, &whole]), Copies::parse([&whole, data])] {
        assert!(copies.record().is_some());
    }
    let Some(record) = Record::parse(data) else { return };
    for record in [record, decide(&record).record] {
        let bytes = record.encode().expect("a record fits");
        assert_eq!(bytes.len(), 512);
        assert_eq!(Record::parse(&bytes), Some(record));
    }
});
