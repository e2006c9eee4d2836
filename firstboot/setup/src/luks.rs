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

    /// As cryptsetup is told.
    fn arguments(self) -> Vec<Argument> {
        [
            option("--pbkdf", "argon2id"),
            option("--pbkdf-memory", &self.memory.to_string()),
            option("--pbkdf-parallel", &self.threads.to_string()),
            option("--pbkdf-force-iterations", &self.passes.to_string()),
        ]
        .concat()
    }
}

/// What a key is kept with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kept {
    /// One that people choose.
    Chosen(Cost),
    /// One of 256 random bits: guesses need not be made costly, and opening takes no time.
    Random,
}

impl Kept {
    fn arguments(self) -> Vec<Argument> {
        match self {
            Self::Chosen(cost) => cost.arguments(),
            Self::Random => {
                [option("--pbkdf", "pbkdf2"), option("--pbkdf-force-iterations", "1000")].concat()
            }
        }
    }
}

/// Makes a LUKS2 volume with the passphrase in slot 0.
pub(crate) fn format(device: &str, uuid: &str, cost: Cost) -> Action {
    Action::run("cryptsetup", &["luksFormat", "--batch-mode", "--type", "luks2"])
        .with(option("--uuid", uuid))
        .with(option("--label", crate::LABEL))
        .with(option("--cipher", "aes-xts-plain64"))
        .with(option("--key-size", "512"))
        .with(option("--sector-size", "4096"))
        .with(option("--key-slot", "0"))
        .with(cost.arguments())
        .with(key_file("--key-file", Key::Passphrase))
        .with([text(device)])
}

/// Adds the recovery key in slot 1.
pub(crate) fn add_recovery(device: &str) -> Action {
    add(device, 1, Key::Passphrase, Key::Recovery, Kept::Random)
}

/// Adds `new` in an empty slot, by leave of `known`.
pub(crate) fn add(device: &str, slot: u8, known: Key, new: Key, kept: Kept) -> Action {
    Action::run("cryptsetup", &["luksAddKey", "--batch-mode"])
        .with(option("--new-key-slot", &slot.to_string()))
        .with(kept.arguments())
        .with(key_file("--key-file", known))
        .with([text(device), Argument::KeyFile(new)])
}

/// Empties a slot; cryptsetup does so only if `remains` opens another one.
pub(crate) fn empty(device: &str, slot: u8, remains: Key) -> Action {
    Action::run("cryptsetup", &["luksKillSlot", "--batch-mode"])
        .with(key_file("--key-file", remains))
        .with([text(device), text(&slot.to_string())])
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
