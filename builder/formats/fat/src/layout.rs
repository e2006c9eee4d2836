//! Offsets and sizes of the structures on disk.

/// Bytes of a sector of the file systems that are written.
pub(crate) const SECTOR_BYTES: u64 = 512;
/// Bytes of a boot sector and of an FSInfo sector that are defined.
pub(crate) const BOOT_BYTES: usize = 512;
/// `55 AA`, in boot and FSInfo sectors.
pub(crate) const SIGNATURE: usize = 510;
/// The two bytes at [`SIGNATURE`].
pub(crate) const SIGNATURE_BYTES: [u8; 2] = [0x55, 0xaa];

/// Boot sector, common part ("Boot Sector and BPB").
pub(crate) mod bpb {
    /// Jump over the parameters, 3 bytes.
    pub(crate) const JUMP: usize = 0;
    /// Name of the system that formatted, 8 bytes.
    pub(crate) const OEM_NAME: usize = 3;
    /// Bytes per sector, u16.
    pub(crate) const SECTOR_BYTES: usize = 11;
    /// Sectors per cluster, u8.
    pub(crate) const CLUSTER_SECTORS: usize = 13;
    /// Sectors before the first table, u16.
    pub(crate) const RESERVED_SECTORS: usize = 14;
    /// Number of tables, u8.
    pub(crate) const TABLES: usize = 16;
    /// Entries of the root directory, u16; 0 on FAT32.
    pub(crate) const ROOT_ENTRIES: usize = 17;
    /// Sectors in all, u16; 0 if they do not fit.
    pub(crate) const SECTORS_16: usize = 19;
    /// Media, u8, repeated in the first table entry.
    pub(crate) const MEDIA: usize = 21;
    /// Sectors of a table, u16; 0 on FAT32.
    pub(crate) const TABLE_SECTORS_16: usize = 22;
    /// Sectors per track, u16.
    pub(crate) const TRACK_SECTORS: usize = 24;
    /// Heads, u16.
    pub(crate) const HEADS: usize = 26;
    /// Sectors before the partition, u32.
    pub(crate) const HIDDEN_SECTORS: usize = 28;
    /// Sectors in all, u32; used if the 16-bit field is 0.
    pub(crate) const SECTORS_32: usize = 32;

    /// FAT32: sectors of a table, u32.
    pub(crate) const TABLE_SECTORS_32: usize = 36;
    /// FAT32: bit 7 turns mirroring off, u16.
    pub(crate) const FLAGS: usize = 40;
    /// FAT32: version, u16, 0.
    pub(crate) const VERSION: usize = 42;
    /// FAT32: first cluster of the root directory, u32.
    pub(crate) const ROOT_CLUSTER: usize = 44;
    /// FAT32: sector of FSInfo, u16.
    pub(crate) const INFO_SECTOR: usize = 48;
    /// FAT32: sector of the copy of the boot sector, u16.
    pub(crate) const BACKUP_SECTOR: usize = 50;

    /// Start of the tail on FAT12 and FAT16.
    pub(crate) const TAIL_16: usize = 36;
    /// Start of the tail on FAT32.
    pub(crate) const TAIL_32: usize = 64;
    /// In the tail: BIOS drive number, u8.
    pub(crate) const DRIVE: usize = 0;
    /// In the tail: 0x29, the three fields below are there.
    pub(crate) const EXTENDED: usize = 2;
    /// In the tail: serial number, u32.
    pub(crate) const SERIAL: usize = 3;
    /// In the tail: label, 11 bytes.
    pub(crate) const LABEL: usize = 7;
    /// In the tail: name of the type, 8 bytes.
    pub(crate) const TYPE_NAME: usize = 18;
    /// In the tail: boot code, up to the signature.
    pub(crate) const CODE: usize = 26;
}

/// FSInfo sector of FAT32.
pub(crate) mod info {
    /// First signature, u32.
    pub(crate) const LEAD: usize = 0;
    /// Its value.
    pub(crate) const LEAD_VALUE: u32 = 0x4161_5252;
    /// Second signature, u32.
    pub(crate) const STRUCTURE: usize = 484;
    /// Its value.
    pub(crate) const STRUCTURE_VALUE: u32 = 0x6141_7272;
    /// Free clusters, u32; all ones if unknown.
    pub(crate) const FREE: usize = 488;
    /// Where to look for a free cluster, u32.
    pub(crate) const NEXT: usize = 492;
}

/// Directory entry ("FAT Directory Structure").
pub(crate) mod entry {
    /// Bytes of an entry.
    pub(crate) const BYTES: usize = 32;
    /// Name, 8 and 3 bytes.
    pub(crate) const NAME: usize = 0;
    /// Attributes, u8.
    pub(crate) const ATTRIBUTES: usize = 11;
    /// Time of creation, u16.
    pub(crate) const CREATED_TIME: usize = 14;
    /// Date of creation, u16.
    pub(crate) const CREATED_DATE: usize = 16;
    /// Date of the last access, u16.
    pub(crate) const ACCESSED_DATE: usize = 18;
    /// High half of the first cluster, u16, FAT32 only.
    pub(crate) const CLUSTER_HIGH: usize = 20;
    /// Time of the last change, u16.
    pub(crate) const CHANGED_TIME: usize = 22;
    /// Date of the last change, u16.
    pub(crate) const CHANGED_DATE: usize = 24;
    /// Low half of the first cluster, u16.
    pub(crate) const CLUSTER_LOW: usize = 26;
    /// Bytes of the file, u32; 0 for directories.
    pub(crate) const SIZE: usize = 28;

    /// Attribute: volume label.
    pub(crate) const LABEL: u8 = 0x08;
    /// Attribute: directory.
    pub(crate) const DIRECTORY: u8 = 0x10;
    /// Attribute: changed since the last backup; set on new files.
    pub(crate) const ARCHIVE: u8 = 0x20;
    /// Attributes of an entry that holds a part of a long name.
    pub(crate) const LONG_NAME: u8 = 0x0f;
    /// The attribute bits that tell a long name.
    pub(crate) const LONG_NAME_MASK: u8 = 0x3f;

    /// The most bytes of a directory: 65536 entries.
    pub(crate) const DIRECTORY_BYTES_MAX: u64 = 65536 * 32;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every field starts where the one before ends.
    fn contiguous(fields: &[(usize, usize)]) {
        for pair in fields.windows(2) {
            assert_eq!(pair[0].0 + pair[0].1, pair[1].0);
        }
    }

    #[test]
    fn fields_follow_each_other() {
        contiguous(&[
            (bpb::JUMP, 3),
            (bpb::OEM_NAME, 8),
            (bpb::SECTOR_BYTES, 2),
            (bpb::CLUSTER_SECTORS, 1),
            (bpb::RESERVED_SECTORS, 2),
            (bpb::TABLES, 1),
            (bpb::ROOT_ENTRIES, 2),
            (bpb::SECTORS_16, 2),
            (bpb::MEDIA, 1),
            (bpb::TABLE_SECTORS_16, 2),
            (bpb::TRACK_SECTORS, 2),
            (bpb::HEADS, 2),
            (bpb::HIDDEN_SECTORS, 4),
            (bpb::SECTORS_32, 4),
            (bpb::TABLE_SECTORS_32, 4),
            (bpb::FLAGS, 2),
            (bpb::VERSION, 2),
            (bpb::ROOT_CLUSTER, 4),
            (bpb::INFO_SECTOR, 2),
            (bpb::BACKUP_SECTOR, 2 + 12),
            (bpb::TAIL_32, 0),
        ]);
        contiguous(&[
            (bpb::DRIVE, 1 + 1),
            (bpb::EXTENDED, 1),
            (bpb::SERIAL, 4),
            (bpb::LABEL, 11),
            (bpb::TYPE_NAME, 8),
            (bpb::CODE, 0),
        ]);
        contiguous(&[
            (entry::NAME, 11),
            (entry::ATTRIBUTES, 1 + 1 + 1),
            (entry::CREATED_TIME, 2),
            (entry::CREATED_DATE, 2),
            (entry::ACCESSED_DATE, 2),
            (entry::CLUSTER_HIGH, 2),
            (entry::CHANGED_TIME, 2),
            (entry::CHANGED_DATE, 2),
            (entry::CLUSTER_LOW, 2),
            (entry::SIZE, 4),
            (entry::BYTES, 0),
        ]);
    }
}
