//! The seeds of the fuzz target are volumes of today's writer.

use std::path::PathBuf;

use anklume_iso9660::{Error, fuzzing, plan};

use crate::damage::{cycle, endless};
use crate::sample::*;

/// Longest patch, in bytes.
const PATCH_BYTES: usize = 240;

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let data = image(&plan(&data_params(), &[]).unwrap());
    vec![("boot", full()), ("data", data), ("cycle", cycle()), ("endless", endless())]
}

fn path(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../../../tests/fuzz/corpus/iso9660").join(name)
}

/// The parts of `image` that are not zero, as `fuzzing::image` reads them.
fn patches(image: &[u8]) -> Vec<u8> {
    let mut patches = Vec::new();
    let mut at = 0;
    while at < image.len() {
        let piece = &image[at..(at + 16).min(image.len())];
        if piece.iter().all(|byte| *byte == 0) {
            at += 16;
            continue;
        }
        let rest = &image[at..(at + PATCH_BYTES).min(image.len())];
        let blocks = rest.chunks(16).take_while(|block| block.iter().any(|byte| *byte != 0));
        let length = blocks.map(<[u8]>::len).sum::<usize>();
        patches.extend(u16::try_from(at / 16).unwrap().to_le_bytes());
        patches.push(u8::try_from(length).unwrap());
        patches.extend(&rest[..length]);
        at += length;
    }
    patches
}

/// `ANKLUME_WRITE_SEEDS=1` writes them, after a change of the format.
#[test]
fn seeds_are_what_the_writer_makes() {
    for (name, image) in seeds() {
        if std::env::var_os("ANKLUME_WRITE_SEEDS").is_some() {
            std::fs::write(path(name), patches(&image)).unwrap();
        }
        let seed = std::fs::read(path(name)).unwrap();
        assert!(fuzzing::image(&seed) == image, "{name}: write the seeds again");
    }
}

#[test]
fn seeds_end_as_they_should() {
    let examine = |name| fuzzing::examine(&fuzzing::image(&std::fs::read(path(name)).unwrap()));
    assert_eq!(examine("boot").unwrap(), []);
    assert_eq!(examine("data").unwrap(), []);
    assert!(matches!(examine("cycle"), Err(Error::Corrupt { .. })));
    assert_eq!(examine("endless").unwrap(), []);
}
