//! Random-access bytes and bounded field access: the ground every format parser stands on.
//!
//! A disk, a partition and a test vector are all a [`ReadAt`]; no parser of this project opens a
//! file. What changes a disk writes through [`WriteAt`]. Fields are read with functions that return `None` past the end instead of panicking, so a
//! length taken from a hostile image can never index out of bounds.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod field;
mod read;
mod window;
mod write;

pub use field::{
    be_u16, be_u32, be_u64, le_u16, le_u32, le_u64, put, put_both_u16, put_both_u32, put_le_u16,
    put_le_u32, put_le_u64,
};
pub use read::{ReadAt, ReadError};
pub use window::Window;
pub use write::{WriteAt, WriteError};

/// Rounds `value` up to the next multiple of `alignment`.
///
/// Returns `None` when `alignment` is zero or the result does not fit in 64 bits.
#[must_use]
pub fn align_up(value: u64, alignment: u64) -> Option<u64> {
    value.checked_next_multiple_of(alignment)
}

#[cfg(test)]
mod tests {
    use super::align_up;

    #[test]
    fn aligning_keeps_multiples_and_refuses_overflow() {
        assert_eq!(align_up(4096, 4096), Some(4096));
        assert_eq!(align_up(4097, 4096), Some(8192));
        assert_eq!(align_up(0, 512), Some(0));
        assert_eq!(align_up(1, 0), None);
        assert_eq!(align_up(u64::MAX, 4096), None);
    }
}
