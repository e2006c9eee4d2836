//! Entry points for fuzzing.

use anklume_bytes::{ReadAt, put};

use crate::{Error, Names, Problem, Volume, check};

/// Length of the images that [`image`] makes, in bytes: 80 sectors, of which 16 lie before the
/// volume.
const IMAGE_BYTES: usize = 80 * 2048;

/// An image with bytes in only a few places.
///
/// A volume is mostly zeros, and begins at byte 32768. So that a fuzzer changes what matters, its
/// input is a list of patches: byte of the image in units of 16 (u16 LE), length (u8), bytes.
/// Patches that do not fit, and a last one that is cut off, are ignored.
#[must_use]
pub fn image(patches: &[u8]) -> Vec<u8> {
    let mut image = vec![0; IMAGE_BYTES];
    let mut rest = patches;
    while let [low, high, length, tail @ ..] = rest {
        let Some((patch, after)) = tail.split_at_checked(usize::from(*length)) else { break };
        let offset = usize::from(u16::from_le_bytes([*low, *high])).saturating_mul(16);
        // A patch that does not fit is ignored.
        let _fits = put(&mut image, offset, patch);
        rest = after;
    }
    image
}

/// Reads everything that there is to read.
///
/// Must not panic, loop or take more memory than the image allows, whatever the bytes. When the
/// check finds nothing, all files that can be listed lie within the image.
///
/// # Errors
/// As [`check()`].
///
/// # Panics
/// When the check and the listings contradict each other.
pub fn examine<R: ReadAt + ?Sized>(image: &R) -> Result<Vec<Problem>, Error> {
    let problems = check(image)?;
    let volume = Volume::open(image)?;
    for names in [Names::Plain, Names::RockRidge, Names::Joliet] {
        let Ok(nodes) = volume.list_as(names) else { continue };
        for node in nodes.iter().filter(|node| node.extent.size > 0 && problems.is_empty()) {
            let end = node.extent.offset_bytes.checked_add(node.extent.size);
            assert!(end.is_some_and(|end| end <= image.size()), "{} lies outside", node.path);
        }
    }
    // Only the absence of a panic matters here.
    let _extent = volume.find("EFI/BOOT/BOOTX64.EFI");
    let _catalog = volume.boot_catalog();
    Ok(problems)
}
