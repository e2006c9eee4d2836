//! The index in memory.

use std::collections::{BTreeMap, BTreeSet};

use crate::{ModuleName, matches};

/// A module file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Path below `/usr/lib/modules/<release>`, as `modules.dep` spells it.
    pub path: String,
    /// Modules that must be there before, in the order of `modules.dep`: the last one is loaded
    /// first.
    pub depends: Vec<ModuleName>,
}

/// A line of `modules.alias`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// Shell pattern for [`matches`].
    pub pattern: String,
    /// Module that serves what matches.
    pub module: ModuleName,
}

/// What a module wants but does not need for its symbols (modprobe.d(5), `softdep`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SoftDependencies {
    /// To be loaded before, in this order. Names of modules or of aliases.
    pub pre: Vec<String>,
    /// To be loaded after, in this order. Names of modules or of aliases.
    pub post: Vec<String>,
}

/// The modules of one kernel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Index {
    pub(crate) modules: BTreeMap<ModuleName, Module>,
    pub(crate) aliases: Vec<Alias>,
    pub(crate) soft: BTreeMap<ModuleName, SoftDependencies>,
    /// Name and path of what is part of the kernel itself.
    pub(crate) builtin: BTreeMap<ModuleName, String>,
}

impl Index {
    /// The module of this name.
    #[must_use]
    pub fn module(&self, name: &ModuleName) -> Option<&Module> {
        self.modules.get(name)
    }

    /// Every module, by name.
    pub fn modules(&self) -> impl ExactSizeIterator<Item = (&ModuleName, &Module)> {
        self.modules.iter()
    }

    /// Every alias, in the order of the file.
    #[must_use]
    pub fn aliases(&self) -> &[Alias] {
        &self.aliases
    }

    /// What the module of this name wants.
    #[must_use]
    pub fn soft_dependencies(&self, name: &ModuleName) -> Option<&SoftDependencies> {
        self.soft.get(name)
    }

    /// Whether the module is part of the kernel.
    #[must_use]
    pub fn is_builtin(&self, name: &ModuleName) -> bool {
        self.builtin.contains_key(name)
    }

    /// The modules whose aliases match `modalias` (the content of a device's `modalias` file), in
    /// the order of the index, each once.
    #[must_use]
    pub fn matching(&self, modalias: &str) -> Vec<&ModuleName> {
        let mut seen = BTreeSet::new();
        self.aliases
            .iter()
            .filter(|alias| matches(&alias.pattern, modalias))
            .map(|alias| &alias.module)
            .filter(|name| seen.insert(*name))
            .collect()
    }

    /// The modules that `text` names: the module of that name, else those with a matching alias.
    /// Nothing for what is built in or unknown.
    #[must_use]
    pub fn resolve<'a>(&'a self, text: &str) -> Vec<&'a ModuleName> {
        let name = ModuleName::new(text);
        if let Some((name, _)) = self.modules.get_key_value(&name) {
            return vec![name];
        }
        if self.is_builtin(&name) { Vec::new() } else { self.matching(text) }
    }
}
