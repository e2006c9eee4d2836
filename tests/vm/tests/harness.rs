//! The harness itself, with a guest of 512 bytes: no image is needed, and each machine lives for
//! seconds.
#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

use std::fs;
use std::path::{Path, PathBuf};

use anklume_qemu::{Attach, Firmware, Medium, Request};
use anklume_vm_tests::{Failure, FirmwareKind, Machine, Workdir, find_report, tool};

/// Real-mode code for a BIOS boot sector. It writes [`HELLO`] to COM1, then sends back every byte
/// that it gets, one higher. Assembled by hand; the offsets in the comments are those in memory.
const CODE: [u8; 45] = [
    0x31, 0xc0, // 7c00 xor ax, ax
    0x8e, 0xd8, // 7c02 mov ds, ax
    0xbe, 0x2d, 0x7c, // 7c04 mov si, 0x7c2d
    0xac, // 7c07 lodsb
    0x84, 0xc0, // 7c08 test al, al
    0x74, 0x10, // 7c0a jz 0x7c1c
    0x88, 0xc4, // 7c0c mov ah, al
    0xba, 0xfd, 0x03, // 7c0e mov dx, 0x3fd (line status)
    0xec, // 7c11 in al, dx
    0xa8, 0x20, // 7c12 test al, 0x20 (transmitter empty)
    0x74, 0xfb, // 7c14 jz 0x7c11
    0xb2, 0xf8, // 7c16 mov dl, 0xf8 (data)
    0x88, 0xe0, // 7c18 mov al, ah
    0xeb, 0x0d, // 7c1a jmp 0x7c29
    0xba, 0xfd, 0x03, // 7c1c mov dx, 0x3fd
    0xec, // 7c1f in al, dx
    0xa8, 0x01, // 7c20 test al, 1 (data ready)
    0x74, 0xfb, // 7c22 jz 0x7c1f
    0xb2, 0xf8, // 7c24 mov dl, 0xf8
    0xec, // 7c26 in al, dx
    0xfe, 0xc0, // 7c27 inc al
    0xee, // 7c29 out dx, al
    0xeb, 0xdb, // 7c2a jmp 0x7c07
    0x90, // 7c2c nop
];
/// With a line of its own before and colours inside, as systemd prints them.
const HELLO: &str = "\r\n[\x1b[0;32mready\x1b[0m] \0";

/// A disk with the boot sector: 1 MiB, because firmware distrusts a disk of one sector.
fn boot_disk(workdir: &Workdir) -> PathBuf {
    let mut disk = vec![0; 1 << 20];
    disk[..CODE.len()].copy_from_slice(&CODE);
    disk[CODE.len()..CODE.len() + HELLO.len()].copy_from_slice(HELLO.as_bytes());
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    let path = workdir.unique("disk.img");
    fs::write(&path, disk).unwrap();
    path
}

/// The same sector as El Torito boot image.
fn boot_cd(workdir: &Workdir) -> PathBuf {
    let folder = workdir.unique("cd");
    fs::create_dir(&folder).unwrap();
    let sector = fs::read(boot_disk(workdir)).unwrap();
    fs::write(folder.join("boot.img"), &sector[..2048]).unwrap();
    let cd = workdir.unique("cd.iso");
    let options = "-as mkisofs -quiet -b boot.img -no-emul-boot -boot-load-size 4 -o";
    let options = options.split(' ').map(Path::new);
    tool::run("xorriso", "xorriso", options.chain([cd.as_path(), &folder])).unwrap();
    cd
}

fn request(medium: Option<Medium>) -> Request {
    Request { medium, memory_bytes: 64 << 20, cpus: 1, ..Request::default() }
}

fn usb(workdir: &Workdir) -> Request {
    request(Some(workdir.medium(&boot_disk(workdir), Attach::Usb).unwrap()))
}

#[test]
fn bios_boots_every_kind_of_medium_and_the_console_works_both_ways() {
    for attach in Attach::ALL {
        let workdir = Workdir::new("harness").unwrap();
        let make = if attach == Attach::Cdrom { boot_cd } else { boot_disk };
        let medium = workdir.medium(&make(&workdir), attach).unwrap();
        let mut machine = Machine::start(&workdir, &request(Some(medium))).unwrap();
        let result = machine.wait_for("[ready] ", 60);
        result.unwrap_or_else(|error| panic!("{attach:?}: {error}"));
        machine.send("HAL").unwrap();
        assert_eq!(machine.wait_for("M", 30).unwrap(), "IB", "{attach:?}");
    }
}

#[test]
fn a_text_is_found_once_and_lateness_shows_the_console() {
    let workdir = Workdir::new("harness").unwrap();
    let mut machine = Machine::start(&workdir, &usb(&workdir)).unwrap();
    assert_eq!(machine.wait_for_any(&["nothing", "[ready]"], 60).unwrap().0, 1);
    let error = machine.wait_for("[ready]", 1).unwrap_err();
    assert!(matches!(error, Failure::Late { .. }));
    let text = format!("{error:?}");
    assert!(text.contains("[\"[ready]\"]") && text.contains("\n  | [ready] "), "{text}");
    machine.reset().unwrap();
    machine.wait_for("[ready]", 60).unwrap();
}

#[test]
fn the_stick_can_be_pulled_out() {
    let workdir = Workdir::new("harness").unwrap();
    let mut machine = Machine::start(&workdir, &usb(&workdir)).unwrap();
    machine.wait_for("[ready]", 60).unwrap();
    machine.unplug_medium(30).unwrap();
    let again = machine.unplug_medium(30).unwrap_err();
    assert!(matches!(again, Failure::Qmp { .. }), "{again}");
    machine.send("A").unwrap();
    machine.wait_for("B", 30).unwrap();
}

#[test]
fn an_end_of_qemu_is_noticed_at_once() {
    let workdir = Workdir::new("harness").unwrap();
    let once = Request { restart_on_reset: false, ..usb(&workdir) };
    let mut machine = Machine::start(&workdir, &once).unwrap();
    machine.wait_for("[ready]", 60).unwrap();
    machine.reset().unwrap();
    let error = machine.wait_for("never", 600).unwrap_err();
    assert!(matches!(&error, Failure::Ended { status, .. } if status.success()), "{error}");
    assert!(error.to_string().contains("[ready]"), "{error}");
    assert!(machine.wait_exit(10).unwrap().success());
}

#[test]
fn a_refused_machine_says_why() {
    let workdir = Workdir::new("harness").unwrap();
    let extra = vec!["-device".into(), "no-such-device".into()];
    let error = Machine::start(&workdir, &Request { extra, ..request(None) }).err().unwrap();
    assert!(error.to_string().contains("no-such-device"), "{error}");
}

#[test]
fn dropping_kills_qemu_and_removes_its_files() {
    let workdir = Workdir::new("harness").unwrap();
    let folder = workdir.path().to_owned();
    let machine = Machine::start(&workdir, &usb(&workdir)).unwrap();
    let process = format!("/proc/{}", machine.process_id());
    let name = fs::read_to_string(format!("{process}/comm")).unwrap();
    assert!(name.starts_with("qemu-system"), "{name}");
    drop(machine);
    assert!(!Path::new(&process).exists());
    drop(workdir);
    assert!(!folder.exists());
}

/// Every turn is taken, so one more machine starts only where one of these has ended.
#[test]
fn one_machine_too_many_waits() {
    let room = Machine::room().unwrap();
    let workdirs: Vec<_> = (0..room).map(|_| Workdir::new("harness").unwrap()).collect();
    let start = |workdir| Machine::start(workdir, &usb(workdir)).unwrap();
    let mut machines: Vec<_> = workdirs.iter().map(start).collect();
    let first = machines.remove(0);
    let process = PathBuf::from(format!("/proc/{}", first.process_id()));
    let waiting = std::thread::spawn(move || {
        let workdir = Workdir::new("harness").unwrap();
        let machine = Machine::start(&workdir, &usb(&workdir)).unwrap();
        assert!(!process.exists());
        machine.quit().unwrap();
    });
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert!(!waiting.is_finished());
    drop(first);
    waiting.join().unwrap();
}

/// A test that keeps a machine which has ended must not wait for itself.
#[test]
fn a_machine_that_has_ended_takes_no_turn() {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let workdir = Workdir::new("harness").unwrap();
        let mut ended = Vec::new();
        for _ in 0..=Machine::room().unwrap() {
            let mut machine = Machine::start(&workdir, &usb(&workdir)).unwrap();
            machine.qmp().execute("quit", serde_json::json!({})).unwrap();
            machine.wait_exit(60).unwrap();
            ended.push(machine);
        }
        sender.send(()).unwrap();
    });
    // Other tests have their turns meanwhile.
    receiver.recv_timeout(std::time::Duration::from_secs(300)).unwrap();
}

#[test]
fn guests_write_into_overlays() {
    let workdir = Workdir::new("harness").unwrap();
    let base = workdir.unique("base");
    let mut bytes: Vec<u8> = (0..8192u32).map(|i| (i % 251) as u8).collect();
    fs::write(&base, &bytes).unwrap();
    let overlay = workdir.overlay(&base, None).unwrap();
    workdir.flip_bit(&base, &overlay, 5001).unwrap();
    let flat = workdir.unique("flat");
    let from = ["convert", "-O", "raw"].map(Path::new);
    tool::run("qemu-img", "qemu-utils", from.into_iter().chain([overlay.as_path(), &flat]))
        .unwrap();
    assert_eq!(fs::read(&base).unwrap(), bytes, "the image is as it was");
    bytes[5001] ^= 1;
    assert_eq!(fs::read(&flat).unwrap(), bytes);
    let card = workdir.medium(&base, Attach::Sd).unwrap();
    let info = ["info".as_ref(), "--output=json".as_ref(), card.image.as_os_str()];
    let info = String::from_utf8(tool::run("qemu-img", "qemu-utils", info).unwrap()).unwrap();
    assert!(info.contains("\"virtual-size\": 8192"), "{info}");
}

#[test]
fn firmware_variables_are_private() {
    let workdir = Workdir::new("harness").unwrap();
    let paths = [(); 2].map(|()| match workdir.firmware(FirmwareKind::Uefi).unwrap() {
        Firmware::Uefi { vars, .. } => vars,
        Firmware::Bios => panic!("no UEFI firmware"),
    });
    assert_ne!(paths[0], paths[1]);
    assert!(paths.iter().all(|path| path.starts_with(workdir.path())));
    // OVMF speaks on the serial console; without a medium it starts its own shell.
    let firmware = workdir.firmware(FirmwareKind::Uefi).unwrap();
    let request = Request { firmware, ..request(None) };
    let mut machine = Machine::start(&workdir, &Request { memory_bytes: 256 << 20, ..request });
    machine.as_mut().unwrap().wait_for("BdsDxe: ", 120).unwrap();
}

/// The guest's script is checked here on the machine that runs the tests: it has the same tools.
#[test]
fn the_probe_prints_a_report() {
    let script = include_str!("../src/probe/report.sh");
    let (mut script, end) = script.split_once("# More than once").unwrap();
    assert!(end.contains("poweroff"));
    let wait = script.split_inclusive('\n').filter(|line| !line.contains("is-system-running"));
    let shortened: String = wait.collect();
    script = &shortened;
    let nasty = r#"printf 'a"b\\c\td\001\ne\n' | quote; echo; printf '' | quote; echo"#;
    let nasty = format!("{script}\n{nasty}\nprintf '\\nANKLUME-REPORT %s\\n' \"$report\"\n");
    let output = tool::run("sh", "dash", ["-c", &nasty]).unwrap();
    let output = String::from_utf8(output).unwrap();
    assert!(output.starts_with("\"a\\\"b\\\\c\\td\\ne\"\n\"\"\n"), "{output}");
    let report = find_report(&output).unwrap().unwrap();
    assert!(!report.os_release["ID"].is_empty() && report.uptime_s > 0.0);
    assert!(report.kernel.contains('.') && !report.root_fstype.is_empty());
}
