//! User and group IDs, which inodes name by their place in a table.

use std::collections::HashMap;

use crate::Error;

/// The most IDs: the superblock counts them with 16 bits.
const MAX_IDS: u64 = 65_535;

/// The table of IDs, in the order of their first use.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    list: Vec<u32>,
    places: HashMap<u32, u16>,
}

impl Ids {
    /// The place of an ID.
    pub(crate) fn place(&mut self, id: u32) -> Result<u16, Error> {
        if let Some(place) = self.places.get(&id) {
            return Ok(*place);
        }
        let full = Error::TableFull { table: "id table", limit: MAX_IDS };
        let place = match u16::try_from(self.list.len()) {
            Ok(place) if place < u16::MAX => place,
            _ => return Err(full),
        };
        self.list.push(id);
        self.places.insert(id, place);
        Ok(place)
    }

    /// How many IDs there are.
    pub(crate) fn count(&self) -> u16 {
        u16::try_from(self.list.len()).unwrap_or(u16::MAX)
    }

    /// The entries of the table: `u32`.
    pub(super) fn entries(&self) -> impl Iterator<Item = [u8; 4]> {
        self.list.iter().map(|id| id.to_le_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_one_place_and_the_count_fits() {
        let mut ids = Ids::default();
        for id in 0..65_535 {
            assert_eq!(u32::from(ids.place(id ^ 0xffff_0000).unwrap()), id);
        }
        assert_eq!(ids.place(0xffff_0007).unwrap(), 7);
        assert_eq!(ids.count(), 65_535);
        assert!(matches!(ids.place(1), Err(Error::TableFull { .. })));
    }
}
