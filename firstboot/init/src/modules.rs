//! Kernel modules: those that the image asks for, and those that devices ask for.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anklume_host::kmodule;
use anklume_kmod::{Index, ModuleName, Options, Texts};
use anklume_layout::initramfs;

use crate::error::{Error, at};
use crate::journal::Journal;

/// Loads modules of the running kernel, each at most once.
pub(crate) struct Loader {
    folder: PathBuf,
    index: Index,
    options: Options,
    /// Modules that were tried, whatever came of it: the next try would end the same way.
    tried: BTreeSet<ModuleName>,
    /// Devices' aliases that were answered.
    answered: BTreeSet<String>,
}

impl Loader {
    /// Reads the index of the running kernel's modules. `options` is what the command line says.
    pub(crate) fn open(options: Options) -> Result<Self, Error> {
        let modules = Path::new("/").join(initramfs::MODULES);
        let release = kmodule::kernel_release().map_err(at("reading the release of", &modules))?;
        let folder = modules.join(release);
        let text = |name: &str| read_index(&folder.join(name));
        let (dep, alias) = (text("modules.dep")?, text("modules.alias")?);
        let (softdep, builtin) = (text("modules.softdep")?, text("modules.builtin")?);
        let texts = Texts { dep: &dep, alias: &alias, softdep: &softdep, builtin: &builtin };
        let index = Index::parse(&texts).map_err(|error| Error::Configuration {
            path: folder.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self { folder, index, options, tried: BTreeSet::new(), answered: BTreeSet::new() })
    }

    /// Loads modules by name or alias, with all that they need. Names of what is built in or
    /// absent do nothing: whoever needs the module finds out by using it.
    pub(crate) fn load(&mut self, names: &[impl AsRef<str>], journal: &mut Journal) {
        for name in names {
            let found: Vec<_> = self.index.resolve(name.as_ref()).into_iter().cloned().collect();
            self.load_all(&found, journal);
        }
    }

    /// Loads what devices ask for. Returns whether anything was loaded, so that more devices may
    /// appear.
    pub(crate) fn serve(&mut self, aliases: BTreeSet<String>, journal: &mut Journal) -> bool {
        let mut loaded = false;
        for alias in aliases {
            if self.answered.contains(&alias) {
                continue;
            }
            let found = self.index.matching(&alias).into_iter();
            let found: Vec<_> = found.filter(|name| !self.options.refuses(name)).cloned().collect();
            loaded |= self.load_all(&found, journal);
            self.answered.insert(alias);
        }
        loaded
    }

    fn load_all(&mut self, names: &[ModuleName], journal: &mut Journal) -> bool {
        let mut loaded = false;
        for name in
            names.iter().filter(|name| !self.tried.contains(*name)).cloned().collect::<Vec<_>>()
        {
            let order = match self.index.load_order(&name) {
                Ok(order) => order,
                Err(error) => {
                    journal.detail(&format!("module {name}: {error}"));
                    self.tried.insert(name);
                    continue;
                }
            };
            for (name, module) in order {
                if self.tried.insert(name.clone()) {
                    let parameters = self.options.parameters(name);
                    loaded |= load_one(&self.folder.join(&module.path), name, parameters, journal);
                }
            }
        }
        loaded
    }
}

fn load_one(path: &Path, name: &ModuleName, parameters: &str, journal: &mut Journal) -> bool {
    let loaded = match kmodule::load(path, parameters) {
        // A parameter of another kernel must not cost the machine its medium.
        Err(error) if !parameters.is_empty() => {
            journal.detail(&format!("module {name} with {parameters}: {error}"));
            kmodule::load(path, "")
        }
        other => other,
    };
    match loaded {
        Ok(state) => state == kmodule::Loaded::Now,
        Err(error) => {
            journal.detail(&format!("module {name}: {error}"));
            false
        }
    }
}

/// A file of the index; a kernel without modules of a kind has none.
fn read_index(path: &Path) -> Result<String, Error> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other.map_err(at("reading", path)),
    }
}
