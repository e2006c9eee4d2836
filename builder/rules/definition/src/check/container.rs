//! The container image.

use super::{Fault, names, require, system, unique};
use crate::locate::Place;
use crate::{Container, Definition, Problem};

/// Rule of [`is_address`].
const ADDRESS: &str = "http:// or https:// and up to 512 characters without blanks";

/// Reason, packages, archives, units and patterns.
pub(super) fn container(definition: &Definition) -> Result<(), Fault> {
    let Some(container) = &definition.container else { return Ok(()) };
    let table = Place::top("container");
    let Container { why, install, units, paths, .. } = container;
    let at = |key| table.clone().key(key);
    require(names::is_line(why), at("why"), "reason", why, names::LINE)?;
    require(!install.is_empty(), at("install"), "list", "[]", "at least one package")?;
    for (index, package) in install.iter().enumerate() {
        let place = at("install").index(index);
        require(names::is_package(package), place, "package", package, names::PACKAGE)?;
    }
    unique("package", &at("install"), install.iter().map(String::as_str))?;
    archives(container, &table)?;
    system::units(units, &at("units"))?;
    system::paths(paths, &at("paths"))
}

/// Where apt in the container takes packages from.
fn archives(container: &Container, table: &Place) -> Result<(), Fault> {
    let Container { mirror, security_mirror, .. } = container;
    for (key, address) in [("mirror", mirror), ("security-mirror", security_mirror)] {
        let Some(address) = address else { continue };
        require(is_address(address), table.clone().key(key), "address", address, ADDRESS)?;
    }
    if mirror.is_none() && security_mirror.is_some() {
        let rule = "`security-mirror` needs `mirror`: security updates replace packages of it";
        let place = table.clone().key("security-mirror");
        return Err((place, Problem::Contradiction { rule }));
    }
    Ok(())
}

/// Addresses of archives: one word of apt's sources.
fn is_address(address: &str) -> bool {
    let host = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'))
        && address.len() <= 512
        && address.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_one_word() {
        for good in ["http://mirror.example/debian", "https://[::1]:8080/d"] {
            assert!(is_address(good), "{good}");
        }
        let long = format!("http://{}", "a".repeat(512));
        for bad in
            ["", "http://", "http:///x", "ftp://x", "file:/x", "http://x y", "http://x\n", &long]
        {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
