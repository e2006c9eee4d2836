//! Which modules of a whole kernel an initramfs holds.

use std::collections::BTreeSet;

use crate::{Error, Index, ModuleName};

/// What to take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Folders below `/usr/lib/modules/<release>`, such as `kernel/drivers/usb/host`: every module
    /// in them and below.
    pub directories: &'a [&'a str],
    /// Names of modules.
    pub names: &'a [&'a str],
}

/// What was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The modules with everything they need and want, and their aliases. What is built in is kept
    /// whole, so that a name can be told from an unknown one.
    pub index: Index,
    /// Names that are built in.
    pub builtin: Vec<ModuleName>,
    /// Names that this kernel does not have.
    pub missing: Vec<ModuleName>,
    /// Folders that hold no module of this kernel.
    pub empty: Vec<String>,
}

impl Index {
    /// Selects modules and all that they need.
    ///
    /// Absent names and folders are reported and not an error: kernels differ, and what a kernel
    /// must have is for the caller to say.
    ///
    /// # Errors
    /// [`Error::Dangling`] when a module needs one that the index does not have.
    pub fn select(&self, wanted: &Wanted<'_>) -> Result<Selected, Error> {
        let mut roots = BTreeSet::new();
        let mut empty = Vec::new();
        for folder in wanted.directories {
            let before = roots.len();
            roots.extend(self.below(folder));
            if roots.len() == before && self.below(folder).next().is_none() {
                empty.push((*folder).to_owned());
            }
        }
        let (mut builtin, mut missing) = (Vec::new(), Vec::new());
        for name in wanted.names.iter().map(|name| ModuleName::new(name)) {
            match self.modules.get_key_value(&name) {
                Some((name, _)) => _ = roots.insert(name),
                None if self.is_builtin(&name) => builtin.push(name),
                None => missing.push(name),
            }
        }
        let order = self.load_order_of(roots)?;
        let names: BTreeSet<_> = order.into_iter().map(|(name, _)| name).collect();
        Ok(Selected { index: self.only(&names), builtin, missing, empty })
    }

    /// The modules whose path lies below `folder`.
    fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a ModuleName> {
        let folder = folder.trim_end_matches('/');
        self.modules
            .iter()
            .filter(move |(_, module)| {
                module.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
            })
            .map(|(name, _)| name)
    }

    /// The index of the modules `names` alone.
    fn only(&self, names: &BTreeSet<&ModuleName>) -> Self {
        let kept = |name: &ModuleName| names.contains(name);
        Self {
            modules: self
                .modules
                .iter()
                .filter(|(name, _)| kept(name))
                .map(|(name, module)| (name.clone(), module.clone()))
                .collect(),
            aliases: self.aliases.iter().filter(|alias| kept(&alias.module)).cloned().collect(),
            soft: self
                .soft
                .iter()
                .filter(|(name, _)| kept(name))
                .map(|(name, soft)| (name.clone(), soft.clone()))
                .collect(),
            builtin: self.builtin.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Texts;

    #[test]
    fn folders_and_names_bring_their_dependencies_and_aliases() {
        let index = Index::parse(&Texts {
            dep: "kernel/usb/host/xhci.ko: kernel/usb/core/core.ko\nkernel/usb/core/core.ko:\n\
                  kernel/usb/hostile.ko:\nkernel/fs/vfat.ko: kernel/fs/fat.ko\nkernel/fs/fat.ko:\n",
            alias: "alias pci:x* xhci\nalias fs-vfat vfat\nalias y hostile\n",
            softdep: "softdep hostile pre: fat\n",
            builtin: "kernel/fs/ext4.ko\n",
        })
        .unwrap();
        let selected = index
            .select(&Wanted {
                directories: &["kernel/usb/host", "kernel/none/"],
                names: &["vfat", "ext4", "no-such"],
            })
            .unwrap();
        let names: Vec<_> = selected.index.modules().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["core", "fat", "vfat", "xhci"]);
        assert_eq!(selected.index.aliases().len(), 2);
        assert!(selected.index.soft_dependencies(&ModuleName::new("hostile")).is_none());
        assert_eq!(selected.builtin, [ModuleName::new("ext4")]);
        assert_eq!(selected.missing, [ModuleName::new("no_such")]);
        assert_eq!(selected.empty, ["kernel/none/"]);
    }
}
