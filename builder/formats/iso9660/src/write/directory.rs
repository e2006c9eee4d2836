//! Directories and their records (ECMA-119 section 9.1).

use super::path_table::identifier;
use super::place::{Flavour, Places, Span};
use super::rock_ridge;
use super::tree::{Child, Tree};
use crate::date::Date;
use crate::error::PlanError;
use crate::layout::{SECTOR, record};

/// All directories of both trees and their sectors.
pub(super) fn all(
    tree: &Tree<'_>,
    places: &Places,
    date: Date,
) -> Result<Vec<(u32, Vec<u8>)>, PlanError> {
    let mut pieces = Vec::new();
    for flavour in [Flavour::Primary, Flavour::Joliet] {
        for (index, span) in places.tree(flavour).directories.iter().enumerate() {
            pieces.push((span.0, bytes(tree, index, flavour, places, date)?));
        }
    }
    Ok(pieces)
}

/// The records of directory `index`: itself, its parent, then its children by name.
///
/// The length is a multiple of the sector size and does not depend on `places`.
pub(super) fn bytes(
    tree: &Tree<'_>,
    index: usize,
    flavour: Flavour,
    places: &Places,
    date: Date,
) -> Result<Vec<u8>, PlanError> {
    let rows = rows(tree, index, flavour, places);
    let mut bytes = Vec::new();
    for row in rows {
        let system_use = match flavour {
            Flavour::Primary => rock_ridge::system_use(&row, tree, places.extension, date)?,
            Flavour::Joliet => Vec::new(),
        };
        let directory = matches!(row.child, Child::Directory(_));
        let record = encode(&row.identifier, row.span, directory, date, &system_use)?;
        // A record does not go on in the next sector (ECMA-119 section 6.8.1.1).
        let used = bytes.len() % SECTOR;
        if used.saturating_add(record.len()) > SECTOR {
            bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
        }
        bytes.extend(record);
    }
    bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
    Ok(bytes)
}

/// What one record is about.
pub(super) struct Row<'a> {
    pub(super) identifier: Vec<u8>,
    /// Name for Rock Ridge; `None` for the directory itself and its parent.
    pub(super) name: Option<&'a str>,
    pub(super) child: Child,
    /// Whether this is the first record of the root directory.
    pub(super) first: bool,
    span: Span,
}

fn rows<'a>(tree: &'a Tree<'_>, index: usize, flavour: Flavour, places: &Places) -> Vec<Row<'a>> {
    let Some(directory) = tree.directories.get(index) else { return Vec::new() };
    let locate = |child| match child {
        Child::Directory(index) => places.tree(flavour).directories.get(index),
        Child::File(index) => places.files.get(index),
    };
    let row = |identifier, name, child, first| {
        let span = locate(child).copied().unwrap_or_default();
        Row { identifier, name, child, first, span }
    };
    let mut rows = vec![
        row(record::SELF_ID.to_vec(), None, Child::Directory(index), index == 0),
        row(record::PARENT_ID.to_vec(), None, Child::Directory(directory.parent), false),
    ];
    for (name, child) in &directory.children {
        let identifier = match child {
            Child::Directory(_) => identifier(name, flavour),
            Child::File(_) => file_identifier(name, flavour),
        };
        let shown = match *child {
            Child::Directory(index) => tree.directories.get(index).map(|one| one.shown.as_str()),
            Child::File(index) => tree.files.get(index).map(|one| one.shown.as_str()),
        };
        rows.push(row(identifier, shown, *child, false));
    }
    rows
}

/// Plain names have a dot and a version (ECMA-119 section 7.5.1). Joliet names are written as
/// xorriso does, without either: some readers show the version otherwise.
fn file_identifier(name: &str, flavour: Flavour) -> Vec<u8> {
    match flavour {
        Flavour::Joliet => identifier(name, flavour),
        Flavour::Primary if name.contains('.') => format!("{name};1").into_bytes(),
        Flavour::Primary => format!("{name}.;1").into_bytes(),
    }
}

/// One directory record.
pub(super) fn encode(
    identifier: &[u8],
    (location, size): Span,
    directory: bool,
    date: Date,
    system_use: &[u8],
) -> Result<Vec<u8>, PlanError> {
    let misfit = |_| PlanError::DoesNotFit { object: "directory record" };
    // The length comes last; no extended attribute record.
    let mut bytes = vec![0, 0];
    bytes.extend(location.to_le_bytes());
    bytes.extend(location.to_be_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.extend(size.to_be_bytes());
    bytes.extend(date.short());
    // Flags; unit size and gap of files that are not interleaved; volume sequence number 1.
    bytes.push(if directory { record::DIRECTORY } else { 0 });
    bytes.extend([0, 0, 1, 0, 0, 1]);
    bytes.push(u8::try_from(identifier.len()).map_err(misfit)?);
    bytes.extend(identifier);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes.extend(system_use);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    let length = u8::try_from(bytes.len()).map_err(misfit)?;
    if let Some(first) = bytes.first_mut() {
        *first = length;
    }
    Ok(bytes)
}
