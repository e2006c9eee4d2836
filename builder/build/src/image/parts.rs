//! The parts of an image that an update writes, cut and hashed.

use anklume_chunks::{Chunk, ChunkList, CutError, Cuts, Digest, ListError, Part, cut_boot, cut_os};
use anklume_layout::manifest::Manifest;
use anklume_layout::{Role, Slot};
use rayon::prelude::*;

use super::fault::{self, Fault};
use super::read::disk::{Disk, name};
use super::read::slot::{SlotParts, manifest};
use super::source::{Bytes, Part as Window};

/// What an image says about itself.
pub(crate) struct Said {
    pub(crate) manifest: Manifest,
    /// Whether it is an ISO as it was built: one slot, and no first boot yet.
    pub(crate) is_iso: bool,
}

/// Reads the manifest of slot A.
pub(crate) fn said(image: &Bytes<'_>) -> Result<Said, Fault> {
    let disk = Disk::open(image)?;
    let parts = slot_a(&disk)?;
    let (manifest, _) = manifest(&parts.folder()?)?;
    let is_iso = disk.partition(Role::Boot(Slot::B)).is_none() && !disk.is_grown();
    Ok(Said { manifest, is_iso })
}

/// Cuts slot A and hashes every chunk, by the rules of [`anklume_chunks`].
pub(crate) fn chunk_list(image: &Bytes<'_>) -> Result<ChunkList, Fault> {
    let disk = Disk::open(image)?;
    let parts = slot_a(&disk)?;
    let role = Role::Boot(Slot::A);
    let boot = hashed((&name(role), parts.boot_base, &parts.boot), cut_boot)?;
    let os = hashed((&parts.os_name(), parts.os_base, &parts.os), cut_os)?;
    let boot = boot.0.spec(&boot.1, parts.boot_base);
    let os = os.0.spec(&os.1, parts.os_base);
    ChunkList::new(boot, os)
        .map_err(|error: ListError| Fault::told("chunk list", parts.boot_base, error))
}

fn hashed<'w>(
    (object, base, part): (&str, u64, &Window<'w>),
    cut: fn(&Window<'w>) -> Result<Cuts, CutError>,
) -> Result<(Cuts, Vec<Digest>), Fault> {
    let explain = |error: CutError| match error {
        CutError::Fat(error) => fault::fat(object, base, &error),
        CutError::Read(error) => fault::read(object, base, &error),
        other => Fault::told(object, base, other),
    };
    let cuts = cut(part).map_err(explain)?;
    let digest = |cut: &anklume_chunks::Cut| cut.digest(part);
    let digests: Result<Vec<Digest>, _> = cuts.cuts.par_iter().map(digest).collect();
    Ok((cuts, digests.map_err(|error| fault::read(object, base, &error))?))
}

/// The first chunk of a list whose bytes in the image are others, with its part.
pub(crate) fn first_wrong_chunk(
    image: &Bytes<'_>,
    list: &ChunkList,
) -> Result<Option<(Part, Chunk)>, Fault> {
    for part in Part::ALL {
        let listed = list.part(part);
        let is_wrong = |chunk: &Chunk| {
            let offset = listed.image_offset(chunk.offset);
            let bytes = image.read_vec(offset, chunk.bytes.into(), chunk.bytes.into());
            let bytes = bytes.map_err(|error| fault::read(&part.to_string(), offset, &error))?;
            Ok((!chunk.matches(&bytes)).then_some((part, *chunk)))
        };
        let found = listed.chunks().par_iter().map(is_wrong).find_map_first(Result::transpose);
        if let Some(found) = found {
            return found.map(Some);
        }
    }
    Ok(None)
}

fn slot_a<'a>(disk: &Disk<'a>) -> Result<SlotParts<'a>, Fault> {
    let missing = || Fault::new("partition table", 512, "a slot A", "none");
    let parts = SlotParts::open(disk, Slot::A)?;
    parts.filter(|parts| !parts.is_empty).ok_or_else(missing)
}
