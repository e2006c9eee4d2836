//! The definitions, the schema and the overlays of this repository.
#![expect(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anklume_definition::{Definition, json_schema};

/// Top of the repository.
fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn definitions() -> Vec<(String, Definition)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(top().join("images")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let parsed = Definition::parse(&text, path.to_str().unwrap());
            found.push((name, parsed.unwrap_or_else(|error| panic!("{error}"))));
        }
    }
    assert!(found.len() >= 2, "definitions of product and test image");
    found
}

#[test]
fn every_definition_is_valid_and_has_the_name_of_its_file() {
    for (name, definition) in definitions() {
        assert_eq!(definition.name, name);
    }
}

#[test]
fn overlays_exist_and_none_is_forgotten() {
    let used: BTreeSet<String> =
        definitions().into_iter().flat_map(|(_, definition)| definition.overlays.folders).collect();
    let there: BTreeSet<String> = fs::read_dir(top().join("overlays"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(used, there);
}

#[test]
fn only_test_images_open_a_root_shell() {
    for (name, definition) in definitions() {
        let opens = definition.overlays.folders.iter().any(|folder| folder == "test");
        assert_eq!(opens, definition.test, "{name}");
        assert_eq!(definition.test, definition.title.contains("TEST"), "{name}");
    }
}

#[test]
fn what_identifies_the_build_machine_is_left_out() {
    for (name, definition) in definitions() {
        let gone = [
            "/etc/apt/sources.list",
            "/etc/resolv.conf",
            "/boot/initrd.img-6.12.1",
            "/var/log/apt/history.log",
        ];
        for path in gone {
            assert!(definition.paths.leaves_out(path.as_bytes()), "{name}: {path}");
        }
        for path in ["/usr/share/doc/bash/copyright", "/usr/share/doc/bash", "/etc/machine-id"] {
            assert!(!definition.paths.leaves_out(path.as_bytes()), "{name}: {path}");
        }
        assert!(definition.paths.leaves_out(b"/usr/share/doc/bash/changelog.gz"), "{name}");
        let ssh = definition.package_names().contains("openssh-server");
        assert_eq!(definition.paths.leaves_out(b"/etc/ssh/ssh_host_rsa_key"), ssh, "{name}");
    }
}

/// Without these, two builds of one container differ, or it has an address of the building machine.
#[test]
fn what_an_installation_leaves_behind_is_left_out_of_containers() {
    for (name, definition) in definitions() {
        let Some(container) = definition.container else { continue };
        let gone = [
            "/etc/apt/apt.conf.d/99mmdebstrap",
            "/etc/passwd-",
            "/var/cache/ldconfig/aux-cache",
            "/var/lib/apt/lists/lock",
            "/var/lib/dpkg/status-old",
            "/var/log/dpkg.log",
        ];
        for path in gone {
            assert!(container.paths.leaves_out(path.as_bytes()), "{name}: {path}");
        }
        for path in ["/usr/share/doc/bash/copyright", "/var/lib/dpkg/status", "/etc/passwd"] {
            assert!(!container.paths.leaves_out(path.as_bytes()), "{name}: {path}");
        }
    }
}

/// ZFS is one group in both: what would load its module or import a pool by itself is masked or left out.
#[test]
fn pools_are_imported_by_nobody_but_the_programs_that_are_told_to() {
    for (name, definition) in definitions() {
        let test = definition.test;
        let gone = [
            // A random number that all machines would share.
            "/etc/hostid",
            "/usr/lib/modules-load.d/zfs.conf",
            "/usr/lib/systemd/system-generators/zfs-mount-generator",
            "/usr/lib/udev/rules.d/90-zfs.rules",
        ];
        for path in gone {
            assert!(definition.paths.leaves_out(path.as_bytes()), "{name}: {path}");
        }
        let zfs = ["zfs".to_owned()];
        let usual = definition.clone().select(&[], &[]).unwrap();
        assert_eq!(usual.module_names().contains("zfs"), !test, "{name}");
        let with = definition.clone().select(&zfs, &[]).unwrap();
        assert_eq!(with.module_names(), ["spl", "zfs"].into(), "{name}");
        assert!(with.package_names().contains("zfsutils-linux"), "{name}");
        for unit in ["zfs-import-cache.service", "zfs-import-scan.service", "zfs-mount.service"] {
            assert!(with.units.mask.iter().any(|masked| masked == unit), "{name}: {unit}");
        }
        let without = definition.select(&[], &zfs).unwrap();
        assert!(without.module_names().is_empty(), "{name}");
        assert!(!without.os.components.iter().any(|component| component == "contrib"), "{name}");
    }
}

#[test]
fn only_the_product_brings_a_container_and_it_can_start_and_has_a_network() {
    for (name, definition) in definitions() {
        assert_eq!(definition.container.is_some(), !definition.test, "{name}");
        let Some(container) = definition.container else { continue };
        assert!(container.install.iter().any(|package| package == "systemd-sysv"), "{name}");
        let network = "systemd-networkd.service";
        assert!(container.units.enable.iter().any(|unit| unit == network), "{name}");
    }
}

/// `ANKLUME_WRITE_SCHEMA=1 cargo test -p anklume-definition` writes it.
#[test]
fn the_committed_schema_is_that_of_the_types() {
    let path = top().join("images/schema.json");
    if std::env::var_os("ANKLUME_WRITE_SCHEMA").is_some() {
        fs::write(&path, json_schema()).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == json_schema(), "images/schema.json is out of date");
}
