//! Where answer files come from at the first start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anklume_host::process::Cmd;
use anklume_layout::cmdline;
use anklume_passphrase::RecoveryKey;
use anklume_settings::{Secret, Settings, text_from_url};
use anklume_setup::SecretSource;
use zeroize::Zeroizing;

use crate::answers::Answers;
use anklume_failure::{Context, Failure, Kind};

/// File systems that may bring an answer file: a stick by its label, and the EFI system partition of the boot
/// medium, which every computer can write to.
const PLACES: [&str; 2] = ["/dev/disk/by-label/ANKLUME-SEED", "/dev/disk/by-partlabel/anklume-esp"];
/// Where it is mounted meanwhile.
const MOUNT: &str = "/run/anklume/seed";
/// A folder that nothing is in.
const NOWHERE: &str = "/proc/self/no-folder";
/// The file on it.
const FILE: &str = "anklume/answers.toml";
/// The credential that is one.
const CREDENTIAL: &str = "anklume.answers";
/// What systemd was given by the machine or by what is around it (systemd.io/CREDENTIALS).
const SYSTEM_CREDENTIALS: [&str; 2] = ["/run/credentials/@system", "/run/credentials/@encrypted"];

/// An answer file, and where the files are that it names.
pub(crate) struct Seed {
    /// What it says.
    pub(crate) answers: Answers,
    /// The folder of files that it names.
    folder: PathBuf,
    /// Whether the folder is to be unmounted.
    mounted: bool,
}

impl Drop for Seed {
    fn drop(&mut self) {
        if self.mounted {
            let _ = Cmd::new("umount").arg(MOUNT).output();
        }
    }
}

impl Seed {
    /// One that somebody named.
    pub(crate) fn named(path: &Path) -> Result<Self, Failure> {
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        Ok(Self { answers: Answers::read(path)?, folder, mounted: false })
    }

    /// The one that this machine finds, if there is one: a credential, then an address on the kernel's command
    /// line, then a file.
    pub(crate) fn find() -> Result<Option<Self>, Failure> {
        if let Some(path) = credential(CREDENTIAL) {
            let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
            return Ok(Some(Self { answers: Answers::read(&path)?, folder, mounted: false }));
        }
        let command_line = fs::read_to_string("/proc/cmdline").context("the command line")?;
        if let Some(url) = cmdline::value(&command_line, cmdline::ANSWERS) {
            return Self::from_url(url).map(Some);
        }
        for place in PLACES.map(Path::new) {
            if let Some(seed) = Self::on(place)? {
                return Ok(Some(seed));
            }
        }
        Ok(None)
    }

    /// From a web server. There is no folder beside it: secrets are credentials.
    fn from_url(url: &str) -> Result<Self, Failure> {
        // As long as the network may take; its unit ends when it is there.
        let wait = Cmd::new("nm-online").args(["--quiet", "--timeout=120"]);
        if let Err(error) = wait.output() {
            crate::say(format!("the network: {error}"));
        }
        let text = text_from_url(url).context(url)?;
        let answers = Answers::parse(&text)
            .map_err(|why| Failure::new(Kind::Damaged, format!("{url}: {why}")))?;
        Ok(Self { answers, folder: PathBuf::from(NOWHERE), mounted: false })
    }

    /// From a file system, if it is there and has one.
    fn on(device: &Path) -> Result<Option<Self>, Failure> {
        if !device.exists() {
            return Ok(None);
        }
        fs::create_dir_all(MOUNT).context(MOUNT)?;
        let options = ["-o", "ro,nodev,nosuid,noexec"];
        Cmd::new("mount")
            .args(options)
            .arg(device)
            .arg(MOUNT)
            .output()
            .context(device.display())?;
        let path = Path::new(MOUNT).join(FILE);
        let answers = if path.exists() { Answers::read(&path).map(Some) } else { Ok(None) };
        match answers {
            Ok(Some(answers)) => {
                let folder = path.parent().unwrap_or(Path::new(MOUNT)).to_owned();
                Ok(Some(Self { answers, folder, mounted: true }))
            }
            other => {
                let _ = Cmd::new("umount").arg(MOUNT).output();
                other.map(|_| None)
            }
        }
    }

    /// A secret that the answers name.
    pub(crate) fn secret(&self, source: &SecretSource) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let path = match source {
            SecretSource::Credential(name) => credential(name).ok_or_else(|| {
                Failure::refused(format!("there is no credential {name}"))
                    .hint("systemd.io/CREDENTIALS tells how a machine gets one")
            })?,
            SecretSource::File(name) => self.folder.join(plain(name)?),
        };
        let mut bytes = Zeroizing::new(fs::read(&path).context(path.display())?);
        while bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            bytes.pop();
        }
        Ok(bytes)
    }

    /// The settings of the machine, with their secrets.
    pub(crate) fn machine(&self) -> Result<Settings, Failure> {
        let machine = self.answers.fill(|source| {
            let bytes = self.secret(source)?;
            let text = std::str::from_utf8(&bytes).context("a secret")?;
            Ok(Secret::new(text.to_owned()))
        })?;
        match machine.check().into_iter().next() {
            Some(error) => Err(Failure::refused(format!("machine.{error}"))),
            None => Ok(machine),
        }
    }

    /// The recovery key that the answers name, or a new one that nobody sees.
    pub(crate) fn recovery_key(&self) -> Result<RecoveryKey, Failure> {
        let Some(source) = &self.answers.data.recovery_key else { return new_recovery_key() };
        let bytes = self.secret(source)?;
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        RecoveryKey::parse(text).map_err(|why| {
            let why = why.text(anklume_language::Language::English);
            Failure::refused(format!("data.recovery-key: {why}"))
        })
    }
}

/// A recovery key of random bits.
pub(crate) fn new_recovery_key() -> Result<RecoveryKey, Failure> {
    let mut random = Zeroizing::new([0; 32]);
    getrandom::fill(random.as_mut_slice()).context("random numbers")?;
    Ok(RecoveryKey::new(&random))
}

/// A name without a way to another folder.
fn plain(name: &str) -> Result<&str, Failure> {
    let is_plain = !name.is_empty() && !name.contains('/') && name != "." && name != "..";
    is_plain.then_some(name).ok_or_else(|| {
        Failure::refused(format!("{name:?} is not the name of a file beside the answer file"))
    })
}

/// The file of a credential.
fn credential(name: &str) -> Option<PathBuf> {
    let name = plain(name).ok()?;
    let own = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let folders = own.into_iter().chain(SYSTEM_CREDENTIALS.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| match fs::metadata(path) {
        Ok(metadata) => metadata.is_file(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_beside_the_answers_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.toml");
        fs::write(&path, "version = 1\n[data]\nwhat = 'later'\n").unwrap();
        fs::write(folder.path().join("word"), "a secret \r\n").unwrap();
        let seed = Seed::named(&path).unwrap();
        let file = |name: &str| seed.secret(&SecretSource::File(name.to_owned()));
        assert_eq!(file("word").unwrap().as_slice(), b"a secret ");
        for name in ["../word", "/etc/shadow", "", "..", "missing"] {
            assert!(file(name).is_err(), "{name}");
        }
        assert!(seed.secret(&SecretSource::Credential("no such".to_owned())).is_err());
    }
}
