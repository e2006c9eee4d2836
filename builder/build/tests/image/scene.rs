//! A publisher's folder, the program that is run in it, and what a machine makes of the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anklume_release::offers;
use anklume_trust::{Client, Clock, Moment, Staleness, Stored};

use crate::sample;

/// When the tests begin, and a day.
pub(crate) const START: u64 = 1_794_648_103;
pub(crate) const DAY: u64 = 86_400;

/// A folder with keys, images and a repository.
pub(crate) struct Scene {
    pub(crate) folder: tempfile::TempDir,
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) errors: String,
}

/// Runs the program in `folder`, where it is `day` days after the start.
pub(crate) fn run_in(folder: &Path, day: u64, words: &str) -> Ran {
    run_at(folder, START + day * DAY, &meant(words))
}

/// The same command, where the time of the tests is meant although it is over, or will be.
pub(crate) fn meant(words: &str) -> String {
    match words.starts_with("publish") || words.starts_with("repo withdraw") {
        true => format!("{words} --past"),
        false => words.to_owned(),
    }
}

/// Runs the program in `folder`, at a moment in seconds since 1970.
pub(crate) fn run_at(folder: &Path, now: u64, words: &str) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_anklume-build"))
        .args(words.split_whitespace())
        .current_dir(folder)
        .env("SOURCE_DATE_EPOCH", now.to_string())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), output: text(output.stdout), errors: text(output.stderr) }
}

impl Scene {
    /// With keys.
    pub(crate) fn new() -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap() };
        scene.good(0, "keys new keys");
        scene
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An image of that version.
    pub(crate) fn image(&self, version: &str) -> String {
        self.image_of(("sample", version, ""))
    }

    pub(crate) fn image_of(&self, says: (&str, &str, &str)) -> String {
        let place = tempfile::tempdir().unwrap();
        let name = format!("{}-{}.iso", says.0, says.1);
        fs::write(self.path(&name), sample::release(place.path(), says).whole()).unwrap();
        name
    }

    pub(crate) fn run(&self, day: u64, words: &str) -> Ran {
        run_in(self.folder.path(), day, words)
    }

    /// A run that must end well.
    pub(crate) fn good(&self, day: u64, words: &str) -> Ran {
        let ran = self.run(day, words);
        assert_eq!(ran.code, Some(0), "{words}: {ran:?}");
        ran
    }

    /// A run that must be refused; what it says.
    pub(crate) fn refused(&self, day: u64, words: &str, code: i32) -> String {
        let ran = self.run(day, words);
        assert_eq!(ran.code, Some(code), "{words}: {ran:?}");
        assert_eq!(ran.errors.matches("error: ").count(), 1, "{words}: {ran:?}");
        ran.errors
    }

    pub(crate) fn publish(&self, day: u64, image: &str, more: &str) -> Ran {
        self.good(day, &format!("publish {image} --repo www --channel stable {more}"))
    }

    /// What a machine finds that trusts the first root, and remembers `stored`.
    pub(crate) fn machine(&self, www: &str, day: u64, stored: Option<Stored>) -> Client {
        let anchor = fs::read(self.path("keys/1.root.json")).unwrap();
        machine(&self.path(www), &anchor, day, stored)
    }

    /// Checks the repository, which must be in order.
    pub(crate) fn check(&self, day: u64) -> String {
        self.good(day, "repo check www --root keys/1.root.json").output
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path("www").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// What a machine makes of the repository `www` with what it remembers.
pub(crate) fn machine(www: &Path, anchor: &[u8], day: u64, stored: Option<Stored>) -> Client {
    machine_or_error(www, anchor, day, stored).unwrap()
}

/// As [`machine`], where it may find something that it refuses.
pub(crate) fn machine_or_error(
    www: &Path,
    anchor: &[u8],
    day: u64,
    stored: Option<Stored>,
) -> Result<Client, anklume_trust::Error> {
    let rtc = Moment::from_unix(START + day * DAY);
    let clock = Clock { rtc, built: Moment::from_unix(0) };
    let mut client = Client::new(anchor, stored, clock, Staleness::Refuse).unwrap();
    let read = |name: &str| fs::read(www.join("metadata").join(name));
    while let Ok(bytes) = read(&client.root_file().name) {
        client.update_root(&bytes).unwrap();
    }
    client.update_timestamp(&read(&client.timestamp_file().name).unwrap())?;
    client.update_snapshot(&read(&client.snapshot_file().unwrap().name).unwrap())?;
    client.update_targets(&read(&client.targets_file().unwrap().name).unwrap())?;
    Ok(client)
}

/// The versions that are offered.
pub(crate) fn versions(client: &Client) -> Vec<String> {
    let (offers, errors) = offers(client.targets().unwrap());
    assert_eq!(errors, []);
    offers.into_iter().map(|offer| offer.custom.version).collect()
}
