//! Module names and the paths they come from.

use std::fmt;

/// Suffixes of compressed modules (CONFIG_MODULE_COMPRESS_*).
const COMPRESSION: [&str; 3] = [".xz", ".zst", ".gz"];

/// Name of a module as the kernel sees it: `-` and `_` are the same character, spelled `_`
/// (Linux `scripts/Makefile.lib`, `KBUILD_MODNAME`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleName(String);

impl ModuleName {
    /// The name that `text` spells, with either of the two characters.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.replace('-', "_"))
    }

    /// The name of the module at `path`: the last component without `.ko` and compression suffix.
    /// `None` when it is no path of a module.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let stem = without_compression(base_name(path)).strip_suffix(".ko")?;
        (!stem.is_empty()).then(|| Self::new(stem))
    }

    /// The name, with underscores.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What follows the last `/` of `path`.
#[must_use]
pub fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `path` without the suffix of a compressed module: the initramfs holds modules uncompressed,
/// since they are compressed once, as a whole, and the kernel then needs no decompressor.
#[must_use]
pub fn without_compression(path: &str) -> &str {
    COMPRESSION.iter().find_map(|suffix| path.strip_suffix(suffix)).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_gives_the_kernels_name() {
        let name = |path| ModuleName::of_path(path).map(|name| name.as_str().to_owned());
        assert_eq!(name("kernel/drivers/md/dm-verity.ko.xz").as_deref(), Some("dm_verity"));
        assert_eq!(name("dm_mod.ko").as_deref(), Some("dm_mod"));
        assert_eq!(name("kernel/x.o"), None);
        assert_eq!(name("kernel/.ko"), None);
        assert_eq!(ModuleName::new("usb-storage"), ModuleName::new("usb_storage"));
    }

    #[test]
    fn only_compression_is_stripped() {
        assert_eq!(without_compression("a/b.ko.zst"), "a/b.ko");
        assert_eq!(without_compression("a/b.ko"), "a/b.ko");
    }
}
