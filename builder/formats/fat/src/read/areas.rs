//! The boot sector, checked.

use anklume_bytes::{ReadAt, le_u16, le_u32};

use crate::layout::{BOOT_BYTES, SIGNATURE, SIGNATURE_BYTES, bpb, entry};
use crate::{Error, FatType};

/// Where the areas of a file system lie, in bytes.
#[derive(Debug, Clone)]
pub(crate) struct Areas {
    pub(crate) fat_type: FatType,
    pub(crate) sector_bytes: u64,
    pub(crate) cluster_bytes: u64,
    pub(crate) cluster_count: u32,
    pub(crate) table_start: u64,
    pub(crate) table_bytes: u64,
    /// Number of tables, 1 or 2.
    pub(crate) tables: u8,
    /// Table that is in use; the other one is not kept equal if `is_mirrored` is false.
    pub(crate) is_mirrored: bool,
    /// Fixed root directory of FAT12 and FAT16.
    pub(crate) root_offset: u64,
    pub(crate) root_bytes: u64,
    /// First cluster of the root directory of FAT32, else 0.
    pub(crate) root_cluster: u32,
    pub(crate) data_start: u64,
    /// Sector of FSInfo, if there is one.
    pub(crate) info_sector: Option<u64>,
    /// Sector of the boot sector's copy, if there is one.
    pub(crate) backup_sector: Option<u64>,
    /// Media byte, repeated in the first table entry.
    pub(crate) media: u8,
    pub(crate) serial: Option<u32>,
    pub(crate) label: Option<String>,
}

/// A boot sector whose fields are looked up one by one.
struct Sector<'a>(&'a [u8]);

impl Sector<'_> {
    fn u8(&self, field: usize) -> u64 {
        self.0.get(field).copied().map_or(0, u64::from)
    }

    fn u16(&self, field: usize) -> u64 {
        le_u16(self.0, field).map_or(0, u64::from)
    }

    fn u32(&self, field: usize) -> u64 {
        le_u32(self.0, field).map_or(0, u64::from)
    }
}

/// An error about the field at byte `field` of the boot sector.
fn corrupt(object: &str, field: usize, expected: &str, found: u64) -> Error {
    let offset = u64::try_from(field).unwrap_or(u64::MAX);
    Error::corrupt(format!("boot sector {object}"), offset, expected, found)
}

/// The sizes that the boot sector gives, in sectors.
struct Sizes {
    sector_bytes: u64,
    cluster_sectors: u64,
    reserved: u64,
    tables: u8,
    table: u64,
    root_entries: u64,
    total: u64,
    /// The 16-bit size of a table is zero: only FAT32 has that.
    is_wide: bool,
}

impl Sizes {
    fn parse(sector: &Sector<'_>) -> Result<Self, Error> {
        let sector_bytes = sector.u16(bpb::SECTOR_BYTES);
        if !sector_bytes.is_power_of_two() || !(512..=4096).contains(&sector_bytes) {
            let expected = "512, 1024, 2048 or 4096";
            return Err(corrupt("bytes per sector", bpb::SECTOR_BYTES, expected, sector_bytes));
        }
        let cluster_sectors = sector.u8(bpb::CLUSTER_SECTORS);
        if !cluster_sectors.is_power_of_two() {
            let (field, expected) = (bpb::CLUSTER_SECTORS, "a power of two");
            return Err(corrupt("sectors per cluster", field, expected, cluster_sectors));
        }
        let reserved = sector.u16(bpb::RESERVED_SECTORS);
        if reserved == 0 {
            return Err(corrupt("reserved sectors", bpb::RESERVED_SECTORS, "at least 1", 0));
        }
        let tables = sector.u8(bpb::TABLES);
        let tables = match (tables, u8::try_from(tables)) {
            (1 | 2, Ok(tables)) => tables,
            (0, _) => return Err(corrupt("number of tables", bpb::TABLES, "1 or 2", tables)),
            _ => {
                let (object, expected) = ("boot sector number of tables", "1 or 2");
                return Err(Error::unsupported(object, 16, expected, tables));
            }
        };
        let is_wide = sector.u16(bpb::TABLE_SECTORS_16) == 0;
        let pick = |narrow: u64, wide: u64| if narrow == 0 { wide } else { narrow };
        let wide_table = if is_wide { sector.u32(bpb::TABLE_SECTORS_32) } else { 0 };
        let root_entries = sector.u16(bpb::ROOT_ENTRIES);
        if is_wide && root_entries != 0 {
            return Err(corrupt("root entries", bpb::ROOT_ENTRIES, "0", root_entries));
        }
        let root_slots = sector_bytes / 32;
        if root_entries.checked_rem(root_slots) != Some(0) {
            let expected = format!("a multiple of {root_slots}");
            return Err(corrupt("root entries", bpb::ROOT_ENTRIES, &expected, root_entries));
        }
        Ok(Self {
            sector_bytes,
            cluster_sectors,
            reserved,
            tables,
            table: pick(sector.u16(bpb::TABLE_SECTORS_16), wide_table),
            root_entries,
            total: pick(sector.u16(bpb::SECTORS_16), sector.u32(bpb::SECTORS_32)),
            is_wide,
        })
    }

    /// First sector of the data area.
    fn data(&self, root_bytes: u64) -> Option<u64> {
        let tables = self.table.checked_mul(u64::from(self.tables))?;
        let root = root_bytes.div_ceil(self.sector_bytes.max(1));
        self.reserved.checked_add(tables)?.checked_add(root)
    }
}

impl Areas {
    /// Reads and checks the boot sector of `disk`.
    pub(crate) fn read<R: ReadAt + ?Sized>(disk: &R) -> Result<Self, Error> {
        let mut bytes = [0; BOOT_BYTES];
        disk.read_at(0, &mut bytes).map_err(Error::io("the boot sector"))?;
        if bytes.get(SIGNATURE..) != Some(&SIGNATURE_BYTES) {
            let found = le_u16(&bytes, SIGNATURE).map_or(0, u64::from);
            return Err(corrupt("signature", SIGNATURE, "43605", found));
        }
        let sector = Sector(&bytes);
        let sizes = Sizes::parse(&sector)?;
        let total_bytes = sizes.total.saturating_mul(sizes.sector_bytes);
        if total_bytes > disk.size() {
            let expected = format!("at most {}", disk.size());
            return Err(corrupt("size in bytes", bpb::SECTORS_32, &expected, total_bytes));
        }
        let entry_bytes = u64::try_from(entry::BYTES).unwrap_or(u64::MAX);
        let root_bytes = sizes.root_entries.saturating_mul(entry_bytes);
        let data = sizes.data(root_bytes).filter(|data| *data < sizes.total);
        let Some(data) = data else {
            let expected = "more than all other areas";
            return Err(corrupt("sectors", bpb::SECTORS_32, expected, sizes.total));
        };
        let clusters = sizes.total.saturating_sub(data).checked_div(sizes.cluster_sectors);
        let clusters = clusters.unwrap_or(0);
        // Like Linux: a small file system without a 16-bit table size is FAT32 all the same.
        let fat_type = if sizes.is_wide { FatType::Fat32 } else { FatType::of(clusters) };
        Self::check_clusters(&sizes, fat_type, clusters)?;
        Self::new(&sector, &sizes, fat_type, clusters, data, root_bytes)
    }

    /// Checks the number of clusters against the type and the size of a table.
    fn check_clusters(sizes: &Sizes, fat_type: FatType, clusters: u64) -> Result<(), Error> {
        if clusters == 0
            || clusters > fat_type.clusters_max()
            || (!sizes.is_wide && fat_type == FatType::Fat32)
        {
            let expected = format!("a number for {fat_type}");
            return Err(corrupt("clusters", bpb::SECTORS_32, &expected, clusters));
        }
        let needed = clusters.checked_add(2).and_then(|entries| fat_type.table_bytes(entries));
        let held = sizes.table.saturating_mul(sizes.sector_bytes);
        if needed.is_none_or(|needed| needed > held) {
            let expected = format!("room for {clusters} clusters");
            return Err(corrupt(
                "sectors per table",
                bpb::TABLE_SECTORS_16,
                &expected,
                sizes.table,
            ));
        }
        Ok(())
    }

    fn new(
        sector: &Sector<'_>,
        sizes: &Sizes,
        fat_type: FatType,
        clusters: u64,
        data: u64,
        root_bytes: u64,
    ) -> Result<Self, Error> {
        let is_wide = fat_type == FatType::Fat32;
        let data_start = data.saturating_mul(sizes.sector_bytes);
        let table_bytes = sizes.table.saturating_mul(sizes.sector_bytes);
        let reserved_bytes = sizes.reserved.saturating_mul(sizes.sector_bytes);
        let tables_bytes = table_bytes.saturating_mul(u64::from(sizes.tables));
        let cluster_count = u32::try_from(clusters)
            .map_err(|_| corrupt("clusters", bpb::SECTORS_32, "32 bits", clusters))?;
        let flags = if is_wide { sector.u16(bpb::FLAGS) } else { 0 };
        let is_mirrored = flags & 0x80 == 0;
        let active = if is_mirrored { 0 } else { flags & 0x0f };
        if active >= u64::from(sizes.tables) {
            return Err(corrupt("active table", bpb::FLAGS, "an existing one", active));
        }
        // A sector number in the reserved area; 0 and all ones mean that there is none.
        let reserved_sector =
            |field| Some(sector.u16(field)).filter(|number| (1..sizes.reserved).contains(number));
        let root_cluster = if is_wide { sector.u32(bpb::ROOT_CLUSTER) } else { 0 };
        let (serial, label) = tail(sector, is_wide);
        Ok(Self {
            fat_type,
            sector_bytes: sizes.sector_bytes,
            cluster_bytes: sizes.cluster_sectors.saturating_mul(sizes.sector_bytes),
            cluster_count,
            table_start: reserved_bytes.saturating_add(active.saturating_mul(table_bytes)),
            table_bytes,
            tables: sizes.tables,
            is_mirrored,
            root_offset: reserved_bytes.saturating_add(tables_bytes),
            root_bytes,
            root_cluster: u32::try_from(root_cluster).unwrap_or(0),
            data_start,
            info_sector: reserved_sector(bpb::INFO_SECTOR).filter(|_| is_wide),
            backup_sector: reserved_sector(bpb::BACKUP_SECTOR).filter(|_| is_wide),
            media: u8::try_from(sector.u8(bpb::MEDIA)).unwrap_or(0),
            serial,
            label,
        })
    }

    /// First byte of `cluster`, `None` if there is no such data cluster.
    pub(crate) fn offset(&self, cluster: u32) -> Option<u64> {
        let index = cluster.checked_sub(2).filter(|index| *index < self.cluster_count)?;
        self.data_start.checked_add(u64::from(index).checked_mul(self.cluster_bytes)?)
    }
}

/// Serial number and label, if the extended signature says that they are there.
fn tail(sector: &Sector<'_>, is_wide: bool) -> (Option<u32>, Option<String>) {
    let start = if is_wide { bpb::TAIL_32 } else { bpb::TAIL_16 };
    let bytes = sector.0.get(start..).unwrap_or_default();
    if bytes.get(bpb::EXTENDED) != Some(&0x29) {
        return (None, None);
    }
    let label = bytes.get(bpb::LABEL..bpb::TYPE_NAME).map(|label| {
        let text = String::from_utf8_lossy(label);
        text.trim_end_matches(' ').to_owned()
    });
    (le_u32(bytes, bpb::SERIAL), label)
}
