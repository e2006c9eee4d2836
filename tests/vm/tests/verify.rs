//! No changed byte of what is booted from a finished image gets past `anklume-build verify`.
#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anklume_layout::{Role, Slot};
use anklume_vm_tests::stick::Stick;
use anklume_vm_tests::{Failure, Workdir, image, tool};

/// What `anklume-build verify` says about an image: nothing, if it is sound.
fn verdict(image: &Path) -> Result<(), String> {
    let program = image::from_environment(image::BUILDER).unwrap();
    let arguments = ["verify".as_ref(), image.as_os_str()];
    tool::run(&program.to_string_lossy(), "anklume-build", arguments).map(drop).map_err(|error| {
        match error {
            Failure::Tool { stderr, status, .. } if status.code() == Some(5) => stderr,
            other => panic!("{other}"),
        }
    })
}

/// Bytes of a finished image that firmware or a boot loader runs or reads, by plain search.
fn booted_bytes(image: &Path) -> Vec<(&'static str, u64)> {
    let bytes = |role| image::partition(image, role).unwrap();
    let (core, esp) = (bytes(Role::BiosBoot), bytes(Role::Esp));
    let boot = bytes(Role::Boot(Slot::A));
    let file = fs::File::open(image).unwrap();
    let find = |range: &std::ops::Range<u64>, text: &[u8], number: usize| {
        let mut area = vec![0; usize::try_from(range.end - range.start).unwrap()];
        file.read_exact_at(&mut area, range.start).unwrap();
        let starts = (0..area.len()).step_by(if text == b"MZ" { 2048 } else { 1 });
        let mut found = starts.filter(|at| area[*at..].starts_with(text));
        range.start + u64::try_from(found.nth(number).unwrap()).unwrap()
    };
    let view = 32768..core.start;
    vec![
        ("boot code", 100),
        ("core image", core.start + 100),
        ("end of the core image", core.start + 20_000),
        ("loader for UEFI", find(&esp, b"MZ", 0) + 0x4321),
        ("stub of the UKI", find(&boot, b"MZ", 0) + 0x1000),
        ("kernel", find(&boot, b"MZ", 1) + 0x4321),
        ("boot entry", find(&boot, b"initrd $slot", 0)),
        ("loopback.cfg", find(&view, b"menuentry", 0) + 10),
        ("grub.cfg", find(&view, b"menuentry", 1) + 10),
        // The Rock Ridge name of a file, and what its continuation area says about the names.
        ("name", find(&view, b"loopback.cfg", 0)),
        ("continuation area", find(&view, b"RRIP", 0)),
    ]
}

#[test]
fn no_changed_byte_of_what_is_booted_is_accepted() {
    let source = image::from_environment(image::TEST_ISO).unwrap();
    let workdir = Workdir::new("tamper").unwrap();
    let image = workdir.unique("image");
    fs::copy(source, &image).unwrap();
    verdict(&image).unwrap();
    let file = fs::File::options().read(true).write(true).open(&image).unwrap();
    for (name, at) in booted_bytes(&image) {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x20], at).unwrap();
        assert!(verdict(&image).is_err(), "{name}: byte {at}");
        file.write_all_at(&byte, at).unwrap();
    }
    verdict(&image).unwrap();
    let sgdisk = |options: [&str; 2]| {
        let arguments = options.map(OsStr::new).into_iter().chain([image.as_os_str()]);
        tool::run("sgdisk", "gdisk", arguments).unwrap();
    };
    // The layout has this bit set.
    sgdisk(["-A", "4:set:60"]);
    verdict(&image).unwrap();
    for attribute in ["4:clear:60", "4:set:2"] {
        sgdisk(["-A", attribute]);
        assert!(verdict(&image).is_err(), "{attribute}");
        sgdisk(["-A", if attribute == "4:set:2" { "4:clear:2" } else { "4:set:60" }]);
    }
    let bytes = file.metadata().unwrap().len();
    for more in [1, 4096] {
        file.set_len(bytes + more).unwrap();
        assert!(verdict(&image).is_err(), "{more} more bytes");
    }
}

#[test]
fn a_stick_after_its_first_boot_is_accepted_and_a_changed_kernel_on_it_is_not() {
    let workdir = Workdir::new("verify-grown").unwrap();
    let source = image::from_environment(image::TEST_ISO).unwrap();
    let stick = Stick::flash(&workdir, &source, 4_000_000_000).unwrap();
    stick.grow(&workdir).unwrap();
    assert_eq!(verdict(stick.path()), Ok(()));
    stick.put_on_trial(&image::from_environment(image::TEST_NEXT).unwrap()).unwrap();
    assert_eq!(verdict(stick.path()), Ok(()));
    stick.spoil_kernel(Slot::B).unwrap();
    assert!(verdict(stick.path()).is_err());
}
