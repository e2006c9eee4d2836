//! Integers at byte offsets of a structure.

macro_rules! reader {
    ($name:ident, $type:ty, $from:ident, $order:literal) => {
        #[doc = concat!("The ", $order, " `", stringify!($type), "` at byte `offset`, `None` past the end.")]
        #[must_use]
        pub fn $name(bytes: &[u8], offset: usize) -> Option<$type> {
            let end = offset.checked_add(size_of::<$type>())?;
            Some(<$type>::$from(bytes.get(offset..end)?.try_into().ok()?))
        }
    };
}

reader!(le_u16, u16, from_le_bytes, "little-endian");
reader!(le_u32, u32, from_le_bytes, "little-endian");
reader!(le_u64, u64, from_le_bytes, "little-endian");
reader!(be_u16, u16, from_be_bytes, "big-endian");
reader!(be_u32, u32, from_be_bytes, "big-endian");
reader!(be_u64, u64, from_be_bytes, "big-endian");

/// Writes `value` at byte `offset`.
///
/// Returns `None`, and writes nothing, when it does not fit: a writer's own structures always do,
/// so callers turn this into an error that names the structure.
#[must_use]
pub fn put(bytes: &mut [u8], offset: usize, value: &[u8]) -> Option<()> {
    let end = offset.checked_add(value.len())?;
    bytes.get_mut(offset..end)?.copy_from_slice(value);
    Some(())
}

/// Writes a little-endian `u16`; see [`put`].
#[must_use]
pub fn put_le_u16(bytes: &mut [u8], offset: usize, value: u16) -> Option<()> {
    put(bytes, offset, &value.to_le_bytes())
}

/// Writes a little-endian `u32`; see [`put`].
#[must_use]
pub fn put_le_u32(bytes: &mut [u8], offset: usize, value: u32) -> Option<()> {
    put(bytes, offset, &value.to_le_bytes())
}

/// Writes a little-endian `u64`; see [`put`].
#[must_use]
pub fn put_le_u64(bytes: &mut [u8], offset: usize, value: u64) -> Option<()> {
    put(bytes, offset, &value.to_le_bytes())
}

/// Writes a `u16` in both byte orders, little-endian first (ECMA-119 section 7.2.3); see [`put`].
#[must_use]
pub fn put_both_u16(bytes: &mut [u8], offset: usize, value: u16) -> Option<()> {
    put_le_u16(bytes, offset, value)?;
    put(bytes, offset.checked_add(2)?, &value.to_be_bytes())
}

/// Writes a `u32` in both byte orders, little-endian first (ECMA-119 section 7.3.3); see [`put`].
#[must_use]
pub fn put_both_u32(bytes: &mut [u8], offset: usize, value: u32) -> Option<()> {
    put_le_u32(bytes, offset, value)?;
    put(bytes, offset.checked_add(4)?, &value.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_their_order_and_their_bounds() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(le_u16(&bytes, 0), Some(0x0201));
        assert_eq!(be_u16(&bytes, 0), Some(0x0102));
        assert_eq!(le_u32(&bytes, 4), Some(0x0807_0605));
        assert_eq!(be_u64(&bytes, 0), Some(0x0102_0304_0506_0708));
        assert_eq!(le_u64(&bytes, 1), None);
        assert_eq!(le_u16(&bytes, usize::MAX), None);
    }

    #[test]
    fn putting_outside_writes_nothing() {
        let mut bytes = [0; 8];
        assert_eq!(put_both_u32(&mut bytes, 0, 0x0102_0304), Some(()));
        assert_eq!(bytes, [4, 3, 2, 1, 1, 2, 3, 4]);
        assert_eq!(put_le_u32(&mut bytes, 5, 0), None);
        assert_eq!(put_le_u64(&mut bytes, usize::MAX, 0), None);
        assert_eq!(bytes, [4, 3, 2, 1, 1, 2, 3, 4]);
    }
}
