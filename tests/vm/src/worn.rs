//! A medium that had a hard life: its persistent partition is full or damaged, its boot record deleted.

use anklume_layout::files::{BOOT_RECORDS, LAST_FAILURE};
use anklume_layout::report::{GrowthState, PersistState};
use anklume_layout::{Role, SECTOR_BYTES, Slot};
use anklume_qemu::Attach::Usb;

use crate::grown::boot;
use crate::image::{self, TEST_ISO};
use crate::stick::Stick;
use crate::{Failure, FirmwareKind, Workdir, tool};

/// ext4 keeps a second superblock in its second block group: 32768 blocks of 4096 bytes.
const SECOND_SUPERBLOCK: u64 = 32768 * 4096;
/// Waits for the verdict, and prints it.
const VERDICT: &str = "for i in $(seq 60); do \
                       systemctl is-active -q anklume-boot-good.service && break; sleep 1; done; \
                       anklume status";

/// The OS boots and is well all the same, says what is wrong, and loses nothing.
///
/// # Errors
///
/// When a boot is not sound, or says something else.
pub fn a_worn_partition_keeps_nobody_from_booting(firmware: FirmwareKind) -> Result<(), Failure> {
    let workdir = Workdir::new("worn")?;
    let stick = Stick::flash(&workdir, &image::from_environment(TEST_ISO)?, 4_000_000_000)?;
    fill(&workdir, &stick, firmware)?;

    let mut full = boot(&workdir, &stick, firmware, Usb)?;
    full.check(GrowthState::Done, PersistState::Mounted)?;
    let name = full.shell("cat /etc/hostname")?;
    assert_eq!(name.trim(), "kept-name");
    let said = full.shell(VERDICT)?;
    assert!(said.contains("this boot is well"), "{said}");
    full.power_off()?;

    // The kernel does not look for the backup table by itself.
    stick.write(SECTOR_BYTES, &[0; 512])?;
    let mut repaired = boot(&workdir, &stick, firmware, Usb)?;
    repaired.check(GrowthState::Repaired, PersistState::Mounted)?;
    assert_eq!(repaired.shell("cat /etc/hostname")?.trim(), "kept-name");
    repaired.power_off()?;

    let persist = image::partition(stick.path(), Role::Persist)?;
    let wound = vec![0x5a; 1 << 20];
    for offset in [0, SECOND_SUPERBLOCK] {
        stick.write(persist.start + offset, &wound)?;
    }
    let mut damaged = boot(&workdir, &stick, firmware, Usb)?;
    damaged.check(GrowthState::Done, PersistState::Volatile)?;
    let said = damaged.shell(VERDICT)?;
    assert!(said.contains("this boot is well"), "{said}");
    let why = damaged.persist_reason();
    // Lines are wrapped.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!why.is_empty() && words(&said).contains(&words(&why)), "{why:?} is not in {said}");
    let said = damaged.shell("anklume persist save; anklume boot persist")?;
    assert!(said.contains("nothing is kept") && said.contains("is lost"), "{said}");
    damaged.power_off()?;
    // What somebody may still want to save is as it was.
    for offset in [0, SECOND_SUPERBLOCK] {
        let start = persist.start + offset;
        assert_eq!(stick.read(start..start + (1 << 20))?, wound);
    }
    Ok(())
}

/// The first boot: keeps a name, fills the partition, and fails to keep another name.
fn fill(workdir: &Workdir, stick: &Stick, firmware: FirmwareKind) -> Result<(), Failure> {
    let mut first = boot(workdir, stick, firmware, Usb)?;
    first.check(GrowthState::Grown, PersistState::Mounted)?;
    first.shell("hostnamectl hostname kept-name && anklume persist save")?;
    first.shell(VERDICT)?;
    first.shell("! dd if=/dev/zero of=/persist/fill bs=64k 2>/dev/null; sync")?;
    let said = first.shell("hostnamectl hostname another; ! anklume persist save 2>&1")?;
    assert!(said.contains("No space left") && said.contains("hint: df /persist"), "{said}");
    first.power_off()
}

/// The files of the boot record and of the last failure, deleted on another computer, are there again
/// after a boot, and count.
///
/// # Errors
///
/// When a boot is not sound, or they are not.
pub fn deleted_records_are_made_anew(firmware: FirmwareKind) -> Result<(), Failure> {
    let workdir = Workdir::new("deleted")?;
    let stick = Stick::flash(&workdir, &image::from_environment(TEST_ISO)?, 4_000_000_000)?;
    stick.grow(&workdir)?;
    let esp = image::partition(stick.path(), Role::Esp)?;
    let system = format!("{}@@{}", stick.path().display(), esp.start);
    let files: Vec<String> =
        BOOT_RECORDS.into_iter().chain([LAST_FAILURE]).map(|path| format!("::/{path}")).collect();
    let words = ["-i", &system].into_iter().chain(files.iter().map(String::as_str));
    tool::run("mdel", "mtools", words)?;
    let mut machine = boot(&workdir, &stick, firmware, Usb)?;
    let said = machine.shell(VERDICT)?;
    assert!(said.contains("this boot is well"), "{said}");
    let said = machine.shell("journalctl -b -u anklume-boot-started.service")?;
    assert!(said.contains("BOOT1.ENV was gone"), "{said}");
    machine.power_off()?;
    let record = stick.record()?.map(|record| (record.good(), record.fails()));
    assert_eq!(record, Some((Some(Slot::A), 0)));
    for (file, bytes) in files.iter().zip([512, 512, 4096]) {
        let content = tool::run("mtype", "mtools", ["-i", &system, file])?;
        assert_eq!(content.len(), bytes, "{file}");
    }
    Ok(())
}
