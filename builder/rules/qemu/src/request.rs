//! What machine is wanted.

use std::ffi::OsString;
use std::path::PathBuf;

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Firmware that looks for a boot loader.
    pub firmware: Firmware,
    /// The image to boot; none for a machine without one.
    pub medium: Option<Medium>,
    /// Further disks, in the order in which the guest names them.
    pub data_disks: Vec<DataDisk>,
    /// Memory in bytes. QEMU rounds up to whole pages.
    pub memory_bytes: u64,
    /// Number of processors.
    pub cpus: u32,
    /// What executes the guest's instructions.
    pub accelerator: Accelerator,
    /// The first serial port, ttyS0 in Linux.
    pub serial: Serial,
    /// Socket of the QEMU Machine Protocol, if wanted.
    pub qmp: Option<Socket>,
    /// Network card.
    pub network: Network,
    /// Where the screen is shown. The machine has a graphics card in any case: firmware, boot
    /// loader and tty0 are to behave as on a real machine.
    pub display: Display,
    /// What the guest's reset does: `true` restarts it, `false` ends QEMU.
    pub restart_on_reset: bool,
    /// Do not start the processors before QMP's `cont`.
    pub stopped: bool,
    /// SMBIOS OEM strings (type 11), by which systemd takes credentials.
    pub oem_strings: Vec<String>,
    /// Arguments appended as they are.
    pub extra: Vec<OsString>,
}

impl Default for Request {
    /// A BIOS machine without a medium: 1 GiB, 2 processors, software emulation, console on
    /// standard input and output, no network, no window.
    fn default() -> Self {
        Self {
            firmware: Firmware::Bios,
            medium: None,
            data_disks: Vec::new(),
            memory_bytes: 1 << 30,
            cpus: 2,
            accelerator: Accelerator::Tcg,
            serial: Serial::Stdio,
            qmp: None,
            network: Network::None,
            display: Display::None,
            restart_on_reset: true,
            stopped: false,
            oem_strings: Vec::new(),
            extra: Vec::new(),
        }
    }
}

/// The machine's firmware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Firmware {
    /// SeaBIOS, which comes with QEMU.
    Bios,
    /// OVMF.
    Uefi {
        /// The read-only code.
        code: PathBuf,
        /// A private copy of the variable store: the machine writes to it.
        vars: PathBuf,
    },
}

/// The image and how it is plugged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Medium {
    /// The image file.
    pub image: PathBuf,
    /// Format of the file.
    pub format: DiskFormat,
    /// Kind of device.
    pub attach: Attach,
    /// What becomes of the guest's writes.
    pub writes: Writes,
}

/// Kind of device that the image is for the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attach {
    /// A USB stick on a USB 3 host controller, removable.
    Usb,
    /// A CD in a SATA drive, 2048-byte sectors. Never written, whatever [`Writes`] says.
    Cdrom,
    /// A virtio disk.
    Disk,
    /// An NVMe disk.
    Nvme,
    /// An SD card. It cannot be [`Writes::Refuse`], and QEMU wants its size to be a power of two:
    /// [`crate::sd_card_bytes`]. SeaBIOS boots from it; OVMF as of edk2 2022.11 does not find it.
    Sd,
}

impl Attach {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Usb, Self::Cdrom, Self::Disk, Self::Nvme, Self::Sd];
}

/// What becomes of writes to the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// They go to a temporary file that QEMU deletes at its end; a reset keeps them.
    Discard,
    /// They go to the file: for an overlay or a copy.
    Keep,
    /// The device is write-protected.
    Refuse,
}

/// Format of a disk image file. Always said, never probed: a guest that writes a qcow2 header into
/// a raw disk could otherwise make QEMU open any file of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFormat {
    /// Sector by sector.
    Raw,
    /// QEMU's format.
    Qcow2,
}

/// A virtio disk besides the medium; written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDisk {
    /// The file.
    pub path: PathBuf,
    /// Format of the file.
    pub format: DiskFormat,
    /// Serial number that the guest sees, at most 20 bytes.
    pub serial: Option<String>,
}

/// What executes the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// Software emulation, one thread per processor. Works everywhere.
    Tcg,
    /// The processor itself. To be asked for: /dev/kvm may exist on a machine whose hypervisor
    /// does not run firmware or kernels, and then the guest dies instead of QEMU.
    Kvm,
}

/// Where the first serial port leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serial {
    /// Standard input and output, shared with QEMU's monitor: Ctrl-A X quits, Ctrl-A C switches.
    Stdio,
    /// A Unix socket.
    Socket(Socket),
    /// A file that gets the output; there is no input.
    File(PathBuf),
}

/// A Unix socket. Its path may have at most 107 bytes (unix(7)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Socket {
    /// QEMU listens and runs whether or not somebody connects. What the guest wrote before is lost.
    Listen(PathBuf),
    /// QEMU connects to a listening socket before the guest starts, so that nothing is lost.
    Connect(PathBuf),
}

/// The network card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// None.
    None,
    /// A virtio card behind QEMU's own address translation.
    User {
        /// Ports of the host that lead into the guest.
        forwards: Vec<Forward>,
    },
}

/// A TCP port of the host's loopback address that leads into the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forward {
    /// Port on 127.0.0.1 of the host.
    pub host_port: u16,
    /// Port of the guest.
    pub guest_port: u16,
}

/// Where the screen is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// Nowhere.
    None,
    /// QEMU's default: a window, or a VNC server where there is no desktop.
    Default,
}
