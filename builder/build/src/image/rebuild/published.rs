//! What an image says about how it was built.

use anklume_layout::{Role, Slot, cmdline};

use crate::build::Published;
use crate::cli::FormatArg;
use crate::image::fault::Fault;
use crate::image::read::disk::Disk;
use crate::image::read::os::Os;
use crate::image::read::slot::{SlotParts, manifest};
use crate::image::source::Bytes;

/// Reads slot A of `image`.
pub(super) fn read(image: &Bytes<'_>) -> Result<Published, Fault> {
    let disk = Disk::open(image)?;
    let missing = || Fault::new("partition table", 512, "a slot A", "none");
    let parts = SlotParts::open(&disk, Slot::A)?.filter(|parts| !parts.is_empty);
    let parts = parts.ok_or_else(missing)?;
    let (manifest, _) = manifest(&parts.folder()?)?;
    let object = parts.os_name();
    let os = Os::read(&object, parts.os_base, &parts.os)?;
    // What it says wrongly differs from the rebuild.
    let level = os.squashfs.zstd_level(&parts.os).unwrap_or_default();
    let second = [Role::Boot(Slot::B), Role::Os(Slot::B), Role::Persist];
    let format = match second.into_iter().any(|role| disk.partition(role).is_some()) {
        true => FormatArg::Raw,
        false => FormatArg::Iso,
    };
    Ok(Published {
        name: manifest.compatible,
        version: manifest.image_version,
        epoch: manifest.source_date_epoch,
        format,
        level,
        encrypts_ram: cmdline::encrypts_ram(&manifest.command_line),
    })
}
