//! What [`reproducible`](../reproducible.rs) tests with a small image, with the others.

mod twice;

use anklume_vm_tests::Failure;
use twice::{What, builds_are_equal};

#[test]
fn the_product() -> Result<(), Failure> {
    let definition = "images/debian.toml";
    builds_are_equal(&What { definition, profile: "--release", format: "iso" })
}

#[test]
fn a_raw_disk() -> Result<(), Failure> {
    let definition = "images/debian-test.toml";
    builds_are_equal(&What { definition, profile: "--release", format: "raw" })
}
