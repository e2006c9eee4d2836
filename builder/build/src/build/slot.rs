//! A slot's boot files: unified kernel image, kernel, initrd, boot entry, manifest.

use std::path::{Path, PathBuf};

use anklume_fat::{FileSpec, Label, Params};
use anklume_layout::grub::{self, VARIANTS};
use anklume_layout::manifest::Manifest;
use anklume_layout::{ALIGNMENT_BYTES, SECTOR_BYTES, files};
use anklume_slots::Record;

use crate::failure::{Context, Failure};

/// Files begin at multiples of this many bytes, so that an ISO 9660 tree can name them.
pub(super) const FILE_ALIGNMENT: u32 = 2048;

/// Bytes that belong somewhere.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Bytes(Vec<u8>),
    File { path: PathBuf, bytes: u64 },
}

impl Source {
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::File { bytes, .. } => *bytes,
        }
    }
}

/// Where bytes belong: offset and source.
pub(super) type Writes = Vec<(u64, Source)>;

/// What a slot's boot files are made of.
#[derive(Debug)]
pub(super) struct SlotParts<'a> {
    pub(super) stub: &'a [u8],
    pub(super) kernel: &'a [u8],
    pub(super) kernel_release: &'a str,
    pub(super) initrd: &'a Path,
    pub(super) initrd_bytes: u64,
    pub(super) os_release: &'a str,
    pub(super) manifest: &'a Manifest,
}

/// A file of the boot file system.
#[derive(Debug)]
struct SlotFile {
    name: &'static str,
    bytes: u64,
    /// Parts of the file, by offset in it.
    writes: Writes,
}

/// A FAT file system with its content.
#[derive(Debug)]
pub(super) struct FatImage {
    /// Files with their offsets in the file system.
    pub(super) files: Vec<anklume_fat::Placement>,
    /// What is not zero.
    pub(super) writes: Writes,
}

/// A slot's boot file system, not laid out yet: its size does not depend on the root hash.
#[derive(Debug)]
pub(super) struct SlotFiles {
    files: Vec<SlotFile>,
}

impl SlotFiles {
    pub(super) fn new(parts: &SlotParts<'_>) -> Result<Self, Failure> {
        let command_line = &parts.manifest.command_line;
        let manifest = serde_json::to_vec(parts.manifest).context("the manifest")?;
        let initrd = Source::File { path: parts.initrd.to_owned(), bytes: parts.initrd_bytes };
        let whole = |name, source: Source| SlotFile {
            name,
            bytes: source.bytes(),
            writes: vec![(0, source)],
        };
        Ok(Self {
            files: vec![
                unified_kernel_image(parts)?,
                whole(files::KERNEL, Source::Bytes(parts.kernel.to_vec())),
                whole(files::INITRD, initrd),
                whole(
                    files::BOOT_ENTRY,
                    Source::Bytes(grub::boot_entry(command_line).into_bytes()),
                ),
                whole(files::MANIFEST, Source::Bytes(manifest)),
            ],
        })
    }

    /// Names and lengths of the files that have a digest in the manifest.
    pub(super) fn lengths(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let files = self.files.iter().filter(|file| file.name != files::MANIFEST);
        files.map(|file| (file.name, file.bytes))
    }

    fn specs(&self) -> Vec<FileSpec> {
        let spec = |file: &SlotFile| FileSpec { path: file.name.to_owned(), size: file.bytes };
        self.files.iter().map(spec).collect()
    }

    /// Bytes of the smallest partition.
    pub(super) fn minimum_bytes(&self) -> Result<u64, Failure> {
        let bytes = anklume_fat::minimum_bytes(&self.specs(), FILE_ALIGNMENT)
            .context("the boot file system")?;
        anklume_bytes::align_up(bytes, ALIGNMENT_BYTES)
            .ok_or_else(|| Failure::failed("the boot file system is too large"))
    }

    /// The file system for a partition.
    pub(super) fn lay_out(&self, place: &FatPlace<'_>) -> Result<FatImage, Failure> {
        let layout =
            anklume_fat::plan(&place.params()?, &self.specs()).context("the boot file system")?;
        let mut writes: Writes =
            layout.metadata.into_iter().map(|(at, bytes)| (at, Source::Bytes(bytes))).collect();
        for (file, placement) in self.files.iter().zip(&layout.files) {
            for (offset, source) in &file.writes {
                writes.push((placement.offset + offset, source.clone()));
            }
        }
        Ok(FatImage { files: layout.files, writes })
    }
}

/// Where a FAT file system goes and what it is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct FatPlace<'a> {
    pub(super) label: &'a str,
    pub(super) serial: u32,
    /// First byte on the medium.
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) epoch: u64,
}

impl FatPlace<'_> {
    fn params(&self) -> Result<Params, Failure> {
        Ok(Params {
            total_bytes: self.bytes,
            label: Label::new(self.label).context("the label of a FAT file system")?,
            serial: self.serial,
            hidden_sectors: u32::try_from(self.offset / SECTOR_BYTES)
                .context("the place of a FAT file system")?,
            timestamp: self.epoch,
            align_bytes: FILE_ALIGNMENT,
        })
    }
}

/// Files of the ESP begin at multiples of this many bytes: each copy of the boot record is then in a
/// block of its own on any disk, and a torn write of one leaves the other alone.
const ESP_FILE_ALIGNMENT: u32 = 4096;

/// The ESP: the boot loader, both copies of the boot record, and the place for the last failure.
pub(super) fn esp(place: &FatPlace<'_>, loader: Vec<u8>) -> Result<FatImage, Failure> {
    let record = Record::new().encode().context("the boot record")?;
    let blank = usize::try_from(files::LAST_FAILURE_BYTES).context("the EFI system partition")?;
    let mut content = vec![(files::EFI_LOADER, loader)];
    content.extend(files::BOOT_RECORDS.map(|path| (path, record.clone())));
    content.push((files::LAST_FAILURE, vec![b'\n'; blank]));
    let bytes = |content: &Vec<u8>| u64::try_from(content.len()).unwrap_or(u64::MAX);
    let spec = |(path, content): &(&str, Vec<u8>)| FileSpec {
        path: (*path).to_owned(),
        size: bytes(content),
    };
    let specs: Vec<_> = content.iter().map(spec).collect();
    let params = Params { align_bytes: ESP_FILE_ALIGNMENT, ..place.params()? };
    let layout = anklume_fat::plan(&params, &specs).context("the EFI system partition")?;
    let mut writes: Writes =
        layout.metadata.into_iter().map(|(at, bytes)| (at, Source::Bytes(bytes))).collect();
    for (placement, (_, content)) in layout.files.iter().zip(content) {
        writes.push((placement.offset, Source::Bytes(content)));
    }
    Ok(FatImage { files: layout.files, writes })
}

/// The UKI (UAPI.5): kernel and initrd, then a profile for each menu entry that changes the command
/// line. The base profile comes first and is taken when none is asked for.
fn unified_kernel_image(parts: &SlotParts<'_>) -> Result<SlotFile, Failure> {
    let text = |text: String| Source::Bytes(text.into_bytes());
    let command_line = &parts.manifest.command_line;
    let initrd = Source::File { path: parts.initrd.to_owned(), bytes: parts.initrd_bytes };
    let mut sections = vec![
        (".osrel", text(parts.os_release.to_owned())),
        (".cmdline", text(command_line.clone())),
        (".uname", text(parts.kernel_release.to_owned())),
        (".initrd", initrd),
        (".linux", Source::Bytes(parts.kernel.to_vec())),
        (".profile", text("ID=main\n".to_owned())),
    ];
    for variant in VARIANTS {
        let profile = format!("ID={}\nTITLE=\"{}\"\n", variant.id, variant.title);
        sections.push((".profile", text(profile)));
        sections.push((".cmdline", text(format!("{command_line} {}", variant.parameters))));
    }
    let sizes: Vec<(&str, u64)> =
        sections.iter().map(|(name, source)| (*name, source.bytes())).collect();
    let layout =
        anklume_uki::plan_sections(parts.stub, &sizes).context("the unified kernel image")?;
    let mut writes = vec![(0, Source::Bytes(layout.header))];
    for ((_, source), (offset, _)) in sections.into_iter().zip(layout.sections) {
        writes.push((offset, source));
    }
    Ok(SlotFile { name: files::UKI, bytes: layout.total_bytes, writes })
}
