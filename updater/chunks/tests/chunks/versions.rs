//! Versions made by the project's own writers.

use anklume_bytes::ReadAt;
use anklume_chunks::{
    CutError, Cuts, Kind, Options, Origin, Part, Plan, Seeds, cut_boot, cut_os, plan,
};
use anklume_fat::FileSystem;

use crate::model::{Machine, Slot};
use crate::sample::{Image, Version, fat, noise};

const LEAST: Options = Options { gap_bytes: 0, request_bytes: 0 };

/// Updates a machine with one version to another one.
fn update(old: &Image, new: &Image, options: &Options) -> Plan {
    let mut seeds = Seeds::new();
    seeds.add(Origin::Seed(0), &old.list);
    let plan = plan(&new.list, &seeds, options);
    let running = [Slot::from([(Part::Boot, old.boot.clone()), (Part::Os, old.os.clone())])];
    let derived = &new.os[new.list.part(Part::Os).chunk_bytes() as usize..];
    let mut machine = Machine::new(&new.list, &new.bytes, derived, &running, &Slot::new());
    machine.run(&plan);
    machine.assert_new();
    plan
}

/// Bytes of both parts that could be fetched.
fn full(image: &Image) -> u64 {
    Part::ALL.map(|part| image.list.part(part).chunk_bytes()).iter().sum()
}

fn assert_covers(cuts: &Cuts, end: u64) {
    let found = cuts.cuts.iter().fold(0, |end, cut| {
        assert_eq!(cut.start, end);
        assert!((1..=1 << 20).contains(&cut.bytes));
        cut.end()
    });
    assert_eq!(found, end);
}

#[test]
fn the_parts_are_cut_from_start_to_end() {
    let image = Image::new(&Version::new());
    let [boot, os] = &image.cuts;
    let superblock = anklume_squashfs::Superblock::read(&image.os).unwrap();
    let data_bytes = superblock.padded_bytes(4096).unwrap();
    assert_covers(os, data_bytes + 4096);
    assert_eq!(os.cuts.last().unwrap().end() + os.derived_bytes, image.os.len() as u64);
    let blocks: u64 =
        os.cuts.iter().filter(|cut| cut.kind == Kind::Block).map(|cut| u64::from(cut.bytes)).sum();
    let files: usize = Version::new().files.iter().map(|(_, content)| content.len()).sum();
    assert!(blocks >= files as u64 && blocks < files as u64 + 100_000, "{blocks} of {files}");
    // What is behind the last file is not part of the version, and nothing of it is lost.
    let system = FileSystem::open(&image.boot).unwrap();
    let files = system.list().unwrap();
    let extents = files.iter().flat_map(|file| system.extents(file).unwrap());
    let last = extents.map(|extent| extent.offset + extent.length).max().unwrap();
    let end = boot.cuts.last().unwrap().end();
    assert_eq!(end, last.next_multiple_of(4096));
    assert!(last < end && end < (9 << 20), "{last} {end}");
    assert_covers(boot, end);
    let shortened = [&image.boot[..end as usize], &vec![0; (12 << 20) - end as usize]].concat();
    assert!(shortened == image.boot);
}

#[test]
fn kernel_and_initramfs_are_the_same_chunks_inside_the_uki_and_beside_it() {
    let version = Version::new();
    let image = Image::new(&version);
    let plan = plan(&image.list, &Seeds::new(), &LEAST);
    let boot = plan.operations.iter().filter(|operation| operation.part == Part::Boot);
    let fetched = |operation: &anklume_chunks::Operation| {
        matches!(operation.source, anklume_chunks::Source::Image { .. })
    };
    let fetched: u64 = boot.filter(|o| fetched(o)).map(|o| o.bytes).sum();
    let once = (version.kernel.len() + version.initramfs.len()) as u64;
    assert!((once..once + 20_000).contains(&fetched), "{fetched} of {once}");
}

#[test]
fn the_same_version_is_not_fetched() {
    let image = Image::new(&Version::new());
    let plan = update(&image, &image, &LEAST);
    assert_eq!((plan.cost.fetched_bytes, plan.cost.requests), (0, 0));
}

#[test]
fn without_seeds_everything_arrives() {
    let image = Image::new(&Version::new());
    let empty = Image::new(&Version {
        files: Vec::new(),
        kernel: noise(7, 10),
        initramfs: noise(8, 10),
        cmdline: "other".to_owned(),
        salt: 9,
    });
    let plan = update(&empty, &image, &LEAST);
    assert!(plan.cost.fetched_bytes > full(&image) / 2);
}

/// Everything behind the file moves, and everything of another version has another root hash.
#[test]
fn one_changed_file_is_a_small_share() {
    let version = Version::new();
    let old = Image::new(&version);
    let mut changed = version.clone();
    changed.files[20].1 = noise(5, 70_000);
    (changed.cmdline, changed.salt) = ("root hash two".to_owned(), 2);
    let new = Image::new(&changed);
    let plan = update(&old, &new, &LEAST);
    // The file, a fragment block before it and after, tables, superblocks, and of the boot files what
    // names the root hash.
    let fetched = plan.cost.fetched_bytes;
    assert!((70_000..150_000).contains(&fetched), "{fetched} of {}", full(&new));
    let merged = update(&old, &new, &Options::default());
    assert!(merged.cost.requests < plan.cost.requests && !merged.is_full);
    assert!(merged.cost.fetched_bytes < full(&new) / 10, "{:?}", merged.cost);
}

/// What grows in an initramfs moves what lies behind it.
#[test]
fn what_moved_in_the_initramfs_is_found_again() {
    let version = Version::new();
    let old = Image::new(&version);
    let mut changed = version.clone();
    changed.initramfs.splice(1000..1003, noise(6, 5000));
    let plan = update(&old, &Image::new(&changed), &LEAST);
    let fetched = plan.cost.fetched_bytes;
    assert!((5000..1_500_000).contains(&fetched), "{fetched}");
}

/// The root directory of FAT32 is no area of its own, and in no list of files.
#[test]
fn a_root_directory_in_clusters_is_part_of_the_version() {
    let boot = fat(260 << 20, 1, &[]);
    let system = FileSystem::open(&boot).unwrap();
    let areas = system.areas();
    let data_start = areas.last().map(|area| area.offset + area.length).unwrap();
    let end = data_start + system.cluster_bytes();
    assert_covers(&cut_boot(&boot).unwrap(), end);
    assert!(boot[data_start as usize..].iter().any(|byte| *byte != 0), "no volume label");
    assert!(boot[end as usize..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_larger_file_system_moves_the_files_only() {
    let version = Version::new();
    let small = version.boot(12 << 20);
    let large = version.boot(100 << 20);
    let [small, large] = [small, large].map(|boot| {
        let cuts = cut_boot(&boot).unwrap();
        let digests = cuts.hash(&boot).unwrap();
        cuts.cuts.iter().map(|cut| cut.bytes).zip(digests).collect::<Vec<_>>()
    });
    let missing: u32 =
        large.iter().filter(|chunk| !small.contains(chunk)).map(|chunk| chunk.0).sum();
    assert!(missing < 100_000, "{missing}");
}

#[test]
fn what_is_no_version_is_refused() {
    let image = Image::new(&Version::new());
    let [_, cuts] = &image.cuts;
    let chunks = image.list.part(Part::Os).chunk_bytes() as usize;
    let verity = chunks - 4096;
    let cut = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut os = image.os.clone();
        change(&mut os);
        cut_os(&os)
    };
    assert_eq!(&cut(&|os| os.push(0)).unwrap(), cuts);
    let short = cut(&|os| os.truncate(os.len() - 1));
    assert!(matches!(short, Err(CutError::Short { .. })), "{short:?}");
    assert!(matches!(cut(&|os| os.truncate(verity + 9)), Err(CutError::Read(_))));
    assert!(matches!(cut(&|os| os[verity] ^= 1), Err(CutError::Verity { .. })));
    assert!(matches!(cut(&|os| os[verity + 72] ^= 1), Err(CutError::DataBlocks { .. })));
    assert!(matches!(cut(&|os| os[0] ^= 1), Err(CutError::Squashfs(_))));
    assert!(matches!(cut(&|os| os[8000..].fill(0)), Err(CutError::Tables(_))));
    assert!(matches!(cut_boot(&image.os), Err(CutError::Fat(_))));
    assert!(image.os.size() > 0);
}
