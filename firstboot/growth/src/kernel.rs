//! What the kernel has to be told (`BLKPG`), because it cannot read the table of a disk in use again.

use anklume_gpt::{Partition, Table};
use anklume_layout::{Role, SECTOR_BYTES, Slot};

use crate::Refusal;

/// A partition as the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelPartition {
    /// Number, from 1.
    pub number: u32,
    /// First byte on the disk.
    pub first: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// A change of the kernel's partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelChange {
    /// Forget the partition with this number.
    Delete(u32),
    /// Keep the partition, which may be in use, with another length.
    Resize(KernelPartition),
    /// Add a partition.
    Add(KernelPartition),
}

/// The changes that lead from what the kernel has to `table`, in an order in which no partition
/// ever overlaps another. A partition that is in use is never deleted: it may only be resized.
pub(crate) fn changes(
    kernel: &[KernelPartition],
    table: &Table,
) -> Result<Vec<KernelChange>, Refusal> {
    let wanted = partitions(table);
    let of = |list: &[KernelPartition], number| list.iter().find(|p| p.number == number).copied();
    let mut changes = [Vec::new(), Vec::new(), Vec::new()];
    let [deletions, resizes, additions] = &mut changes;
    for old in kernel {
        match of(&wanted, old.number) {
            Some(new) if new.first == old.first => {
                resizes.extend((new != *old).then_some(KernelChange::Resize(new)));
            }
            Some(new) if holds_an_os(old.number) => {
                let (number, kernel, table) = (old.number, old.first, new.first);
                return Err(Refusal::Kernel { number, kernel, table });
            }
            _ => deletions.push(KernelChange::Delete(old.number)),
        }
    }
    for new in wanted {
        let stays = of(kernel, new.number).is_some_and(|old| old.first == new.first);
        additions.extend((!stays).then_some(KernelChange::Add(new)));
    }
    Ok(changes.concat())
}

/// The partitions of `table` as the kernel has them once it was told.
pub(crate) fn partitions(table: &Table) -> Vec<KernelPartition> {
    table.partitions.iter().map(of_table).collect()
}

fn of_table(partition: &Partition) -> KernelPartition {
    let sectors = partition.last_lba.saturating_sub(partition.first_lba).saturating_add(1);
    KernelPartition {
        number: partition.number,
        first: partition.first_lba.saturating_mul(SECTOR_BYTES),
        bytes: sectors.saturating_mul(SECTOR_BYTES),
    }
}

fn holds_an_os(number: u32) -> bool {
    [Slot::A, Slot::B].iter().any(|slot| Role::Os(*slot).number() == number)
}
