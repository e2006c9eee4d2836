//! The product boots, sets itself up on an encrypted disk, and Incus answers.
//!
//! It has no way in on the console; [`anklume_vm_tests::probe`] says how the test looks inside.

use anklume_vm_tests::cuts::seeded;
use anklume_vm_tests::image::{self, PRODUCT_ISO};
use anklume_vm_tests::setup::cuts::while_made;
use anklume_vm_tests::setup::{ON_BTRFS, Scene, unattended};
use anklume_vm_tests::stick::Stick;
use anklume_vm_tests::{Failure, Workdir, probe};

/// From power-on to the report: it waits for the end of the boot and for Incus.
const BOOT_SECONDS: u64 = 900;
/// From the report to the end of QEMU: a shutdown waits for Incus too.
const OFF_SECONDS: u64 = 300;
/// Moments at which what is on the disks is judged; the long tier has more.
const CUTS: usize = 10;

#[test]
fn the_product_sets_itself_up_and_incus_answers() -> Result<(), Failure> {
    let workdir = Workdir::new("product")?;
    let scene = Scene::new(&workdir, &image::from_environment(PRODUCT_ISO)?, ON_BTRFS)?;
    let mut machine = scene.power_on([probe::report(), unattended(ON_BTRFS)].concat())?;
    seeded(|random| while_made(&mut machine, &scene, true, CUTS, random))?;
    let report = machine.report(BOOT_SECONDS)?;
    println!("product: {}", report.analyze.as_deref().unwrap_or_default());
    let status = machine.wait_exit(OFF_SECONDS)?;
    let text = machine.console_text();
    let mut wrong = Vec::new();
    if !status.success() {
        wrong.push(format!("QEMU ended with {status}"));
    }
    if !text.contains("lab login:") {
        wrong.push("no login prompt of the machine's new name on the serial console".to_owned());
    }
    if !text.contains("SSH host key SHA256:") {
        wrong.push("no fingerprint of an SSH host key above the prompt".to_owned());
    }
    wrong.extend(text.lines().filter(|line| line.contains("[FAILED]")).map(str::to_owned));
    wrong.extend(report.failed_units.iter().map(|unit| format!("{unit} has failed")));
    if report.dm_name.as_deref() != Some("anklume-root") {
        wrong.push(format!("the root device is {:?}", report.dm_name));
    }
    if report.boot.is_none() {
        wrong.push("no report of the initramfs".into());
    }
    if report.os_release.get("IMAGE_ID").map(String::as_str) != Some("debian") {
        wrong.push(format!("os-release is {:?}", report.os_release));
    }
    wrong.extend(incus(report.incus.as_deref().unwrap_or("no incus program")));
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(machine.unexpected("a sound boot", wrong.join("; ")))
    }
}

/// Sticks of 8 GB have a little less than that.
#[test]
fn the_product_fits_on_a_stick_of_8_gb() -> Result<(), Failure> {
    let workdir = Workdir::new("product-8")?;
    let stick = Stick::flash(&workdir, &image::from_environment(PRODUCT_ISO)?, 7_750_000_000)?;
    stick.grow(&workdir)?;
    let faults = stick.table_faults()?;
    assert!(faults.is_empty(), "{faults}");
    Ok(())
}

/// What is wrong with the answer of `incus version`: the client prints its version in any case, and
/// `unreachable` as the server's.
fn incus(answer: &str) -> Option<String> {
    let version = answer.lines().find_map(|line| line.strip_prefix("Server version:"));
    let starts =
        version.is_some_and(|version| version.trim().starts_with(|c: char| c.is_ascii_digit()));
    (!starts).then(|| format!("incus version: {answer:?}"))
}
