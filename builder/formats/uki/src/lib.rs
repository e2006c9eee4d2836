//! PE/COFF sections and unified kernel images.
