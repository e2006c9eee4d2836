//! The same definition and the same package archive make the same image, byte for byte.

mod twice;

use anklume_vm_tests::Failure;
use twice::{What, builds_are_equal};

#[test]
fn two_builds_are_equal() -> Result<(), Failure> {
    let definition = "images/debian-test.toml";
    builds_are_equal(&What { definition, profile: "--dev", format: "iso" })
}
