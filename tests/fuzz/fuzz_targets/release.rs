//! Invariant: reading any bytes as the description of a release ends without a panic, and what is
//! accepted is encoded to the same bytes; its parts lie in the image, and nothing of it leaves the
//! folder of the release. The same bytes as settings end without a panic, too, and what is accepted is
//! written to the same settings.
#![no_main]

use anklume_release::{Release, Settings, changes, names};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(settings) = Settings::parse(text, "update.conf")
    {
        assert_eq!(Settings::parse(&settings.encode(), "update.conf"), Ok(settings));
    }
    let Ok(release) = Release::parse(input) else { return };
    assert!(release.encode() == input, "another encoding of the same release");
    for extent in [release.boot, release.os] {
        assert!(extent.bytes > 0 && extent.end() <= release.image.bytes);
    }
    let folder = names::folder(&release.compatible, &release.version);
    for name in [&release.image.name, &release.chunks.name] {
        let path = names::file(&folder, name);
        let parts: Vec<&str> = path.split('/').collect();
        assert!(parts.len() == 3 && parts.iter().all(|part| !matches!(*part, "" | "." | "..")));
    }
    assert!(changes(&release.packages, &release.packages).changed.is_empty());
});
