//! Groups and the packages in them.

use std::collections::BTreeMap;

use super::{Fault, names, require, system};
use crate::locate::Place;
use crate::{Definition, Modules, PackageGroup, Problem};

/// Packages with CPU microcode.
const MICROCODE: [&str; 2] = ["amd64-microcode", "intel-microcode"];

/// Group names, reasons, packages, units and kernel modules; nothing is in two groups.
pub(super) fn groups(definition: &Definition) -> Result<(), Fault> {
    let mut groups = BTreeMap::new();
    let mut packages = BTreeMap::from([(definition.kernel.package.as_str(), "kernel".to_owned())]);
    let mut built = BTreeMap::new();
    for (index, group) in definition.packages.iter().enumerate() {
        let place = Place::top("packages").index(index);
        describe(group, &place)?;
        let here = place.to_string();
        if let Some(first) = groups.insert(group.name.as_str(), here.clone()) {
            let name = group.name.clone();
            let what = "package group";
            let problem = Problem::Duplicate { what, name, first, second: here };
            return Err((place.key("name"), problem));
        }
        install(group, &place.clone().key("install"), &mut packages)?;
        system::components(&group.components, &place.clone().key("components"))?;
        if let Some(wanted) = &group.modules {
            let place = place.key("modules");
            modules(wanted, &place, &mut packages, &mut built)?;
            if definition.kernel.headers_package().is_none() {
                let rule = "kernel modules need a kernel whose package begins with `linux-image-`: \
                    the one with its headers is named after it";
                return Err((place, Problem::Contradiction { rule }));
            }
        }
    }
    units(definition)?;
    let wanted = definition.kernel.microcode;
    if wanted && !MICROCODE.iter().any(|package| packages.contains_key(package)) {
        let rule = "microcode is wanted, but no package group installs amd64-microcode or \
            intel-microcode";
        return Err((Place::top("kernel").key("microcode"), Problem::Contradiction { rule }));
    }
    Ok(())
}

/// Name and reason of a group.
fn describe(group: &PackageGroup, place: &Place) -> Result<(), Fault> {
    let PackageGroup { name, why, install, .. } = group;
    let at = |key| place.clone().key(key);
    require(names::is_label(name), at("name"), "group name", name, names::LABEL)?;
    require(names::is_line(why), at("why"), "reason", why, names::LINE)?;
    require(!install.is_empty(), at("install"), "list", "[]", "at least one package")
}

/// The packages of a group, added to those that came before.
fn install<'a>(
    group: &'a PackageGroup,
    place: &Place,
    packages: &mut BTreeMap<&'a str, String>,
) -> Result<(), Fault> {
    for (index, package) in group.install.iter().enumerate() {
        let place = place.clone().index(index);
        require(names::is_package(package), place.clone(), "package", package, names::PACKAGE)?;
        add("package", package, (place, format!("group `{}`", group.name)), packages)?;
    }
    Ok(())
}

/// Sources, which the image must not install too, and names of modules.
fn modules<'a>(
    modules: &'a Modules,
    place: &Place,
    packages: &mut BTreeMap<&'a str, String>,
    built: &mut BTreeMap<&'a str, String>,
) -> Result<(), Fault> {
    let Modules { sources, names } = modules;
    let at = |key| place.clone().key(key);
    require(!sources.is_empty(), at("sources"), "list", "[]", "at least one package")?;
    for (index, package) in sources.iter().enumerate() {
        let place = at("sources").index(index);
        require(names::is_package(package), place.clone(), "package", package, names::PACKAGE)?;
        let shown = place.to_string();
        add("package", package, (place, shown), packages)?;
    }
    require(!names.is_empty(), at("names"), "list", "[]", "at least one module")?;
    for (index, module) in names.iter().enumerate() {
        let place = at("names").index(index);
        require(names::is_module(module), place.clone(), "module", module, names::MODULE)?;
        let shown = place.to_string();
        add("module", module, (place, shown), built)?;
    }
    Ok(())
}

/// Notes that `name` is at a place, which messages call by the text beside it.
fn add<'a>(
    what: &'static str,
    name: &'a str,
    (place, second): (Place, String),
    seen: &mut BTreeMap<&'a str, String>,
) -> Result<(), Fault> {
    match seen.insert(name, second.clone()) {
        None => Ok(()),
        Some(first) => {
            Err((place, Problem::Duplicate { what, name: name.to_owned(), first, second }))
        }
    }
}

/// Units of the image and of its groups: each is in one list at most.
fn units(definition: &Definition) -> Result<(), Fault> {
    let mut seen = BTreeMap::new();
    system::units_among(&definition.units, &Place::top("units"), &mut seen)?;
    for (index, group) in definition.packages.iter().enumerate() {
        let table = Place::top("packages").index(index).key("units");
        if group.units.default_target.is_some() {
            let rule = "a group has no `default-target`: the image's `units` choose it";
            return Err((table.key("default-target"), Problem::Contradiction { rule }));
        }
        system::units_among(&group.units, &table, &mut seen)?;
    }
    Ok(())
}
