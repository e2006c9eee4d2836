//! Comparing bytes that are there twice.

use anklume_bytes::{ReadAt, ReadError};

/// Bytes compared at a time.
const PIECE_BYTES: u64 = 1 << 20;

/// The first byte at which two things differ, or the end of the shorter one; none if they are the
/// same.
pub(super) fn difference(a: &dyn ReadAt, b: &dyn ReadAt) -> Result<Option<u64>, ReadError> {
    let shorter = a.size().min(b.size());
    let mut done = 0;
    while done < shorter {
        let now = (shorter - done).min(PIECE_BYTES);
        let (left, right) = (a.read_vec(done, now, now)?, b.read_vec(done, now, now)?);
        if let Some(index) = left.iter().zip(&right).position(|(a, b)| a != b) {
            return Ok(Some(done.saturating_add(u64::try_from(index).unwrap_or(0))));
        }
        done += now;
    }
    Ok((a.size() != b.size()).then_some(shorter))
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn the_first_difference_is_found() {
        let long = vec![7_u8; (1 << 20) + 5];
        let mut other = long.clone();
        assert_eq!(difference(&long, &other).unwrap(), None);
        other[(1 << 20) + 2] = 0;
        assert_eq!(difference(&long, &other).unwrap(), Some((1 << 20) + 2));
        assert_eq!(difference(&long, &&long[..9]).unwrap(), Some(9));
    }
}
