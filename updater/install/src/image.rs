//! Where the version comes from.

use std::ops::{ControlFlow, Range};

/// The image file at its source.
pub trait Image {
    /// What can go wrong there.
    type Error: std::error::Error + 'static;

    /// Fetches byte ranges of the image file, ascending and disjoint, and gives their bytes to `take` in
    /// that order, in pieces of any length, each with its offset in the file. `take` ends it early with
    /// `Break`, which is no error.
    ///
    /// What arrives is compared with the signed list before it is written; a source need not be trusted.
    ///
    /// # Errors
    /// When the source gives up.
    fn fetch(
        &mut self,
        ranges: &[Range<u64>],
        take: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), Self::Error>;
}
