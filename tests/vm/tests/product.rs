//! The product boots, is set up without a question, and Incus answers.
//!
//! It has no way in on the console; [`anklume_vm_tests::probe`] says how the test looks inside.

use anklume_qemu::{Attach, Request};
use anklume_vm_tests::image::{self, OsPartition, PRODUCT_ISO};
use anklume_vm_tests::stick::Stick;
use anklume_vm_tests::{Failure, FirmwareKind, Machine, Workdir, probe};

/// From power-on to the report: it waits for the end of the boot and for Incus.
const BOOT_SECONDS: u64 = 900;
/// From the report to the end of QEMU: a shutdown waits for Incus too.
const OFF_SECONDS: u64 = 300;

/// Incus in RAM, and an account: nobody could log in otherwise, and there would be no prompt.
const ANSWERS: &str = "version = 1\n[data]\nwhat = 'try'\n[machine]\nhostname = 'lab'\n\
    [machine.admin]\nname = 'ada'\npassword = 'only in a test'\n";

#[test]
fn the_product_boots_and_incus_answers() -> Result<(), Failure> {
    let base = image::from_environment(PRODUCT_ISO)?;
    let workdir = Workdir::new("product")?;
    let request = Request {
        firmware: workdir.firmware(FirmwareKind::Uefi)?,
        medium: Some(workdir.medium(&base, Attach::Usb)?),
        // In emulation it would take minutes to copy the OS into RAM.
        memory_bytes: OsPartition::find(&base)?.little_memory_bytes().min(2 << 30),
        restart_on_reset: false,
        oem_strings: [probe::report(), vec![probe::credential("anklume.answers", ANSWERS)]]
            .concat(),
        ..Request::default()
    };
    let mut machine = Machine::start(&workdir, &request)?;
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
