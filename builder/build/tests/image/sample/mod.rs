//! A small image, assembled from the format crates as the builder does it.

#[path = "../../../../formats/uki/tests/sample/mod.rs"]
mod stub;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anklume_bytes::{ReadAt, ReadError};
use anklume_fat::{FileSpec, Label};
use anklume_gpt::{Guid, mbr};
use anklume_iso9660::{EfiImage, Entry, Volume};
use anklume_layout::disk::{ContentSizes, DiskPlan, Format};
use anklume_layout::grub::{self, VARIANTS};
use anklume_layout::manifest::{self, Digest, Manifest, Package};
use anklume_layout::{ESP_BYTES, Role, SECTOR_BYTES, SYSTEM_AREA_BYTES, Slot, files, grub_bytes};
use anklume_verity::BLOCK_BYTES;
use sha2::{Digest as _, Sha256};

/// What the sample's os-release says.
pub(crate) const OS_RELEASE: &str = "ID=sample\nIMAGE_ID=sample\nIMAGE_VERSION=1.2\n";

/// What dpkg says about the sample's OS.
const DPKG_STATUS: &str = "Package: tiny\nStatus: install ok installed\nInstalled-Size: 3\n\
                           Architecture: all\nVersion: 1-1\n";

/// Bytes with zeros between them: an image may be larger than memory.
#[derive(Debug, Clone)]
pub(crate) struct Sparse {
    pub(crate) bytes: u64,
    /// By offset; what comes later lies on top.
    pub(crate) pieces: Vec<(u64, Vec<u8>)>,
}

impl ReadAt for Sparse {
    fn size(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = buffer.len() as u64;
        if offset.checked_add(length).is_none_or(|end| end > self.bytes) {
            return Err(ReadError::OutOfBounds { offset, length, size: self.bytes });
        }
        buffer.fill(0);
        for (start, piece) in &self.pieces {
            let from = offset.max(*start);
            let to = (offset + length).min(start + piece.len() as u64);
            if from < to {
                let source = &piece[(from - start) as usize..(to - start) as usize];
                buffer[(from - offset) as usize..(to - offset) as usize].copy_from_slice(source);
            }
        }
        Ok(())
    }
}

/// A range of bytes of the image.
#[derive(Debug, Clone)]
pub(crate) struct Area {
    pub(crate) name: String,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// An image and what lies where in it.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) image: Sparse,
    pub(crate) disk: DiskPlan,
    /// Files of the boot file system, `ESP` and `OS` with their places.
    pub(crate) areas: Vec<Area>,
    /// Where the ISO 9660 structures end.
    pub(crate) iso_end: u64,
    pub(crate) data_bytes: u64,
    pub(crate) root_hash: String,
}

impl Sample {
    /// Byte of the image where a partition begins.
    pub(crate) fn start(&self, role: Role) -> u64 {
        self.disk.extent(role).unwrap().offset
    }

    pub(crate) fn area(&self, name: &str) -> &Area {
        self.areas.iter().find(|area| area.name == name).unwrap_or_else(|| panic!("{name}"))
    }

    /// The whole image in memory.
    pub(crate) fn whole(&self) -> Vec<u8> {
        self.image.read_vec(0, self.image.bytes, 64 << 20).unwrap()
    }
}

/// A folder packed by `mksquashfs`.
pub(crate) fn squashfs(folder: &Path, options: &[&str]) -> Vec<u8> {
    let target = folder.with_extension("squashfs");
    let output = Command::new("mksquashfs")
        .arg(folder)
        .arg(&target)
        .args(["-noappend", "-no-progress", "-quiet", "-all-root", "-mkfs-time", "0"])
        .args(["-all-time", "0", "-no-xattrs"])
        .args(options)
        .output()
        .expect("mksquashfs cannot be started: install squashfs-tools");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::read(target).unwrap()
}

/// A small OS.
pub(crate) fn small_os(folder: &Path) -> Vec<u8> {
    let root = folder.join("root");
    fs::create_dir_all(root.join("usr/lib")).unwrap();
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(root.join("usr/lib/os-release"), OS_RELEASE).unwrap();
    fs::write(root.join("etc/empty"), "").unwrap();
    fs::create_dir_all(root.join("var/lib/dpkg")).unwrap();
    fs::write(root.join("var/lib/dpkg/status"), DPKG_STATUS).unwrap();
    fs::create_dir_all(root.join("var/lib/dpkg/info")).unwrap();
    let list = "/.\n/usr\n/usr/lib\n/lib/noise\n";
    fs::write(root.join("var/lib/dpkg/info/tiny:amd64.list"), list).unwrap();
    let noise: Vec<u8> = noise(7).flat_map(u64::to_le_bytes).take(300_000).collect();
    fs::write(root.join("usr/lib/noise"), noise).unwrap();
    std::os::unix::fs::symlink("../usr/lib/os-release", root.join("etc/os-release")).unwrap();
    squashfs(&root, &["-comp", "zstd"])
}

/// What a squashfs begins with, and nothing else: a superblock, the same with every `mksquashfs`.
pub(crate) fn superblock_only() -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let fields: [(usize, &[u8]); 14] = [
        (0, b"hsqs"),
        (4, &[1]),
        // Block size and its logarithm, zstd, one ID, version 4.0.
        (12, &131_072_u32.to_le_bytes()),
        (20, &[6]),
        (22, &[17]),
        (26, &[1]),
        (28, &[4]),
        (40, &1000_u64.to_le_bytes()),
        // Tables: IDs, no extended attributes, inodes, directories, no fragments, no export.
        (48, &400_u64.to_le_bytes()),
        (56, &[0xff; 8]),
        (64, &100_u64.to_le_bytes()),
        (72, &200_u64.to_le_bytes()),
        (80, &[0xff; 8]),
        (88, &[0xff; 8]),
    ];
    for (offset, value) in fields {
        bytes[offset..offset + value.len()].copy_from_slice(value);
    }
    bytes
}

/// Numbers that look random and are the same every time (xorshift64).
pub(crate) fn noise(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    })
}

/// An image around the squashfs `os`.
pub(crate) fn sample(os: &[u8], format: Format) -> Sample {
    made(
        &Says { name: "sample", version: "1.2", os_release: OS_RELEASE, needs: (1, 1) },
        os,
        format,
    )
}

/// An ISO around the squashfs `os` that says that it comes from the definition `name`.
pub(crate) fn named(name: &str, os: &[u8]) -> Sample {
    made(&Says { name, version: "1.2", os_release: OS_RELEASE, needs: (1, 1) }, os, Format::Iso)
}

/// A sound ISO of this name and version, whose os-release has the lines `more`, too.
pub(crate) fn release(folder: &Path, says: (&str, &str, &str)) -> Sample {
    release_for(folder, says, (1, 1))
}

/// The same for an updater and a state schema that it needs.
pub(crate) fn release_for(
    folder: &Path,
    (name, version, more): (&str, &str, &str),
    needs: (u32, u32),
) -> Sample {
    small_os(folder);
    let root = folder.join("root");
    let os_release = format!("ID=sample\nIMAGE_ID={name}\nIMAGE_VERSION={version}\n{more}");
    fs::write(root.join("usr/lib/os-release"), &os_release).unwrap();
    let os = squashfs(&root, &["-comp", "zstd"]);
    made(&Says { name, version, os_release: &os_release, needs }, &os, Format::Iso)
}

/// What an image says about itself.
struct Says<'a> {
    name: &'a str,
    version: &'a str,
    os_release: &'a str,
    /// Oldest updater, and state schema.
    needs: (u32, u32),
}

fn made(says: &Says<'_>, os: &[u8], format: Format) -> Sample {
    let mut data = os.to_vec();
    data.resize(os.len().next_multiple_of(BLOCK_BYTES as usize), 0);
    let params = anklume_verity::Params { salt: vec![0xab; 32], uuid: [7; 16] };
    let mut builder = anklume_verity::Builder::new(params, data.len() as u64).unwrap();
    builder.update(&data).unwrap();
    let tree = builder.finish().unwrap();
    let root_hash = tree.root_hash.to_string();
    let mut manifest = manifest(&root_hash, data.len() as u64, tree.bytes.len() as u64);
    says.name.clone_into(&mut manifest.compatible);
    says.version.clone_into(&mut manifest.image_version);
    (manifest.minimum_updater, manifest.state_schema) = says.needs;
    let contents = boot_files(&manifest, says.os_release);
    boot_digests(&mut manifest, &contents);
    let contents = boot_files(&manifest, says.os_release);
    let specs: Vec<FileSpec> = contents.iter().map(spec).collect();
    let boot = anklume_fat::minimum_bytes(&specs, 2048).unwrap();
    let os_bytes = (data.len() + tree.bytes.len()) as u64;
    let disk = DiskPlan::new(format, ContentSizes { boot, os: os_bytes }).unwrap();
    let mut image = Sparse { bytes: disk.total_bytes, pieces: Vec::new() };
    let mut esp = vec![("ESP".to_owned(), files::EFI_LOADER.to_owned(), stub::stub())];
    let record = anklume_slots::Record::new().encode().unwrap();
    esp.extend(files::BOOT_RECORDS.map(|path| (path.to_owned(), path.to_owned(), record.clone())));
    let boot_role = Role::Boot(Slot::A);
    let mut areas = file_system(&mut image, &disk, boot_role, contents);
    areas.extend(file_system(&mut image, &disk, Role::Esp, esp));
    let os_start = disk.extent(Role::Os(Slot::A)).unwrap().offset;
    areas.push(Area { name: "OS".to_owned(), offset: os_start, bytes: os_bytes });
    let data_bytes = data.len() as u64;
    image.pieces.push((os_start, data));
    image.pieces.push((os_start + data_bytes, tree.bytes));
    let iso_end = iso(&mut image, &disk, &areas, &root_hash);
    boot_records(&mut image, &disk);
    loader_digests(&mut image, &mut manifest, &areas, &disk);
    Sample { image, disk, areas, iso_end, data_bytes, root_hash }
}

fn command_line(root_hash: &str) -> String {
    format!("anklume.roothash={root_hash} quiet")
}

fn manifest(root_hash: &str, os_bytes: u64, hash_bytes: u64) -> Manifest {
    Manifest {
        manifest_version: manifest::VERSION,
        compatible: "sample".to_owned(),
        image_version: "1.2".to_owned(),
        architecture: "amd64".to_owned(),
        kernel: "6.0-sample".to_owned(),
        source_date_epoch: 1_700_000_000,
        root_hash: root_hash.to_owned(),
        salt: "ab".repeat(32),
        os_bytes,
        hash_bytes,
        minimum_updater: 1,
        state_schema: 1,
        command_line: command_line(root_hash),
        boot_files: BTreeMap::new(),
        loader: BTreeMap::from(LOADER_BYTES.map(|(key, bytes)| {
            let bytes = bytes.unwrap_or_else(|| match key {
                files::EFI_LOADER => stub::stub().len() as u64,
                path => config(path, root_hash).len() as u64,
            });
            (key.to_owned(), Digest::unknown(bytes))
        })),
        packages: vec![Package {
            name: "tiny".to_owned(),
            version: "1-1".to_owned(),
            architecture: "all".to_owned(),
            installed_kib: 3,
        }],
    }
}

/// Bytes of the parts of the boot loader; some follow from other things.
const LOADER_BYTES: [(&str, Option<u64>); 7] = [
    (manifest::BOOT_CODE, Some(440)),
    (manifest::CORE_IMAGE, Some(3072)),
    (files::EFI_LOADER, None),
    (manifest::CD_IMAGE, Some(5000)),
    (files::TREE_CONFIG, None),
    (files::LOOPBACK_CONFIG, None),
    (manifest::ISO_VIEW, Some(SYSTEM_AREA_BYTES - 32768)),
];

/// A boot configuration of the ISO tree.
fn config(path: &str, root_hash: &str) -> String {
    match path {
        files::TREE_CONFIG => grub::tree_config("sample", &command_line(root_hash)),
        _ => grub::loopback_config("sample", &command_line(root_hash)),
    }
}

fn digest(bytes: &[u8]) -> Digest {
    let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Digest { bytes: bytes.len() as u64, sha256 }
}

fn boot_digests(manifest: &mut Manifest, files: &[File]) {
    let files = files.iter().filter(|(name, ..)| name != files::MANIFEST);
    manifest.boot_files = files.map(|(name, _, content)| (name.clone(), digest(content))).collect();
}

/// Puts the digests of the finished loader into the manifest.
fn loader_digests(image: &mut Sparse, manifest: &mut Manifest, areas: &[Area], disk: &DiskPlan) {
    let volume = Volume::open(image).unwrap();
    let catalog = volume.boot_catalog().unwrap().unwrap();
    let nodes = volume.list().unwrap();
    for (key, wanted) in &mut manifest.loader {
        let offset = match key.as_str() {
            manifest::BOOT_CODE => 0,
            manifest::CORE_IMAGE => disk.extent(Role::BiosBoot).unwrap().offset,
            files::EFI_LOADER => areas.iter().find(|area| area.name == "ESP").unwrap().offset,
            manifest::CD_IMAGE => catalog.entries[0].offset_bytes,
            manifest::ISO_VIEW => 32768,
            path => nodes.iter().find(|node| node.path == path).unwrap().extent.offset_bytes,
        };
        *wanted = digest(&image.read_vec(offset, wanted.bytes, 1 << 20).unwrap());
    }
    let area = areas.iter().find(|area| area.name == files::MANIFEST).unwrap();
    let text = serde_json::to_vec(manifest).unwrap();
    assert_eq!(text.len() as u64, area.bytes);
    let piece = image.pieces.iter_mut().find(|(at, _)| *at == area.offset).unwrap();
    piece.1 = text;
}

/// A file: what the tests call it, its path, its content.
type File = (String, String, Vec<u8>);

fn spec((_, path, content): &File) -> FileSpec {
    FileSpec { path: path.clone(), size: content.len() as u64 }
}

fn boot_files(manifest: &Manifest, os_release: &str) -> Vec<File> {
    let kernel: Vec<u8> = noise(1).flat_map(u64::to_le_bytes).take(70_001).collect();
    let initrd: Vec<u8> = noise(2).flat_map(u64::to_le_bytes).take(30_003).collect();
    let uki = uki((manifest, os_release), &kernel, &initrd);
    let files = [
        (files::UKI, uki),
        (files::KERNEL, kernel),
        (files::INITRD, initrd),
        (files::BOOT_ENTRY, grub::boot_entry(&manifest.command_line).into_bytes()),
        (files::MANIFEST, serde_json::to_vec(manifest).unwrap()),
    ];
    files.map(|(path, content)| (path.to_owned(), path.to_owned(), content)).into()
}

fn uki((manifest, os_release): (&Manifest, &str), kernel: &[u8], initrd: &[u8]) -> Vec<u8> {
    let line = manifest.command_line.as_bytes().to_vec();
    let mut sections = vec![
        (".osrel", os_release.as_bytes().to_vec()),
        (".cmdline", line.clone()),
        (".uname", manifest.kernel.as_bytes().to_vec()),
        (".initrd", initrd.to_vec()),
        (".linux", kernel.to_vec()),
        (".profile", b"ID=main\n".to_vec()),
    ];
    for variant in VARIANTS {
        sections.push((".profile", format!("ID={}\n", variant.id).into_bytes()));
        let more = format!(" {}", variant.parameters);
        sections.push((".cmdline", [&line, more.as_bytes()].concat()));
    }
    let sections: Vec<(&str, &[u8])> =
        sections.iter().map(|(name, data)| (*name, data.as_slice())).collect();
    anklume_uki::add_sections(&stub::stub(), &sections).unwrap()
}

/// Writes a file system into the partition with `role`; where its files are.
fn file_system(image: &mut Sparse, disk: &DiskPlan, role: Role, files: Vec<File>) -> Vec<Area> {
    let place = disk.extent(role).unwrap();
    let params = anklume_fat::Params {
        total_bytes: place.bytes,
        label: Label::new("SAMPLE").unwrap(),
        serial: 0x1234_abcd,
        hidden_sectors: (place.offset / SECTOR_BYTES) as u32,
        timestamp: 1_700_000_000,
        align_bytes: 2048,
    };
    let specs: Vec<FileSpec> = files.iter().map(spec).collect();
    let layout = anklume_fat::plan(&params, &specs).unwrap();
    for (offset, bytes) in layout.metadata {
        image.pieces.push((place.offset + offset, bytes));
    }
    let mut areas = Vec::new();
    for ((name, _, content), placed) in files.into_iter().zip(layout.files) {
        let offset = place.offset + placed.offset;
        areas.push(Area { name, offset, bytes: placed.size });
        image.pieces.push((offset, content));
    }
    areas
}

/// Writes the ISO 9660 view; where it ends.
fn iso(image: &mut Sparse, disk: &DiskPlan, areas: &[Area], root_hash: &str) -> u64 {
    let alias = |area: &Area| {
        let path = match area.name.as_str() {
            "ESP" => files::EFI_LOADER.to_owned(),
            "OS" => format!("{}/{}", files::ISO_FOLDER, files::OS_IMAGE),
            name => format!("{}/{name}", files::ISO_FOLDER),
        };
        let (offset_bytes, size) = (area.offset, area.bytes);
        Entry::Alias(anklume_iso9660::FileSpec { path, offset_bytes, size })
    };
    let listed = |area: &&Area| !files::BOOT_RECORDS.contains(&area.name.as_str());
    let mut entries: Vec<Entry> = areas.iter().filter(listed).map(alias).collect();
    for path in [files::LOOPBACK_CONFIG, files::TREE_CONFIG] {
        let content = config(path, root_hash).into_bytes();
        entries.push(Entry::Inline { path: path.to_owned(), content });
    }
    let params = anklume_iso9660::Params {
        volume_id: "SAMPLE".to_owned(),
        system_id: String::new(),
        publisher: "SAMPLE".to_owned(),
        preparer: String::new(),
        application: String::new(),
        timestamp: 1_700_000_000,
        volume_bytes: disk.total_bytes,
        limit_bytes: SYSTEM_AREA_BYTES,
        bios_core: Some(noise(3).flat_map(u64::to_le_bytes).take(5000).collect()),
        efi_image: Some(EfiImage {
            offset_bytes: disk.extent(Role::Esp).unwrap().offset,
            sectors_512: (ESP_BYTES / SECTOR_BYTES) as u16,
        }),
    };
    let area = anklume_iso9660::plan(&params, &entries).unwrap();
    let end = area.offset_bytes + area.bytes.len() as u64;
    image.pieces.push((area.offset_bytes, area.bytes));
    end
}

fn boot_records(image: &mut Sparse, disk: &DiskPlan) {
    let bios = disk.extent(Role::BiosBoot).unwrap();
    let core_lba = bios.offset / SECTOR_BYTES;
    let core: Vec<u8> = noise(4).flat_map(u64::to_le_bytes).take(3000).collect();
    let core = grub_bytes::core_image(&core, core_lba, bios.bytes).unwrap();
    image.pieces.push((bios.offset, core));
    let mut boot_img: Vec<u8> = noise(5).flat_map(u64::to_le_bytes).take(512).collect();
    boot_img[510..].copy_from_slice(&[0x55, 0xaa]);
    let guid =
        |role: Option<Role>| Guid::from_hash([role.map_or(0, |role| role.number() as u8); 16]);
    let table = disk.table(guid);
    let code = grub_bytes::boot_code(&boot_img, core_lba).unwrap();
    let record = mbr::encode(&code, table.disk_sectors, true).unwrap();
    image.pieces.push((0, record.to_vec()));
    let encoded = table.encode().unwrap();
    for piece in [
        encoded.primary_header,
        encoded.primary_entries,
        encoded.backup_entries,
        encoded.backup_header,
    ] {
        image.pieces.push((piece.offset, piece.bytes));
    }
}
