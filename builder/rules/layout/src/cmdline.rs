//! The kernel command line.

/// Root hash of the OS, 64 hexadecimal digits.
///
/// Not `roothash=`: systemd's generator in the running OS would answer to that one and set up a
/// second mapping, whose unit fails when a medium that was loaded into RAM is pulled out.
pub const ROOT_HASH: &str = "anklume.roothash";
/// Path of the image file on the file system that holds it, as GRUB multiboot sticks pass it.
pub const ISO_FILE: &str = "iso-scan/filename";
/// `1` opens a shell in the initramfs when no medium is found. Only test images obey.
pub const SHELL: &str = "anklume.shell";
/// Seconds to wait for the medium.
pub const TIMEOUT: &str = "anklume.timeout";
/// GUID of the partition that the boot loader read the kernel from, where it can pass arguments and
/// no firmware says it (BIOS). Decides only between two copies of the same OS.
pub const LOADER_PARTITION: &str = "anklume.loader-partition";
/// `1` shows on the consoles what else the initramfs keeps in the kernel's log only.
pub const VERBOSE: &str = "anklume.verbose";
/// `on` makes the kernel encrypt RAM with AMD SME, where the firmware enabled it (Linux,
/// `Documentation/arch/x86/amd-memory-encryption.rst`).
pub const MEM_ENCRYPT: &str = "mem_encrypt";
/// Whether the OS is copied into RAM: `auto`, `1` or `0`. `auto`, which is also what no value and an
/// unknown one mean, does it when RAM is [`TORAM_RATIO`] times the OS image; `1` whenever it fits.
pub const TORAM: &str = "anklume.toram";
/// How many times the OS image the RAM of a machine has to be for [`TORAM`] `auto`.
pub const TORAM_RATIO: u64 = 4;
/// Seconds from the handover to the OS until the OS must have said that it is well.
pub const HEALTH_DEADLINE: &str = "anklume.health-deadline";
/// Address of an answer file for the first start, with https.
pub const ANSWERS: &str = "anklume.answers";
/// Program to hand over to instead of [`crate::initramfs::NEXT`]. Only test images obey.
pub const INIT: &str = "init";

/// The value of `key` in a command line: the last one wins, quotes are stripped as the kernel does.
#[must_use]
pub fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    words(line)
        .filter_map(|word| {
            let word = word.strip_prefix('"').map_or(word, |w| w.strip_suffix('"').unwrap_or(w));
            let (name, value) = word.split_once('=')?;
            (name == key).then_some(value)
        })
        .map(|value| value.strip_prefix('"').map_or(value, |v| v.strip_suffix('"').unwrap_or(v)))
        .last()
}

/// Whether the kernel is told to encrypt RAM with AMD SME.
#[must_use]
pub fn encrypts_ram(line: &str) -> bool {
    value(line, MEM_ENCRYPT) == Some("on")
}

/// Splits at white space outside double quotes, as the kernel does.
pub fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    line.split(move |c: char| {
        quoted ^= c == '"';
        c.is_ascii_whitespace() && !quoted
    })
    .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_wins_and_quotes_are_stripped() {
        let line = "quiet a=1 b=\"x y\" \"c=p q\" a=2 aa=3\n";
        assert_eq!(value(line, "a"), Some("2"));
        assert_eq!(value(line, "b"), Some("x y"));
        assert_eq!(value(line, "c"), Some("p q"));
        assert_eq!(value(line, "quiet"), None);
        assert_eq!(value(line, "d"), None);
    }

    #[test]
    fn the_last_word_about_encryption_counts() {
        assert!(encrypts_ram("mem_encrypt=off quiet mem_encrypt=on"));
        assert!(!encrypts_ram("mem_encrypt=on mem_encrypt=off"));
        assert!(!encrypts_ram("quiet xmem_encrypt=on mem_encrypt"));
    }
}
