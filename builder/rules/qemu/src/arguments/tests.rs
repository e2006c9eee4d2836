use super::*;
use crate::Forward;

/// The values of every option called `name`.
fn values(request: &Request, name: &str) -> Vec<String> {
    let all = arguments(request).unwrap();
    let text = |argument: &OsString| argument.to_str().unwrap().to_owned();
    all.windows(2).filter(|pair| pair[0] == name).map(|pair| text(&pair[1])).collect()
}

fn with_medium(attach: Attach, writes: Writes) -> Request {
    let image = "/images/a,b.iso".into();
    let medium = Medium { image, format: DiskFormat::Raw, attach, writes };
    Request { medium: Some(medium), ..Request::default() }
}

const BACKEND: &str =
    "if=none,format=raw,file.driver=file,file.filename=/images/a,,b.iso,id=medium-drive";

#[test]
fn the_default_machine_is_software_emulation_without_a_window() {
    let expected = "-no-user-config -nodefaults -machine q35 -accel tcg,thread=multi -cpu max,la57=off \
        -smp 2 -m size=1073741824B -vga std -display none -serial mon:stdio -nic none";
    let expected: Vec<OsString> = expected.split_whitespace().map(OsString::from).collect();
    assert_eq!(arguments(&Request::default()).unwrap(), expected);
}

#[test]
fn kvm_comes_only_when_asked_for() {
    let kvm = Request { accelerator: Accelerator::Kvm, ..Request::default() };
    assert_eq!(values(&kvm, "-accel"), ["kvm"]);
    assert_eq!(values(&kvm, "-cpu"), ["host"]);
}

#[test]
fn each_attachment_has_its_controller_and_comes_first() {
    let device = |attach| values(&with_medium(attach, Writes::Keep), "-device");
    let usb = "usb-storage,id=medium,drive=medium-drive,bus=usb.0,removable=on,bootindex=0";
    assert_eq!(device(Attach::Usb), ["qemu-xhci,id=usb", usb]);
    let cd = "ide-cd,id=medium,drive=medium-drive,bus=ide.0,bootindex=0";
    assert_eq!(device(Attach::Cdrom), [cd]);
    let disk = "virtio-blk-pci,id=medium,drive=medium-drive,bootindex=0";
    assert_eq!(device(Attach::Disk), [disk]);
    let nvme = "nvme,id=medium,drive=medium-drive,serial=medium,bootindex=0";
    assert_eq!(device(Attach::Nvme), [nvme]);
    let card = "sd-card,id=medium,drive=medium-drive,bus=sd-bus";
    assert_eq!(device(Attach::Sd), ["sdhci-pci,id=sd", card]);
}

#[test]
fn the_image_is_written_only_when_asked_for() {
    let drive = |attach, writes| values(&with_medium(attach, writes), "-drive").remove(0);
    assert_eq!(drive(Attach::Usb, Writes::Keep), BACKEND);
    assert_eq!(drive(Attach::Usb, Writes::Discard), format!("{BACKEND},snapshot=on"));
    assert_eq!(drive(Attach::Usb, Writes::Refuse), format!("{BACKEND},readonly=on"));
    for writes in [Writes::Discard, Writes::Keep, Writes::Refuse] {
        assert_eq!(drive(Attach::Cdrom, writes), format!("{BACKEND},readonly=on"));
    }
}

#[test]
fn firmware_code_is_read_only_and_its_variables_are_not() {
    let firmware = Firmware::Uefi { code: "/f/code.fd".into(), vars: "/f/vars.fd".into() };
    let drives = values(&Request { firmware, ..Request::default() }, "-drive");
    let flash = "if=pflash,format=raw,file.driver=file,file.filename=/f";
    assert_eq!(
        drives,
        [format!("{flash}/code.fd,unit=0,readonly=on"), format!("{flash}/vars.fd,unit=1")]
    );
}

#[test]
fn data_disks_keep_their_order_and_serial_numbers() {
    let disk = |path: &str, serial: Option<&str>| DataDisk {
        path: path.into(),
        format: DiskFormat::Qcow2,
        serial: serial.map(str::to_owned),
    };
    let mut request = Request {
        data_disks: vec![disk("/d/one", Some("SER,1")), disk("/d/two", None)],
        ..Request::default()
    };
    let qcow = "if=none,format=qcow2,file.driver=file,file.filename=/d";
    let drives = [format!("{qcow}/one,id=data0-drive"), format!("{qcow}/two,id=data1-drive")];
    assert_eq!(values(&request, "-drive"), drives);
    let devices = [
        "virtio-blk-pci,id=data0,drive=data0-drive,serial=SER,,1",
        "virtio-blk-pci,id=data1,drive=data1-drive",
    ];
    assert_eq!(values(&request, "-device"), devices);
    request.data_disks[1].serial = Some("123456789012345678901".into());
    let error = arguments(&request).unwrap_err();
    let text = "serial number \"123456789012345678901\" of data disk 1 has 21 bytes, expected at \
                most 20";
    assert_eq!(error.to_string(), text);
}

#[test]
fn console_and_control_sockets() {
    let serial = Serial::Socket(Socket::Connect("/s/console".into()));
    let qmp = Some(Socket::Listen("/s/qmp".into()));
    let request = Request { serial, qmp, ..Request::default() };
    let sockets =
        ["socket,path=/s/console,id=console", "socket,path=/s/qmp,server=on,wait=off,id=qmp"];
    assert_eq!(values(&request, "-chardev"), sockets);
    assert_eq!(values(&request, "-serial"), ["chardev:console"]);
    assert_eq!(values(&request, "-mon"), ["chardev=qmp,mode=control"]);
    let file = Request { serial: Serial::File("/s/log".into()), ..Request::default() };
    assert_eq!(values(&file, "-chardev"), ["file,id=console,path=/s/log"]);
}

#[test]
fn network_display_reset_and_extras() {
    let forwards = vec![Forward { host_port: 2222, guest_port: 22 }];
    let request = Request {
        network: Network::User { forwards },
        display: Display::Default,
        restart_on_reset: false,
        stopped: true,
        oem_strings: vec!["io.systemd.credential:a=b,c".into()],
        extra: vec!["-name".into(), "x".into()],
        ..Request::default()
    };
    let card = "user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:2222-:22";
    assert_eq!(values(&request, "-nic"), [card]);
    assert_eq!(values(&request, "-display"), [""; 0]);
    assert_eq!(values(&request, "-smbios"), ["type=11,value=io.systemd.credential:a=b,,c"]);
    let all = arguments(&request).unwrap();
    assert!(all.contains(&"-no-reboot".into()) && all.contains(&"-S".into()));
    assert_eq!(all[all.len() - 2..], ["-name", "x"]);
}

#[test]
fn impossible_machines_are_refused() {
    let refused = |request: Request| arguments(&request).unwrap_err();
    let memory = refused(Request { memory_bytes: 512, ..Request::default() });
    assert_eq!(memory, Error::Memory { expected: 16 << 20, found: 512 });
    assert_eq!(refused(Request { cpus: 0, ..Request::default() }), Error::Cpus);
    let card = refused(with_medium(Attach::Sd, Writes::Refuse));
    assert_eq!(card, Error::WriteProtectedCard);
    let oem_strings = vec!["a".into(), "b\0c".into()];
    let error = refused(Request { oem_strings, ..Request::default() });
    assert_eq!(error, Error::OemString { index: 1 });
}

#[test]
fn cards_have_a_power_of_two_of_bytes() {
    assert_eq!(sd_card_bytes(300 << 20), Some(512 << 20));
    assert_eq!(sd_card_bytes(1 << 30), Some(1 << 30));
    assert_eq!(sd_card_bytes(u64::MAX), None);
}
