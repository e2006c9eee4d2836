//! Fields of a table, one after the other.

use super::error::TableError;
use super::metadata::Metadata;

/// A place in a table, which moves on with every field.
pub(super) struct Cursor<'a> {
    pub(super) table: &'a Metadata,
    pub(super) position: usize,
    /// First byte of the content that may not be read.
    end: usize,
}

impl<'a> Cursor<'a> {
    /// From `position` of the table's content to the end of the table.
    pub(super) fn new(table: &'a Metadata, position: usize) -> Self {
        Self { table, position, end: table.bytes.len() }
    }

    /// From `position` on, at most `length` bytes; `None` if the table ends before that.
    pub(super) fn limited(table: &'a Metadata, position: usize, length: usize) -> Option<Self> {
        let end = position.checked_add(length).filter(|end| *end <= table.bytes.len())?;
        Some(Self { table, position, end })
    }

    /// Whether nothing is left.
    pub(super) fn is_at_end(&self) -> bool {
        self.position >= self.end
    }

    /// The next `length` bytes.
    pub(super) fn bytes(
        &mut self,
        object: &'static str,
        length: u64,
    ) -> Result<&'a [u8], TableError> {
        let length_here = usize::try_from(length).ok();
        let end = length_here.and_then(|length| self.position.checked_add(length));
        let range = end.filter(|end| *end <= self.end).map(|end| self.position..end);
        let Some(bytes) = range.and_then(|range| self.table.bytes.get(range)) else {
            let left = self.end.saturating_sub(self.position);
            let found = format!("the end after {left}");
            return Err(self.corrupt(object, format!("{length} bytes"), found));
        };
        self.position = self.position.saturating_add(bytes.len());
        Ok(bytes)
    }

    /// The next field, a `u16`.
    pub(super) fn u16(&mut self, object: &'static str) -> Result<u16, TableError> {
        let bytes = self.bytes(object, 2)?;
        Ok(anklume_bytes::le_u16(bytes, 0).unwrap_or_default())
    }

    /// The next field, a `u32`.
    pub(super) fn u32(&mut self, object: &'static str) -> Result<u32, TableError> {
        let bytes = self.bytes(object, 4)?;
        Ok(anklume_bytes::le_u32(bytes, 0).unwrap_or_default())
    }

    /// The next field, a `u64`.
    pub(super) fn u64(&mut self, object: &'static str) -> Result<u64, TableError> {
        let bytes = self.bytes(object, 8)?;
        Ok(anklume_bytes::le_u64(bytes, 0).unwrap_or_default())
    }

    /// Something at the current place that no writer produces.
    pub(super) fn corrupt(
        &self,
        object: &'static str,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) -> TableError {
        TableError::corrupt(object, self.table.place(self.position), expected, found)
    }
}
