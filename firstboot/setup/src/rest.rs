//! The rest of the disk that the OS was started from: a machine with one disk.
//!
//! The disk is in use, and what is on it stays: a partition is added to its table, in space that belongs to
//! none. The table is written in the order for disks in use, so that one of its copies is whole at any moment.

use anklume_gpt::{Guid, Partition, Piece, Read, Table, TableCopy};
use anklume_inventory::{
    BootMedium, Disk, Inventory, MINIMUM_BYTES, boot_medium, confirmation, confirms,
};
use anklume_language::{Language, say, size};

use crate::action::{Access, Action};
use crate::confirm::NotConfirmed;
use crate::create::{END_BYTES, partition_node};
use crate::plan::{Step, Work};
use crate::request::Refused;
use crate::table::{self, Content, LABEL_NEW};

/// Alignment of partitions in bytes.
const ALIGNMENT: u64 = 1 << 20;
/// Number of the data partition; a disk of the OS has seven others.
const NUMBER: u32 = 8;

/// Free space at the end of the boot disk.
#[derive(Debug, Clone)]
pub struct Rest {
    disk: Disk,
    table: Table,
    /// The primary header as it is now.
    header: Piece,
    first_lba: u64,
    last_lba: u64,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRest {
    /// It is not certain which disk it is, or it is gone.
    Unknown,
    /// Its partition table has to be repaired first, which the next start does.
    Damaged,
    /// There is a data partition already, or another one with its number.
    Taken,
    /// So little.
    TooSmall {
        /// Bytes.
        found: u64,
    },
}

impl NoRest {
    /// In words.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        match self {
            Self::Unknown => say!(
                language,
                "the disk of this system is not known, or was unplugged",
                "le disque de ce système n'est pas connu, ou a été débranché"
            ),
            Self::Damaged => say!(
                language,
                "its partition table is damaged or cannot be read; a restart repairs it",
                "sa table de partitions est abîmée ou illisible ; un redémarrage la répare"
            ),
            Self::Taken => say!(
                language,
                "there is a partition {NUMBER} on it already",
                "il a déjà une partition {NUMBER}"
            ),
            Self::TooSmall { found } => {
                let (found, least) = (size(language, *found), size(language, MINIMUM_BYTES));
                say!(
                    language,
                    "{found} of it are free, expected at least {least}",
                    "{found} y sont libres, au moins {least} attendus"
                )
            }
        }
    }
}

/// The disk that the OS was started from, if that is certain and it is there.
#[must_use]
pub fn boot_disk(inventory: &Inventory) -> Option<&Disk> {
    let BootMedium::Found(named) = boot_medium(inventory) else { return None };
    let disk = inventory.disks.iter().find(|disk| disk.name == named.disk)?;
    (disk.holds_this_os() && !disk.read_only && disk.logical_sector == 512).then_some(disk)
}

impl Rest {
    /// The space behind the last partition of [`boot_disk`], whose table is `read`, and whose primary header
    /// is `header`.
    ///
    /// # Errors
    /// [`NoRest`].
    pub fn find(disk: &Disk, read: &Read, header: Piece) -> Result<Self, NoRest> {
        let whole = read.source == TableCopy::Primary && read.copies_equal && read.backup.is_ok();
        if !whole {
            return Err(NoRest::Damaged);
        }
        let mut table = read.table.clone();
        // Of a setup that was cut off.
        table.partitions.retain(|one| one.number != NUMBER || one.name != LABEL_NEW);
        let taken = |one: &Partition| one.number == NUMBER || one.name == crate::LABEL;
        if table.partitions.iter().any(taken) {
            return Err(NoRest::Taken);
        }
        let (first_usable, last_usable) = table.usable().map_err(|_| NoRest::Damaged)?;
        let end = table.partitions.iter().map(|one| one.last_lba.saturating_add(1)).max();
        let sectors = ALIGNMENT.checked_div(table.sector_bytes).ok_or(NoRest::Damaged)?;
        let first = end.unwrap_or_default().max(first_usable).checked_next_multiple_of(sectors);
        let first_lba = first.ok_or(NoRest::Damaged)?;
        let behind = last_usable.saturating_add(1);
        let behind = behind.saturating_sub(behind.checked_rem(sectors).unwrap_or_default());
        let found = behind.saturating_sub(first_lba).saturating_mul(table.sector_bytes);
        if found < MINIMUM_BYTES {
            return Err(NoRest::TooSmall { found });
        }
        let last_lba = behind.saturating_sub(1);
        Ok(Self { disk: disk.clone(), table, header, first_lba, last_lba })
    }

    /// How large it is, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let sectors = self.last_lba.saturating_add(1).saturating_sub(self.first_lba);
        sectors.saturating_mul(self.table.sector_bytes)
    }

    /// The disk that it is on.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.disk
    }
}

/// The rest of a disk that somebody named.
#[derive(Debug, Clone)]
pub struct ConfirmedRest {
    rest: Rest,
}

impl ConfirmedRest {
    /// Somebody typed the end of the disk's serial number.
    ///
    /// # Errors
    /// [`NotConfirmed::Typed`].
    pub fn typed(rest: &Rest, typed: &str) -> Result<Self, NotConfirmed> {
        if !confirms(&rest.disk, typed) {
            return Err(NotConfirmed::Typed { expected: confirmation(&rest.disk) });
        }
        Ok(Self { rest: rest.clone() })
    }

    /// A file asks for it. There is one boot disk, and what is on it stays.
    pub(crate) fn named_in_answers(rest: Rest) -> Self {
        Self { rest }
    }

    /// It.
    #[must_use]
    pub fn rest(&self) -> &Rest {
        &self.rest
    }

    /// The node of its partition, once that is made.
    pub(crate) fn node(&self) -> String {
        partition_node(&self.rest.disk.name, NUMBER)
    }

    /// The table with the partition under this name.
    fn table(&self, guids: &[Guid; 3], content: Content, name: &str) -> Table {
        let Rest { table, first_lba, last_lba, .. } = &self.rest;
        let [_, unique_guid, _] = *guids;
        let mut table = table.clone();
        table.partitions.push(Partition {
            number: NUMBER,
            type_guid: content.kind(),
            unique_guid,
            first_lba: *first_lba,
            last_lba: *last_lba,
            attributes: 0,
            name: name.to_owned(),
        });
        table
    }

    /// What gives the partition its name.
    pub(crate) fn name(&self, guids: &[Guid; 3], content: Content) -> Result<Vec<Action>, Refused> {
        table::replace(0, &self.rest.disk, &self.table(guids, content, crate::LABEL))
    }

    /// The steps that make the partition.
    pub(crate) fn steps(&self, guids: &[Guid; 3], content: Content) -> Result<Vec<Step>, Refused> {
        let Rest { disk, header, first_lba, .. } = &self.rest;
        let new = self.table(guids, content, LABEL_NEW);
        let offset = first_lba.saturating_mul(new.sector_bytes);
        let last = offset.saturating_add(self.rest.bytes()).saturating_sub(END_BYTES);
        let access = Access::InUse;
        let zero = |offset| Action::Zero { disk: 0, access, offset, bytes: END_BYTES };
        let (node, number) = (format!("/dev/{}", disk.name), NUMBER.to_string());
        let partx = |what| Action::run("partx", &[what, "--nr", &number, &node]);
        let mut write = vec![partx("--delete").may_fail()];
        write.extend(table::replace(0, disk, &new)?);
        write.push(partx("--add"));
        write.push(Action::run("udevadm", &["settle", "--timeout=60"]));
        let step = |work, actions| Step { work, actions };
        let as_it_was =
            Action::Expect { disk: 0, object: "partition table", piece: header.clone() };
        Ok(vec![
            step(Work::Check, vec![Action::CheckIdentity { disk: 0, access }, as_it_was]),
            step(
                Work::ClearSpace,
                vec![zero(offset), zero(last), Action::Flush { disk: 0, access }],
            ),
            step(Work::Partition, write),
        ])
    }
}
