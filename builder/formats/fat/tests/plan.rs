//! What a plan promises, seen through our own reader.

mod common;

use anklume_bytes::Window;
use anklume_fat::{Error, FileSpec, FileSystem, minimum_bytes, plan};
use common::{MIB, content, files, params, sample, sample_files};

#[test]
fn files_lie_where_the_plan_says() {
    for bytes in [2 * MIB, 16 * MIB, 40 * MIB, 260 * MIB] {
        let (layout, image) = sample(bytes);
        let read = FileSystem::open(&image).unwrap();
        assert!(read.check().unwrap().is_empty());
        assert_eq!(read.fat_type(), layout.fat_type);
        assert_eq!((read.serial(), read.label()), (Some(0x1234_abcd), Some("ANKLUME A")));
        let areas = read.areas();
        let end = areas.iter().fold(0, |end, area| {
            assert_eq!(area.offset, end);
            area.offset + area.length
        });
        assert_eq!(end, layout.data_start);
        let [_, first, second, ..] = areas[..] else { panic!("{areas:?}") };
        let [first, second] = [first, second]
            .map(|table| image[table.offset as usize..][..table.length as usize].to_vec());
        assert!(first == second && first[1..3] == [0xff; 2], "no two tables");
        let mut blocks = std::collections::BTreeSet::new();
        let mut last = 0;
        for (placement, spec) in layout.files.iter().zip(sample_files()) {
            let entry = read.find(&placement.path).unwrap().unwrap();
            assert_eq!((&placement.path, entry.size), (&spec.path, spec.size));
            let extents = read.extents(&entry).unwrap();
            if spec.size == 0 {
                assert!(extents.is_empty() && placement.offset == 0);
                continue;
            }
            assert_eq!(extents.len(), 1);
            assert_eq!((extents[0].offset, extents[0].length), (placement.offset, spec.size));
            assert_eq!(placement.offset % 4096, 0);
            assert!(placement.offset > last, "out of order");
            last = placement.offset;
            let end = placement.offset + placement.size;
            for block in placement.offset / 4096..end.div_ceil(4096) {
                assert!(blocks.insert(block), "{} shares a block", placement.path);
            }
            assert!(read.read(&entry, MIB).unwrap() == content(&spec.path, spec.size));
        }
        let listed = read.list().unwrap();
        assert_eq!(listed.iter().filter(|entry| !entry.is_directory).count(), layout.files.len());
        assert_eq!(listed.iter().filter(|entry| entry.is_directory).count(), 8);
    }
}

#[test]
fn the_same_arguments_give_the_same_bytes() {
    let once = plan(&params(16 * MIB), &sample_files()).unwrap();
    assert_eq!(once, plan(&params(16 * MIB), &sample_files()).unwrap());
    let ends = once.metadata.windows(2).all(|w| w[0].0 + w[0].1.len() as u64 <= w[1].0);
    assert!(ends, "metadata overlaps or is out of order");
    let length: usize = once.metadata.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(length < 40_000, "free space is written: {length}");
}

#[test]
fn a_file_system_is_read_inside_a_disk() {
    let (_, image) = sample(2 * MIB);
    let mut disk = vec![0xaa; 5 * MIB as usize];
    disk[MIB as usize..3 * MIB as usize].copy_from_slice(&image);
    let window = Window::new(&disk, MIB, 4 * MIB).unwrap();
    let read = FileSystem::open(&window).unwrap();
    assert!(read.check().unwrap().is_empty());
    assert!(FileSystem::open(&Window::new(&disk, MIB, 2 * MIB - 512).unwrap()).is_err());
}

#[test]
fn large_files_are_planned_without_their_content() {
    let list = files(&[("OS.IMG", u64::from(u32::MAX)), ("ANKLUME.EFI", 100 * MIB)]);
    let bytes = minimum_bytes(&list, 2048).unwrap();
    let layout = plan(&params(bytes), &list).unwrap();
    assert_eq!(layout.fat_type, anklume_fat::FatType::Fat32);
    assert!(layout.files[1].offset + 100 * MIB <= bytes);
    assert!(bytes < (4096 + 100 + 12) * MIB, "{bytes}");
    let layout = plan(&params(8192 * MIB), &list).unwrap();
    assert_eq!(layout.cluster_bytes, 4096);
    assert!(layout.files[1].offset > u64::from(u32::MAX));
}

#[test]
fn many_files_fill_directories_of_many_clusters() {
    let mut list = Vec::new();
    for number in 0..2000 {
        list.push(FileSpec { path: format!("MANY/F{number}"), size: number % 3 });
    }
    for bytes in [20 * MIB, 260 * MIB] {
        let layout = plan(&params(bytes), &list).unwrap();
        let image = common::image(&layout);
        let read = FileSystem::open(&image).unwrap();
        assert!(read.check().unwrap().is_empty());
        assert_eq!(read.list().unwrap().len(), 2001);
        let entry = read.find("many/f1999").unwrap().unwrap();
        assert_eq!(read.read(&entry, 1).unwrap(), content("MANY/F1999", 1));
    }
    // The root of FAT16 has 512 entries, one of them the label.
    let root = |count: u32| {
        let list: Vec<_> =
            (0..count).map(|n| FileSpec { path: format!("F{n}"), size: 0 }).collect();
        plan(&params(16 * MIB), &list)
    };
    assert!(root(511).is_ok());
    assert!(
        matches!(root(512), Err(Error::Refused { object, .. }) if object.contains("directory"))
    );
    let list: Vec<_> = (0..512).map(|n| FileSpec { path: format!("F{n}"), size: 0 }).collect();
    let least = minimum_bytes(&list, 2048);
    assert!(least.is_err() || plan(&params(least.unwrap()), &list).is_ok());
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |list: &[(&str, u64)]| match plan(&params(16 * MIB), &files(list)) {
        Err(Error::Refused { object, .. }) => object,
        other => panic!("{other:?}"),
    };
    for path in ["", "/A", "A/", "A//B", "a", "LONGER.NAME", "123456789", "A B", "../A", "A/./B"] {
        assert_eq!(refused(&[(path, 1)]), format!("file `{path}`"));
    }
    assert_eq!(refused(&[("A", 1), ("B", 1), ("A", 2)]), "file `A`");
    assert_eq!(refused(&[("A", 1), ("A/B", 1)]), "file `A/B`");
    assert_eq!(refused(&[("A/B", 1), ("A", 1)]), "file `A`");
    assert_eq!(refused(&[("A", 1 << 32)]), "file `A`");
    assert_eq!(refused(&[("A", 16 * MIB)]), "total bytes");
    let with = |change: fn(&mut anklume_fat::Params)| {
        let mut params = params(16 * MIB);
        change(&mut params);
        plan(&params, &[]).is_err()
    };
    assert!(!with(|_| ()));
    assert!(with(|p| p.total_bytes += 1));
    assert!(with(|p| p.total_bytes = 0));
    assert!(with(|p| p.total_bytes = u64::MAX - 511));
    assert!(with(|p| p.align_bytes = 0));
    assert!(with(|p| p.align_bytes = 3000));
    assert!(with(|p| p.align_bytes = 65536));
    assert!(!with(|p| p.align_bytes = 32768));
}
