//! Links of units, made and dropped.

use super::find::{Unit, find, install};
use super::install::Install;
use super::name::UnitName;
use super::{CONFIG, ReadUnit, UnitError};
use crate::path;
use crate::tree::{Change, Node, Tree};
use std::collections::{BTreeSet, VecDeque};

/// The tree whose units are altered.
pub(super) struct Alter<'a> {
    pub(super) tree: &'a Tree<'a>,
    pub(super) read: ReadUnit<'a>,
}

impl Alter<'_> {
    pub(super) fn enable(&self, units: &[&str]) -> Result<Vec<Change>, UnitError> {
        let mut changes = Vec::new();
        for (unit, asked) in self.with_also(units, true)? {
            if unit.masked && asked {
                return Err(UnitError::Masked { unit: unit.name.full(), path: unit.path });
            }
            if !unit.masked {
                let install = install(self.tree, self.read, &unit)?;
                self.link(&unit, &install, &mut changes)?;
            }
        }
        Ok(changes)
    }

    pub(super) fn mask(&self, units: &[&str]) -> Result<Vec<Change>, UnitError> {
        let mut changes = Vec::new();
        for unit in units {
            let name = UnitName::from_user(unit)?;
            find(self.tree, &name, false)?;
            let path = path::join(CONFIG, &name.full());
            if self.tree.has(&path) && self.tree.symlink(&path) != Some("/dev/null") {
                return Err(self.taken(&name, path));
            }
            changes.push(Change::Put(Node::symlink(path, "/dev/null")));
        }
        Ok(changes)
    }

    pub(super) fn disable(&self, units: &[&str]) -> Result<Vec<Change>, UnitError> {
        let mut doomed = BTreeSet::new();
        for unit in units {
            doomed.insert(UnitName::from_user(unit)?.full());
        }
        for (unit, _) in self.with_also(units, false)? {
            if unit.masked {
                doomed.remove(&unit.name.full());
            } else {
                doomed.insert(unit.name.full());
            }
        }
        let mut changes = Vec::new();
        self.unlink(CONFIG, &doomed, &mut changes)?;
        Ok(changes)
    }

    /// The units, and whether they were asked for, followed by those that their `Also=` names. A
    /// unit of `Also=` that is not there is passed over, as systemctl does.
    fn with_also(
        &self,
        units: &[&str],
        refuse_alias: bool,
    ) -> Result<Vec<(Unit, bool)>, UnitError> {
        let mut waiting = VecDeque::new();
        for unit in units {
            waiting.push_back((UnitName::from_user(unit)?, true));
        }
        let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
        while let Some((name, asked)) = waiting.pop_front() {
            if !seen.insert(name.clone()) {
                continue;
            }
            let unit = match find(self.tree, &name, refuse_alias) {
                Err(UnitError::Unknown { .. }) if !asked => continue,
                result => result?,
            };
            seen.insert(unit.name.clone());
            if !unit.masked {
                let install = install(self.tree, self.read, &unit)?;
                for also in &install.also {
                    let also = expand(&unit, &install, also)?;
                    let name = UnitName::parse(&also)
                        .ok_or_else(|| directive(&unit, "Also", &also, "a unit"))?;
                    waiting.push_back((name, false));
                }
            }
            found.push((unit, asked));
        }
        Ok(found)
    }

    fn link(
        &self,
        unit: &Unit,
        install: &Install,
        changes: &mut Vec<Change>,
    ) -> Result<(), UnitError> {
        let target = format!("/{}", unit.path);
        for alias in &install.alias {
            let alias = expand(unit, install, alias)?;
            let path = path::join(CONFIG, &alias_link(unit, &alias)?);
            let same = |path: &str| {
                self.tree.symlink(path).is_some()
                    && self.tree.walk(path, true).is_ok_and(|end| end == unit.path)
            };
            if self.tree.has(&path) && !same(&path) {
                return Err(self.taken(&unit.name, path));
            }
            changes.push(Change::Put(Node::symlink(path, &target)));
        }
        let instance = install.default_instance.as_deref().filter(|_| unit.name.is_template());
        let name = match instance {
            Some(instance) => {
                let instance = expand(unit, install, instance)?;
                unit.name.with_instance(&instance)
            }
            None => unit.name.clone(),
        };
        for (key, suffix, list) in [
            ("WantedBy", "wants", &install.wanted_by),
            ("RequiredBy", "requires", &install.required_by),
            ("UpheldBy", "upholds", &install.upheld_by),
        ] {
            for by in list {
                let by = expand(unit, install, by)?;
                let parsed = UnitName::parse(&by);
                let parsed = parsed.ok_or_else(|| directive(unit, key, &by, "a unit"))?;
                if name.is_template() && !parsed.is_template() {
                    let (unit, example) = (name.full(), name.with_instance("name").full());
                    return Err(UnitError::NeedsInstance { unit, example });
                }
                let path = format!("{CONFIG}/{by}.{suffix}/{}", name.full());
                changes.push(Change::Put(Node::symlink(path, &target)));
            }
        }
        Ok(())
    }

    /// Drops the links in `directory` whose name, or whose end, is the name of a doomed unit.
    /// Returns whether the directory has nothing left because of it.
    fn unlink(
        &self,
        directory: &str,
        doomed: &BTreeSet<String>,
        changes: &mut Vec<Change>,
    ) -> Result<bool, UnitError> {
        let directory = &self.tree.walk(directory, true)?;
        let (mut dropped, mut left) = (false, false);
        for name in self.tree.names(directory) {
            let path = path::join(directory, &name);
            let gone = match self.tree.view(&path) {
                Some(view) if view.is_directory() => {
                    let gone = self.unlink(&path, doomed, changes)?;
                    if gone {
                        changes.push(Change::Drop(path));
                    }
                    gone
                }
                Some(view) if view.symlink().is_some() && self.leads_to(&path, doomed) => {
                    changes.push(Change::Drop(path));
                    true
                }
                _ => false,
            };
            dropped |= gone;
            left |= !gone;
        }
        Ok(dropped && !left)
    }

    fn leads_to(&self, path: &str, doomed: &BTreeSet<String>) -> bool {
        let Some(name) = UnitName::parse(path::name(path)) else { return false };
        let end = self.tree.walk(path, true);
        let template = name.template().map(|template| template.full());
        doomed.contains(&name.full())
            || template.is_some_and(|template| doomed.contains(&template))
            || end.is_ok_and(|end| doomed.contains(path::name(&end)))
    }

    fn taken(&self, name: &UnitName, path: String) -> UnitError {
        let found = match self.tree.symlink(&path) {
            Some(target) => format!("a symbolic link to {target}"),
            None => self.tree.view(&path).map_or("nothing", |view| view.kind_name()).to_owned(),
        };
        UnitError::Taken { unit: name.full(), path, found }
    }
}

/// Specifiers of a template with `DefaultInstance=` mean that instance.
fn expand(unit: &Unit, install: &Install, text: &str) -> Result<String, UnitError> {
    let name = match &install.default_instance {
        Some(instance) if unit.name.is_template() => unit.name.with_instance(instance),
        _ => unit.name.clone(),
    };
    let found = || UnitError::Specifier { unit: unit.name.full(), found: text.to_owned() };
    name.expand(text).ok_or_else(found)
}

/// Where the link of an alias is, relative to the directory of links: the same type of unit, and
/// the same instance, which an alias that is a template gets. An alias may also be in the
/// directory of links of another unit, under the unit's own name.
fn alias_link(unit: &Unit, alias: &str) -> Result<String, UnitError> {
    let wrong = |expected| directive(unit, "Alias", alias, expected);
    if let Some((directory, name)) = alias.split_once('/') {
        let owner = directory.rsplit_once('.');
        let links = owner.filter(|(_, kind)| matches!(*kind, "wants" | "requires" | "upholds"));
        let known = links.and_then(|(owner, _)| UnitName::parse(owner)).is_some();
        return (known && name == unit.name.full())
            .then(|| alias.to_owned())
            .ok_or_else(|| wrong("the unit in a directory of links"));
    }
    let name = UnitName::parse(alias).ok_or_else(|| wrong("a unit"))?;
    if name.suffix() != unit.name.suffix() {
        return Err(wrong("a unit of the same type"));
    }
    match unit.name.instance() {
        Some(instance) if name.is_template() => Ok(name.with_instance(instance).full()),
        instance
            if instance == name.instance() && name.is_template() == unit.name.is_template() =>
        {
            Ok(name.full())
        }
        _ => Err(wrong("a unit with the same instance")),
    }
}

fn directive(unit: &Unit, key: &'static str, found: &str, expected: &'static str) -> UnitError {
    UnitError::Directive {
        unit: unit.name.full(),
        directive: key,
        found: found.to_owned(),
        expected,
    }
}
