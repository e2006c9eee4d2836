//! The ISO 9660 view of an image.

use anklume_iso9660::{BootCatalog, Node, Volume};

use crate::image::fault::{self, Fault};
use crate::image::source::Bytes;

/// Platform of an El Torito entry for UEFI (UEFI 2.10 section 13.3.2.1).
pub(crate) const PLATFORM_UEFI: u8 = 0xef;
/// Platform of an El Torito entry for the PC BIOS (El Torito 1.0 figure 2).
pub(crate) const PLATFORM_BIOS: u8 = 0;
/// The most bytes of a boot configuration in the tree.
const CONFIG_BYTES_MAX: u64 = 64 << 10;

/// What a volume says about itself.
pub(crate) struct Iso<'a> {
    image: &'a Bytes<'a>,
    pub(crate) volume: Volume<'a, Bytes<'a>>,
    /// Files and directories by their best names.
    pub(crate) nodes: Vec<Node>,
    pub(crate) catalog: Option<BootCatalog>,
}

impl<'a> Iso<'a> {
    /// Reads the volume in `image`.
    pub(crate) fn open(image: &'a Bytes<'a>) -> Result<Self, Fault> {
        let explain = |error| fault::iso(&error);
        let volume = Volume::open(image).map_err(explain)?;
        let nodes = volume.list().map_err(explain)?;
        let catalog = volume.boot_catalog().map_err(explain)?;
        Ok(Self { image, volume, nodes, catalog })
    }

    /// The files, without directories.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| !node.directory)
    }

    /// The text of a small file.
    pub(crate) fn text(&self, node: &Node) -> Result<String, Fault> {
        let at = node.extent.offset_bytes;
        let bytes = self.image.read_vec(at, node.extent.size, CONFIG_BYTES_MAX);
        let bytes = bytes.map_err(|error| fault::read(&name(node), 0, &error))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// What a file of the volume is called in messages.
pub(crate) fn name(node: &Node) -> String {
    format!("iso 9660 file {}", node.path)
}

/// A platform in words.
pub(crate) fn platform(id: u8) -> String {
    match id {
        PLATFORM_BIOS => "BIOS".to_owned(),
        PLATFORM_UEFI => "UEFI".to_owned(),
        other => format!("platform {other:#04x}"),
    }
}
