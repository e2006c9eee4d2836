//! Tables against sgdisk, sfdisk and the `gpt` crate, in both directions.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anklume_gpt::{Guid, TableCopy, mbr, read};
use common::{image, table};
use tempfile::TempDir;

fn file(bytes: &[u8]) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("disk.img");
    fs::write(&path, bytes).unwrap();
    (directory, path)
}

/// The output of a tool of Debian package `package`, which must exit with 0.
fn tool(package: &str, program: &str, arguments: &[&str], file: &Path, input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .arg(file)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{program} (package {package}) does not start: {e}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {text}{errors}");
    text + &errors
}

#[test]
fn sgdisk_finds_no_problem_and_reads_every_field() {
    let table = table(512, 4096);
    let (_directory, path) = file(&image(&table));
    let verified = tool("gdisk", "sgdisk", &["-v"], &path, "");
    assert!(verified.contains("No problems found"), "{verified}");
    assert!(!verified.to_lowercase().contains("warning"), "{verified}");
    for partition in &table.partitions {
        let info = tool("gdisk", "sgdisk", &["-i", &partition.number.to_string()], &path, "");
        for line in [
            format!("GUID code: {}", partition.type_guid.to_string().to_uppercase()),
            format!("unique GUID: {}", partition.unique_guid.to_string().to_uppercase()),
            format!("First sector: {} ", partition.first_lba),
            format!("Last sector: {} ", partition.last_lba),
            format!("Attribute flags: {:016X}", partition.attributes),
            format!("Partition name: '{}'", partition.name),
        ] {
            assert!(info.contains(&line), "`{line}` is not in {info}");
        }
    }
}

/// What sfdisk says about `path` must be `table`.
fn sfdisk_agrees(table: &anklume_gpt::Table, path: &Path) {
    let json = tool("fdisk", "sfdisk", &["--json"], path, "");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let json = &json["partitiontable"];
    let upper = |guid: Guid| guid.to_string().to_uppercase();
    assert_eq!(json["label"], "gpt");
    assert_eq!(json["id"], upper(table.disk_guid));
    let (first, last) = table.usable().unwrap();
    assert_eq!((&json["firstlba"], &json["lastlba"]), (&first.into(), &last.into()));
    let partitions = json["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), table.partitions.len());
    for (theirs, ours) in partitions.iter().zip(&table.partitions) {
        let node = theirs["node"].as_str().unwrap();
        assert!(node.ends_with(&ours.number.to_string()), "{node}");
        assert_eq!(theirs["start"], ours.first_lba);
        assert_eq!(theirs["size"], ours.last_lba - ours.first_lba + 1);
        assert_eq!(theirs["type"], upper(ours.type_guid));
        assert_eq!(theirs["uuid"], upper(ours.unique_guid));
        assert_eq!(theirs["name"], ours.name);
        assert_eq!(theirs["attrs"], "LegacyBIOSBootable GUID:60,63");
    }
}

#[test]
fn sfdisk_finds_no_problem_and_reads_every_field() {
    let mut table = table(512, 4096);
    // 36 units; sgdisk prints these wrongly.
    table.partitions[0].name = "𝄞".repeat(18);
    let (_directory, path) = file(&image(&table));
    let verified = tool("fdisk", "sfdisk", &["--verify"], &path, "");
    assert!(verified.contains("No errors detected"), "{verified}");
    sfdisk_agrees(&table, &path);
}

#[test]
fn the_gpt_crate_reads_both_sector_sizes() {
    for (sector_bytes, size) in
        [(512, gpt::disk::LogicalBlockSize::Lb512), (4096, gpt::disk::LogicalBlockSize::Lb4096)]
    {
        let table = table(sector_bytes, 4096);
        let (_directory, path) = file(&image(&table));
        let disk = gpt::GptConfig::new()
            .writable(false)
            .logical_block_size(size)
            .only_valid_headers(true)
            .open(&path)
            .unwrap();
        assert_eq!(disk.guid().to_string(), table.disk_guid.to_string());
        assert!(disk.backup_header().is_ok() && disk.primary_header().is_ok());
        assert_eq!(disk.partitions().len(), 3);
        for ours in &table.partitions {
            let theirs = &disk.partitions()[&ours.number];
            assert_eq!((theirs.first_lba, theirs.last_lba), (ours.first_lba, ours.last_lba));
            assert_eq!(theirs.part_guid.to_string(), ours.unique_guid.to_string());
            assert_eq!((&theirs.name, theirs.flags), (&ours.name, ours.attributes));
        }
    }
}

#[test]
fn a_table_of_sgdisk_with_holes_is_read() {
    let (_directory, path) = file(&vec![0; 8 << 20]);
    let arguments = [
        "-a1",
        "-n2:2048:4095",
        "-t2:ef00",
        "-c2:première",
        "-u2:01234567-89AB-4DEF-8123-456789ABCDEF",
        "-A2:set:60",
        "-n14:34:2047",
        "-t14:ef02",
        "-n128:4096:0",
        "-U11223344-5566-4788-99AA-BBCCDDEEFF00",
    ];
    tool("gdisk", "sgdisk", &arguments, &path, "");
    let bytes = fs::read(&path).unwrap();
    let found = read(&bytes, 512).unwrap();
    assert!(found.primary.is_ok() && found.backup.is_ok() && found.copies_equal);
    assert_eq!(found.source, TableCopy::Primary);
    assert_eq!(found.table.disk_sectors, 16384);
    assert_eq!(found.table.disk_guid.to_string(), "11223344-5566-4788-99aa-bbccddeeff00");
    let numbers: Vec<u32> = found.table.partitions.iter().map(|p| p.number).collect();
    assert_eq!(numbers, [2, 14, 128]);
    let second = &found.table.partitions[0];
    assert_eq!((second.first_lba, second.last_lba), (2048, 4095));
    assert_eq!((second.name.as_str(), second.attributes), ("première", 1 << 60));
    assert_eq!(second.unique_guid.to_string(), "01234567-89ab-4def-8123-456789abcdef");
    assert_eq!(second.type_guid.to_string(), "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    assert!(mbr::read(&bytes).unwrap().is_protective());

    // Ours of the same table is byte for byte the same.
    let mut again = bytes.clone();
    common::put(&mut again, &found.table.encode().unwrap());
    assert!(again == bytes);
}

#[test]
fn a_table_of_sfdisk_is_read() {
    let (_directory, path) = file(&vec![0; 8 << 20]);
    let script = "label: gpt\nfirst-lba: 34\n\
        5: start=2048, size=2048, type=L, name=\"five\", attrs=\"GUID:63\"\n\
        2: start=4096, size=100, type=U, name=\"two\"\n";
    tool("fdisk", "sfdisk", &["--quiet"], &path, script);
    let bytes = fs::read(&path).unwrap();
    let found = read(&bytes, 512).unwrap();
    assert!(found.primary.is_ok() && found.backup.is_ok() && found.copies_equal);
    let [two, five] = &found.table.partitions[..] else { panic!("{found:?}") };
    assert_eq!((two.number, two.first_lba, two.last_lba), (2, 4096, 4195));
    assert_eq!((five.number, five.name.as_str(), five.attributes), (5, "five", 1 << 63));
    sfdisk_agrees_after_rewriting(&bytes, &found.table);
}

fn sfdisk_agrees_after_rewriting(bytes: &[u8], table: &anklume_gpt::Table) {
    let mut table = table.clone();
    for partition in &mut table.partitions {
        partition.attributes = 1 << 63 | 1 << 60 | 1 << 2;
    }
    let mut again = bytes.to_vec();
    common::put(&mut again, &table.encode().unwrap());
    let (_directory, path) = file(&again);
    sfdisk_agrees(&table, &path);
}

#[test]
fn a_table_of_the_gpt_crate_with_4096_byte_sectors_is_read() {
    let (_directory, path) = file(&vec![0; 16 << 20]);
    let mut disk = gpt::GptConfig::new()
        .writable(true)
        .logical_block_size(gpt::disk::LogicalBlockSize::Lb4096)
        .create(&path)
        .unwrap();
    disk.add_partition("four", 1 << 20, gpt::partition_types::LINUX_FS, 5, None).unwrap();
    disk.write().unwrap();
    let found = read(&fs::read(&path).unwrap(), 4096).unwrap();
    assert!(found.primary.is_ok() && found.backup.is_ok() && found.copies_equal);
    let [four] = &found.table.partitions[..] else { panic!("{found:?}") };
    assert_eq!((four.number, four.name.as_str(), four.attributes), (1, "four", 5));
    assert_eq!(four.last_lba - four.first_lba + 1, 256);
}

#[test]
fn an_image_on_a_larger_disk_is_grown() {
    let mut table = table(512, 4096);
    let mut bytes = image(&table);
    bytes.resize(8192 * 512, 0);
    let found = read(&bytes, 512).unwrap();
    assert!(matches!(
        found.backup,
        Err(anklume_gpt::Error::NotAtEnd { expected: 8191, found: 4095 })
    ));
    assert_eq!((found.backup_found, found.backup_expected), (Some(4095), 8191));
    assert!(found.primary.is_ok() && found.copies_equal && found.table == table);

    table.disk_sectors = found.backup_expected + 1;
    table.partitions[1].last_lba = 8000;
    common::put(&mut bytes, &table.encode().unwrap());
    let code = mbr::read(&bytes).unwrap().boot_code;
    bytes[..512].copy_from_slice(&mbr::encode(&code, 8192, true).unwrap());
    assert!(read(&bytes, 512).unwrap().backup.is_ok());
    let (_directory, path) = file(&bytes);
    let verified = tool("gdisk", "sgdisk", &["-v"], &path, "");
    assert!(verified.contains("No problems found"), "{verified}");
    assert!(mbr::read(&bytes).unwrap().has_dummy_active);
}
