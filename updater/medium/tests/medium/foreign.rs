//! What mtools and fsck.fat say about an ESP after our writes.

use std::convert::Infallible;

use anklume_layout::{Role, files};
use anklume_slots::{Record, Slot};

use crate::last_failure::failure;
use crate::os::run;
use crate::sample::Sample;

#[test]
fn other_tools_read_what_was_written_and_find_nothing_wrong() {
    let sample = Sample::new();
    let medium = sample.medium();
    let good = |record: Option<Record>| Ok::<_, Infallible>(record.unwrap().mark_good(Slot::A));
    let record = medium.update(good).unwrap().record;
    medium.write_last_failure(&failure()).unwrap();
    let esp = sample.extent(Role::Esp);
    let image = format!("{}@@{}", sample.path.display(), esp.offset);
    let read = |path: &str| run("mtools", "mtype", &["-i", &image, &format!("::{path}")]);
    for path in files::BOOT_RECORDS {
        assert_eq!(read(path).into_bytes(), record.encode().unwrap());
    }
    let text = read(files::LAST_FAILURE);
    assert!(text.starts_with("slot: b\nversion: 2026.11.1\nroot-hash: 4f4f"), "{text}");
    let copy = sample.dir.path().join("copy");
    let copy = copy.to_str().unwrap();
    let from = format!("::{}", files::LAST_FAILURE);
    run("mtools", "mcopy", &["-i", &image, &from, copy]);
    assert_eq!(std::fs::read(copy).unwrap(), failure().encode());
    let partition = sample.dir.path().join("esp");
    let (start, end) = (esp.offset as usize, (esp.offset + esp.bytes) as usize);
    std::fs::write(&partition, &sample.whole()[start..end]).unwrap();
    run("dosfstools", "fsck.fat", &["-n", partition.to_str().unwrap()]);
}
