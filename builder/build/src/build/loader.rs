//! GRUB's images, made by the tool tree's own `grub-mkimage`.

use std::io;
use std::path::Path;

use anklume_host::file::{FileReader, OutputFile};
use anklume_layout::grub;
use anklume_roottree::{Index, read_file};
use sha2::{Digest, Sha256};

use super::archive::hex;
use super::trees::{Tools, Unpacked};
use crate::failure::{Context, Failure};

/// GRUB for every way to start a medium.
#[derive(Debug)]
pub(super) struct Loader {
    /// First sector of a disk, for BIOS; not patched yet.
    pub(super) boot_img: Vec<u8>,
    /// Core image for the BIOS boot partition; not patched yet.
    pub(super) bios_core: Vec<u8>,
    /// Core image for a CD under BIOS.
    pub(super) cd_core: Vec<u8>,
    /// EFI program.
    pub(super) efi: Vec<u8>,
}

/// Name of the file for `grub-mkimage --config`.
const EARLY_CONFIG: &str = "grub-early.cfg";

/// The flavours of `grub-mkimage -O`, and the folder of modules of each.
const BIOS: (&str, &str) = ("i386-pc", "i386-pc");
const BIOS_CD: (&str, &str) = ("i386-pc-eltorito", "i386-pc");
const EFI: (&str, &str) = ("x86_64-efi", "x86_64-efi");

/// Changes when the way images are made changes.
const RECIPE: &str = "1";

/// Longest of the images, in bytes.
const MAX_IMAGE_BYTES: u64 = 16 << 20;

impl Loader {
    /// Names in the cached archive.
    const NAMES: [&str; 4] = ["boot.img", "bios-core.img", "cd-core.img", "efi.img"];

    /// Reads what [`Loader::write`] wrote.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let what = || format!("reading {}", path.display());
        let tar = FileReader::open(path).context(what())?;
        let index = Index::read(&tar, &mut |_| ()).context(what())?;
        let image = |name| read_file(&tar, &index, name, MAX_IMAGE_BYTES).context(what());
        let [boot_img, bios_core, cd_core, efi] = Self::NAMES.map(image);
        Ok(Self { boot_img: boot_img?, bios_core: bios_core?, cd_core: cd_core?, efi: efi? })
    }

    /// Writes all images into one archive.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let what = || format!("writing {}", path.display());
        let output = OutputFile::create_replacing(path).context(what())?;
        let mut archive = tar::Builder::new(output.file());
        let images = [&self.boot_img, &self.bios_core, &self.cd_core, &self.efi];
        for (name, bytes) in Self::NAMES.into_iter().zip(images) {
            append(&mut archive, name, bytes).context(what())?;
        }
        archive.into_inner().context(what())?;
        output.finish().context(what())
    }
}

/// Name of the images in the cache: everything that they depend on.
pub(super) fn key(tools: &Tools, title: &str) -> Result<String, Failure> {
    let mut hash = Sha256::new();
    hash.update(format!("{RECIPE}\n{}\n{}\n{}\n", tools.key(), grub::PREFIX, grub::EARLY_CONFIG));
    hash.update(memory_disk_tar(title)?);
    let modules = [&grub::MODULES[..], &grub::BIOS_MODULES[..], &grub::EFI_MODULES[..]];
    hash.update(modules.map(|names| names.join(" ")).join("\n"));
    Ok(hex(&hash.finalize())[..32].to_owned())
}

/// Makes the images. The configuration is the same in all of them.
pub(super) fn make(tools: &Tools, work: &Path, title: &str) -> Result<Loader, Failure> {
    let boot_img = tools.read("usr/lib/grub/i386-pc/boot.img")?;
    let tools = &tools.unpack(&work.join("tools"))?;
    let memory_disk = work.join("grub.tar");
    std::fs::write(&memory_disk, memory_disk_tar(title)?)
        .context(format!("writing {}", memory_disk.display()))?;
    std::fs::write(work.join(EARLY_CONFIG), grub::EARLY_CONFIG)
        .context("writing GRUB's configuration")?;
    let image = |flavour, modules: &[&str]| mkimage(tools, work, &memory_disk, flavour, modules);
    Ok(Loader {
        boot_img,
        bios_core: image(BIOS, &grub::BIOS_MODULES)?,
        cd_core: image(BIOS_CD, &grub::BIOS_MODULES)?,
        efi: image(EFI, &grub::EFI_MODULES)?,
    })
}

fn memory_disk_tar(title: &str) -> Result<Vec<u8>, Failure> {
    let config = grub::embedded_config(title, &anklume_slots::grub::script());
    let mut archive = tar::Builder::new(Vec::new());
    append(&mut archive, grub::CONFIG_PATH, config.as_bytes())
        .and_then(|()| archive.into_inner())
        .context("packing GRUB's configuration")
}

/// Adds a file that has a name and bytes and nothing of this machine.
fn append<W: io::Write>(archive: &mut tar::Builder<W>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    header.set_mode(0o644);
    archive.append_data(&mut header, name, bytes)
}

fn mkimage(
    tools: &Unpacked,
    work: &Path,
    memory_disk: &Path,
    (flavour, folder): (&str, &str),
    modules: &[&str],
) -> Result<Vec<u8>, Failure> {
    let output = work.join(format!("grub-{flavour}.img"));
    tools
        .program("grub-mkimage")
        .arg("--directory")
        .arg(tools.path(&format!("usr/lib/grub/{folder}")))
        .args(["--format", flavour, "--config"])
        .arg(work.join(EARLY_CONFIG))
        .arg("--memdisk")
        .arg(memory_disk)
        // After --memdisk, which sets a prefix of its own.
        .args(["--prefix", grub::PREFIX])
        .arg("--output")
        .arg(&output)
        .args(grub::MODULES)
        .args(modules)
        .output()
        .map_err(|error| Failure::process(&format!("making GRUB for {flavour}"), &error))?;
    std::fs::read(&output).context(format!("reading {}", output.display()))
}
