//! Groups and the packages in them.

use std::collections::BTreeMap;

use super::{Fault, names, require};
use crate::locate::Place;
use crate::{Definition, PackageGroup, Problem};

/// Packages with CPU microcode.
const MICROCODE: [&str; 2] = ["amd64-microcode", "intel-microcode"];

/// Group names, reasons and packages; no package is in two groups.
pub(super) fn groups(definition: &Definition) -> Result<(), Fault> {
    let mut groups = BTreeMap::new();
    let mut packages = BTreeMap::from([(definition.kernel.package.as_str(), "kernel".to_owned())]);
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
        install(group, &place.key("install"), &mut packages)?;
    }
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
    let PackageGroup { name, why, install } = group;
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
        let second = format!("group `{}`", group.name);
        if let Some(first) = packages.insert(package, second.clone()) {
            let problem =
                Problem::Duplicate { what: "package", name: package.clone(), first, second };
            return Err((place, problem));
        }
    }
    Ok(())
}
