//! FAT file systems with contiguous files at known offsets.
