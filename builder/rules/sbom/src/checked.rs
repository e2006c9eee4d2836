//! Inventories that can be written down.

use std::collections::{BTreeMap, BTreeSet};

use crate::licence::is_expression;
use crate::{Error, Inventory, Package, Source};

/// The packages of an inventory in the order of the documents.
pub(crate) struct Checked<'a> {
    /// Sorted by name and architecture, each once.
    pub(crate) packages: Vec<&'a Package>,
    /// The source packages, sorted by name and version, each once.
    pub(crate) sources: BTreeSet<&'a Source>,
}

/// Checks what the formats ask for and the types do not say.
pub(crate) fn check(inventory: &Inventory) -> Result<Checked<'_>, Error> {
    let image = &inventory.image;
    filled("image", "name", &image.name)?;
    filled("image", "version", &image.version)?;
    filled("image", "architecture", &image.architecture)?;
    filled("distribution", "id", &inventory.distribution.id)?;
    let mut packages = BTreeMap::new();
    for package in &inventory.packages {
        check_package(package)?;
        // Package URLs are in lower case; names that differ in nothing else would have the same.
        let key = (package.name.to_lowercase(), &package.architecture);
        if packages.insert(key, package).is_some() {
            return Err(Error::Duplicate {
                name: package.name.clone(),
                architecture: package.architecture.clone(),
            });
        }
    }
    let packages: Vec<&Package> = packages.into_values().collect();
    let sources = packages.iter().map(|package| &package.source).collect();
    Ok(Checked { packages, sources })
}

fn check_package(package: &Package) -> Result<(), Error> {
    filled("package", "name", &package.name)?;
    filled(&package.name, "version", &package.version)?;
    filled(&package.name, "architecture", &package.architecture)?;
    filled(&package.name, "source name", &package.source.name)?;
    filled(&package.name, "source version", &package.source.version)?;
    match &package.licence {
        Some(licence) if !is_expression(licence) => Err(Error::Licence {
            package: package.name.clone(),
            found: licence.chars().take(80).collect(),
        }),
        _ => Ok(()),
    }
}

fn filled(object: &str, field: &'static str, text: &str) -> Result<(), Error> {
    if text.is_empty() {
        return Err(Error::Empty { object: object.to_owned(), field });
    }
    Ok(())
}

/// The home page, if it is a URL of the web that may stand in a document (RFC 3986, section 2).
pub(crate) fn homepage(package: &Package) -> Option<&str> {
    let page = package.homepage.as_deref()?;
    let (scheme, rest) = page.split_once("://")?;
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    let host = rest.starts_with(|first: char| first.is_ascii_alphanumeric());
    let web = matches!(scheme, "http" | "https" | "ftp");
    (web && host && rest.bytes().all(allowed)).then_some(page)
}
