//! Unified kernel images against binutils.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![expect(clippy::print_stdout, reason = "says what was skipped")]

mod sample;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anklume_bytes::ReadAt;
use anklume_uki::{Image, add_sections, checksum};

const INSTALLED_STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";

/// Runs a tool of binutils; a missing one fails the test.
fn binutils(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; install the package binutils"));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {text}");
    text
}

/// The stubs to test with: the one made here, and systemd's where there is one.
fn stubs() -> Vec<Vec<u8>> {
    let path = std::env::var_os("ANKLUME_TEST_STUB").map(PathBuf::from);
    let installed = Some(PathBuf::from(INSTALLED_STUB)).filter(|path| path.exists());
    let mut stubs = vec![sample::stub()];
    match path.or(installed) {
        Some(path) => stubs.push(fs::read(&path).unwrap()),
        None => {
            println!("skipped: systemd's stub; set ANKLUME_TEST_STUB or install systemd-boot-efi")
        }
    }
    stubs
}

fn contents() -> Vec<(&'static str, Vec<u8>)> {
    let bytes = |count: usize, factor: usize| (0..count).map(|i| (i * factor / 3) as u8).collect();
    vec![
        (".osrel", b"ID=anklume\nIMAGE_VERSION=1\n".to_vec()),
        (".cmdline", b"quiet anklume.roothash=00".to_vec()),
        (".uname", b"6.1.0".to_vec()),
        (".initrd", bytes(100_003, 7)),
        (".linux", bytes(4096 * 5, 11)),
    ]
}

fn build(stub: &[u8]) -> Vec<u8> {
    let contents = contents();
    let sections: Vec<_> = contents.iter().map(|(name, data)| (*name, &data[..])).collect();
    add_sections(stub, &sections).unwrap()
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).into_os_string().into_string().unwrap()
}

/// Name, size, address and file offset of each section that objdump lists.
fn listed(path: &str) -> Vec<(String, u64, u64, u64)> {
    let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
    binutils("objdump", &["-h", path])
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.len() == 7 && words[0].parse::<u32>().is_ok())
        .map(|words| (words[1].to_owned(), hex(words[2]), hex(words[3]), hex(words[5])))
        .collect()
}

/// Field `label` of objdump's listing of the headers.
fn header(path: &str, label: &str) -> u64 {
    let text = binutils("objdump", &["-p", path]);
    let line = text.lines().find(|line| line.starts_with(label)).unwrap();
    u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
}

#[test]
fn objdump_lists_our_sections() {
    let folder = tempfile::tempdir().unwrap();
    let uki_path = path(folder.path(), "uki.efi");
    for stub in stubs() {
        let uki = build(&stub);
        fs::write(&uki_path, &uki).unwrap();
        let image = Image::read(&uki).unwrap();
        let base = header(&uki_path, "ImageBase");
        let ours: Vec<_> = image
            .sections
            .iter()
            .map(|section| {
                let name = String::from_utf8(section.name().to_vec()).unwrap();
                let address = base + u64::from(section.virtual_address);
                (name, section.data_bytes(), address, u64::from(section.raw_offset))
            })
            .collect();
        assert_eq!(ours, listed(&uki_path));
        let added: Vec<_> = ours.iter().rev().take(5).rev().map(|s| (&s.0[..], s.1)).collect();
        let contents = contents();
        let expected: Vec<_> = contents.iter().map(|(n, data)| (*n, data.len() as u64)).collect();
        assert_eq!(added, expected);
        assert_eq!(header(&uki_path, "CheckSum"), u64::from(image.checksum));
        let last = image.sections.last().unwrap();
        let end = (last.virtual_address + last.virtual_size).next_multiple_of(4096);
        assert_eq!(header(&uki_path, "SizeOfImage"), u64::from(end));
    }
}

#[test]
fn objcopy_dumps_our_sections() {
    let folder = tempfile::tempdir().unwrap();
    let (uki_path, dump) = (path(folder.path(), "uki.efi"), path(folder.path(), "dump"));
    for stub in stubs() {
        fs::write(&uki_path, build(&stub)).unwrap();
        for (name, data) in contents() {
            binutils("objcopy", &["-O", "binary", "-j", name, &uki_path, &dump]);
            assert!(fs::read(&dump).unwrap() == data, "{name}");
        }
    }
}

#[test]
fn objcopys_image_has_the_same_sections_and_our_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let (stub_path, uki_path) = (path(folder.path(), "stub"), path(folder.path(), "uki.efi"));
    for stub in stubs() {
        fs::write(&stub_path, &stub).unwrap();
        let ours = build(&stub);
        let image = Image::read(&ours).unwrap();
        let base = header(&stub_path, "ImageBase");
        let mut args = Vec::new();
        for (name, data) in contents() {
            let data_path = path(folder.path(), name);
            fs::write(&data_path, data).unwrap();
            let address = base + u64::from(image.section(name).unwrap().virtual_address);
            args.push(format!("--add-section={name}={data_path}"));
            args.push(format!("--set-section-flags={name}=contents,alloc,load,readonly,data"));
            args.push(format!("--change-section-vma={name}={address:#x}"));
        }
        args.extend([stub_path.clone(), uki_path.clone()]);
        binutils("objcopy", &args.iter().map(String::as_str).collect::<Vec<_>>());

        let theirs = fs::read(&uki_path).unwrap();
        let their_image = Image::read(&theirs).unwrap();
        assert_eq!(their_image.sections.len(), image.sections.len());
        for section in &image.sections {
            let name = std::str::from_utf8(section.name()).unwrap();
            let their_section = their_image.section(name).unwrap();
            assert_eq!(their_section.virtual_address, section.virtual_address, "{name}");
            assert_eq!(their_section.characteristics, section.characteristics, "{name}");
            // objcopy rounds VirtualSize up to the file alignment; the content comes first.
            let window = image.data(&ours, name).unwrap();
            let data = window.read_vec(0, window.size(), 1 << 20).unwrap();
            let window = their_image.data(&theirs, name).unwrap();
            let their_data = window.read_vec(0, window.size(), 1 << 20).unwrap();
            assert!(their_data.starts_with(&data), "{name}");
        }
        assert_ne!(their_image.checksum, 0, "objcopy writes a checksum");
        assert_eq!(their_image.checksum, checksum(&theirs).unwrap());
    }
}

#[test]
fn same_inputs_same_bytes() {
    for stub in stubs() {
        assert!(build(&stub) == build(&stub));
    }
}
