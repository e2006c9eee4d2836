//! dm-verity hash trees, format 1.
