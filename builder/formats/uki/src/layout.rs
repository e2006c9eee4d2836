//! Offsets and values of PE32+ headers (Microsoft PE Format). All integers are little-endian.

/// `Machine` of x86-64 images.
pub const MACHINE_X86_64: u16 = 0x8664;
/// `Subsystem` of EFI applications, which boot loaders and stubs are.
pub const SUBSYSTEM_EFI_APPLICATION: u16 = 10;

/// The headers must lie within this many bytes of the file: those of real images take a few KiB.
pub(crate) const HEAD_LIMIT: u64 = 1 << 16;
/// The most sections: what Windows loads. More are no image of ours.
pub(crate) const MAX_SECTIONS: u16 = 96;

// MS-DOS header.
/// Two bytes, [`DOS_MAGIC`].
pub(crate) const E_MAGIC: usize = 0;
/// `u32`, byte offset of the PE signature.
pub(crate) const E_LFANEW: usize = 0x3c;
/// Bytes of the MS-DOS header.
pub(crate) const DOS_BYTES: usize = 64;
pub(crate) const DOS_MAGIC: u16 = u16::from_le_bytes(*b"MZ");

// PE signature and COFF file header, counted from the signature.
/// `u32`, [`PE_MAGIC`].
pub(crate) const PE_SIGNATURE: usize = 0;
/// `u16`.
pub(crate) const MACHINE: usize = 4;
/// `u16`.
pub(crate) const NUMBER_OF_SECTIONS: usize = 6;
/// `u32`, byte offset in the file, 0 without symbols.
pub(crate) const POINTER_TO_SYMBOL_TABLE: usize = 12;
/// `u16`, bytes.
pub(crate) const SIZE_OF_OPTIONAL_HEADER: usize = 20;
/// Bytes of signature and file header.
pub(crate) const FILE_HEADER_BYTES: usize = 24;
pub(crate) const PE_MAGIC: u32 = u32::from_le_bytes(*b"PE\0\0");

// Optional header of PE32+, counted from its start.
/// `u16`, [`PE32_PLUS`].
pub(crate) const MAGIC: usize = 0;
/// `u32`, bytes.
pub(crate) const SIZE_OF_INITIALIZED_DATA: usize = 8;
/// `u32`, bytes, a power of two.
pub(crate) const SECTION_ALIGNMENT: usize = 32;
/// `u32`, bytes, a power of two.
pub(crate) const FILE_ALIGNMENT: usize = 36;
/// `u32`, bytes in memory, a multiple of the section alignment.
pub(crate) const SIZE_OF_IMAGE: usize = 56;
/// `u32`, bytes in the file, a multiple of the file alignment.
pub(crate) const SIZE_OF_HEADERS: usize = 60;
/// `u32`.
pub(crate) const CHECK_SUM: usize = 64;
/// `u16`.
pub(crate) const SUBSYSTEM: usize = 68;
/// `u32`, entries of the data directory.
pub(crate) const NUMBER_OF_RVA_AND_SIZES: usize = 108;
/// Eight bytes for each entry: `u32` address, `u32` bytes.
pub(crate) const DATA_DIRECTORY: usize = 112;
/// Bytes of an entry of the data directory.
pub(crate) const DIRECTORY_BYTES: usize = 8;
/// The certificate table: the only entry whose address is a byte offset in the file.
pub(crate) const SECURITY_DIRECTORY: usize = 4;
/// The most entries of the data directory.
pub(crate) const MAX_DIRECTORIES: u32 = 16;
pub(crate) const PE32_PLUS: u16 = 0x20b;

// Section header.
/// Eight bytes, padded with NUL.
pub(crate) const NAME: usize = 0;
/// `u32`, bytes in memory.
pub(crate) const VIRTUAL_SIZE: usize = 8;
/// `u32`, counted from the start of the image in memory.
pub(crate) const VIRTUAL_ADDRESS: usize = 12;
/// `u32`, bytes in the file, a multiple of the file alignment.
pub(crate) const SIZE_OF_RAW_DATA: usize = 16;
/// `u32`, byte offset in the file, a multiple of the file alignment.
pub(crate) const POINTER_TO_RAW_DATA: usize = 20;
/// `u32`. Relocation and line number fields between this and the last are zero in images.
pub(crate) const CHARACTERISTICS: usize = 36;
/// Bytes of a section header.
pub(crate) const SECTION_BYTES: usize = 40;
/// `IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ`.
pub(crate) const READABLE_DATA: u32 = 0x4000_0040;
