//! The boot record, as this crate changes it.

use anklume_layout::Slot;
use anklume_slots::{Record, Refusal, State};

use crate::{Error, Fault};

/// The boot record of the medium that the target lies on.
pub trait BootRecord {
    /// What can go wrong with it.
    type Error: std::error::Error + 'static;

    /// Changes the record that counts with `change`, and returns the one that counts afterwards. When
    /// this returns `Ok`, both copies are durable and were read back.
    ///
    /// # Errors
    /// The refusal of `change`, after which nothing was written; that no copy is whole; that it cannot
    /// be written.
    fn change(
        &mut self,
        change: &mut dyn FnMut(Record) -> Result<Record, Refusal>,
    ) -> Result<Record, Self::Error>;
}

/// Marks the slot as one that cannot boot.
pub(crate) fn clear<S, B: BootRecord>(
    record: &mut B,
    slot: Slot,
) -> Result<Record, Error<S, B::Error>> {
    let found = record.change(&mut |record| record.clear(slot)).map_err(Error::Record)?;
    expect(slot, State::Empty, found)
}

/// Lets the slot boot, on trial.
pub(crate) fn activate<S, B: BootRecord>(
    record: &mut B,
    slot: Slot,
) -> Result<Record, Error<S, B::Error>> {
    let found = record.change(&mut |record| record.activate(slot)).map_err(Error::Record)?;
    expect(slot, State::Trial, found)
}

fn expect<S, E>(slot: Slot, expected: State, record: Record) -> Result<Record, Error<S, E>> {
    let found = record.state(slot);
    if found == expected {
        return Ok(record);
    }
    Err(Fault::Record { slot, expected, found }.into())
}
