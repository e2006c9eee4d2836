//! A file whose content lies in several places.

use anklume_bytes::{ReadAt, ReadError};
use anklume_fat::Extent;

use crate::image::source::Part;

/// Consecutive ranges of a partition, read as one.
pub(crate) struct Pieces<'a> {
    part: &'a Part<'a>,
    extents: Vec<Extent>,
    size: u64,
}

impl<'a> Pieces<'a> {
    /// The ranges `extents` of `part`, in this order.
    pub(crate) fn new(part: &'a Part<'a>, extents: Vec<Extent>) -> Self {
        let size = extents.iter().fold(0_u64, |sum, extent| sum.saturating_add(extent.length));
        Self { part, extents, size }
    }

    /// Where the content begins in the partition; 0 without content.
    pub(crate) fn start(&self) -> u64 {
        self.extents.first().map_or(0, |extent| extent.offset)
    }

    /// Whether it lies in one place.
    pub(crate) fn is_contiguous(&self) -> bool {
        self.extents.len() < 2
    }
}

impl ReadAt for Pieces<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        let outside = ReadError::OutOfBounds { offset, length, size: self.size };
        if offset.checked_add(length).is_none_or(|end| end > self.size) {
            return Err(outside);
        }
        let (mut skip, mut rest) = (offset, buffer);
        for extent in &self.extents {
            if rest.is_empty() {
                break;
            }
            let Some(held) = extent.length.checked_sub(skip).filter(|held| *held > 0) else {
                skip -= extent.length;
                continue;
            };
            let now = usize::try_from(held).unwrap_or(usize::MAX).min(rest.len());
            let (piece, behind) = rest.split_at_mut(now);
            self.part.read_at(extent.offset.saturating_add(skip), piece)?;
            (skip, rest) = (0, behind);
        }
        if rest.is_empty() { Ok(()) } else { Err(outside) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::source::Bytes;
    use anklume_bytes::Window;

    #[test]
    fn pieces_are_read_in_their_order() {
        let bytes: Vec<u8> = (0..32).collect();
        let image: &Bytes<'_> = &bytes;
        let part = Window::new(image, 0, 32).unwrap();
        let extents = vec![Extent { offset: 20, length: 3 }, Extent { offset: 4, length: 5 }];
        let pieces = Pieces::new(&part, extents);
        assert_eq!(pieces.read_vec(0, 8, 8).unwrap(), [20, 21, 22, 4, 5, 6, 7, 8]);
        assert_eq!(pieces.read_vec(3, 2, 8).unwrap(), [4, 5]);
        assert_eq!(pieces.read_vec(2, 2, 8).unwrap(), [22, 4]);
        assert!(pieces.read_vec(8, 0, 8).unwrap().is_empty());
        assert!(pieces.read_vec(7, 2, 8).is_err());
    }
}
