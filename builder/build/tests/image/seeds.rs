//! Seeds for the fuzzer.

use crate::*;

/// The part of an image as patches for the fuzzer: pieces that begin in `places`, at most their
/// first 2 KiB, without the zeros at their ends.
fn seed(image: &Sparse, places: &[std::ops::Range<u64>]) -> Vec<u8> {
    let mut patches = Vec::new();
    for (at, bytes) in &image.pieces {
        for (number, chunk) in (0..).zip(bytes.chunks(2048)) {
            let at = at + number * 2048;
            let used = chunk.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if used == 0 || !places.iter().any(|place| place.contains(&at)) {
                continue;
            }
            patches.extend(((at / 16) as u32).to_le_bytes());
            patches.extend((used as u16).to_le_bytes());
            patches.extend(&chunk[..used]);
        }
    }
    patches
}

#[test]
fn the_seeds_of_the_fuzzer_are_parts_of_a_sound_image() {
    let sample = sample(&sample::superblock_only(), Format::Iso);
    let boot = sample.start(Role::Boot(Slot::A));
    let os = sample.start(Role::Os(Slot::A));
    let (table, uki) = (0..32768, sample.area(files::UKI).offset);
    let manifest = sample.area(files::MANIFEST).offset;
    let verity = os + sample.data_bytes;
    let esp = sample.start(Role::Esp);
    let seeds = [
        ("table", vec![table.clone()]),
        ("iso", vec![table.clone(), 32768..sample.iso_end - 8192]),
        ("esp", vec![table.clone(), esp..esp + (1 << 20)]),
        (
            "slot",
            vec![
                table,
                boot..uki + 4096,
                manifest..manifest + 4096,
                os..os + 1,
                verity..verity + 1,
            ],
        ),
    ];
    let corpus =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/image");
    let made = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (name, places) in seeds {
        let seed = seed(&sample.image, &places);
        let facts = anklume_build::image::fuzz(&seed);
        let labels = facts.table.unwrap().partitions.len();
        let manifest = facts.slots.iter().any(|slot| slot.manifest.is_some());
        let sections = facts.slots.iter().map(|slot| slot.uki.len()).sum::<usize>();
        let verity = facts.slots.iter().any(|slot| slot.verity.is_some());
        let found = (labels, facts.iso.is_some(), facts.esp.is_some(), manifest, sections, verity);
        let expected = match name {
            "iso" => (4, true, false, false, 0, false),
            "esp" => (4, false, true, false, 0, false),
            "slot" => (4, false, false, true, 14, true),
            _ => (4, false, false, false, 0, false),
        };
        assert_eq!(found, expected, "{name}");
        assert!(seed.len() < 12 << 10, "{name}: {} bytes", seed.len());
        if std::fs::read(corpus.join(name)).unwrap_or_default() != seed {
            std::fs::write(made.join(name), &seed).unwrap();
            panic!("{name} has changed: {} is the new one", made.join(name).display());
        }
    }
}
