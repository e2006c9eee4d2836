//! How much memory an update takes.

use std::process::Command;
use std::time::SystemTime;

use anklume_web::Server;
use serde_json::Value;

use crate::machine::Template;
use crate::shelf::{image_of, publisher};

const MIB: u64 = 1 << 20;
/// An update takes less, whatever the image is.
const MOST: u64 = 64 * MIB;
/// What 36 MiB more to write may take beside buffers that a small image does not fill: who has all of them in
/// memory is found.
const GROWTH: u64 = 24 * MIB;

/// The most memory that it takes to write an OS with six files of noise of so many bytes, all of them
/// other ones than those that run.
fn peak_bytes(file_bytes: usize) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let old = image_of(folder.path(), ("noise", "1.0"), file_bytes, |file| file);
    image_of(folder.path(), ("noise", "2.0"), file_bytes, |file| 50 + file);
    // What prepares goes by the clock of this machine.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    publisher(folder.path(), now, "keys new keys");
    publisher(folder.path(), now, "publish noise-2.0.iso --repo www --channel stable");
    Template::grown(&old, 200 * MIB).write(&path("disk"));
    let server = Server::start_at(0, Some(&path("www"))).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_anklume-update-prepare"))
        .args([path("disk"), path("keys/1.root.json")])
        .args([server.url("").as_str(), "stable"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |key: &str| said[key].as_u64().unwrap_or_else(|| panic!("{key}: {said}"));
    assert!(number("fetched-bytes") > 6 * file_bytes as u64, "{said}");
    number("peak-bytes")
}

#[test]
fn memory_does_not_grow_with_the_image() {
    let [small, large] = [64 << 10, 6 << 20].map(peak_bytes);
    let text = format!("{} KiB and {} KiB", small >> 10, large >> 10);
    assert!(large < MOST && large < small + GROWTH, "{text}");
}
