//! LUKS2: what is asked of cryptsetup.

use crate::action::{Action, Argument, Key};

/// What a guess at a passphrase costs (argon2id). Pinned: a benchmark on a slow or emulated machine would
/// choose next to nothing, for a disk that a fast one attacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
    /// Threads.
    pub threads: u32,
}

impl Cost {
    /// For a machine with so many bytes of RAM. The disk must open again on a machine with a quarter of it.
    #[must_use]
    pub const fn for_memory(bytes: u64) -> Self {
        // RFC 9106 section 4 asks for 64 MiB and 3 passes at least; cryptsetup takes at most 4 threads.
        let memory = if bytes >= 4 << 30 {
            512 << 10
        } else if bytes >= 2 << 30 {
            256 << 10
        } else {
            64 << 10
        };
        Self { memory, passes: 4, threads: 4 }
    }
}

/// Makes a LUKS2 volume with the passphrase in slot 0.
pub(crate) fn format(device: &str, uuid: &str, cost: Cost) -> Action {
    let Cost { memory, passes, threads } = cost;
    Action::run("cryptsetup", &["luksFormat", "--batch-mode", "--type", "luks2"])
        .with(option("--uuid", uuid))
        .with(option("--label", crate::LABEL))
        .with(option("--cipher", "aes-xts-plain64"))
        .with(option("--key-size", "512"))
        .with(option("--sector-size", "4096"))
        .with(option("--key-slot", "0"))
        .with(option("--pbkdf", "argon2id"))
        .with(option("--pbkdf-memory", &memory.to_string()))
        .with(option("--pbkdf-parallel", &threads.to_string()))
        .with(option("--pbkdf-force-iterations", &passes.to_string()))
        .with(key_file("--key-file", Key::Passphrase))
        .with([text(device)])
}

/// Adds the recovery key in slot 1. It has 256 random bits, so that guesses need not be made costly, and
/// opening takes no time.
pub(crate) fn add_recovery(device: &str) -> Action {
    Action::run("cryptsetup", &["luksAddKey", "--batch-mode"])
        .with(option("--new-key-slot", "1"))
        .with(option("--pbkdf", "pbkdf2"))
        .with(option("--pbkdf-force-iterations", "1000"))
        .with(key_file("--key-file", Key::Passphrase))
        .with([text(device), Argument::KeyFile(Key::Recovery)])
}

/// Opens a volume as `/dev/mapper/name`.
pub(crate) fn open(device: &str, name: &str, key: Key, discard: bool) -> Action {
    let discards = discard.then(|| text("--allow-discards"));
    Action::run("cryptsetup", &["open", "--batch-mode", "--type", "luks2", "--tries", "1"])
        .with(discards)
        .with(key_file("--key-file", key))
        .with([text(device), text(name)])
}

/// Tries a key of one slot without opening anything.
pub(crate) fn prove(device: &str, slot: u8, key: Key) -> Action {
    test()
        .with(option("--key-slot", &slot.to_string()))
        .with(key_file("--key-file", key))
        .with([text(device)])
}

/// Tries a key of whichever slot without opening anything.
pub(crate) fn prove_any(device: &str, key: Key) -> Action {
    test().with(key_file("--key-file", key)).with([text(device)])
}

fn test() -> Action {
    Action::run("cryptsetup", &["open", "--batch-mode", "--type", "luks2", "--test-passphrase"])
}

/// Closes a volume, if it is open.
pub(crate) fn close(name: &str) -> Action {
    Action::CloseVolume { name: name.to_owned() }
}

fn text(word: &str) -> Argument {
    Argument::Text(word.to_owned())
}

fn option(name: &str, value: &str) -> [Argument; 2] {
    [text(name), text(value)]
}

fn key_file(name: &str, key: Key) -> [Argument; 2] {
    [text(name), Argument::KeyFile(key)]
}
