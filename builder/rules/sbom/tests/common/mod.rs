//! An image with the names that make trouble.

use anklume_sbom::{Distribution, Image, Inventory, Package, Source};
use serde_json::Value;

pub(crate) fn package(name: &str, version: &str, architecture: &str) -> Package {
    Package {
        name: name.into(),
        version: version.into(),
        architecture: architecture.into(),
        source: Source { name: name.into(), version: version.into() },
        installed_bytes: 4096,
        deb_sha256: None,
        maintainer: None,
        homepage: None,
        licence: None,
    }
}

pub(crate) fn inventory() -> Inventory {
    let gcc = Source { name: "gcc-14".into(), version: "14.2.0-19".into() };
    let libstdcxx = Package {
        source: gcc.clone(),
        deb_sha256: Some([0xab; 32]),
        maintainer: Some("Debian GCC (Team) <debian-gcc@lists.example.org>".into()),
        homepage: Some("http://gcc.example.org/".into()),
        ..package("libstdc++6", "14.2.0-19+b1", "amd64")
    };
    let bash = Package {
        licence: Some("GPL-3.0-or-later AND (MIT OR BSD-3-Clause)".into()),
        homepage: Some("no page".into()),
        maintainer: Some("Somebody".into()),
        ..package("bash", "1:5.2.37~rc1-2", "amd64")
    };
    let other = Package { source: gcc, ..package("libgcc-s1", "14.2.0-19", "amd64") };
    Inventory {
        tool_version: "0.1.0".into(),
        image: Image {
            name: "debian".into(),
            title: "anklume OS \"é\"".into(),
            version: "2025.11".into(),
            architecture: "amd64".into(),
            epoch: 1_763_596_800,
            root_hash: [7; 32],
        },
        distribution: Distribution { id: "debian".into(), codename: "trixie".into() },
        packages: vec![libstdcxx, bash, other, package("libgcc-s1", "14.2.0-19", "i386")],
    }
}

pub(crate) fn parse(text: &str) -> Value {
    assert!(text.ends_with("}\n"));
    serde_json::from_str(text).unwrap()
}

pub(crate) fn array<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name} is no array"))
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is no text: {value}"))
}

pub(crate) fn named<'a>(all: &'a [Value], name: &str) -> &'a Value {
    all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}
