//! `qemu-system-x86_64` takes every kind of machine that this crate can describe.
//!
//! Each machine is created with its processors stopped, and told to quit through QMP: options,
//! devices and image formats are checked by QEMU itself, and no guest instruction runs.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]
#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anklume_qemu::{
    Attach, DataDisk, DiskFormat, Error, Firmware, Forward, Medium, Network, PROGRAM, Request,
    Serial, Socket, UEFI_FIRMWARE, Writes, arguments, discover_uefi, sd_card_bytes,
};

/// Starting QEMU is a matter of a second; the machine that runs this may be busy.
const DEADLINE: Duration = Duration::from_secs(120);

/// Creates the machine, lets it go, and returns what QEMU wrote to standard error.
fn accept(request: &Request) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("qmp");
    let listener = UnixListener::bind(&socket).unwrap();
    listener.set_nonblocking(true).unwrap();
    let request = Request { qmp: Some(Socket::Connect(socket)), stopped: true, ..request.clone() };
    let errors = folder.path().join("stderr");
    let mut child = Command::new(PROGRAM)
        .args(arguments(&request).unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&errors).unwrap())
        .spawn()
        .unwrap_or_else(|error| panic!("{PROGRAM} (package qemu-system-x86): {error}"));
    let quit = connected(&listener, &mut child).is_some_and(|stream| quit(&stream).is_ok());
    if !quit {
        child.kill().ok();
    }
    let status = child.wait().unwrap();
    let errors = fs::read_to_string(errors).unwrap();
    if quit && status.success() && errors.is_empty() {
        return Ok(());
    }
    Err(format!("{status}: {errors}{:?}", arguments(&request)))
}

/// QEMU's connection; none when it ended without one.
fn connected(listener: &UnixListener, child: &mut Child) -> Option<UnixStream> {
    let end = Instant::now() + DEADLINE;
    while Instant::now() < end && child.try_wait().unwrap().is_none() {
        if let Ok((stream, _)) = listener.accept() {
            return Some(stream);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// QMP's handshake and its end (QEMU Machine Protocol specification, section "Protocol").
///
/// Fails when QEMU goes away: it connects before it looks at devices.
fn quit(stream: &UnixStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let mut lines = BufReader::new(stream).lines();
    let mut wait_for = |word: &str| -> io::Result<()> {
        loop {
            // Events may come first.
            match lines.next() {
                Some(Ok(line)) if line.contains(word) => return Ok(()),
                Some(line) => drop(line?),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    };
    wait_for("\"QMP\"")?;
    for command in ["qmp_capabilities", "quit"] {
        let mut writer = stream;
        writeln!(writer, "{{\"execute\": \"{command}\"}}")?;
        wait_for("\"return\"")?;
    }
    Ok(())
}

/// A sparse file.
fn disk(folder: &Path, name: &str, bytes: u64) -> PathBuf {
    let path = folder.join(name);
    File::create(&path).unwrap().set_len(bytes).unwrap();
    path
}

fn firmwares(folder: &Path) -> [Firmware; 2] {
    let candidates = UEFI_FIRMWARE.iter().flat_map(|pair| [pair.code, pair.vars]);
    let existing: Vec<&str> = candidates.filter(|path| Path::new(path).exists()).collect();
    let pair = discover_uefi(&existing).expect("UEFI firmware for QEMU (package ovmf)");
    let vars = folder.join("vars.fd");
    fs::copy(pair.vars, &vars).unwrap();
    [Firmware::Bios, Firmware::Uefi { code: pair.code.into(), vars }]
}

#[test]
fn every_firmware_medium_and_write_mode() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = sd_card_bytes(3 << 20).unwrap();
    let image = disk(folder.path(), "a,b:c image", bytes);
    let mut refused = Vec::new();
    for firmware in firmwares(folder.path()) {
        for attach in Attach::ALL {
            for writes in [Writes::Discard, Writes::Keep, Writes::Refuse] {
                let medium =
                    Medium { image: image.clone(), format: DiskFormat::Raw, attach, writes };
                let (firmware, medium) = (firmware.clone(), Some(medium));
                let request = Request { firmware, medium, ..Request::default() };
                if arguments(&request) != Err(Error::WriteProtectedCard) {
                    refused.extend(accept(&request).err());
                }
            }
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn data_disks_console_network_and_oem_strings() {
    let folder = tempfile::tempdir().unwrap();
    let qcow2 = folder.path().join("two.qcow2");
    let made = Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2"])
        .arg(&qcow2)
        .arg("1G")
        .status()
        .expect("qemu-img (package qemu-utils)");
    assert!(made.success());
    let data = |path, format, serial: &str| DataDisk { path, format, serial: Some(serial.into()) };
    let request = Request {
        data_disks: vec![
            data(disk(folder.path(), "one", 1 << 20), DiskFormat::Raw, "12345678901234567890"),
            data(qcow2, DiskFormat::Qcow2, "TWO"),
        ],
        serial: Serial::Socket(Socket::Listen(folder.path().join("console"))),
        network: Network::User { forwards: vec![Forward { host_port: 0, guest_port: 22 }] },
        oem_strings: vec!["io.systemd.credential:x=a,b".into(), "z".repeat(4000)],
        extra: vec![OsString::from("-name"), OsString::from("x")],
        memory_bytes: (256 << 20) + 1,
        cpus: 1,
        ..Request::default()
    };
    accept(&request).unwrap();
    let serial = Serial::File(folder.path().join("log"));
    accept(&Request { serial, ..Request::default() }).unwrap();
}

#[test]
fn a_refusal_is_noticed() {
    let extra = vec!["-device".into(), "no-such-device".into()];
    let refusal = accept(&Request { extra, ..Request::default() }).unwrap_err();
    assert!(refusal.contains("no-such-device"), "{refusal}");
}
