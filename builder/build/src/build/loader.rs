//! GRUB's images, made by the tool tree's own `grub-mkimage`.

use std::path::Path;

use anklume_layout::grub;

use super::trees::Tools;
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

/// Makes the images. The configuration is the same in all of them.
pub(super) fn make(tools: &Tools, work: &Path, title: &str) -> Result<Loader, Failure> {
    let memory_disk = work.join("grub.tar");
    std::fs::write(&memory_disk, memory_disk_tar(title)?)
        .context(format!("writing {}", memory_disk.display()))?;
    std::fs::write(work.join(EARLY_CONFIG), grub::EARLY_CONFIG)
        .context("writing GRUB's configuration")?;
    let image = |flavour, modules: &[&str]| mkimage(tools, work, &memory_disk, flavour, modules);
    Ok(Loader {
        boot_img: tools.read("usr/lib/grub/i386-pc/boot.img")?,
        bios_core: image(BIOS, &grub::BIOS_MODULES)?,
        cd_core: image(BIOS_CD, &grub::BIOS_MODULES)?,
        efi: image(EFI, &grub::EFI_MODULES)?,
    })
}

fn memory_disk_tar(title: &str) -> Result<Vec<u8>, Failure> {
    let config = grub::embedded_config(title);
    let mut header = tar::Header::new_ustar();
    header.set_size(u64::try_from(config.len()).unwrap_or(u64::MAX));
    header.set_mode(0o644);
    let mut archive = tar::Builder::new(Vec::new());
    archive
        .append_data(&mut header, grub::CONFIG_PATH, config.as_bytes())
        .and_then(|()| archive.into_inner())
        .context("packing GRUB's configuration")
}

fn mkimage(
    tools: &Tools,
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
