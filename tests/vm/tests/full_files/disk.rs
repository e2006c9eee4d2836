//! Disks with one partition, made without privileges and without this project's code.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anklume_vm_tests::{Failure, Workdir, grub, tool};

/// Path of the image file on the disk.
pub(crate) const IMAGE_PATH: &str = "images/test.iso";
/// First byte of the partition: what is before it belongs to GRUB.
const PARTITION_BYTE: u64 = 1 << 20;
const PARTITION_MIB: u64 = 400;
/// Bytes of boot code in an MBR.
const BOOT_CODE: usize = 440;
/// What GRUB needs to read the disk, the image file in it, and the kernel in that.
const MODULES: [&str; 17] = [
    "biosdisk",
    "part_msdos",
    "fat",
    "ext2",
    "loopback",
    "iso9660",
    "normal",
    "configfile",
    "linux",
    "serial",
    "terminal",
    "test",
    "echo",
    "sleep",
    "minicmd",
    "reboot",
    "all_video",
];
/// As multiboot sticks do it: the variable `iso_path` is what `loopback.cfg` files expect.
const CONFIG: &str = "\
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout=0
menuentry \"image file\" {
  set iso_path=/images/test.iso
  export iso_path
  loopback loop $iso_path
  set root=(loop)
  set timeout=1
  export timeout
  configfile /boot/grub/loopback.cfg
}
";

/// File system of the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileSystem {
    Vfat,
    Ext4,
}

/// A disk with GRUB for BIOS and the file `image`.
pub(crate) fn with_grub(
    workdir: &Workdir,
    file_system: FileSystem,
    image: &Path,
) -> Result<PathBuf, Failure> {
    let folder = workdir.unique("folder");
    let config = folder.join("boot/grub/grub.cfg");
    let target = folder.join(IMAGE_PATH);
    for file in [&config, &target] {
        let parent = file.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).map_err(file_error("create", parent))?;
    }
    fs::write(&config, CONFIG).map_err(file_error("write", &config))?;
    fs::copy(image, &target).map_err(file_error("copy", &target))?;
    let (content, kind) = match file_system {
        FileSystem::Vfat => (vfat(workdir, &folder)?, "c"),
        FileSystem::Ext4 => (ext4(workdir, &folder)?, "83"),
    };
    let disk = partitioned(workdir, &content, kind)?;
    install_grub(workdir, &disk)?;
    Ok(disk)
}

/// A FAT32 disk with the files below `folder`, and no boot code.
pub(crate) fn with_files(workdir: &Workdir, folder: &Path) -> Result<PathBuf, Failure> {
    let content = vfat(workdir, folder)?;
    partitioned(workdir, &content, "c")
}

fn vfat(workdir: &Workdir, folder: &Path) -> Result<PathBuf, Failure> {
    let path = empty(workdir)?;
    let image = path.as_os_str();
    tool::run("mformat", "mtools", ["-i".as_ref(), image, "-F".as_ref(), "::".as_ref()])?;
    let mut copy: Vec<OsString> = vec!["-s".into(), "-i".into(), image.into()];
    for entry in fs::read_dir(folder).map_err(file_error("read", folder))? {
        copy.push(entry.map_err(file_error("read", folder))?.path().into_os_string());
    }
    copy.push("::".into());
    tool::run("mcopy", "mtools", copy)?;
    Ok(path)
}

fn ext4(workdir: &Workdir, folder: &Path) -> Result<PathBuf, Failure> {
    let path = empty(workdir)?;
    let options = ["-q", "-t", "ext4", "-d"].map(OsString::from).into_iter();
    let paths = [folder, path.as_path()].map(|path| path.as_os_str().to_owned());
    tool::run("mke2fs", "e2fsprogs", options.chain(paths))?;
    Ok(path)
}

fn empty(workdir: &Workdir) -> Result<PathBuf, Failure> {
    let path = workdir.unique("file-system");
    let file = File::create(&path).and_then(|file| file.set_len(PARTITION_MIB << 20));
    file.map_err(file_error("create", &path))?;
    Ok(path)
}

/// A disk with an MBR and `content` in its only partition, of type `kind`.
fn partitioned(workdir: &Workdir, content: &Path, kind: &str) -> Result<PathBuf, Failure> {
    let path = workdir.unique("disk");
    let file = File::create(&path).map_err(file_error("create", &path))?;
    file.set_len(PARTITION_BYTE + (PARTITION_MIB << 20)).map_err(file_error("extend", &path))?;
    let script = "printf 'label: dos\\nstart=2048, type=%s, bootable\\n' \"$2\" | sfdisk -q \"$1\"";
    let words = ["-c", script, "sh"].map(OsString::from).into_iter();
    tool::run("sh", "dash", words.chain([path.clone().into_os_string(), kind.into()]))?;
    let mut target =
        OpenOptions::new().write(true).open(&path).map_err(file_error("open", &path))?;
    let mut source = File::open(content).map_err(file_error("open", content))?;
    target
        .seek(SeekFrom::Start(PARTITION_BYTE))
        .and_then(|_| io::copy(&mut source, &mut target))
        .map_err(file_error("write", &path))?;
    Ok(path)
}

/// Puts GRUB between the MBR and the partition. `boot.img` loads what begins at sector 1, and
/// `grub-mkimage` makes images for that place.
fn install_grub(workdir: &Workdir, disk: &Path) -> Result<(), Failure> {
    let tree = grub::tool_tree()?;
    let arguments = ["--prefix", "(hd0,msdos1)/boot/grub"].into_iter().chain(MODULES);
    let core = grub::mkimage(workdir, &tree, grub::BIOS, arguments)?;
    let modules = tree.join("usr/lib/grub/i386-pc");
    let boot = fs::read(modules.join("boot.img")).map_err(file_error("read", &modules))?;
    let core = fs::read(&core).map_err(file_error("read", &core))?;
    assert!(core.len() as u64 + 512 <= PARTITION_BYTE, "GRUB's image has {} bytes", core.len());
    let file = OpenOptions::new().write(true).open(disk).map_err(file_error("open", disk))?;
    file.write_all_at(&boot[..BOOT_CODE], 0)
        .and_then(|()| file.write_all_at(&core, 512))
        .map_err(file_error("write", disk))
}

fn file_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    move |source| Failure::File { action, path, source }
}
