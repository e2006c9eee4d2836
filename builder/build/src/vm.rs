//! `anklume-build vm`: boots an image in QEMU. The image file is never written.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anklume_bytes::ReadAt;
use anklume_host::file::FileReader;
use anklume_host::process::{Cmd, ProcessError, find_program, shell_word};
use anklume_qemu::{
    Accelerator, Attach, DataDisk, DiskFormat, Display, Firmware, Medium, Network, PROGRAM,
    Request, Serial, UEFI_FIRMWARE, Writes, arguments, discover_uefi, sd_card_bytes, tcg_cpus,
};

use crate::cli::{AttachArg, FirmwareArg, VmArgs};
use crate::failure::{Context, Failure, Kind};
use crate::size;

/// Where a boot sector has its signature: the last bytes of the first sector.
const SIGNATURE_OFFSET: u64 = 510;
/// The signature, which every partitioned disk has.
const SIGNATURE: [u8; 2] = [0x55, 0xaa];

/// Boots what `args` ask for; ends when the machine does.
pub(crate) fn run(args: &VmArgs) -> Result<(), Failure> {
    let image = only(&args.images)?;
    let bytes = bootable_bytes(image)?;
    let qemu = find_program(PROGRAM).ok_or_else(|| {
        Failure::new(Kind::Missing, format!("the program {PROGRAM} is not installed"))
            .hint("`anklume-build --install-deps` installs it; the package is qemu-system-x86")
    })?;
    // The firmware's variables and the data disks live as long as the machine.
    let folder = tempfile::Builder::new().prefix("anklume-vm-").tempdir();
    let folder = folder.context("creating a temporary folder")?;
    let request = request(args, image, bytes, folder.path())?;
    let words = arguments(&request).map_err(Failure::refused)?;
    let mut command = Cmd::new(qemu).args(words);
    // For a window, if one was asked for.
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"] {
        if let Some(value) = std::env::var_os(name) {
            command = command.env(name, value);
        }
    }
    if args.dry_run {
        return show(&command, folder.path());
    }
    // 0: powered off. QEMU itself says what is wrong on the same terminal.
    command.interactive().map(|_| ()).map_err(|error| match error {
        ProcessError::Interrupted { .. } => Failure::interrupted(),
        error => Failure::process("running the machine", &error),
    })
}

/// The one image of `images`.
fn only(images: &[PathBuf]) -> Result<&Path, Failure> {
    match images {
        [image] => Ok(image),
        several => {
            let names: Vec<_> = several.iter().map(|path| path.display().to_string()).collect();
            Err(Failure::refused(format!("vm boots one image, {} were named", names.len()))
                .hint(format!("name one of {}", names.join(", "))))
        }
    }
}

/// The size of an image that a firmware may boot: anything else would leave a machine that waits for
/// ever.
fn bootable_bytes(image: &Path) -> Result<u64, Failure> {
    let hint = "name an image file that was built";
    let failed = |error: io::Error| {
        Failure::failed(format!("the image {}: {error}", image.display())).hint(hint)
    };
    let wrong = |what: &str| Failure::damaged(format!("{} {what}", image.display())).hint(hint);
    if !image.metadata().map_err(failed)?.is_file() {
        return Err(Failure::refused(format!("{} is not a file", image.display())).hint(hint));
    }
    let reader = FileReader::open(image).map_err(failed)?;
    if reader.size() == 0 {
        return Err(wrong("is empty"));
    }
    let mut signature = [0; 2];
    match reader.read_at(SIGNATURE_OFFSET, &mut signature) {
        Ok(()) if signature == SIGNATURE => Ok(reader.size()),
        _ => Err(wrong("is not a bootable image: it has no boot signature in its first sector")),
    }
}

/// Prints the command for a shell; what is made for this one run is said in comments.
fn show(command: &Cmd, folder: &Path) -> Result<(), Failure> {
    crate::print::text(&format!(
        "# Files in {} are temporary:\n\
         # the store of UEFI variables is a copy, disks are empty, and all go when this ends.\n\
         {command}\n",
        shell_word(&folder.to_string_lossy())
    ))
}

fn request(
    args: &VmArgs,
    image: &Path,
    image_bytes: u64,
    folder: &Path,
) -> Result<Request, Failure> {
    let attach = match args.attach {
        AttachArg::Usb => Attach::Usb,
        AttachArg::Cdrom => Attach::Cdrom,
        AttachArg::Disk => Attach::Disk,
        AttachArg::Nvme => Attach::Nvme,
        AttachArg::Sd => Attach::Sd,
    };
    let (image, writes) = match attach {
        Attach::Sd => (card(image, image_bytes, folder)?, Writes::Keep),
        _ => (image.to_owned(), Writes::Discard),
    };
    let disks = args.data_disks.iter().zip(1_u32..);
    let accelerator = if args.kvm { Accelerator::Kvm } else { Accelerator::Tcg };
    Ok(Request {
        firmware: firmware(args.firmware, folder)?,
        medium: Some(Medium { image, format: DiskFormat::Raw, attach, writes }),
        data_disks: disks
            .map(|(size, number)| data_disk(size, number, folder))
            .collect::<Result<_, _>>()?,
        memory_bytes: size::parse("--memory", &args.memory)?,
        cpus: cpus(accelerator),
        accelerator,
        serial: Serial::Stdio,
        network: Network::User { forwards: Vec::new() },
        // A person may add `-- -display gtk`; the console works everywhere.
        display: Display::None,
        extra: args.qemu.clone(),
        ..Request::default()
    })
}

/// How many processors the machine gets: two, unless this QEMU cannot be trusted with two.
fn cpus(accelerator: Accelerator) -> u32 {
    if accelerator == Accelerator::Kvm {
        return Request::default().cpus;
    }
    // A QEMU that is missing or broken is told of when it is to start.
    let version = Cmd::new(PROGRAM).arg("--version").output();
    tcg_cpus(&version.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    ))
}

fn firmware(wanted: FirmwareArg, folder: &Path) -> Result<Firmware, Failure> {
    if wanted == FirmwareArg::Bios {
        return Ok(Firmware::Bios);
    }
    let existing: Vec<&Path> = UEFI_FIRMWARE
        .iter()
        .flat_map(|pair| [Path::new(pair.code), Path::new(pair.vars)])
        .filter(|path| path.exists())
        .collect();
    let found = discover_uefi(&existing).ok_or_else(|| {
        Failure::new(Kind::Missing, "UEFI firmware for virtual machines is not installed")
            .hint("install the package ovmf (Debian, Ubuntu) or edk2-ovmf (Arch)")
    })?;
    let vars = folder.join("vars.fd");
    fs::copy(found.vars, &vars).context(format!("copying {}", found.vars))?;
    Ok(Firmware::Uefi { code: PathBuf::from(found.code), vars })
}

/// QEMU wants the size of an SD card to be a power of two, so the card is a copy.
fn card(image: &Path, bytes: u64, folder: &Path) -> Result<PathBuf, Failure> {
    let size = sd_card_bytes(bytes);
    let size = size.ok_or_else(|| Failure::refused("the image is too large for an SD card"))?;
    let path = folder.join("card.img");
    fs::copy(image, &path).context(format!("copying {}", image.display()))?;
    let file = File::options().write(true).open(&path).context("the SD card")?;
    file.set_len(size).context("the SD card")?;
    Ok(path)
}

fn data_disk(text: &str, number: u32, folder: &Path) -> Result<DataDisk, Failure> {
    let bytes = size::parse("--data-disk", text)?;
    let path = folder.join(format!("data-{number}.img"));
    let file = File::create_new(&path).context(format!("creating {}", path.display()))?;
    file.set_len(bytes).context(format!("creating {}", path.display()))?;
    let serial = Some(format!("anklume-data-{number}"));
    Ok(DataDisk { path, format: DiskFormat::Raw, serial })
}
