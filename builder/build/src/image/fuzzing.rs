//! The entry point of the fuzzer.

use anklume_bytes::{ReadAt, ReadError};

use super::facts::Facts;
use super::rebuild::areas;
use super::{Depth, inspect, print};

/// Bytes of the images that [`fuzz`] makes.
const IMAGE_BYTES: u64 = 64 << 20;
/// Unit of a patch's offset, in bytes.
const UNIT_BYTES: u64 = 16;
/// Bytes in front of a patch: offset and length.
const HEADER_BYTES: usize = 6;

/// An image of zeros with bytes in a few places. What comes later lies on top.
struct Patched<'a> {
    patches: Vec<(u64, &'a [u8])>,
}

/// Everything that `inspect` reads of an image, but the files of the OS, and the text about it.
///
/// An image is long and mostly zeros. So that a fuzzer changes what matters, `input` is a list of
/// patches of an image of 64 MiB of zeros: place in units of 16 bytes (u32 LE), length (u16 LE),
/// bytes. A last patch that is cut off, and what lies behind the end, is ignored.
///
/// Must not panic, loop, or allocate what a length field asks for, whatever the bytes are.
///
/// # Panics
/// When a control character of the image would reach a terminal, or a byte of it is in no segment
/// of the comparison or in two.
pub fn fuzz(input: &[u8]) -> Facts {
    let image = Patched::new(input);
    let facts = inspect(&image, Depth::Structures);
    let segments = anklume_compare::segments(&areas(&image), IMAGE_BYTES);
    let end = segments.iter().fold(0, |end, (range, _)| {
        assert_eq!(range.start, end, "every byte is in one segment");
        range.end
    });
    assert_eq!(end, IMAGE_BYTES);
    // What is printed is made of the same hostile bytes.
    let text = print::text("image", &facts, true);
    assert!(!text.contains('\u{1b}'), "an escape reached the terminal");
    facts
}

impl<'a> Patched<'a> {
    fn new(input: &'a [u8]) -> Self {
        let mut patches = Vec::new();
        let mut rest = input;
        while let Some((header, tail)) = rest.split_at_checked(HEADER_BYTES) {
            let place = anklume_bytes::le_u32(header, 0).unwrap_or_default();
            let length = anklume_bytes::le_u16(header, 4).unwrap_or_default();
            let Some((bytes, behind)) = tail.split_at_checked(usize::from(length)) else { break };
            patches.push((u64::from(place).saturating_mul(UNIT_BYTES), bytes));
            rest = behind;
        }
        Self { patches }
    }
}

impl ReadAt for Patched<'_> {
    fn size(&self) -> u64 {
        IMAGE_BYTES
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        let end = offset.checked_add(length).filter(|end| *end <= IMAGE_BYTES);
        let end = end.ok_or(ReadError::OutOfBounds { offset, length, size: IMAGE_BYTES })?;
        buffer.fill(0);
        for (start, bytes) in &self.patches {
            let bytes_end = start.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            let (from, to) = (offset.max(*start), end.min(bytes_end));
            let range = |base: u64| -> Option<std::ops::Range<usize>> {
                Some(
                    from.checked_sub(base)?.try_into().ok()?
                        ..to.checked_sub(base)?.try_into().ok()?,
                )
            };
            let source = range(*start).and_then(|range| bytes.get(range));
            let target = range(offset).and_then(|range| buffer.get_mut(range));
            if let (Some(source), Some(target)) = (source, target) {
                target.copy_from_slice(source);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_lie_where_they_say_and_a_cut_one_is_ignored() {
        let mut input = vec![1, 0, 0, 0, 3, 0, 7, 8, 9];
        input.extend([0, 0, 0, 0, 2, 0, 5, 6, 1, 0, 0, 0, 9, 0, 1]);
        let image = Patched::new(&input);
        assert_eq!(image.read_vec(0, 20, 20).unwrap()[..2], [5, 6]);
        assert_eq!(image.read_vec(15, 5, 20).unwrap(), [0, 7, 8, 9, 0]);
        assert_eq!(image.read_vec(17, 1, 20).unwrap(), [8]);
        assert!(image.read_vec(IMAGE_BYTES - 1, 2, 2).is_err());
        let far = [255, 255, 255, 255, 1, 0, 1];
        assert_eq!(Patched::new(&far).read_vec(IMAGE_BYTES - 1, 1, 1).unwrap(), [0]);
    }
}
