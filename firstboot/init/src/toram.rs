//! Whether the OS goes into RAM. Decides; does nothing.

use anklume_layout::cmdline::{TORAM, TORAM_RATIO};
use anklume_layout::report::ToramReason;

use crate::plan::size_text;

/// What the OS is left to run with when somebody asks for it in RAM, in bytes. Debian with Incus runs
/// in less, but every change to `/etc` and `/var` lies in RAM too.
const RESERVE_BYTES: u64 = 512 << 20;

/// What the command line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    Auto,
    /// Whenever it fits.
    Always,
    Never,
    /// A value that nobody defined; counts as [`Wish::Auto`].
    Unknown(String),
}

impl Wish {
    pub(crate) fn parse(value: Option<&str>) -> Self {
        match value {
            None | Some("auto") => Self::Auto,
            Some("1") => Self::Always,
            Some("0") => Self::Never,
            Some(other) => Self::Unknown(other.to_owned()),
        }
    }

    /// What to tell whoever wrote the command line.
    pub(crate) fn complaint(&self) -> Option<String> {
        let Self::Unknown(value) = self else { return None };
        Some(format!("{TORAM}={value} is none of auto, 1 and 0: taken for auto"))
    }
}

/// RAM in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// What the kernel manages.
    pub(crate) total: u64,
    /// What programs can still get.
    pub(crate) available: u64,
}

impl Memory {
    /// Reads `/proc/meminfo` (proc_meminfo(5)), whose kB are 1024 bytes.
    pub(crate) fn parse(meminfo: &str) -> Option<Self> {
        let bytes = |key: &str| {
            let value = meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            value?.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
        };
        Some(Self { total: bytes("MemTotal")?, available: bytes("MemAvailable")? })
    }
}

/// Whether an OS image of `image_bytes` goes into RAM, and why.
pub(crate) fn decide(wish: &Wish, image_bytes: u64, memory: Option<Memory>) -> ToramReason {
    match (wish, memory) {
        (Wish::Never, _) => ToramReason::Refused,
        (_, None) => ToramReason::UnknownMemory,
        (Wish::Always, Some(memory)) if memory.available >= room(image_bytes) => {
            ToramReason::Requested
        }
        (Wish::Always, Some(_)) => ToramReason::NoRoom,
        (_, Some(memory)) if memory.total >= plenty(image_bytes) => ToramReason::EnoughMemory,
        (_, Some(_)) => ToramReason::LittleMemory,
    }
}

/// The decision for people, with the numbers behind it.
pub(crate) fn explain(reason: ToramReason, image_bytes: u64, memory: Option<Memory>) -> String {
    let (total, available) = memory.map_or((0, 0), |memory| (memory.total, memory.available));
    let [plenty, room, total, available] =
        [plenty(image_bytes), room(image_bytes), total, available].map(size_text);
    let reserve = size_text(RESERVE_BYTES);
    match reason {
        ToramReason::EnoughMemory => format!("into RAM: {total}, enough from {plenty} on"),
        ToramReason::Requested => format!("into RAM, as asked for: {available} free"),
        ToramReason::LittleMemory => {
            format!("run from the medium: {total} of RAM, into which it goes from {plenty} on")
        }
        ToramReason::NoRoom => format!(
            "run from the medium: {TORAM}=1 needed {room} of free RAM ({reserve} of it for the \
             running system), there are {available}"
        ),
        ToramReason::Refused => format!("run from the medium: {TORAM}=0"),
        ToramReason::UnknownMemory => {
            "run from the medium: the kernel does not say how much RAM there is".to_owned()
        }
    }
}

/// What is said when RAM was full before the image was in it.
pub(crate) fn filled(image_bytes: u64) -> String {
    let size = size_text(image_bytes);
    format!("run from the medium: RAM was full before the OS of {size} was in it")
}

/// RAM from which on `auto` copies.
fn plenty(image_bytes: u64) -> u64 {
    image_bytes.saturating_mul(TORAM_RATIO)
}

/// Free RAM that a copy that was asked for needs.
fn room(image_bytes: u64) -> u64 {
    image_bytes.saturating_add(RESERVE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: u64 = 456_000_000;

    fn memory(total: u64, available: u64) -> Option<Memory> {
        Some(Memory { total, available })
    }

    #[test]
    fn auto_takes_four_times_the_image() {
        for wish in [Wish::Auto, Wish::Unknown("yes".to_owned())] {
            let decide = |total| decide(&wish, IMAGE, memory(total, 0));
            assert_eq!(decide(4 * IMAGE), ToramReason::EnoughMemory);
            assert_eq!(decide(4 * IMAGE - 1), ToramReason::LittleMemory);
        }
        let all = decide(&Wish::Auto, u64::MAX / 2, memory(u64::MAX - 1, u64::MAX - 1));
        assert_eq!(all, ToramReason::LittleMemory);
    }

    #[test]
    fn asked_for_takes_the_image_and_a_reserve() {
        let decide = |available| decide(&Wish::Always, IMAGE, memory(u64::MAX, available));
        assert_eq!(decide(IMAGE + RESERVE_BYTES), ToramReason::Requested);
        assert_eq!(decide(IMAGE + RESERVE_BYTES - 1), ToramReason::NoRoom);
    }

    #[test]
    fn a_no_and_missing_numbers_leave_it_on_the_medium() {
        let plenty = memory(u64::MAX, u64::MAX);
        assert_eq!(decide(&Wish::Never, IMAGE, plenty), ToramReason::Refused);
        assert_eq!(decide(&Wish::Never, IMAGE, None), ToramReason::Refused);
        assert_eq!(decide(&Wish::Always, IMAGE, None), ToramReason::UnknownMemory);
        assert_eq!(decide(&Wish::Auto, IMAGE, None), ToramReason::UnknownMemory);
    }

    #[test]
    fn no_room_is_told_with_both_numbers() {
        let text = explain(ToramReason::NoRoom, IMAGE, memory(1 << 30, 700_000_000));
        // 456 MB and 512 MiB.
        assert!(text.contains("needed 992 MB") && text.contains("are 700 MB"), "{text}");
        let text = explain(ToramReason::LittleMemory, IMAGE, memory(1_020_000_000, 0));
        assert!(text.contains("1.0 GB") && text.contains("1.8 GB"), "{text}");
        assert!(filled(IMAGE).contains("the OS of 456 MB"));
    }

    #[test]
    fn the_value_is_read_and_nonsense_is_told() {
        assert_eq!(Wish::parse(None), Wish::Auto);
        assert_eq!(Wish::parse(Some("auto")), Wish::Auto);
        assert_eq!(Wish::parse(Some("1")), Wish::Always);
        assert_eq!(Wish::parse(Some("0")), Wish::Never);
        let odd = Wish::parse(Some("yes"));
        assert!(odd.complaint().unwrap().starts_with("anklume.toram=yes is none"));
        assert_eq!(Wish::Always.complaint(), None);
    }

    #[test]
    fn the_kernels_numbers_are_read() {
        let text = "MemTotal:        1000 kB\nMemFree:  1 kB\nMemAvailable:     500 kB\n";
        assert_eq!(Memory::parse(text), memory(1_024_000, 512_000));
        assert_eq!(Memory::parse("MemTotal: 1000 kB\n"), None);
        assert_eq!(Memory::parse("MemTotal: x kB\nMemAvailable: 1 kB\n"), None);
    }
}
