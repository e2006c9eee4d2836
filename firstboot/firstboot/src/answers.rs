//! Answer files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::unattended;
use anklume_inventory::{Inventory, boot_medium};
use anklume_language::Language;
use anklume_settings::{Secret, Settings};
use anklume_setup::{Data, NewPool, NoRest, SecretSource, What, boot_disk, create};
use serde::{Deserialize, Serialize};

use anklume_failure::{Context, Failure, Kind};

/// Version of the form.
const VERSION: u32 = 1;
/// Most bytes of a file.
const MOST_BYTES: u64 = 256 << 10;

/// An answer file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Answers {
    /// Version of the form: 1.
    version: u32,
    /// The language of what is said.
    #[serde(default)]
    pub(crate) language: Language,
    /// Disks.
    pub(crate) data: Data,
    /// Everything else.
    #[serde(default)]
    pub(crate) machine: Settings,
    /// Where its secrets come from, by field: `"machine.admin.password" = { credential = "…" }`. They may also be
    /// in the field itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) secrets: BTreeMap<String, SecretSource>,
    /// What was wanted, and such a file cannot say; in words, as a comment of an exported one.
    #[serde(skip)]
    left_out: Option<&'static str>,
}

/// Fits every field that a secret can be for; it is only there for the check.
const STAND_IN: &str = "$6$stand$in";

impl Answers {
    pub(crate) fn new(language: Language, data: Data, machine: Settings) -> Self {
        let secrets = BTreeMap::new();
        Self { version: VERSION, language, data, machine, secrets, left_out: None }
    }

    /// The same, and it says what it does not do.
    pub(crate) fn without(self, what: &'static str) -> Self {
        Self { left_out: Some(what), ..self }
    }

    /// Reads a file and checks what can be checked without a machine.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let length = fs::metadata(path).context(path.display())?.len();
        if length > MOST_BYTES {
            let why = format!("{}: {length} bytes, expected at most {MOST_BYTES}", path.display());
            return Err(Failure::new(Kind::Damaged, why));
        }
        let text = fs::read_to_string(path).context(path.display())?;
        Self::parse(&text)
            .map_err(|why| Failure::new(Kind::Damaged, format!("{}: {why}", path.display())))
    }

    /// Reads a text; the error has all that is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = toml::from_str(text).map_err(|error| place(text, &error))?;
        if version != VERSION {
            return Err(format!("version: expected {VERSION}, found {version}"));
        }
        let answers: Self = toml::from_str(text).map_err(|error| place(text, &error))?;
        let mut wrong: Vec<String> = Vec::new();
        if let Err(why) = answers.data.check() {
            wrong.push(why.words(Language::English));
        }
        let stand_in = |_: &SecretSource| Ok(Secret::new(STAND_IN.to_owned()));
        match answers.fill(stand_in) {
            Ok(machine) => {
                wrong.extend(machine.check().iter().map(|error| format!("machine.{error}")));
            }
            Err(why) => wrong.push(why.message().to_owned()),
        }
        if wrong.is_empty() { Ok(answers) } else { Err(wrong.join("\n  ")) }
    }

    /// The settings of the machine, with the secrets that `find` gives.
    pub(crate) fn fill(
        &self,
        find: impl Fn(&SecretSource) -> Result<Secret, Failure>,
    ) -> Result<Settings, Failure> {
        let mut machine = self.machine.clone();
        for (field, source) in &self.secrets {
            let name = field.strip_prefix("machine.").unwrap_or_default();
            let set = machine
                .set_secret(name, find(source)?)
                .map_err(|error| Failure::new(Kind::Damaged, format!("machine.{error}")))?;
            if !set {
                let why = format!("secrets: {field:?} is no field with a secret in this file");
                return Err(Failure::new(Kind::Damaged, why));
            }
        }
        Ok(machine)
    }

    /// As a file, without secrets: each is named as a credential.
    pub(crate) fn export(&self) -> Result<String, Failure> {
        let mut whole = self.clone();
        for field in self.machine.secrets() {
            let source = SecretSource::Credential(credential_for(&field));
            whole.secrets.insert(format!("machine.{field}"), source);
        }
        let body = toml::to_string(&whole).context("the answer file")?;
        let head = "# Made by `anklume setup`. Secrets are not in it: they are in the credentials or files that \
                    it names.\n";
        let left_out = self.left_out.map(|what| format!("# Left out: {what}.\n"));
        Ok(format!("{head}{}{body}", left_out.unwrap_or_default()))
    }

    /// The new pool that it asks for, on a machine.
    pub(crate) fn pool(&self, inventory: &Inventory) -> Result<Option<NewPool>, Failure> {
        if self.data.what != What::New {
            return Ok(None);
        }
        let rest = match self.data.rest_of_boot_disk {
            true => anklume_storage::rest(inventory),
            false => Err(NoRest::Unknown),
        };
        self.data.find(inventory, rest).map(Some).map_err(|why| {
            Failure::refused(why.words(Language::English))
                .hint("`anklume inventory` shows the disks; nothing was changed")
        })
    }
}

/// Kernel names of the disks that say which pool is to be opened.
pub(crate) fn named(answers: &Answers, machine: &Inventory) -> Result<Vec<String>, Failure> {
    answers.data.named(machine).map_err(|why| {
        Failure::refused(why.words(answers.language))
            .hint("`anklume inventory` shows the disks; nothing was changed")
    })
}

/// The credential of a secret of the machine.
fn credential_for(field: &str) -> String {
    let number = field.strip_prefix("networks[").and_then(|rest| rest.split(']').next());
    match number {
        Some("0") => "anklume.wifi".to_owned(),
        Some(number) => format!("anklume.wifi-{number}"),
        None => field.replace("admin.", "anklume."),
    }
}

/// `answers validate`.
pub(crate) fn validate(file: &Path) -> Result<(), Failure> {
    Answers::read(file)?;
    crate::say(format!("{}: as it should be", file.display()));
    Ok(())
}

/// Where a text is wrong and why, without the line itself or a value of it: it may be a secret.
fn place(text: &str, error: &toml::de::Error) -> String {
    let why = error.message();
    let why = match (why.find("expected"), why.contains("string \"") || why.contains('`')) {
        (Some(at), true) if !why.starts_with("missing") => why.get(at..).unwrap_or(why),
        _ => why,
    };
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}: {why}")
}

/// `answers match`.
pub(crate) fn matches(file: &Path, inventory: &Path) -> Result<(), Failure> {
    let answers = Answers::read(file)?;
    let bytes = fs::read(inventory).context(inventory.display())?;
    let machine = Inventory::parse(&bytes).map_err(|error| {
        Failure::new(Kind::Damaged, format!("{}: {error}", inventory.display()))
    })?;
    let is_name = |name: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.!-".contains(c);
        name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain)
    };
    if let Some(disk) = machine.disks.iter().find(|disk| !is_name(&disk.name)) {
        let why = format!("{}: expected kernel names, found {:?}", inventory.display(), disk.name);
        return Err(Failure::new(Kind::Damaged, why));
    }
    if answers.data.rest_of_boot_disk {
        let disk = boot_disk(&machine)
            .ok_or_else(|| Failure::refused(NoRest::Unknown.words(Language::English)))?;
        // How much of it is free is not in an inventory.
        crate::say(format!("{}: its free space would be taken", disk.name));
        return Ok(());
    }
    let Some(pool) = answers.pool(&machine)? else {
        for disk in named(&answers, &machine)? {
            crate::say(format!("{disk}: the pool on it would be opened"));
        }
        crate::say("no disk is taken");
        return Ok(());
    };
    let language = Language::English;
    let boot = boot_medium(&machine);
    if !boot.is_certain() {
        return Err(Failure::refused(boot.words(language)));
    }
    if let Some(disk) = unattended::holds_a_pool(&machine, &pool) {
        crate::say(format!("{disk} has a pool already: it would be opened"));
        return Ok(());
    }
    let ids = anklume_storage::ids(pool.disks.len()).context("random numbers")?;
    create(&pool, &ids).map_err(|why| Failure::refused(why.words(language)))?;
    for confirmed in &pool.disks {
        let disk = confirmed.disk();
        crate::say(format!("{} would be erased: {}", disk.name, disk.words(language)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "version = 1\nlanguage = 'fr'\n[data]\nwhat = 'new'\n\
        passphrase = { file = 'passphrase' }\n[[data.disks]]\nserial = 'A'\n\
        [machine]\nhostname = 'lab'\n[machine.admin]\nname = 'ada'\npassword = 'not shown'\n";

    #[test]
    fn what_is_exported_is_read_again_without_secrets() {
        let answers = Answers::parse(FILE).unwrap();
        let text = answers.export().unwrap();
        assert!(text.contains("machine.admin.password") && !text.contains("not shown"), "{text}");
        let again = Answers::parse(&text).unwrap();
        assert!(text.contains("anklume.password") && again.machine.check().len() == 1, "{text}");
        let word = |_: &SecretSource| Ok(Secret::new("not shown".to_owned()));
        assert_eq!(again.fill(word).unwrap(), answers.machine);
    }

    #[test]
    fn domains_are_checked_and_exported() {
        let with = |domains: &str| {
            let text = format!("what = 'new'\ndomains = {domains}");
            Answers::parse(&FILE.replace("what = 'new'", &text))
        };
        let answers = with("['work', 'home']").unwrap();
        let again = Answers::parse(&answers.export().unwrap()).unwrap();
        assert_eq!(again.data.domains, answers.data.domains);
        assert_eq!(again.data.domains.len(), 2);
        for (wrong, expected) in [
            ("['work', 'work']", "data.domains"),
            ("['twelve-bytes']", "expected 1 to 11"),
            ("['default']", "expected another name"),
            ("['a/b']", "expected 1 to 11"),
        ] {
            let why = with(wrong).unwrap_err();
            assert!(why.contains(expected), "{wrong}: {why}");
        }
        let open = FILE.replace("what = 'new'", "what = 'open'\ndomains = ['work']");
        assert!(Answers::parse(&open).unwrap_err().contains("data.domains"));
    }

    #[test]
    fn a_secret_is_for_a_field_that_takes_one() {
        let text = format!("{FILE}[secrets]\n'machine.hostname' = {{ file = 'x' }}\n");
        let why = Answers::parse(&text).unwrap_err();
        assert!(why.contains("machine.hostname"), "{why}");
    }

    #[test]
    fn what_is_wrong_is_told_without_the_line_it_is_in() {
        for (from, to) in [
            ("password = 'not shown'", "password = 'not shown' x"),
            ("password = 'not shown'", "passwrd = 'not shown'"),
            ("passphrase = { file = 'passphrase' }", "passphrase = 'not shown'"),
            ("hostname = 'lab'", "networks = 'not shown'"),
        ] {
            let why = Answers::parse(&FILE.replace(from, to)).unwrap_err();
            assert!(why.starts_with("line ") && !why.contains("not shown"), "{why}");
        }
    }

    #[test]
    fn a_match_is_what_would_be_done() {
        let folder = tempfile::tempdir().unwrap();
        let [file, inventory] = ["a.toml", "i.json"].map(|name| folder.path().join(name));
        let machine = r#"{"version": 1, "memory": 1, "boot": {"backing": ["sdz"]}, "disks": [
            {"name": "sda", "size": 512000000000, "logical-sector": 512, "physical-sector": 512,
             "serial": "A", "bus": "ata"},
            {"name": "sdz", "size": 8000000000, "logical-sector": 512, "physical-sector": 512,
             "serial": "Z", "bus": "usb"}]}"#;
        let result = |answers: &str, machine: &str| {
            fs::write(&file, answers).unwrap();
            fs::write(&inventory, machine).unwrap();
            matches(&file, &inventory).map_err(|failure| failure.to_string())
        };
        assert_eq!(result(FILE, machine), Ok(()));
        let zfs = FILE.replace("what = 'new'", "what = 'new'\nbackend = 'zfs'");
        assert!(result(&zfs, machine).unwrap_err().contains("no ZFS"));
        let open = "version = 1\n[data]\nwhat = 'open'\n[[data.disks]]\nserial = 'A'\n";
        assert_eq!(result(open, machine), Ok(()));
        assert!(result(&open.replace("'A'", "'B'"), machine).unwrap_err().contains("no disk fits"));
        let unknown = machine.replace("\"backing\": [\"sdz\"]", "");
        assert!(result(FILE, &unknown).is_err());
        let evil = machine.replace("\"sda\"", "\"sda -x\"");
        assert!(result(FILE, &evil).unwrap_err().contains("kernel names"));
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let wrong = FILE.replace("serial = 'A'", "model = 'A'").replace("'not shown'", "''");
        let why = Answers::parse(&wrong).unwrap_err();
        assert!(why.contains("data.disks[0]") && why.contains("machine.admin"), "{why}");
        let newer = FILE.replace("version = 1", "version = 2");
        assert_eq!(Answers::parse(&newer).unwrap_err(), "version: expected 1, found 2");
    }
}
