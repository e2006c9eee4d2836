//! Offsets and sizes of the structures on disk.

/// Signature, 8 bytes. UEFI 2.10 section 5.3.2, as all header offsets below.
pub(crate) const SIGNATURE: usize = 0;
/// Revision, u32 LE.
pub(crate) const REVISION: usize = 8;
/// Bytes of the header that its checksum covers, u32 LE.
pub(crate) const HEADER_SIZE: usize = 12;
/// CRC-32 of the header with this field zero, u32 LE.
pub(crate) const HEADER_CRC: usize = 16;
/// LBA of this header, u64 LE. Bytes 20 to 23 are reserved and zero.
pub(crate) const MY_LBA: usize = 24;
/// LBA of the other header, u64 LE.
pub(crate) const ALTERNATE_LBA: usize = 32;
/// First LBA that a partition may use, u64 LE.
pub(crate) const FIRST_USABLE_LBA: usize = 40;
/// Last LBA that a partition may use, u64 LE.
pub(crate) const LAST_USABLE_LBA: usize = 48;
/// GUID of the disk, 16 bytes.
pub(crate) const DISK_GUID: usize = 56;
/// First LBA of the entries of this copy, u64 LE.
pub(crate) const ENTRIES_LBA: usize = 72;
/// Number of entries, u32 LE.
pub(crate) const ENTRY_COUNT: usize = 80;
/// Bytes of an entry, u32 LE.
pub(crate) const ENTRY_SIZE: usize = 84;
/// CRC-32 of all entries, u32 LE.
pub(crate) const ENTRIES_CRC: usize = 88;

/// `EFI PART`.
pub(crate) const MAGIC: [u8; 8] = *b"EFI PART";
/// Revision 1.0, the only one there is.
pub(crate) const REVISION_1_0: u32 = 0x0001_0000;
/// Bytes of the header without the padding of its sector.
pub(crate) const HEADER_BYTES: usize = 92;
/// LBA of the primary header.
pub(crate) const PRIMARY_LBA: u64 = 1;
/// First LBA of the primary entries.
pub(crate) const PRIMARY_ENTRIES_LBA: u64 = 2;

/// Type GUID, 16 bytes. UEFI 2.10 section 5.3.3, as all entry offsets below.
pub(crate) const TYPE_GUID: usize = 0;
/// GUID of the partition, 16 bytes.
pub(crate) const UNIQUE_GUID: usize = 16;
/// First LBA, u64 LE.
pub(crate) const FIRST_LBA: usize = 32;
/// Last LBA, inclusive, u64 LE.
pub(crate) const LAST_LBA: usize = 40;
/// Attribute bits, u64 LE.
pub(crate) const ATTRIBUTES: usize = 48;
/// Name, UTF-16LE, ends at the first zero unit.
pub(crate) const NAME: usize = 56;

/// UTF-16 units of a name.
pub(crate) const NAME_UNITS: usize = 36;
/// Bytes of the entries that are written: 128 of them, the least that the specification reserves.
pub(crate) const ENTRIES_BYTES: u64 = 16384;
/// Entries that are written.
pub(crate) const ENTRIES: u32 = 128;
/// Bytes of an entry that is written, and of the part of a larger one that is defined.
pub(crate) const ENTRY_BYTES: u32 = 128;
/// The most entries that are read.
pub(crate) const ENTRIES_MAX: u32 = 1024;
/// The largest entry that is read, in bytes.
pub(crate) const ENTRY_BYTES_MAX: u32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_follow_each_other() {
        let header = [
            (SIGNATURE, 8),
            (REVISION, 4),
            (HEADER_SIZE, 4),
            (HEADER_CRC, 4 + 4),
            (MY_LBA, 8),
            (ALTERNATE_LBA, 8),
            (FIRST_USABLE_LBA, 8),
            (LAST_USABLE_LBA, 8),
            (DISK_GUID, 16),
            (ENTRIES_LBA, 8),
            (ENTRY_COUNT, 4),
            (ENTRY_SIZE, 4),
            (ENTRIES_CRC, 4),
        ];
        let entry = [
            (TYPE_GUID, 16),
            (UNIQUE_GUID, 16),
            (FIRST_LBA, 8),
            (LAST_LBA, 8),
            (ATTRIBUTES, 8),
            (NAME, NAME_UNITS * 2),
        ];
        for (fields, total) in [(&header[..], HEADER_BYTES), (&entry[..], ENTRY_BYTES as usize)] {
            let end = fields.iter().fold(0, |end, (offset, length)| {
                assert_eq!(*offset, end);
                end + length
            });
            assert_eq!(end, total);
        }
    }
}
