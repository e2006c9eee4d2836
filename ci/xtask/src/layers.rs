//! The layers of the crates: L0 bytes, L1 rules, L2 effects, L3 programs.
//!
//! A crate may depend on crates of its own layer and below; nothing depends on a program. Read from
//! `cargo metadata`, so that the rule holds for what is built, not for what is written down.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::run::cargo;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    metadata: Option<PackageMetadata>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct PackageMetadata {
    anklume: Option<Anklume>,
}

#[derive(Deserialize)]
struct Anklume {
    layer: String,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<String>,
}

/// Crates that would bring effects into the pure layers.
const EFFECTS: [&str; 8] =
    ["nix", "libc", "rustix", "tempfile", "rand", "getrandom", "indicatif", "ureq"];

/// Checks every crate of the workspace.
pub(crate) fn check() -> Result<(), String> {
    let output = cargo()
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let metadata: Metadata = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("the output of cargo metadata: {error}"))?;
    let problems = problems(&metadata.packages, &|path| std::fs::read_to_string(path).ok());
    if problems.is_empty() {
        println!("{} crates keep their layers", metadata.packages.len());
        return Ok(());
    }
    Err(problems.join("\nerror: "))
}

fn problems(packages: &[Package], read: &dyn Fn(&Path) -> Option<String>) -> Vec<String> {
    let mut problems = Vec::new();
    let layers: BTreeMap<&str, &str> = packages
        .iter()
        .filter_map(|p| {
            Some((p.name.as_str(), p.metadata.as_ref()?.anklume.as_ref()?.layer.as_str()))
        })
        .collect();
    for package in packages {
        let name = &package.name;
        let Some(rank) = layers.get(name.as_str()).and_then(|layer| rank(layer)) else {
            problems.push(format!("{name}: no known `layer` in [package.metadata.anklume]"));
            continue;
        };
        for dependency in &package.dependencies {
            problems.extend(judge(name, rank, dependency, &layers));
        }
        problems.extend(lints(package, rank, read));
    }
    problems
}

/// What may depend on what: numbers only grow. Tests and tools may use everything.
fn rank(layer: &str) -> Option<u8> {
    match layer {
        "L0" => Some(0),
        "L1" => Some(1),
        "L2" => Some(2),
        "L3" => Some(3),
        "test" | "tool" => Some(4),
        _ => None,
    }
}

fn judge(
    name: &str,
    own: u8,
    dependency: &Dependency,
    layers: &BTreeMap<&str, &str>,
) -> Option<String> {
    if dependency.kind.as_deref() == Some("dev") {
        return None;
    }
    let other = dependency.name.as_str();
    if own < 2 && EFFECTS.contains(&other) {
        return Some(format!("{name}: a pure crate depends on {other}, which has effects"));
    }
    dependency.path.as_ref()?;
    let layer = layers.get(other)?;
    let rank = rank(layer)?;
    if rank > own || (rank == 3 && own == 3) {
        return Some(format!("{name}: must not depend on {other}, which is {layer}"));
    }
    None
}

/// Every crate inherits the workspace's lints; pure crates forbid `unsafe` and deny what can panic
/// or wrap around.
fn lints(package: &Package, rank: u8, read: &dyn Fn(&Path) -> Option<String>) -> Vec<String> {
    let name = &package.name;
    let manifest = Path::new(&package.manifest_path);
    let mut problems = Vec::new();
    let text = read(manifest).unwrap_or_default();
    let inherits = text.split("[lints]").nth(1).is_some_and(|rest| {
        rest.lines().map(str::trim).find(|line| !line.is_empty()) == Some("workspace = true")
    });
    if !inherits {
        problems.push(format!("{name}: Cargo.toml lacks [lints] workspace = true"));
    }
    if rank < 2 {
        let source = read(&manifest.with_file_name("src").join("lib.rs")).unwrap_or_default();
        for attribute in [
            "forbid(unsafe_code)",
            "clippy::as_conversions",
            "clippy::arithmetic_side_effects",
            "clippy::indexing_slicing",
        ] {
            if !source.contains(attribute) {
                problems.push(format!("{name}: src/lib.rs lacks {attribute}"));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, layer: &str, dependencies: &[&str]) -> Package {
        Package {
            name: name.into(),
            manifest_path: format!("/x/{name}/Cargo.toml"),
            metadata: Some(PackageMetadata { anklume: Some(Anklume { layer: layer.into() }) }),
            dependencies: dependencies
                .iter()
                .map(|n| Dependency { name: (*n).into(), kind: None, path: Some("/x".into()) })
                .collect(),
        }
    }

    fn good(path: &Path) -> Option<String> {
        Some(if path.ends_with("Cargo.toml") {
            "[lints]\nworkspace = true\n".into()
        } else {
            "#![forbid(unsafe_code)] clippy::as_conversions, clippy::arithmetic_side_effects, \
             clippy::indexing_slicing"
                .into()
        })
    }

    #[test]
    fn dependencies_point_down() {
        let fine =
            [package("a", "L0", &[]), package("b", "L1", &["a"]), package("c", "L3", &["b"])];
        assert!(problems(&fine, &good).is_empty());
        let upward = [package("a", "L0", &["b"]), package("b", "L1", &[])];
        assert_eq!(problems(&upward, &good), ["a: must not depend on b, which is L1"]);
        let program = [package("a", "L3", &["b"]), package("b", "L3", &[])];
        assert_eq!(problems(&program, &good), ["a: must not depend on b, which is L3"]);
        let effect = [package("a", "L1", &["nix"])];
        assert_eq!(problems(&effect, &good).len(), 1);
        assert_eq!(problems(&[package("a", "L9", &[])], &good).len(), 1);
    }

    #[test]
    fn lints_are_inherited_and_pure_crates_deny_more() {
        let bare = |path: &Path| {
            path.ends_with("Cargo.toml").then(|| "[lints]\n# workspace = true\n".into())
        };
        assert_eq!(problems(&[package("a", "L3", &[])], &bare).len(), 1);
        assert_eq!(problems(&[package("a", "L0", &[])], &bare).len(), 5);
    }
}
