//! Units in a tree.

use super::install::Install;
use super::name::UnitName;
use super::{CONFIG, ReadUnit, SEARCH, UnitError, nearest};
use crate::path;
use crate::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};

/// A unit that is there.
#[derive(Debug)]
pub(super) struct Unit {
    /// Its name, which a vendor's alias may have changed.
    pub(super) name: UnitName,
    /// Path of its file, through all links, without leading slash.
    pub(super) path: String,
    /// Whether it is masked; `path` is then what masks it.
    pub(super) masked: bool,
}

/// Finds a unit, through the links of vendors. Where `refuse_alias` is set, a link of the
/// administrator to a unit of another name is an error; otherwise it is followed too.
pub(super) fn find(
    tree: &Tree<'_>,
    name: &UnitName,
    refuse_alias: bool,
) -> Result<Unit, UnitError> {
    let asked = name;
    let mut name = name.clone();
    for _ in 0..path::MAX_LINKS {
        let Some((directory, link)) = locate(tree, &name)? else {
            let hint = nearest::name(tree, &asked.full());
            return Err(UnitError::Unknown { unit: asked.full(), hint });
        };
        let end = tree.walk(&link, true)?;
        let view = tree.view(&end);
        if end == "dev/null" || view.is_some_and(|view| view.file_size() == Some(0)) {
            return Ok(Unit { name, path: link, masked: true });
        }
        if view.and_then(|view| view.file_size()).is_none() {
            return Err(UnitError::Dangling { unit: name.full() });
        }
        let found = path::name(&end);
        if found == name.full() || name.template().is_some_and(|name| name.full() == found) {
            return Ok(Unit { name, path: end, masked: false });
        }
        if refuse_alias && directory == CONFIG {
            return Err(UnitError::Alias { unit: name.full(), target: found.to_owned() });
        }
        let target = UnitName::parse(found);
        let target = target.ok_or_else(|| UnitError::Dangling { unit: name.full() })?;
        name = match name.instance() {
            Some(instance) if target.is_template() => target.with_instance(instance),
            _ => target,
        };
    }
    Err(UnitError::Dangling { unit: asked.full() })
}

/// The search directory that has the unit, or else the template of the unit, and the path there.
fn locate(tree: &Tree<'_>, name: &UnitName) -> Result<Option<(&'static str, String)>, UnitError> {
    for name in [Some(name.clone()), name.template()].into_iter().flatten() {
        for directory in SEARCH {
            let path = tree.walk(&path::join(directory, &name.full()), false)?;
            if tree.has(&path) {
                return Ok(Some((directory, path)));
            }
        }
    }
    Ok(None)
}

/// What the unit's file and its drop-ins say about installing it. A drop-in of an earlier search
/// directory hides those of its name in later ones.
pub(super) fn install(
    tree: &Tree<'_>,
    read: ReadUnit<'_>,
    unit: &Unit,
) -> Result<Install, UnitError> {
    let mut install = Install::default();
    install.add(&String::from_utf8_lossy(&read(&unit.path)?));
    let mut drop_ins: BTreeMap<String, String> = BTreeMap::new();
    for name in [Some(unit.name.clone()), unit.name.template()].into_iter().flatten() {
        for search in SEARCH {
            let directory = tree.walk(&format!("{search}/{}.d", name.full()), true)?;
            for file in tree.names(&directory).into_iter().filter(|file| file.ends_with(".conf")) {
                let path = path::join(&directory, &file);
                drop_ins.entry(file).or_insert(path);
            }
        }
    }
    for path in drop_ins.values() {
        let end = tree.walk(path, true)?;
        if tree.view(&end).and_then(|view| view.file_size()).is_some() {
            install.add(&String::from_utf8_lossy(&read(&end)?));
        }
    }
    Ok(install)
}

/// The names of all units in the search directories.
pub(super) fn names(tree: &Tree<'_>) -> BTreeSet<String> {
    let directories = SEARCH.iter().filter_map(|search| tree.walk(search, true).ok());
    let names = directories.flat_map(|directory| tree.names(&directory));
    names.filter(|name| UnitName::parse(name).is_some()).collect()
}
