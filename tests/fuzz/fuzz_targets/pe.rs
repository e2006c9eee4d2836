//! Invariant: headers of any bytes are read without a panic, and every section's data lies inside
//! the file; what is planned as an extended image is one, with the new sections where the plan
//! says, outside the old ones, and with a checksum that agrees.
#![no_main]

use anklume_bytes::ReadAt;
use anklume_uki::{Image, add_sections, checksum, plan_sections};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(image) = Image::read(input) else { return };
    for section in &image.sections {
        if let Ok(name) = std::str::from_utf8(section.name())
            && image.section(name) == Some(section)
        {
            // Addresses of empty sections may point anywhere.
            let data = image.data(input, name);
            assert!(data.is_ok() || section.data_bytes() == 0);
            assert!(data.is_err() || data.expect("checked").size() <= input.len() as u64);
        }
    }
    let Ok(layout) = plan_sections(input, &[(".fuzz1", 3), (".linux", 4097)]) else { return };
    let file = add_sections(input, &[(".fuzz1", b"abc"), (".linux", &[7; 4097])]).expect("planned");
    assert_eq!(file.len() as u64, layout.total_bytes);
    let extended = Image::read(&file).expect("an extended image is an image");
    assert_eq!(extended.checksum, checksum(&file).expect("read before"));
    assert_eq!(extended.sections.len(), image.sections.len() + 2);
    assert_eq!(extended.sections[..image.sections.len()], image.sections[..]);
    for (section, &(offset, bytes)) in
        extended.sections.iter().rev().take(2).rev().zip(&layout.sections)
    {
        assert_eq!((u64::from(section.raw_offset), section.data_bytes()), (offset, bytes));
        for other in &image.sections {
            let end = u64::from(other.virtual_address) + u64::from(other.virtual_size);
            assert!(u64::from(section.virtual_address) >= end);
        }
    }
});
