//! What a release brings, for people.

use std::collections::BTreeMap;

use anklume_compare::{Image, Packages, difference};

use crate::Package;

/// The packages that come, go and change from one release to another. Sizes are not known, and 0.
#[must_use]
pub fn changes(old: &[Package], new: &[Package]) -> Packages {
    let image = |packages| Image { packages: by_name(packages), ..Image::default() };
    difference(&image(old), &image(new)).packages
}

/// As [`Image::packages`] wants them: the same package of two architectures has two names.
fn by_name(packages: &[Package]) -> BTreeMap<String, anklume_compare::Package> {
    let mut named = BTreeMap::new();
    for package in packages {
        let name = match named.contains_key(&package.name) {
            true => format!("{}:{}", package.name, package.architecture),
            false => package.name.clone(),
        };
        let version = package.version.clone();
        named.insert(name, anklume_compare::Package { version, installed_bytes: 0 });
    }
    named
}
