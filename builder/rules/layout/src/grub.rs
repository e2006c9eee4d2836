//! GRUB: the first stage on both firmwares.
//!
//! The configuration lies in a memory disk inside GRUB itself, because one given on `grub-mkimage`'s
//! command line runs in the rescue parser, which has no `if`; that one only leads to the memory
//! disk. It finds the medium GRUB was loaded
//! from, then the slots on it by partition number: labels and serials would also match an installed
//! copy on another disk. Which slot boots is decided by the boot record, whose rules are given.

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
pub const VARIANTS: [Variant; 3] = [
    Variant { id: "from-medium", title: "Run from the medium", parameters: "anklume.toram=0" },
    Variant { id: "safe-graphics", title: "Safe graphics", parameters: "nomodeset" },
    Variant {
        id: "verbose",
        title: "Verbose start",
        parameters: "loglevel=7 systemd.show_status=true systemd.log_target=console",
    },
];

/// The configuration inside GRUB. `rules` are the functions `load_record`, `decide_slot` and
/// `save_record` of the boot record (crate `anklume-slots`).
///
/// Every path ends in a boot, a reboot or a menu that waits for somebody: at a prompt GRUB would wait
/// for ever without a word. A boot is counted in the record before the kernel is loaded, so a kernel
/// that cannot be loaded counts as a failed boot.
#[must_use]
pub fn embedded_config(title: &str, rules: &str) -> String {
    let title = quoted(title);
    let find = find_medium();
    let functions = start_functions();
    let (menu, rescue) = (menu(&title), rescue_menu(&title));
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
export medium
export records
export plain
if [ -z "$medium" -a -z "$plain" ]; then
  echo "anklume: no OS on the medium that the boot loader came from ($from)."
  echo "Restarting in 30 seconds."
  sleep 30
  reboot
fi
{rules}{functions}set rescue=
if [ -n "$medium" ]; then
  load_record
  if [ "$record" = 1 ]; then
    decide_slot
    if [ -z "$pick" ]; then set rescue=1; fi
  fi
fi
if [ "$rescue" = 1 ]; then
set timeout=-1
{rescue}else
{menu}fi
"#
    )
}

/// Sets `medium` to the disk with the slots, and `records` to the folder of the boot record. Where
/// there is no such disk, sets `plain` to the device of a folder with the files of an image: a FAT
/// stick that they were copied to, or the ISO 9660 volume of a disk whose partition table is damaged.
fn find_medium() -> String {
    let [a, b] = Slot::ALL.map(|slot| Role::Boot(slot).number());
    let esp = Role::Esp.number();
    let kernel = files::KERNEL;
    let folder = files::ISO_FOLDER;
    format!(
        r#"regexp --set=1:disk '^([^,]*)' "$from"
set medium=
set plain=
for d in "$disk" cd cd0; do
  if [ -z "$medium" -a -n "$d" ]; then
    if [ -f "($d,gpt{a})/{kernel}" -o -f "($d,gpt{b})/{kernel}" ]; then
      set medium="$d"
      set records="($d,gpt{esp})/{folder}"
    fi
  fi
done
for d in "$from" "$disk,msdos1" "$disk" cd cd0; do
  if [ -z "$medium" -a -z "$plain" -a -n "$d" ]; then
    if [ -f "($d)/{folder}/{kernel}" ]; then set plain="$d"; fi
  fi
done"#
    )
}

/// Functions that start something: `start_slot a`, and `start_os` for what the record decides. Under
/// UEFI the UKI brings its command line, and `@N` chooses a profile of it; any other argument would
/// replace that command line while Secure Boot is off. `profile` and `parameters` are set by menu
/// entries.
fn start_functions() -> String {
    let [a, b] = Slot::ALL.map(|slot| Role::Boot(slot).number());
    let (uki, boot_entry, folder) = (files::UKI, files::BOOT_ENTRY, files::ISO_FOLDER);
    format!(
        r#"function start_files {{
  if [ "$grub_platform" = efi ]; then
    if [ -n "$profile" ]; then
      chainloader "$slot/{uki}" "@$profile"
    else
      chainloader "$slot/{uki}"
    fi
  else
    source "$slot/{boot_entry}"
  fi
  boot
}}
function start_slot {{
  if [ "$1" = a ]; then set root="$medium,gpt{a}"; else set root="$medium,gpt{b}"; fi
  set slot="($root)"
  start_files
}}
function start_os {{
  if [ -n "$plain" ]; then
    set root="$plain"
    set slot="($root)/{folder}"
    start_files
  else
    load_record
    if [ "$record" = 1 ]; then
      decide_slot
      save_record
      if [ -n "$pick" ]; then start_slot $pick; fi
      # What could not be counted would be tried for ever: whatever else can be loaded.
      if [ -z "$saved" ]; then
        start_slot a
        start_slot b
      fi
    else
      # Nothing can be counted: the first one that can be loaded.
      start_slot a
      start_slot b
    fi
  fi
  give_up
}}
function give_up {{
  echo "anklume: the OS could not be started. Restarting in 10 seconds."
  sleep 10
  reboot
}}
"#
    )
}

fn menu(title: &str) -> String {
    let main = entry(title, None, "start_os");
    let variants: String = VARIANTS
        .iter()
        .zip(1_usize..)
        .map(|(variant, profile)| {
            let title = quoted(&format!("{title}: {}", variant.title));
            entry(&title, Some((variant, profile)), "start_os")
        })
        .collect();
    let by_hand = slots_by_hand("Start slot", None);
    format!(
        "{main}submenu --unrestricted \"Advanced options\" {{\n{variants}\
         if [ -n \"$medium\" ]; then\n{by_hand}fi\n}}\n"
    )
}

/// What is left when every slot failed as often as it may: somebody has to decide. The first entry is
/// the text, and comes back to the menu.
fn rescue_menu(title: &str) -> String {
    let text =
        format!("{title} failed to start {RESCUE_TRIES} times. Data disks were not touched.");
    let by_hand = slots_by_hand("Try once more: slot", None);
    let other_ways: String = VARIANTS
        .iter()
        .zip(1_usize..)
        .map(|(variant, profile)| {
            slots_by_hand(&format!("{}: slot", variant.title), Some((variant, profile)))
        })
        .collect();
    format!(
        "menuentry --unrestricted \"{text}\" {{\n  true\n}}\n{by_hand}\
         menuentry --unrestricted \"Restart\" {{\n  reboot\n}}\n\
         menuentry --unrestricted \"Switch off\" {{\n  halt\n}}\n\
         submenu --unrestricted \"Try once more in another way\" {{\n{other_ways}}}\n"
    )
}

/// Tries of a slot, for the text of the rescue menu.
const RESCUE_TRIES: u8 = 3;

/// An entry for each slot that has a kernel. What is started by hand is not counted.
fn slots_by_hand(words: &str, variant: Option<(&Variant, usize)>) -> String {
    let each = |slot: Slot| {
        let number = Role::Boot(slot).number();
        let letter = slot.to_string().to_uppercase();
        let entry =
            entry(&format!("{words} {letter}"), variant, &format!("start_slot {slot}\n  give_up"));
        format!("if [ -f \"($medium,gpt{number})/{}\" ]; then\n{entry}fi\n", files::KERNEL)
    };
    Slot::ALL.into_iter().map(each).collect()
}

fn entry(title: &str, variant: Option<(&Variant, usize)>, action: &str) -> String {
    let profile = variant.map(|(_, number)| number.to_string()).unwrap_or_default();
    let parameters = variant.map(|(variant, _)| variant.parameters).unwrap_or_default();
    format!(
        "menuentry --unrestricted \"{title}\" {{\n  set profile={profile}\n  \
         set parameters=\"{parameters}\"\n  {action}\n}}\n"
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
    fn braces_balance_and_every_start_ends_somewhere() {
        let config = embedded_config("anklume", "");
        assert_eq!(config.matches('{').count(), config.matches('}').count());
        let opened = config.matches("if [ ").count() + config.matches("if regexp").count();
        let closed = config.lines().filter(|line| line.trim_end().ends_with("fi")).count();
        assert_eq!(opened, closed, "{config}");
        let entries = config.matches("menuentry").count();
        assert_eq!(entries, 1 + VARIANTS.len() + 2 + 5 + 2 * VARIANTS.len());
        let starts = config.matches("\n  start_os\n").count();
        assert_eq!(starts, 1 + VARIANTS.len());
        assert_eq!(config.matches("  give_up\n}").count(), 1 + 4 + 2 * VARIANTS.len());
    }

    #[test]
    fn entries_of_the_submenu_see_what_they_use() {
        let config = embedded_config("anklume", "");
        for variable in ["medium", "records", "plain"] {
            assert!(config.contains(&format!("\nexport {variable}\n")));
        }
    }

    #[test]
    fn the_folder_of_the_record_is_that_of_its_files() {
        for path in files::BOOT_RECORDS {
            assert!(path.starts_with(&format!("{}/", files::ISO_FOLDER)));
        }
        assert!(find_medium().contains("records=\"($d,gpt2)/ANKLUME\""));
    }

    #[test]
    fn a_title_cannot_leave_its_quotes() {
        let config = embedded_config("a\" { evil $x `y` \\", "");
        assert!(config.contains("\"a { evil x y \""), "{config}");
    }

    #[test]
    fn the_default_entry_passes_no_argument_to_the_uki() {
        let config = embedded_config("anklume", "");
        let (_, menu) = config.split_once("menuentry --unrestricted \"anklume\" {").unwrap();
        assert!(menu.starts_with("\n  set profile=\n  set parameters=\"\"\n  start_os\n}\n"));
        assert!(config.contains("chainloader \"$slot/ANKLUME.EFI\"\n"));
        assert!(boot_entry("a=1").contains("\nlinux $slot/VMLINUZ a=1 $parameters\n"));
    }
}
