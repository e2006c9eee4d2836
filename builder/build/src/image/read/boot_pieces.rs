//! The boot partition of a slot as blocks that an update may re-use.

use anklume_chunks::{CutError, cut_boot};
use anklume_compare::Block;

use super::content::block;
use super::folder::Folder;
use crate::image::fault::{self, Fault};
use crate::image::source::Part;

/// Hashes the chunks of the boot partition `part`, in which `folder` lies.
pub(crate) fn boot_pieces(folder: &Folder<'_>, part: &Part<'_>) -> Result<Vec<Block>, Fault> {
    let (object, base) = (&folder.object, folder.base);
    let explain = |error: CutError| match error {
        CutError::Fat(error) => fault::fat(object, base, &error),
        CutError::Read(error) => fault::read(object, base, &error),
        other => Fault::told(object, base, other),
    };
    let cuts = cut_boot(part).map_err(explain)?;
    let contents = cuts.hash(part).map_err(|error| fault::read(object, base, &error))?;
    Ok(cuts.cuts.iter().zip(&contents).filter_map(|(cut, content)| block(cut, content)).collect())
}
