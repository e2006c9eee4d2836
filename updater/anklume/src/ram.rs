//! Whether the machine's memory is encrypted.

use std::path::Path;

use anklume_host::ramcrypt;
use anklume_ramcrypt::{RamEncryption, decide};

/// Of the machine whose root folder is `root`, which is the one that this runs on.
pub(crate) fn encryption(root: &Path) -> RamEncryption {
    decide(&ramcrypt::facts_at(root, ramcrypt::cpuid()))
}
