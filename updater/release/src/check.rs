//! Whether a release fits a machine, by its description.

use std::cmp::Ordering;

use crate::{Machine, Note, Offer, Power, Refusal, Release};

/// Below it a battery may not last, in percent.
const LOW_BATTERY: u8 = 20;
/// What an update notes down on the persistent partition beside the chunk list, with room to spare, in
/// bytes.
const STATE_BYTES: u64 = 4 << 20;

/// Decides whether `release`, the description of `offer`, can be installed, before anything is written.
/// Gives what a person should know of it.
///
/// # Errors
/// [`Refusal`]: the description is another one's, or the machine or its medium does not fit.
pub fn check(offer: &Offer, release: &Release, machine: &Machine) -> Result<Vec<Note>, Refusal> {
    same(offer, release)?;
    if !machine.grown {
        return Err(Refusal::NotGrown);
    }
    let version = || release.version.clone();
    let (needed, found) = (release.minimum_updater, machine.updater);
    if needed > found {
        return Err(Refusal::Updater { version: version(), needed, found });
    }
    let mut notes = Vec::new();
    let (found, kept) = (release.state_schema, machine.state_schema);
    match found.cmp(&kept) {
        Ordering::Less => return Err(Refusal::StateSchema { version: version(), found, kept }),
        Ordering::Equal => {}
        Ordering::Greater => notes.push(Note::StateSchemaRises { from: kept, to: found }),
    }
    for (part, needed, found) in
        [("boot", release.boot.bytes, machine.slot.boot), ("os", release.os.bytes, machine.slot.os)]
    {
        if needed > found {
            return Err(Refusal::SlotTooSmall { version: version(), part, needed, found });
        }
    }
    let needed = release.chunks.bytes.saturating_add(STATE_BYTES);
    let found = machine.free_bytes;
    if needed > found {
        return Err(Refusal::NoSpace { needed, found });
    }
    match machine.power {
        Power::Battery(percent) if percent < LOW_BATTERY => {
            notes.push(Note::BatteryLow { percent });
        }
        Power::Battery(_) | Power::Mains => {}
    }
    Ok(notes)
}

/// Both say the same of the release.
fn same(offer: &Offer, release: &Release) -> Result<(), Refusal> {
    let custom = &offer.custom;
    for (field, expected, found) in [
        ("compatible", &custom.compatible, &release.compatible),
        ("version", &custom.version, &release.version),
        ("architecture", &custom.architecture, &release.architecture),
    ] {
        if expected != found {
            let (expected, found) = (expected.clone(), found.clone());
            return Err(Refusal::Mismatch { field, expected, found });
        }
    }
    Ok(())
}
