//! Reading volumes: ours, and those of xorriso and genisoimage.

pub(crate) mod descriptor;
pub(crate) mod eltorito;
pub(crate) mod record;
mod susp;
pub(crate) mod walk;

use std::ops::ControlFlow;

use anklume_bytes::ReadAt;

use crate::error::Error;
use crate::extent::Extent;
use crate::names::shown;
use descriptor::{Descriptor, Descriptors};
pub use eltorito::{BootCatalog, BootEntry};
use susp::SystemUse;
use walk::{Budget, Descend, Step};

/// Which names a listing has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Names {
    /// Identifiers of the primary tree, without version and without a trailing dot.
    Plain,
    /// POSIX names of the primary tree; the plain one where a record has none.
    RockRidge,
    /// UCS-2 names of the Joliet tree, without version.
    Joliet,
}

/// A file or directory of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Path without leading slash. No component is empty, `.` or `..`.
    pub path: String,
    /// Where the content lies. Not checked against the length of the image: see [`crate::check()`].
    pub extent: Extent,
    /// Whether it is a directory.
    pub directory: bool,
    /// `st_mode` from Rock Ridge; `None` in other listings.
    pub mode: Option<u32>,
}

/// An ISO 9660 volume in an image.
#[derive(Debug)]
pub struct Volume<'a, R: ?Sized> {
    pub(crate) image: &'a R,
    pub(crate) descriptors: Descriptors,
    /// Bytes to skip in system use areas, when the volume has Rock Ridge (SUSP 1.12 section 5.3).
    skip: Option<u8>,
}

impl<'a, R: ReadAt + ?Sized> Volume<'a, R> {
    /// Reads the volume descriptors of `image`, whose sector 16 holds the first one.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there is no volume or a descriptor is damaged,
    /// [`Error::Unsupported`] for logical blocks other than 2048 bytes, [`Error::Read`].
    pub fn open(image: &'a R) -> Result<Self, Error> {
        let descriptors = Descriptors::read(image)?;
        let skip = susp::detect(image, descriptors.primary.root.extent)?;
        Ok(Self { image, descriptors, skip })
    }

    /// Volume identifier of the primary descriptor, without trailing spaces.
    #[must_use]
    pub fn volume_id(&self) -> &str {
        &self.descriptors.primary.volume_id
    }

    /// Publisher identifier of the primary descriptor, without trailing spaces.
    #[must_use]
    pub fn publisher(&self) -> &str {
        &self.descriptors.primary.publisher
    }

    /// Length of the volume in bytes, as the primary descriptor has it.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.descriptors.primary.space_bytes
    }

    /// Whether the volume has names of this kind.
    #[must_use]
    pub fn has(&self, names: Names) -> bool {
        match names {
            Names::Plain => true,
            Names::RockRidge => self.skip.is_some(),
            Names::Joliet => self.descriptors.joliet.is_some(),
        }
    }

    /// The best names that the volume has: Rock Ridge, else Joliet, else plain.
    #[must_use]
    pub fn best_names(&self) -> Names {
        let order = [Names::RockRidge, Names::Joliet];
        order.into_iter().find(|names| self.has(*names)).unwrap_or(Names::Plain)
    }

    /// All files and directories under their best names, without the root, breadth first.
    ///
    /// # Errors
    /// As [`Volume::list_as`].
    pub fn list(&self) -> Result<Vec<Node>, Error> {
        self.list_as(self.best_names())
    }

    /// All files and directories, without the root, breadth first and in the order of the records.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a record breaks the format, directories form a cycle, or a name
    /// could not be part of a path; [`Error::Unsupported`] for files of several extents, and for
    /// volumes beyond the bounds of this reader or without such names; [`Error::Read`].
    pub fn list_as(&self, names: Names) -> Result<Vec<Node>, Error> {
        let mut nodes = Vec::new();
        self.visit(names, &mut |node| {
            nodes.push(node);
            ControlFlow::Continue(())
        })?;
        Ok(nodes)
    }

    /// Where the file at `path` lies, by its best name. A leading slash is ignored, case is not.
    ///
    /// The extent is not checked against the length of the image.
    ///
    /// # Errors
    /// [`Error::NotFound`] also for a directory; otherwise as [`Volume::list_as`].
    pub fn find(&self, path: &str) -> Result<Extent, Error> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let mut found = None;
        self.visit(self.best_names(), &mut |node| {
            if !node.directory && node.path == path {
                found = Some(node.extent);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        found.ok_or_else(|| Error::NotFound { path: path.to_owned() })
    }

    /// The El Torito boot catalog, `None` when the volume has no boot record.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the catalog breaks the format, [`Error::Unsupported`] when it is
    /// longer than a sector, [`Error::Read`].
    pub fn boot_catalog(&self) -> Result<Option<BootCatalog>, Error> {
        self.descriptors.catalog.map(|lba| BootCatalog::read(self.image, lba)).transpose()
    }

    fn tree(&self, names: Names) -> Result<&Descriptor, Error> {
        let descriptor = match names {
            _ if !self.has(names) => None,
            Names::Joliet => self.descriptors.joliet.as_ref(),
            Names::Plain | Names::RockRidge => Some(&self.descriptors.primary),
        };
        descriptor.ok_or_else(|| Error::Unsupported {
            object: "volume",
            offset: self.descriptors.primary.offset,
            supported: "a kind of names that the volume has",
            found: format!("{names:?}"),
        })
    }

    fn visit(
        &self,
        names: Names,
        each: &mut dyn FnMut(Node) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let root = self.tree(names)?.root.extent;
        walk::walk(self.image, root, &mut |step, budget| {
            let node = self.node(names, step, budget)?;
            let descend = node.directory.then(|| node.path.clone());
            Ok(match (each(node), descend) {
                (ControlFlow::Break(()), _) => Descend::Stop,
                (_, Some(path)) => Descend::Into(path),
                (_, None) => Descend::Over,
            })
        })
    }

    fn node(&self, names: Names, step: &Step<'_>, budget: &mut Budget) -> Result<Node, Error> {
        let record = &step.record;
        record.refuse_unsupported(step.offset)?;
        let mut system_use = SystemUse::default();
        if let (Names::RockRidge, Some(skip)) = (names, self.skip) {
            let fields = record.system_use.get(usize::from(skip)..).unwrap_or_default();
            system_use = SystemUse::read(self.image, fields, step.offset, budget)?;
        }
        let name = match (names, system_use.name) {
            (Names::Joliet, _) => record.joliet_name(step.offset)?,
            (_, Some(name)) => String::from_utf8_lossy(&name).into_owned(),
            (_, None) => shown(&String::from_utf8_lossy(record.identifier)).to_owned(),
        };
        Ok(Node {
            path: join(step.path, &name, step.offset)?,
            extent: record.extent,
            directory: record.is_directory(),
            mode: system_use.mode,
        })
    }
}

/// The path of `name` in `folder`. A name that would lead elsewhere is refused: programs join the
/// paths of a listing to folders of their own.
fn join(folder: &str, name: &str, offset: u64) -> Result<String, Error> {
    if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
        return Err(Error::Corrupt {
            object: "file name",
            offset,
            expected: "a name that can be part of a path",
            found: format!("{name:?}"),
        });
    }
    Ok(if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") })
}
