//! Byte offsets and magic values. Offsets count from the start of their structure.

/// Size of a logical sector and of a logical block, in bytes (ECMA-119 sections 6.1.2 and 6.2.2).
pub const SECTOR_BYTES: u64 = 2048;
/// [`SECTOR_BYTES`] for slices.
pub(crate) const SECTOR: usize = 2048;
/// Byte of the image where the volume descriptors begin: sector 16 (ECMA-119 section 6.2.1).
pub const AREA_OFFSET: u64 = 32768;
/// [`AREA_OFFSET`] in sectors.
pub(crate) const FIRST_DESCRIPTOR: u32 = 16;
/// Unit in which El Torito counts what is loaded, in bytes (El Torito 1.0 section 2.2).
pub(crate) const BOOT_SECTOR_BYTES: u64 = 512;

/// Fields of volume descriptors (ECMA-119 sections 8.1 to 8.5).
pub(crate) mod descriptor {
    /// Standard Identifier, 5 bytes, then Volume Descriptor Version; Volume Descriptor Type, u8,
    /// lies before it.
    pub(crate) const STANDARD_ID: usize = 1;
    /// `CD001` and version 1.
    pub(crate) const MAGIC: &[u8; 6] = b"CD001\x01";
    /// Type of the boot record.
    pub(crate) const BOOT: u8 = 0;
    /// Type of the primary volume descriptor.
    pub(crate) const PRIMARY: u8 = 1;
    /// Type of a supplementary volume descriptor.
    pub(crate) const SUPPLEMENTARY: u8 = 2;
    /// Type of the set terminator.
    pub(crate) const TERMINATOR: u8 = 255;

    /// System Identifier, 32 a-characters.
    pub(crate) const SYSTEM_ID: usize = 8;
    /// Volume Identifier, 32 d-characters.
    pub(crate) const VOLUME_ID: usize = 40;
    /// Volume Space Size in logical blocks, u32 both-endian.
    pub(crate) const SPACE: usize = 80;
    /// Escape Sequences, 32 bytes, supplementary descriptor only.
    pub(crate) const ESCAPES: usize = 88;
    /// Volume Set Size, u16 both-endian.
    pub(crate) const SET_SIZE: usize = 120;
    /// Volume Sequence Number, u16 both-endian.
    pub(crate) const SEQUENCE: usize = 124;
    /// Logical Block Size in bytes, u16 both-endian.
    pub(crate) const BLOCK_SIZE: usize = 128;
    /// Path Table Size in bytes, u32 both-endian.
    pub(crate) const TABLE_SIZE: usize = 132;
    /// Location of the little-endian path table (Type L), u32 LE.
    pub(crate) const TABLE_L: usize = 140;
    /// Location of the big-endian path table (Type M), u32 BE.
    pub(crate) const TABLE_M: usize = 148;
    /// Directory record of the root, 34 bytes.
    pub(crate) const ROOT: usize = 156;
    /// Volume Set Identifier, 128 d-characters.
    pub(crate) const SET_ID: usize = 190;
    /// Publisher Identifier, 128 a-characters.
    pub(crate) const PUBLISHER: usize = 318;
    /// Data Preparer Identifier, 128 a-characters.
    pub(crate) const PREPARER: usize = 446;
    /// Application Identifier, 128 a-characters.
    pub(crate) const APPLICATION: usize = 574;
    /// Copyright, Abstract and Bibliographic File Identifier, 37 bytes each.
    pub(crate) const FILE_IDS: [usize; 3] = [702, 739, 776];
    /// Creation, Modification, Expiration and Effective Date and Time, 17 bytes each.
    pub(crate) const DATES: [usize; 4] = [813, 830, 847, 864];
    /// File Structure Version, u8, 1.
    pub(crate) const STRUCTURE_VERSION: usize = 881;

    /// Length of the system and volume identifiers, in bytes.
    pub(crate) const SHORT_ID_BYTES: usize = 32;
    /// Length of the set, publisher, preparer and application identifiers, in bytes.
    pub(crate) const LONG_ID_BYTES: usize = 128;
    /// Length of a file identifier in a descriptor, in bytes.
    pub(crate) const FILE_ID_BYTES: usize = 37;
    /// Escape sequence of UCS-2 level 3 (Joliet, "SVD Escape Sequences Field").
    pub(crate) const JOLIET_LEVEL_3: &[u8; 3] = b"%/E";
    /// The three levels of UCS-2 that a reader accepts.
    pub(crate) const JOLIET_LEVELS: [&[u8; 3]; 3] = [b"%/@", b"%/C", JOLIET_LEVEL_3];

    /// Boot record: Boot System Identifier, 32 bytes (El Torito 1.0 figure 7).
    pub(crate) const BOOT_SYSTEM_ID: usize = 7;
    /// The identifier that says El Torito, padded with zeros.
    pub(crate) const EL_TORITO: &[u8; 23] = b"EL TORITO SPECIFICATION";
    /// Boot record: sector of the boot catalog, u32 LE (El Torito 1.0 figure 7).
    pub(crate) const CATALOG: usize = 71;
}

/// Fields of directory records (ECMA-119 section 9.1).
pub(crate) mod record {
    /// Length of Extended Attribute Record, in logical blocks, u8.
    pub(crate) const ATTRIBUTES: usize = 1;
    /// Location of Extent, in logical blocks, u32 both-endian.
    pub(crate) const LOCATION: usize = 2;
    /// Data Length in bytes, u32 both-endian.
    pub(crate) const SIZE: usize = 10;
    /// File Flags, u8.
    pub(crate) const FLAGS: usize = 25;
    /// File Unit Size, u8; not zero in interleaved files.
    pub(crate) const UNIT_SIZE: usize = 26;
    /// Interleave Gap Size, u8.
    pub(crate) const GAP: usize = 27;
    /// Volume Sequence Number, u16 both-endian.
    pub(crate) const SEQUENCE: usize = 28;
    /// Length of File Identifier in bytes, u8.
    pub(crate) const ID_LENGTH: usize = 32;
    /// File Identifier.
    pub(crate) const ID: usize = 33;
    /// Length of the shortest record: an identifier of one byte.
    pub(crate) const MIN_BYTES: usize = 34;
    /// Flag: the record is of a directory (ECMA-119 table 10).
    pub(crate) const DIRECTORY: u8 = 2;
    /// Flag: the file goes on in the next record.
    pub(crate) const MULTI_EXTENT: u8 = 0x80;
    /// Identifier of the directory itself (ECMA-119 section 7.6.2).
    pub(crate) const SELF_ID: &[u8] = &[0];
    /// Identifier of the parent directory.
    pub(crate) const PARENT_ID: &[u8] = &[1];
}

/// Fields of El Torito structures (El Torito 1.0 figures 2 to 5), 32 bytes each.
pub(crate) mod boot {
    /// Length of every structure of the catalog, in bytes.
    pub(crate) const ENTRY_BYTES: usize = 32;
    /// Validation entry: header ID, u8, 1.
    pub(crate) const VALIDATION: u8 = 1;
    /// Validation entry and section header: platform ID, u8.
    pub(crate) const PLATFORM: usize = 1;
    /// Validation entry: checksum, u16 LE; all 16 words add up to zero.
    pub(crate) const CHECKSUM: usize = 28;
    /// Validation entry: the bytes 0x55 and 0xAA.
    pub(crate) const KEY: usize = 30;
    /// The key bytes.
    pub(crate) const KEY_BYTES: [u8; 2] = [0x55, 0xAA];
    /// Section header with another header behind its entries.
    pub(crate) const SECTION: u8 = 0x90;
    /// Last section header.
    pub(crate) const LAST_SECTION: u8 = 0x91;
    /// Section header: number of entries, u16 LE.
    pub(crate) const COUNT: usize = 2;
    /// Extension of the entry before it.
    pub(crate) const EXTENSION: u8 = 0x44;
    /// Boot indicator of an entry that can be booted.
    pub(crate) const BOOTABLE: u8 = 0x88;
    /// Entry: media type in the low four bits, u8; 0 is no emulation.
    pub(crate) const MEDIA: usize = 1;
    /// Entry: load segment, u16 LE; 0 is 0x7C0.
    pub(crate) const SEGMENT: usize = 2;
    /// Entry: sector count, in 512 bytes, u16 LE.
    pub(crate) const SECTORS: usize = 6;
    /// Entry: first sector of 2048 bytes, u32 LE.
    pub(crate) const LBA: usize = 8;
    /// Platform ID of the PC BIOS.
    pub(crate) const BIOS: u8 = 0;
    /// Platform ID of UEFI (UEFI 2.10 section 13.3.2.1).
    pub(crate) const EFI: u8 = 0xEF;
}

/// The boot information table that boot images of ISOLINUX and GRUB read from their own first
/// bytes (genisoimage(1), "EL TORITO BOOT INFORMATION TABLE"). All fields u32 LE.
pub(crate) mod boot_info {
    /// Sector of the primary volume descriptor.
    pub(crate) const PRIMARY: usize = 8;
    /// First sector of the boot image.
    pub(crate) const LOCATION: usize = 12;
    /// Length of the boot image in bytes.
    pub(crate) const LENGTH: usize = 16;
    /// Sum of the 32-bit words behind the table, modulo 2^32.
    pub(crate) const CHECKSUM: usize = 20;
    /// First byte that the sum covers; the bytes from 24 on are reserved.
    pub(crate) const END: usize = 64;

    /// Sum of the 32-bit little-endian words of `image` behind the table, modulo 2^32; the last
    /// word is padded with zeros. `None` when the image is too short for a table.
    pub(crate) fn checksum(image: &[u8]) -> Option<u32> {
        let (words, rest) = image.get(END..)?.as_chunks::<4>();
        let mut last = [0; 4];
        for (byte, value) in last.iter_mut().zip(rest) {
            *byte = *value;
        }
        let words = words.iter().chain([&last]);
        Some(words.fold(0, |sum: u32, word| sum.wrapping_add(u32::from_le_bytes(*word))))
    }
}

/// What a reader is ready to follow. ECMA-119 has no such bounds; real volumes stay far below.
pub(crate) mod bounds {
    /// Volume descriptors before the terminator.
    pub(crate) const DESCRIPTORS: u32 = 64;
    /// Bytes of one directory.
    pub(crate) const DIRECTORY_BYTES: u64 = 16 << 20;
    /// Bytes of all directories and continuation areas of one walk.
    pub(crate) const WALK_BYTES: u64 = 64 << 20;
    /// Records of one walk.
    pub(crate) const RECORDS: usize = 200_000;
    /// Directories inside each other.
    pub(crate) const DEPTH: usize = 64;
    /// Continuation areas of one record.
    pub(crate) const CONTINUATIONS: usize = 16;
    /// Bytes of one file name.
    pub(crate) const NAME_BYTES: usize = 1024;
    /// Bytes of a path table.
    pub(crate) const TABLE_BYTES: u64 = 4 << 20;
    /// Bytes of a BIOS boot image whose sum is checked.
    pub(crate) const BOOT_IMAGE_BYTES: u64 = 64 << 20;
}
