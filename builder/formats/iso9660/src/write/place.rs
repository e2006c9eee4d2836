//! Giving every structure its sectors.

use super::tree::{Content, Tree};
use super::{Params, directory, path_table, rock_ridge};
use crate::date::Date;
use crate::error::PlanError;
use crate::layout::{FIRST_DESCRIPTOR, SECTOR_BYTES};

/// First sector and length in bytes.
pub(super) type Span = (u32, u32);

/// One of the two directory trees over the same files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    /// Plain ISO 9660 names, with Rock Ridge.
    Primary,
    /// UCS-2 names.
    Joliet,
}

/// Sectors of one directory tree.
#[derive(Debug, Default)]
pub(super) struct TreePlaces {
    /// Little-endian path table.
    pub(super) table_l: Span,
    /// Big-endian path table.
    pub(super) table_m: Span,
    /// Directories, by their index.
    pub(super) directories: Vec<Span>,
}

/// Sectors of everything.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) boot_record: Option<u32>,
    pub(super) joliet_descriptor: u32,
    pub(super) terminator: u32,
    pub(super) primary: TreePlaces,
    pub(super) joliet: TreePlaces,
    /// Sector of the Rock Ridge extension record, to which the root directory points.
    pub(super) extension: u32,
    pub(super) catalog: Option<u32>,
    pub(super) bios: Option<Span>,
    /// Contents, by the index of the file.
    pub(super) files: Vec<Span>,
    /// Byte of the image where the area ends.
    pub(super) end_bytes: u64,
}

/// Hands out sectors one after the other.
struct Cursor {
    next: u64,
}

impl Cursor {
    /// The next free sectors for `bytes` bytes. Past 32 bits the values saturate: the area's limit
    /// is far below, and is checked once at the end.
    fn take(&mut self, bytes: usize) -> Span {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let narrow = |value| u32::try_from(value).unwrap_or(u32::MAX);
        let span = (narrow(self.next), narrow(bytes));
        self.next = self.next.saturating_add(bytes.div_ceil(SECTOR_BYTES));
        span
    }

    fn sector(&mut self) -> u32 {
        self.take(1).0
    }
}

impl Places {
    pub(super) fn tree(&self, flavour: Flavour) -> &TreePlaces {
        match flavour {
            Flavour::Primary => &self.primary,
            Flavour::Joliet => &self.joliet,
        }
    }

    /// Places everything behind the primary descriptor.
    pub(super) fn new(params: &Params, tree: &Tree<'_>, date: Date) -> Result<Self, PlanError> {
        let mut cursor = Cursor { next: u64::from(FIRST_DESCRIPTOR).saturating_add(1) };
        let bootable = params.bios_core.is_some() || params.efi_image.is_some();
        // El Torito 1.0 section 2.0: the boot record is the second descriptor.
        let boot_record = bootable.then(|| cursor.sector());
        let joliet_descriptor = cursor.sector();
        let terminator = cursor.sector();
        let primary = place_tree(&mut cursor, tree, Flavour::Primary, date)?;
        let joliet = place_tree(&mut cursor, tree, Flavour::Joliet, date)?;
        let extension = cursor.take(rock_ridge::extension_record().len()).0;
        let catalog = bootable.then(|| cursor.sector());
        let bios = params.bios_core.as_ref().map(|core| cursor.take(core.len()));
        let files = tree.files.iter().map(|file| place_file(&mut cursor, file.content)).collect();
        let end_bytes = cursor.next.saturating_mul(SECTOR_BYTES);
        if end_bytes > params.limit_bytes {
            return Err(PlanError::AreaFull { needed: end_bytes, limit: params.limit_bytes });
        }
        Ok(Self {
            boot_record,
            joliet_descriptor,
            terminator,
            primary,
            joliet,
            extension,
            catalog,
            bios,
            files,
            end_bytes,
        })
    }
}

fn place_tree(
    cursor: &mut Cursor,
    tree: &Tree<'_>,
    flavour: Flavour,
    date: Date,
) -> Result<TreePlaces, PlanError> {
    let table = path_table::length(tree, flavour);
    let (table_l, table_m) = (cursor.take(table), cursor.take(table));
    // The length of a directory does not depend on what its records point at.
    let nowhere = Places::default();
    let mut directories = Vec::new();
    for index in 0..tree.directories.len() {
        directories
            .push(cursor.take(directory::bytes(tree, index, flavour, &nowhere, date)?.len()));
    }
    Ok(TreePlaces { table_l, table_m, directories })
}

/// A file without content has no sectors, and its location is 0.
fn place_file(cursor: &mut Cursor, content: Content<'_>) -> Span {
    match content {
        Content::Alias(_, 0) | Content::Stored([]) => (0, 0),
        Content::Stored(bytes) => cursor.take(bytes.len()),
        Content::Alias(offset, size) => {
            // Both were checked against the volume, whose sectors and file sizes have 32 bits.
            let narrow = |value| u32::try_from(value).unwrap_or(u32::MAX);
            (narrow(offset / SECTOR_BYTES), narrow(size))
        }
    }
}
