//! What a setup did, for somebody who helps, without secrets.
//!
//! Only what is known to hold none goes in: the plan and its actions, which name keys and do not have them; the
//! inventory of disks, with serial numbers; and which part failed. The only free text is what an error says. It is
//! left out if it has a piece of a secret of this setup in it, or of something that looks like a key or a hashed
//! password.

use std::fs;
use std::path::Path;

use anklume_layout::text::printable;
use anklume_setup::{Action, Plan, What};
use zeroize::Zeroizing;

use crate::{inventory, record, say};
use anklume_failure::{Context, Failure};

/// The log of this boot, in RAM.
const PATH: &str = "/run/anklume/setup.log";
/// Name of the file that is saved.
pub(crate) const NAME: &str = "anklume-setup-log.txt";
/// What stands in the place of a text that is left out.
const LEFT_OUT: &str = "(left out: it may hold a secret)";
/// Beginnings of words of texts that are left out: hashed passwords, private and public keys, settings of Wi-Fi.
const TELLTALE: [&str; 12] = [
    "$y$",
    "$gy$",
    "$7$",
    "$2b$",
    "$2y$",
    "$6$",
    "$5$",
    "-----begin",
    "ssh-",
    "ecdsa-sha2-",
    "sk-",
    "psk",
];

/// Characters of a secret that are enough to leave a text out.
const PIECE: usize = 6;

/// A part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Disks.
    Pool,
    /// Everything that is not disks.
    Machine,
    /// Incus.
    Containers,
}

impl Part {
    const fn word(self) -> &'static str {
        match self {
            Self::Pool => "disks",
            Self::Machine => "the machine",
            Self::Containers => "containers",
        }
    }
}

/// What was done so far.
#[derive(Default)]
pub(crate) struct Log {
    lines: Vec<String>,
    secrets: Vec<Zeroizing<String>>,
}

impl Log {
    /// A text that must not be in it, in no line.
    pub(crate) fn hide(&mut self, secret: &str) {
        if !secret.is_empty() {
            self.secrets.push(Zeroizing::new(secret.to_owned()));
        }
    }

    /// What is wanted.
    pub(crate) fn wanted(&mut self, what: What) {
        self.lines.push(format!("wanted: {what:?}"));
    }

    /// The plan as a whole.
    pub(crate) fn plan(&mut self, plan: &Plan) {
        for step in &plan.steps {
            self.lines.push(format!("plan: {:?}", step.work));
            self.lines.extend(step.actions.iter().map(|action| format!("plan:     {action}")));
        }
    }

    /// An action that begins.
    pub(crate) fn action(&mut self, action: &Action) {
        self.lines.push(format!("doing: {action}"));
    }

    /// A part that begins.
    pub(crate) fn part(&mut self, part: Part) {
        self.lines.push(format!("part: {}", part.word()));
    }

    /// How it ended.
    pub(crate) fn ended(&mut self, done: &Result<(), Failure>) {
        match done {
            Ok(()) => self.lines.push("ended: done".to_owned()),
            Err(failure) => {
                self.lines.push(format!("ended: {:?}", failure.kind()));
                let message = failure.message();
                let shown = if self.is_safe(message) { message } else { LEFT_OUT };
                self.lines.push(format!("error: {shown}"));
            }
        }
    }

    fn is_safe(&self, text: &str) -> bool {
        let lower = text.to_lowercase();
        let between =
            |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '=' | ':' | ',' | '.');
        let telltale =
            lower.split(between).any(|word| TELLTALE.iter().any(|begin| word.starts_with(begin)));
        !telltale && !self.secrets.iter().any(|secret| has_piece(&lower, secret))
    }

    /// The text, without the disks.
    pub(crate) fn text(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let mut text = format!("anklume setup log 1, version {version}\n");
        self.lines.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        text
    }

    /// Keeps it until the machine is switched off. It is no loss if that fails.
    pub(crate) fn keep(&self) {
        let _ = anklume_host::file::replace(Path::new(PATH), self.text().as_bytes());
    }
}

/// Whether a text in lower case has a piece of a secret in it: what a program printed may be cut in the middle. The
/// secret as it is, as `Debug` would write it, and as a message has it.
fn has_piece(text: &str, secret: &str) -> bool {
    let escaped: Zeroizing<String> = Zeroizing::new(secret.escape_debug().collect());
    let shown = Zeroizing::new(printable(secret, secret.len()));
    [secret, &escaped, &shown].into_iter().any(|form| {
        let letters: Vec<char> = form.to_lowercase().chars().collect();
        let length = letters.len().clamp(1, PIECE);
        letters.windows(length).any(|piece| text.contains(&piece.iter().collect::<String>()))
    })
}

/// The log of the last setup of this boot, and the disks as they are now.
pub(crate) fn whole() -> Result<String, Failure> {
    let log = fs::read_to_string(PATH).unwrap_or_else(|_| "no setup on this boot\n".to_owned());
    let disks = match inventory::collect() {
        Ok(inventory) => inventory.to_json(),
        Err(_) => "the disks cannot be looked at".to_owned(),
    };
    Ok(format!("{log}disks:\n{disks}\n"))
}

/// `setup --save-log`.
pub(crate) fn save(folder: &Path) -> Result<(), Failure> {
    record::need_root("looking at disks")?;
    let path = folder.join(NAME);
    anklume_host::file::replace(&path, whole()?.as_bytes()).context(path.display())?;
    say(path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRETS: [&str; 4] =
        ["correct  horse\tbattery", "Pa\"ss\\wörd", "wifi-secret-9", "cbdefghi-jklnrtuv"];

    fn log() -> Log {
        let mut log = Log::default();
        SECRETS.iter().for_each(|secret| log.hide(secret));
        log
    }

    fn text_of(message: &str) -> String {
        let mut log = log();
        log.ended(&Err(Failure::failed(message)));
        log.text()
    }

    #[test]
    fn no_secret_gets_in_whatever_an_error_says() {
        for secret in SECRETS {
            for message in [
                secret.to_owned(),
                format!("mkfs.btrfs: cannot use {secret}: bad\nsecond line"),
                format!("value {secret:?} is not valid"),
                format!("LOUD {}", secret.to_uppercase()),
            ] {
                let text = text_of(&message);
                assert!(text.contains(LEFT_OUT), "{message}: {text}");
                let plain = secret.replace(['"', '\\'], "");
                for found in [secret, plain.as_str(), &secret.to_uppercase()] {
                    assert!(!text.contains(found), "{message}: {text}");
                }
            }
        }
        // Cut at both ends.
        assert!(text_of("ect horse bat").contains(LEFT_OUT));
        for telltale in [
            "hash $y$j9T$abc$def",
            "ada:$6$a$b:20000",
            "ssh-ed25519 AAAAC3Nza ada",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "psk=12345678",
            "802-11-wireless-security.psk: 'x'",
        ] {
            let text = text_of(telltale);
            assert!(text.contains(LEFT_OUT) && !text.contains(telltale), "{telltale}: {text}");
        }
        assert!(text_of("/dev/sdb1: device is busy (serial S5Y1NX0R)").contains("S5Y1NX0R"));
    }
}
