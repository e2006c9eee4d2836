//! A persistent partition that is full, then damaged beyond mending.

use anklume_layout::Role;
use anklume_layout::report::{GrowthState, PersistState};
use anklume_qemu::Attach::Usb;

use crate::grown::boot;
use crate::image::{self, TEST_ISO};
use crate::stick::Stick;
use crate::{Failure, FirmwareKind, Workdir};

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
    assert!(!why.is_empty() && said.contains(&why), "{why:?} is not in {said}");
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
