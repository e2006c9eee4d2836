//! Rules that the partitions of a table obey, whether it is read or written.

use std::collections::BTreeSet;

use crate::{Guid, Partition};

/// A rule that a partition breaks.
pub(crate) struct Broken {
    /// Number of the partition.
    pub(crate) number: u32,
    /// Its field.
    pub(crate) field: &'static str,
    /// What the field may be.
    pub(crate) expected: String,
    /// What it is.
    pub(crate) found: String,
}

/// Checks `partitions` against each other and against the usable range (inclusive, in LBA).
pub(crate) fn partitions(
    partitions: &[Partition],
    first_usable: u64,
    last_usable: u64,
) -> Result<(), Broken> {
    for partition in partitions {
        range(partition, first_usable, last_usable)?;
    }
    identities(partitions)?;
    overlap(partitions)
}

fn range(partition: &Partition, first_usable: u64, last_usable: u64) -> Result<(), Broken> {
    let Partition { number, first_lba, last_lba, .. } = *partition;
    if first_usable <= first_lba && first_lba <= last_lba && last_lba <= last_usable {
        return Ok(());
    }
    Err(Broken {
        number,
        field: "sectors",
        expected: format!("a range within {first_usable} to {last_usable}"),
        found: format!("{first_lba} to {last_lba}"),
    })
}

fn identities(partitions: &[Partition]) -> Result<(), Broken> {
    let mut numbers = BTreeSet::new();
    let mut guids = BTreeSet::from([Guid::ZERO]);
    for partition in partitions {
        let number = partition.number;
        let broken = |field, expected: &str, found: String| {
            Err(Broken { number, field, expected: expected.to_owned(), found })
        };
        if !numbers.insert(number) {
            return broken("number", "one that no other partition has", number.to_string());
        }
        if !guids.insert(partition.unique_guid) {
            let found = partition.unique_guid.to_string();
            return broken("guid", "one that no other partition has", found);
        }
        if partition.type_guid == Guid::ZERO {
            return broken("type", "not zero", partition.type_guid.to_string());
        }
    }
    Ok(())
}

fn overlap(partitions: &[Partition]) -> Result<(), Broken> {
    let mut order: Vec<&Partition> = partitions.iter().collect();
    order.sort_by_key(|partition| partition.first_lba);
    for (before, partition) in order.iter().zip(order.iter().skip(1)) {
        if partition.first_lba <= before.last_lba {
            return Err(Broken {
                number: partition.number,
                field: "first sector",
                expected: format!(
                    "one behind {}, where partition {} ends",
                    before.last_lba, before.number
                ),
                found: partition.first_lba.to_string(),
            });
        }
    }
    Ok(())
}
