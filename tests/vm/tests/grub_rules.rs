//! GRUB takes the same decisions as the rules, for every record there can be and for damaged ones, and
//! leaves the same bytes behind: on BIOS and on UEFI.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anklume_layout::{SECTOR_BYTES, grub as config, grub_bytes};
use anklume_qemu::{Attach, DiskFormat, Medium, Request, Writes};
use anklume_slots::{Copies, Decision, Record, State, decide};
use anklume_vm_tests::{Failure, FirmwareKind, Machine, Workdir, grub, tool};

/// Loading, deciding and saving, some 300 times.
const GRUB_SECONDS: u64 = 240;
const DISK_BYTES: u64 = 40 << 20;
/// First bytes of the BIOS boot partition and of the ESP.
const CORE_BYTE: u64 = 1 << 20;
const ESP_BYTE: u64 = 4 << 20;
const ESP_BYTES: u64 = 32 << 20;

/// The two copies, or one, or none.
type Files = [Option<Vec<u8>>; 2];

#[test]
fn bios_grub_follows_the_rules() -> Result<(), Failure> {
    follows_the_rules(FirmwareKind::Bios)
}

#[test]
fn uefi_grub_follows_the_rules() -> Result<(), Failure> {
    follows_the_rules(FirmwareKind::Uefi)
}

fn follows_the_rules(firmware: FirmwareKind) -> Result<(), Failure> {
    let workdir = Workdir::new("grub-rules")?;
    let cases = cases();
    let disk = disk(&workdir, &cases)?;
    let request = Request {
        firmware: workdir.firmware(firmware)?,
        medium: Some(Medium {
            image: disk.clone(),
            format: DiskFormat::Raw,
            attach: Attach::Disk,
            writes: Writes::Keep,
        }),
        restart_on_reset: false,
        ..Request::default()
    };
    let mut machine = Machine::start(&workdir, &request)?;
    machine.wait_for("RULES-DONE", GRUB_SECONDS)?;
    let status = machine.wait_exit(GRUB_SECONDS)?;
    let text = machine.console_text();
    if !status.success() {
        return Err(machine.unexpected("an orderly end", status));
    }
    drop(machine);
    let after = read_back(&workdir, &disk, cases.len())?;
    let mut wrong = Vec::new();
    for (number, (before, after)) in cases.iter().zip(&after).enumerate() {
        let said = line(&text, number);
        if let Some(fault) = fault(before, said.as_deref(), after) {
            wrong.push(format!("case {number}: {fault}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {}", wrong.len(), cases.len(), wrong.join("\n"));
    Ok(())
}

/// What GRUB said about a case.
fn line(text: &str, number: usize) -> Option<String> {
    let mark = format!("CASE {number:04} ");
    let found = text.lines().find_map(|line| line.split_once(&mark));
    found.map(|(_, rest)| rest.trim_end().to_owned())
}

/// How GRUB's decision or the bytes it left differ from what the rules say.
fn fault(before: &Files, said: Option<&str>, after: &Files) -> Option<String> {
    let record = copies(before).record();
    let expected = record.as_ref().map(decide);
    let line = expected.as_ref().map_or_else(|| "absent".to_owned(), decision_text);
    if said != Some(line.as_str()) {
        return Some(format!("GRUB says {said:?}, expected {line:?}"));
    }
    let Some(Decision { record, .. }) = expected else {
        return (before != after).then(|| "GRUB wrote without a record".to_owned());
    };
    let found = copies(after);
    if found.record() != Some(record) {
        return Some(format!("left {:?}, expected {record:?}", found.record()));
    }
    let ours = |bytes: &Vec<u8>| {
        Record::parse(bytes).and_then(|r| r.encode().ok()).as_ref() == Some(bytes)
    };
    let bytes = record.encode().ok();
    let same = after.iter().flatten().all(|after| Some(after) == bytes.as_ref());
    let wrong = before.iter().flatten().all(ours) && !same;
    wrong.then(|| "other bytes than the record's".to_owned())
}

fn copies(files: &Files) -> Copies {
    let [first, second] = files.each_ref().map(|file| file.as_deref().unwrap_or_default());
    Copies::parse([first, second])
}

fn decision_text(decision: &Decision) -> String {
    let record = &decision.record;
    let slot = |slot: Option<anklume_slots::Slot>| slot.map(|slot| slot.to_string());
    let state = |slot| record.state(slot).letter();
    format!(
        "{} {} {} {} {} [{}]",
        slot(record.good()).unwrap_or_else(|| "-".into()),
        state(anklume_slots::Slot::A),
        state(anklume_slots::Slot::B),
        record.left(),
        record.fails(),
        slot(decision.boot).unwrap_or_default()
    )
}

/// A block with these values, whether they can be or not.
fn block(values: &str) -> Vec<u8> {
    let text = values.split(' ').map(|pair| format!("{pair}\n")).collect::<String>();
    let mut bytes = format!("# GRUB Environment Block\n{text}").into_bytes();
    bytes.resize(512, b'#');
    bytes
}

fn cases() -> Vec<Files> {
    let mut cases = Vec::new();
    for (good, a, b) in states() {
        for (left, fails) in (0..=3).flat_map(|left| (0..=3).map(move |fails| (left, fails))) {
            let values = format!(
                "seq=123456789 turn=1 good={good} a={a} b={b} left={left} fails={fails} \
                 end=1234567891"
            );
            let block = block(&values);
            // What cannot be is the same whatever was counted.
            if Record::parse(&block).is_some() || (left, fails) == (3, 0) {
                cases.push([Some(block.clone()), Some(block)]);
            }
        }
    }
    cases.extend(damaged());
    cases
}

/// Every combination of letters, also those that cannot be.
fn states() -> Vec<(char, char, char)> {
    let letters = [State::Empty, State::Trial, State::Good, State::Bad].map(State::letter);
    let pairs = letters.into_iter().flat_map(|a| letters.into_iter().map(move |b| (a, b)));
    pairs.flat_map(|(a, b)| ['-', 'a', 'b'].map(|good| (good, a, b))).collect()
}

/// Copies that differ, are damaged, or say what cannot be.
fn damaged() -> Vec<Files> {
    let record = |rest: &str| block(rest);
    let old = record("seq=123456789 turn=0 good=a a=g b=t left=3 fails=0 end=1234567890");
    let new = record("seq=123456790 turn=0 good=a a=g b=t left=1 fails=0 end=1234567900");
    let turned = record("seq=123456789 turn=1 good=a a=g b=t left=2 fails=0 end=1234567891");
    let mut cases = vec![
        [Some(old.clone()), Some(new.clone())],
        [Some(new.clone()), Some(old.clone())],
        [Some(turned.clone()), Some(old.clone())],
        [Some(old.clone()), Some(turned)],
        [Some(old.clone()), None],
        [None, Some(old.clone())],
        [None, None],
    ];
    let noise: Vec<u8> =
        (0..512_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let torn = |at: usize| [&new[..at], &old[at..]].concat();
    let mut bad = vec![vec![0; 512], vec![0xff; 512], noise, Vec::new(), old[..200].to_vec()];
    bad.extend([10, 30, 38, 60, 110, 118, 119].map(torn));
    for values in [
        "seq=023456789 turn=0 good=a a=g b=t left=3 fails=0 end=0234567890",
        "seq=12345678 turn=0 good=a a=g b=t left=3 fails=0 end=123456780",
        "seq=1234567890 turn=0 good=a a=g b=t left=3 fails=0 end=12345678900",
        "seq=123456789 turn=2 good=a a=g b=t left=3 fails=0 end=1234567892",
        "seq=123456789 turn=0 good=c a=g b=t left=3 fails=0 end=1234567890",
        "seq=123456789 turn=0 good=a a=g b=t left=4 fails=0 end=1234567890",
        "seq=123456789 turn=0 good=a a=g b=t left=3 fails=9 end=1234567890",
        "seq=123456789 turn=0 good=a a=g b=t left=3 fails=0 end=1234567891",
        "seq=123456789 turn=0 good=a a=g b=t left=3 fails=0",
        "turn=0 good=a a=g b=t left=3 fails=0 end=0",
        "seq=123456789 turn=0 good=a a=g b=t left=3 fails=0 end=1234567890 left=0",
        "seq=123456789 turn=0 good=a a=g b=t left=3 fails=0 end=1234567890 end=0",
        "fails=0 left=3 b=t a=g good=a turn=0 seq=123456789 end=1234567890 timeout=9 root=x",
        "seq=123456789\\ 0 turn= good=a a=g b=t left=3 fails=0 end=1234567890",
        "seq=$left turn=0 good=a a=g b=t left=3 fails=0 end=1234567890",
        "seq=123456789 turn=0 good=a a=\"g b=t left=3 fails=0 end=1234567890",
        "seq=123456789 turn=0 good=a a=g b=t left=3\\\n fails=0 end=1234567890",
    ] {
        bad.push(block(values));
    }
    for bytes in bad {
        cases.push([Some(bytes.clone()), Some(bytes.clone())]);
        cases.push([Some(bytes.clone()), Some(old.clone())]);
        cases.push([Some(old.clone()), Some(bytes)]);
    }
    cases
}

/// A disk that starts GRUB on both firmwares, with the cases on its ESP.
fn disk(workdir: &Workdir, cases: &[Files]) -> Result<PathBuf, Failure> {
    let folder = workdir.unique("esp");
    for (number, case) in cases.iter().enumerate() {
        let folder = folder.join(format!("C/{number:04}"));
        fs::create_dir_all(&folder).map_err(Failure::file("make", &folder))?;
        for (copy, bytes) in case.iter().enumerate() {
            let file = folder.join(format!("BOOT{}.ENV", copy + 1));
            if let Some(bytes) = bytes {
                fs::write(&file, bytes).map_err(Failure::file("write", &file))?;
            }
        }
    }
    let tree = grub::tool_tree()?;
    let efi = image(workdir, &tree, grub::EFI, &config::EFI_MODULES, cases.len())?;
    let core = image(workdir, &tree, grub::BIOS, &config::BIOS_MODULES, cases.len())?;
    let loader = folder.join("EFI/BOOT");
    fs::create_dir_all(&loader).map_err(Failure::file("make", &loader))?;
    fs::copy(&efi, loader.join("BOOTX64.EFI")).map_err(Failure::file("copy", &efi))?;
    let disk = workdir.unique("disk");
    partitioned(&disk)?;
    write_at(&disk, ESP_BYTE, &esp(workdir, &folder)?)?;
    install(&tree, &disk, &core)?;
    Ok(disk)
}

/// GRUB with the rules and a driver in its memory disk.
fn image(
    workdir: &Workdir,
    tree: &Path,
    flavour: (&str, &str),
    modules: &[&str],
    cases: usize,
) -> Result<PathBuf, Failure> {
    let folder = workdir.unique("memdisk");
    let file = folder.join(config::CONFIG_PATH);
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent).map_err(Failure::file("make", parent))?;
    }
    fs::write(&file, driver(cases)).map_err(Failure::file("write", &file))?;
    let memdisk = workdir.unique("memdisk.tar");
    let words = ["--format=ustar", "-C"].map(Into::into).into_iter();
    let words = words.chain([folder.into_os_string(), "-cf".into(), memdisk.clone().into()]);
    tool::run("tar", "tar", words.chain(["boot".into()]))?;
    let early = workdir.unique("early.cfg");
    fs::write(&early, config::EARLY_CONFIG).map_err(Failure::file("write", &early))?;
    let mut words = vec!["--config".into(), early.into_os_string()];
    words.extend(["--memdisk".into(), memdisk.into_os_string()]);
    words.extend(["--prefix", config::PREFIX].map(Into::into));
    words.extend(config::MODULES.iter().chain(modules).map(|name| (*name).into()));
    grub::mkimage(workdir, tree, flavour, words)
}

/// Runs every case and says what came of it.
fn driver(cases: usize) -> String {
    let mut text = String::from(
        "serial --unit=0 --speed=115200\nterminal_output serial\nset pager=0\n\
         regexp --set=1:disk '^([^,]*)' \"$from\"\n",
    );
    text.push_str(&anklume_slots::grub::script());
    text.push_str("for n in");
    for number in 0..cases {
        // Writing into a string cannot fail.
        let _ = write!(text, " {number:04}");
    }
    text.push_str(
        "; do\n  set records=\"($disk,gpt2)/C/$n\"\n  load_record\n  \
         if [ \"$record\" = 1 ]; then\n    decide_slot\n    save_record\n    \
         echo \"CASE $n $good $a $b $left $fails [$pick]\"\n  else\n    \
         echo \"CASE $n absent\"\n  fi\ndone\necho RULES-DONE\nreboot\n",
    );
    text
}

fn partitioned(disk: &Path) -> Result<(), Failure> {
    let file = fs::File::create(disk).map_err(Failure::file("create", disk))?;
    file.set_len(DISK_BYTES).map_err(Failure::file("extend", disk))?;
    let mib = |bytes: u64| bytes >> 20;
    let core = format!("1:{}M:+1M", mib(CORE_BYTE));
    let esp = format!("2:{}M:+{}M", mib(ESP_BYTE), mib(ESP_BYTES));
    let words = ["-n", &core, "-t", "1:ef02", "-n", &esp, "-t", "2:ef00"].map(Into::into);
    tool::run("sgdisk", "gdisk", words.into_iter().chain([disk.as_os_str().to_owned()])).map(drop)
}

fn esp(workdir: &Workdir, folder: &Path) -> Result<Vec<u8>, Failure> {
    let image = workdir.unique("esp.img");
    let file = fs::File::create(&image).map_err(Failure::file("create", &image))?;
    file.set_len(ESP_BYTES).map_err(Failure::file("extend", &image))?;
    let words = ["-F", "16", "-s", "4"].map(Into::into).into_iter();
    tool::run("mkfs.fat", "dosfstools", words.chain([image.as_os_str().to_owned()]))?;
    let mut words = vec!["-s".into(), "-i".into(), image.clone().into_os_string()];
    words.extend(["C", "EFI"].map(|name| folder.join(name).into_os_string()));
    words.push("::/".into());
    tool::run("mcopy", "mtools", words)?;
    fs::read(&image).map_err(Failure::file("read", &image))
}

/// Puts GRUB for BIOS into the boot partition and the MBR.
fn install(tree: &Path, disk: &Path, core: &Path) -> Result<(), Failure> {
    let read = |path: &Path| fs::read(path).map_err(Failure::file("read", path));
    let lba = CORE_BYTE / SECTOR_BYTES;
    let wrong = |error: grub_bytes::GrubImageError| Failure::Image {
        path: core.into(),
        expected: "an image that can be installed".into(),
        found: error.to_string(),
    };
    let boot = read(&tree.join("usr/lib/grub/i386-pc/boot.img"))?;
    let code = grub_bytes::boot_code(&boot, lba).map_err(wrong)?;
    let core = grub_bytes::core_image(&read(core)?, lba, 1 << 20).map_err(wrong)?;
    write_at(disk, 0, &code)?;
    write_at(disk, CORE_BYTE, &core)
}

fn write_at(disk: &Path, offset: u64, bytes: &[u8]) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).open(disk).map_err(Failure::file("open", disk))?;
    file.write_all_at(bytes, offset).map_err(Failure::file("write", disk))
}

/// The files as GRUB left them, read by mtools.
fn read_back(workdir: &Workdir, disk: &Path, cases: usize) -> Result<Vec<Files>, Failure> {
    let folder = workdir.unique("after");
    fs::create_dir(&folder).map_err(Failure::file("make", &folder))?;
    let image = format!("{}@@{ESP_BYTE}", disk.display());
    let words = ["-s", "-i", &image, "::/C"].map(Into::into).into_iter();
    tool::run("mcopy", "mtools", words.chain([folder.clone().into_os_string()]))?;
    let file = |number: usize, copy: usize| {
        fs::read(folder.join(format!("C/{number:04}/BOOT{copy}.ENV"))).ok()
    };
    Ok((0..cases).map(|number| [file(number, 1), file(number, 2)]).collect())
}
