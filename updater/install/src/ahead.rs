//! Reads what comes next while what was read is looked at.

use std::ops::Range;

use anklume_bytes::{ReadAt, ReadError};

use crate::narrow;

/// Reads `spans`, one after the other, and gives each with its bytes to `take`. Holds two of them.
///
/// # Errors
/// Those of `take`, and what `failed` makes of a span that cannot be read.
pub(crate) fn read_ahead<R, S, E>(
    reader: &R,
    mut spans: impl Iterator<Item = S>,
    range: impl Fn(&S) -> Range<u64>,
    mut failed: impl FnMut(&S, ReadError) -> E,
    mut take: impl FnMut(&S, &mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E>
where
    R: ReadAt + Sync + ?Sized,
{
    let Some(mut span) = spans.next() else { return Ok(()) };
    let (mut bytes, mut ahead) = (Vec::new(), Vec::new());
    fill(reader, &range(&span), &mut bytes).map_err(|error| failed(&span, error))?;
    loop {
        let next = spans.next();
        let wanted = next.as_ref().map(&range);
        let mut read = Ok(());
        rayon::in_place_scope(|scope| {
            if let Some(wanted) = &wanted {
                scope.spawn(|_| read = fill(reader, wanted, &mut ahead));
            }
            take(&span, &mut bytes)
        })?;
        let Some(next) = next else { return Ok(()) };
        read.map_err(|error| failed(&next, error))?;
        span = next;
        std::mem::swap(&mut bytes, &mut ahead);
    }
}

fn fill<R: ReadAt + ?Sized>(
    reader: &R,
    range: &Range<u64>,
    bytes: &mut Vec<u8>,
) -> Result<(), ReadError> {
    bytes.resize(narrow(range.end.saturating_sub(range.start)), 0);
    reader.read_at(range.start, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(spans: &[Range<u64>]) -> Result<Vec<Vec<u8>>, String> {
        let disk: Vec<u8> = (0..100).collect();
        let mut found = Vec::new();
        let failed = |span: &Range<u64>, _| format!("{span:?}");
        read_ahead(&disk, spans.iter().cloned(), Range::clone, failed, |_, bytes| {
            found.push(bytes.clone());
            if bytes.first() == Some(&99) { Err("99".to_owned()) } else { Ok(()) }
        })?;
        Ok(found)
    }

    #[test]
    fn spans_are_read_in_their_order() {
        assert_eq!(read(&[]).unwrap(), Vec::<Vec<u8>>::new());
        assert_eq!(
            read(&[3..5, 0..1, 7..7, 9..12]).unwrap(),
            [vec![3, 4], vec![0], vec![], vec![9, 10, 11]]
        );
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert_eq!(read(&[0..101, 0..1]).unwrap_err(), "0..101");
        assert_eq!(read(&[0..1, 99..101]).unwrap_err(), "99..101");
    }

    #[test]
    fn the_end_is_left_to_who_takes() {
        assert_eq!(read(&[99..100, 99..101]).unwrap_err(), "99");
    }
}
