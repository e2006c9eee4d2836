//! From a request to QEMU's arguments.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::option::OptionList;
use crate::{
    Accelerator, Attach, DataDisk, DiskFormat, Display, Error, Firmware, Medium, Network, Request,
    Serial, Socket, Writes,
};

/// The program that the arguments are for.
pub const PROGRAM: &str = "qemu-system-x86_64";

/// QEMU's identifier of the medium's device: what QMP's `device_del` takes to pull it out.
///
/// An SD card cannot be pulled out this way.
pub const MEDIUM_DEVICE: &str = "medium";

/// Identifier of the block backend below [`MEDIUM_DEVICE`].
pub const MEDIUM_DRIVE: &str = "medium-drive";
/// Longest serial number of a virtio disk in bytes (Virtual I/O Device 1.2, section 5.2.6,
/// `VIRTIO_BLK_T_GET_ID`).
const VIRTIO_SERIAL_BYTES: usize = 20;
/// Below this the firmware itself does not start.
const LEAST_MEMORY_BYTES: u64 = 16 << 20;

/// The arguments, without the program's name.
///
/// # Errors
///
/// Says which value of the request QEMU or a device cannot take.
pub fn arguments(request: &Request) -> Result<Vec<OsString>, Error> {
    check(request)?;
    let mut list = List::default();
    list.machine(request);
    list.firmware(&request.firmware);
    if let Some(medium) = &request.medium {
        list.medium(medium);
    }
    for (index, disk) in request.data_disks.iter().enumerate() {
        list.data_disk(index, disk);
    }
    list.serial(&request.serial);
    if let Some(socket) = &request.qmp {
        list.option("-chardev", chardev(socket).with("id", "qmp"));
        list.option("-mon", OptionList::new("chardev=qmp").with("mode", "control"));
    }
    list.network(&request.network);
    for text in &request.oem_strings {
        list.option("-smbios", OptionList::new("type=11").with("value", text));
    }
    list.0.extend(request.extra.iter().cloned());
    Ok(list.0)
}

/// The size that QEMU takes for an SD card that holds an image of `image_bytes`: the next power of
/// two. `None` when there is none in 64 bits.
#[must_use]
pub fn sd_card_bytes(image_bytes: u64) -> Option<u64> {
    image_bytes.checked_next_power_of_two()
}

fn check(request: &Request) -> Result<(), Error> {
    if request.memory_bytes < LEAST_MEMORY_BYTES {
        return Err(Error::Memory { expected: LEAST_MEMORY_BYTES, found: request.memory_bytes });
    }
    if request.cpus == 0 {
        return Err(Error::Cpus);
    }
    for (disk, serial) in request.data_disks.iter().map(|disk| disk.serial.as_ref()).enumerate() {
        if let Some(serial) = serial.filter(|serial| serial.len() > VIRTIO_SERIAL_BYTES) {
            let (serial, found) = (serial.clone(), serial.len());
            return Err(Error::Serial { disk, serial, expected: VIRTIO_SERIAL_BYTES, found });
        }
    }
    let card = |medium: &Medium| medium.attach == Attach::Sd && medium.writes == Writes::Refuse;
    if request.medium.as_ref().is_some_and(card) {
        return Err(Error::WriteProtectedCard);
    }
    match request.oem_strings.iter().position(|text| text.is_empty() || text.contains('\0')) {
        Some(index) => Err(Error::OemString { index }),
        None => Ok(()),
    }
}

/// The arguments so far.
#[derive(Default)]
struct List(Vec<OsString>);

impl List {
    fn pair(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.0.push(name.into());
        self.0.push(value.as_ref().into());
    }

    fn option(&mut self, name: &str, value: OptionList) {
        self.pair(name, value.finish());
    }

    fn machine(&mut self, request: &Request) {
        // Nothing but what is asked for: no floppy, no second CD drive, no user's configuration.
        self.0.push("-no-user-config".into());
        self.0.push("-nodefaults".into());
        self.pair("-machine", "q35");
        let (accelerator, cpu) = match request.accelerator {
            // Page tables of five levels cost an emulated boot a sixth of its time.
            Accelerator::Tcg => ("tcg,thread=multi", "max,la57=off"),
            Accelerator::Kvm => ("kvm", "host"),
        };
        self.pair("-accel", accelerator);
        self.pair("-cpu", cpu);
        self.pair("-smp", request.cpus.to_string());
        self.pair("-m", format!("size={}B", request.memory_bytes));
        self.pair("-vga", "std");
        if request.display == Display::None {
            self.pair("-display", "none");
        }
        if !request.restart_on_reset {
            self.0.push("-no-reboot".into());
        }
        if request.stopped {
            self.0.push("-S".into());
        }
    }

    fn firmware(&mut self, firmware: &Firmware) {
        if let Firmware::Uefi { code, vars } = firmware {
            let flash =
                |unit, path: &Path| drive("pflash", path, DiskFormat::Raw).with("unit", unit);
            self.option("-drive", flash("0", code).with("readonly", "on"));
            self.option("-drive", flash("1", vars));
        }
    }

    fn medium(&mut self, medium: &Medium) {
        let read_only = medium.attach == Attach::Cdrom || medium.writes == Writes::Refuse;
        let backend = drive("none", &medium.image, medium.format).with("id", MEDIUM_DRIVE);
        let backend = match (read_only, medium.writes) {
            (true, _) => backend.with("readonly", "on"),
            (false, Writes::Discard) => backend.with("snapshot", "on"),
            (false, _) => backend,
        };
        self.option("-drive", backend);
        let device =
            |driver| OptionList::new(driver).with("id", MEDIUM_DEVICE).with("drive", MEDIUM_DRIVE);
        match medium.attach {
            Attach::Usb => {
                self.option("-device", OptionList::new("qemu-xhci").with("id", "usb"));
                let stick = device("usb-storage").with("bus", "usb.0").with("removable", "on");
                self.option("-device", stick.with("bootindex", "0"));
            }
            Attach::Cdrom => {
                let drive = device("ide-cd").with("bus", "ide.0");
                self.option("-device", drive.with("bootindex", "0"));
            }
            Attach::Disk => {
                self.option("-device", device("virtio-blk-pci").with("bootindex", "0"));
            }
            Attach::Nvme => {
                // The serial number is mandatory.
                let disk = device("nvme").with("serial", MEDIUM_DEVICE);
                self.option("-device", disk.with("bootindex", "0"));
            }
            Attach::Sd => {
                // Neither device has a boot index; the firmware finds the card as the only disk.
                self.option("-device", OptionList::new("sdhci-pci").with("id", "sd"));
                self.option("-device", device("sd-card").with("bus", "sd-bus"));
            }
        }
    }

    fn data_disk(&mut self, index: usize, disk: &DataDisk) {
        let id = format!("data{index}-drive");
        self.option("-drive", drive("none", &disk.path, disk.format).with("id", &id));
        let device = OptionList::new("virtio-blk-pci").with("id", format!("data{index}"));
        let device = device.with("drive", id).with_some("serial", disk.serial.as_ref());
        self.option("-device", device);
    }

    fn serial(&mut self, serial: &Serial) {
        match serial {
            Serial::Stdio => self.pair("-serial", "mon:stdio"),
            Serial::Socket(socket) => {
                self.option("-chardev", chardev(socket).with("id", "console"));
                self.pair("-serial", "chardev:console");
            }
            Serial::File(path) => {
                let file = OptionList::new("file").with("id", "console").with("path", path);
                self.option("-chardev", file);
                self.pair("-serial", "chardev:console");
            }
        }
    }

    fn network(&mut self, network: &Network) {
        let Network::User { forwards } = network else {
            return self.pair("-nic", "none");
        };
        let mut card = OptionList::new("user").with("model", "virtio-net-pci");
        for forward in forwards {
            let (host, guest) = (forward.host_port, forward.guest_port);
            card = card.with("hostfwd", format!("tcp:127.0.0.1:{host}-:{guest}"));
        }
        self.option("-nic", card);
    }
}

/// A block backend. The file driver is named, because QEMU takes `name:` at the beginning of a
/// plain file name for a protocol.
fn drive(interface: &str, path: &Path, format: DiskFormat) -> OptionList {
    let format = match format {
        DiskFormat::Raw => "raw",
        DiskFormat::Qcow2 => "qcow2",
    };
    OptionList::default()
        .with("if", interface)
        .with("format", format)
        .with("file.driver", "file")
        .with("file.filename", path)
}

fn chardev(socket: &Socket) -> OptionList {
    let list = OptionList::new("socket");
    match socket {
        Socket::Listen(path) => list.with("path", path).with("server", "on").with("wait", "off"),
        Socket::Connect(path) => list.with("path", path),
    }
}

#[cfg(test)]
mod tests;
