//! GRUB: the first stage on both firmwares.
//!
//! The configuration lies in a memory disk inside GRUB itself, because one given on `grub-mkimage`'s
//! command line runs in the rescue parser, which has no `if`; that one only leads to the memory
//! disk. It finds the medium GRUB was loaded
//! from, then the slot on it by partition number: labels and serials would also match an installed
//! copy on another disk.

use crate::files;
use crate::{Role, Slot};

/// Modules built into GRUB on both firmwares.
pub const MODULES: [&str; 25] = [
    "memdisk",
    "tar",
    "normal",
    "configfile",
    "part_gpt",
    "part_msdos",
    "fat",
    "iso9660",
    "search",
    "search_label",
    "search_fs_file",
    "test",
    "true",
    "echo",
    "sleep",
    "regexp",
    "reboot",
    "halt",
    "serial",
    "terminal",
    "loadenv",
    "minicmd",
    "all_video",
    "linux",
    "probe",
];
/// Modules that only GRUB for UEFI has or needs.
pub const EFI_MODULES: [&str; 1] = ["chain"];
/// Modules that only GRUB for BIOS has or needs.
pub const BIOS_MODULES: [&str; 2] = ["biosdisk", "vga"];

/// What `grub-mkimage --prefix` is given. GRUB asks the firmware what it was loaded from, and sets
/// `root` to it, only when this names no device.
pub const PREFIX: &str = "/boot/grub";
/// What `grub-mkimage --config` is given: keeps what GRUB was loaded from, leads to the memory disk.
/// Debian's GRUB 2.12 has no `cmdpath` to tell it later.
pub const EARLY_CONFIG: &str = "set from=$root\nset prefix=(memdisk)/boot/grub\n";
/// Path of the configuration inside the memory disk's tar archive.
pub const CONFIG_PATH: &str = "boot/grub/grub.cfg";

/// A menu entry: the same kernel with more on its command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    /// Short name; the UKI profile's `ID`.
    pub id: &'static str,
    /// What the menu shows.
    pub title: &'static str,
    /// What is added to the kernel command line.
    pub parameters: &'static str,
}

/// The menu entries below "Advanced options", in the order of the UKI's profiles 1, 2, ...
pub const VARIANTS: [Variant; 2] = [
    Variant { id: "safe-graphics", title: "Safe graphics", parameters: "nomodeset" },
    Variant {
        id: "verbose",
        title: "Verbose start",
        parameters: "loglevel=7 systemd.show_status=true systemd.log_target=console",
    },
];

/// The configuration inside GRUB.
///
/// Every path ends in a boot or a reboot: at a prompt GRUB would wait for ever.
#[must_use]
pub fn embedded_config(title: &str) -> String {
    let title = quoted(title);
    let find = find_medium();
    let entries = entry(&title, None);
    let advanced: String = VARIANTS
        .iter()
        .zip(1_usize..)
        .map(|(variant, profile)| {
            entry(&quoted(&format!("{title}: {}", variant.title)), Some((variant, profile)))
        })
        .collect();
    format!(
        r#"serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set pager=0
set timeout=3
set default=0
# No entry can be edited and no prompt be reached: there is no such user.
set superusers=nobody
{find}
# A submenu sees exported variables only.
export slot
export medium
if [ -z "$slot" ]; then
  echo "anklume: no OS on the medium that the boot loader came from ($from)."
  echo "Restarting in 30 seconds."
  sleep 30
  reboot
fi
{entries}submenu --unrestricted "Advanced options" {{
{advanced}}}
"#
    )
}

/// Sets `slot` to the prefix of the slot's files: a partition, or a folder where the files of an
/// image were copied to a plain FAT stick.
fn find_medium() -> String {
    let number = Role::Boot(Slot::A).number();
    let kernel = files::KERNEL;
    let folder = files::ISO_FOLDER;
    format!(
        r#"regexp --set=1:disk '^([^,]*)' "$from"
for d in "$disk" cd cd0; do
  if [ -z "$slot" -a -n "$d" ]; then
    if [ -f "($d,gpt{number})/{kernel}" ]; then
      set slot="($d,gpt{number})"
      set medium="$d,gpt{number}"
    fi
  fi
done
for d in "$from" "$disk,msdos1" cd cd0; do
  if [ -z "$slot" -a -n "$d" ]; then
    if [ -f "($d)/{folder}/{kernel}" ]; then
      set slot="($d)/{folder}"
      set medium="$d"
    fi
  fi
done"#
    )
}

/// A menu entry. Under UEFI the UKI brings its command line and `@N` chooses a profile of it; any
/// other argument would replace that command line while Secure Boot is off.
fn entry(title: &str, variant: Option<(&Variant, usize)>) -> String {
    let uki = files::UKI;
    let boot_entry = files::BOOT_ENTRY;
    let profile = variant.map(|(_, number)| format!(" @{number}")).unwrap_or_default();
    let parameters = variant.map(|(variant, _)| variant.parameters).unwrap_or_default();
    format!(
        r#"menuentry --unrestricted "{title}" {{
  set root="$medium"
  if [ "$grub_platform" = efi ]; then
    chainloader $slot/{uki}{profile}
  else
    set parameters="{parameters}"
    source $slot/{boot_entry}
  fi
  boot
  echo "anklume: the OS could not be started. Restarting in 30 seconds."
  sleep 30
  reboot
}}
"#
    )
}

/// The slot's boot entry for BIOS, a GRUB script: `slot` and `parameters` are set by
/// [`embedded_config`]. The partition that it lies in tells the initramfs which of two equal media
/// is meant; under UEFI the UKI's stub says so.
#[must_use]
pub fn boot_entry(command_line: &str) -> String {
    let (kernel, initrd) = (files::KERNEL, files::INITRD);
    let loader = crate::cmdline::LOADER_PARTITION;
    format!(
        "if probe --set=partition --part-uuid ($root); then\n  \
         set parameters=\"$parameters {loader}=$partition\"\nfi\n\
         linux $slot/{kernel} {command_line} $parameters\ninitrd $slot/{initrd}\n"
    )
}

/// `loopback.cfg`: how a GRUB that mounted the image file boots it. Such a GRUB sets `iso_path`.
#[must_use]
pub fn loopback_config(title: &str, command_line: &str) -> String {
    let parameter = format!("{}=\"$iso_path\"", crate::cmdline::ISO_FILE);
    tree_config(title, &format!("{command_line} {parameter}"))
}

/// `grub.cfg` of the ISO tree, for tools that copy its files to a stick and install a GRUB of their
/// own.
#[must_use]
pub fn tree_config(title: &str, command_line: &str) -> String {
    let (folder, kernel, initrd) = (files::ISO_FOLDER, files::KERNEL, files::INITRD);
    let title = quoted(title);
    format!(
        "menuentry \"{title}\" {{\n  linux /{folder}/{kernel} {command_line}\n  \
         initrd /{folder}/{initrd}\n}}\n"
    )
}

/// Leaves out what would end or expand inside a double-quoted GRUB string.
fn quoted(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\' | '$' | '`')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_ends_in_a_reboot_and_braces_balance() {
        let config = embedded_config("anklume");
        assert_eq!(config.matches('{').count(), config.matches('}').count());
        let entries = config.matches("menuentry").count();
        assert_eq!(entries, VARIANTS.len() + 1);
        assert_eq!(config.matches("  reboot\n").count(), entries + 1);
        assert_eq!(config.matches("if [").count(), config.matches("fi\n").count());
    }

    #[test]
    fn entries_of_the_submenu_see_what_they_use() {
        let config = embedded_config("anklume");
        let submenu = config.split_once("submenu").unwrap().1;
        for variable in ["slot", "medium"] {
            assert!(submenu.contains(&format!("${variable}")));
            assert!(config.contains(&format!("\nexport {variable}\n")));
        }
    }

    #[test]
    fn a_title_cannot_leave_its_quotes() {
        let config = embedded_config("a\" { evil $x `y` \\");
        assert!(config.contains("\"a { evil x y \""), "{config}");
    }

    #[test]
    fn the_default_entry_passes_no_argument_to_the_uki() {
        let config = embedded_config("anklume");
        assert!(config.contains("chainloader $slot/ANKLUME.EFI\n"));
        assert!(config.contains("chainloader $slot/ANKLUME.EFI @1\n"));
        assert!(boot_entry("a=1").contains("\nlinux $slot/VMLINUZ a=1 $parameters\n"));
    }
}
